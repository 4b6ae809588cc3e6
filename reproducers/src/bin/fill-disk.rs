//! For tests: a workload that fails because the disk is full.
//! Lives here: writing until ENOSPC.
//! May not live here: memory pressure beyond what dirty pages make.

use oomph_reproducers::{Appender, Failure, Program, Random, Sync, Values, run};
use oomph_wire::page::Progress;
use std::process::ExitCode;

const PROGRAM: &Program = &oomph_catalog::FILL_DISK;

fn main() -> ExitCode {
    run(PROGRAM, work)
}

fn work(_: &Values, page: &'static Progress) -> Result<(), Failure> {
    let appender = Appender::open(PROGRAM.name, u64::MAX, Sync::Never, &mut Random::new(1, 0))?;
    Err(appender.run(page))
}
