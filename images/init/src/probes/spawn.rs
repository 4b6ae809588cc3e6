//! The spawn probe: new processes can be made.
//! Lives here: starting `oomph-init true` and waiting for its end.
//! May not live here: a fork of this process (std starts a program without `pre_exec` by posix_spawn, so nothing is copied).

use super::{Answer, rounds};
use crate::failure::errno_of;
use crate::memory;
use oomph_wire::words::source;
use rustix::io::Errno;
use std::convert::Infallible;
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

/// Starts processes for ever.
pub fn run() -> Result<Infallible, Errno> {
    let own_file = std::env::current_exe().map_err(|error| errno_of(&error))?;
    // The environment, with PID 1's mark, is inherited.
    let mut command = Command::new(own_file);
    command.arg("true").stdin(Stdio::inherit());
    memory::lock()?;
    rounds(source::SPAWN, |_| start(&mut command))
}

fn start(command: &mut Command) -> Answer {
    match command.status() {
        Err(error) => Answer::Errno(errno_of(&error)),
        Ok(status) => match (status.code(), status.signal()) {
            (Some(0), _) => Answer::Ok,
            (Some(code), _) => Answer::Code(code),
            (None, signal) => Answer::Signal(signal.unwrap_or(0)),
        },
    }
}
