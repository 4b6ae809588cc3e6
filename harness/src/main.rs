//! The `oomph` binary: arguments in, exit code out.
//! Lives here: nothing else.
//! May not live here: logic.

use std::process::ExitCode;

fn main() -> ExitCode {
    oomph::commands::process(std::env::args_os().collect()).into()
}
