//! For tests: a workload that ends at once.
//! Lives here: exiting.
//! May not live here: anything else.

use oomph_reproducers::{Parameter, Program, exit, run};
use std::process::ExitCode;

const PROGRAM: Program = Program {
    name: "exit-with",
    summary: "For tests: exits at once with a given code.",
    parameters: &[Parameter::number("code", 1, 0, 255, "exit code")],
    explanation: include_str!("exit-with.txt"),
};

fn main() -> ExitCode {
    run(&PROGRAM, |values, _| exit(u8::try_from(values.number("code")).unwrap_or(u8::MAX)))
}
