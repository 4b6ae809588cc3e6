//! For tests: takes the filesystem away under its writers, and never gives it back.
//! Lives here: writers, and FIFREEZE.
//! May not live here: memory pressure; there is none.

use oomph_reproducers::{Death, Failure, Program, Random, Sync, Values, append, fail, fork, freeze, run};
use oomph_wire::page::Progress;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

const PROGRAM: &Program = &oomph_catalog::FREEZE_FOREVER;

fn main() -> ExitCode {
    run(PROGRAM, work)
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    for index in 0..values.number("writers") {
        fork(|| write(page, index)).map_err(|errno| Failure::new("fork", errno))?;
    }
    let mut freeze_at = Some(Instant::now() + Duration::from_secs(values.number("after")));
    loop {
        if let Some(death) = Death::reap(page) {
            death.check(page, "writer")?;
        }
        if freeze_at.is_some_and(|at| at <= Instant::now()) {
            freeze_at = None;
            freeze(Path::new("."))?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn write(page: &Progress, index: u64) -> u8 {
    let path = format!("{}.{index}", PROGRAM.name);
    fail(page, PROGRAM.name, &append(path, 1 << 20, Sync::Always, &mut Random::new(1, index), page))
}
