//! The `oomph` binary: parse, dispatch, exit code.
//! Lives here: nothing else.
//! May not live here: logic.

use clap::Parser;
use oomph::commands;
use std::process::ExitCode;

fn main() -> ExitCode {
    commands::dispatch(commands::Cli::parse()).into()
}
