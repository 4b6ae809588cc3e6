//! For tests: a workload that ends at once.
//! Lives here: exiting.
//! May not live here: anything else.

use oomph_reproducers::{Program, exit, run};
use std::process::ExitCode;

const PROGRAM: &Program = &oomph_catalog::EXIT_WITH;

fn main() -> ExitCode {
    run(PROGRAM, |values, _| exit(u8::try_from(values.number("code")).unwrap_or(u8::MAX)))
}
