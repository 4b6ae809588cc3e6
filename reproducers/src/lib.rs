//! What the reproducers have in common: one small static program each, under `src/bin`.
//! Lives here: parameters, the guard against running on a host, the progress page, children, appending, memory,
//! shared mappings, loop devices, swap.
//! May not live here: any particular kind of memory pressure (that is a program under `src/bin`).
//!
//! A reproducer takes what `oomph_catalog` says of it, a [`Program`], and hands it to [`run`]:
//!
//! - `--help` and `--explain` print and exit with 0, anywhere.
//! - A wrong argument ends it with 2 and a message.
//! - Outside a guest it ends with 2 and a message.
//! - What ends it with a [`Failure`] leaves its errno in the progress page, a message on the console and exit code 1.

mod append;
mod cgroup;
mod child;
mod create;
mod crew;
mod freeze;
mod loop_device;
mod memory;
mod parameter;
mod progress;
mod random;
mod shared;
mod swap;

pub use append::{Appender, BLOCK, Sync, append};
pub use cgroup::MemoryCgroup;
pub use child::{Child, Death, exit, fork, set_oom_score_adj, share_memory};
pub use create::create_and_unlink;
pub use crew::{Crew, hog_jitter};
pub use freeze::freeze;
pub use loop_device::LoopDevice;
pub use memory::{CHUNK, Chunk, PAGE, circle, hoard, hoard_while};
pub use oomph_catalog::Program;
pub use parameter::Values;
pub use random::Random;
pub use shared::SharedFile;
pub use swap::LoopSwap;

use oomph_wire::page::{GUEST_VARIABLE, Progress};
use std::fmt;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;

/// Why a workload could not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What failed, and on what.
    pub what: String,
    /// errno, 0 where there is none.
    pub errno: i32,
}

impl Failure {
    /// The failure of `what`; takes errors of std and of rustix.
    pub fn new(what: impl Into<String>, error: impl Into<std::io::Error>) -> Self {
        Self { what: what.into(), errno: error.into().raw_os_error().unwrap_or(0) }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        if self.errno != 0 {
            write!(f, ": {}", std::io::Error::from_raw_os_error(self.errno))?;
        }
        Ok(())
    }
}

/// Exit code of a workload that failed.
pub const FAILED: u8 = 1;
/// Exit code of a program that was called wrongly, or outside a guest.
pub const MISUSED: u8 = 2;

/// A program's whole life: arguments, guard, progress page, work, failure.
pub fn run(program: &Program, work: impl FnOnce(&Values, &'static Progress) -> Result<(), Failure>) -> ExitCode {
    let args: Vec<_> = std::env::args_os().skip(1).map(|arg| arg.to_string_lossy().into_owned()).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["--help" | "-h"] => print!("{}", parameter::help(program)),
        ["--explain"] => println!("{}", program.explanation.trim()),
        _ => return run_with(program, &args, work),
    }
    ExitCode::SUCCESS
}

fn run_with(
    program: &Program,
    args: &[String],
    work: impl FnOnce(&Values, &'static Progress) -> Result<(), Failure>,
) -> ExitCode {
    let name = program.name;
    let values = match Values::read(program.parameters, args) {
        Ok(values) => values,
        Err(problem) => {
            eprintln!("{name}: {problem}\n{name}: --help lists the parameters");
            return ExitCode::from(MISUSED);
        }
    };
    if std::env::var_os(GUEST_VARIABLE).is_none() {
        eprintln!("{name}: this program wedges the machine it runs on, so it runs only in a guest of oomph");
        return ExitCode::from(MISUSED);
    }
    let page = progress::page();
    match work(&values, page) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => ExitCode::from(fail(page, name, &failure)),
    }
}

/// Leaves a failure where the agent and a reader find it: its errno in the page, its text on the console. Gives back the exit code
/// of whoever failed.
pub fn fail(page: &Progress, name: &str, failure: &Failure) -> u8 {
    page.errno.store(u64::from(failure.errno.unsigned_abs()), Relaxed);
    eprintln!("{name}: {failure}");
    FAILED
}
