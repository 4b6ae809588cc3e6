//! `oomph diagnose`: who waits for whom in a guest's memory.
//! Lives here: which memory and which files, and printing.
//! May not live here: reading memory (`introspect`).

use super::cli::Diagnose;
use super::exit::Status;
use super::output::Output;
use crate::event::{Event, Kind, read_events};
use crate::introspect::account::Account;
use crate::introspect::memory::{Core, Physical, Registers};
use crate::kernel::InsideFiles;
use crate::report;
use crate::results::file;
use crate::run::lens;
use crate::verdict::{FairClock, judge};
use crate::vm;
use anyhow::{Context, anyhow, bail};
use std::fs::{self, File};
use std::io::BufReader;
use std::path::Path;

/// How a file begins that zstd has packed (RFC 8878).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// Shows what a stored run's pictures say, a core's memory, or that of a guest that runs.
///
/// # Errors
/// Where a file cannot be read, or the kernel is not found in the memory.
pub fn diagnose(options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    match (&options.core, options.live, &options.result) {
        (Some(core), None, None) => of_core(core, options, output),
        (None, Some(pid), None) => {
            let guest = vm::Guest::of_process(pid).map_err(|why| anyhow!("process {pid}: {why}"))?;
            let files = given(options).unwrap_or_else(|| InsideFiles::around(&guest.kernel, ""));
            picture(&guest.memory, &[], &files, options, output)
        }
        (None, None, Some(result)) => of_result(result, options, output),
        _ => bail!("one of a result folder, --core FILE or --live PID is wanted"),
    }
}

fn of_core(core: &Path, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    let name = || core.display().to_string();
    let mut bytes = fs::read(core).with_context(name)?;
    if bytes.starts_with(&ZSTD) {
        bytes = zstd::decode_all(bytes.as_slice()).with_context(name)?;
    }
    let parsed = Core::new(&bytes).with_context(name)?;
    let beside = || ["vmlinux", "bzImage"].iter().map(|file| core.with_file_name(file)).find(|file| file.is_file());
    let files = given(options).or_else(|| Some(InsideFiles::around(&beside()?, "")));
    let files =
        files.ok_or_else(|| anyhow!("{}: no vmlinux or bzImage lies beside it; name one with --vmlinux", name()))?;
    picture(&parsed, parsed.registers(), &files, options, output)
}

/// Looks at a memory and prints what is there.
fn picture(
    memory: &dyn Physical,
    registers: &[Registers],
    files: &InsideFiles,
    options: &Diagnose,
    output: &Output,
) -> anyhow::Result<Status> {
    let mut introspector = lens::introspector(files, None).map_err(|why| anyhow!(why))?;
    let seen = introspector.look(memory, registers)?;
    output.line(&report::diagnosis(&seen, options.stacks))
}

/// The files that were named.
fn given(options: &Diagnose) -> Option<InsideFiles> {
    let (image, types) = options.vmlinux.split_first()?;
    Some(InsideFiles::given(image, types))
}

fn of_result(result: &Path, options: &Diagnose, output: &Output) -> anyhow::Result<Status> {
    let file = if result.is_dir() { result.join(file::EVENTS) } else { result.to_owned() };
    let name = || file.display().to_string();
    let events = read_events(BufReader::new(File::open(&file).with_context(name)?)).with_context(name)?;
    let account = account(&events);
    if options.folded {
        output.line(&account.folded())
    } else {
        output.line(&report::pictures(&events, &judge(&events), &account))
    }
}

fn account(events: &[Event]) -> Account {
    let (mut clock, mut account) = (FairClock::default(), Account::default());
    for event in events {
        clock.observe(event);
        if let Kind::Picture(picture) = &event.kind {
            account.observe(clock.fair_ms(), picture);
        }
    }
    account
}
