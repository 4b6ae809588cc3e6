//! Children of a workload: plain forks, as the pressure that they make is the point.
//! Lives here: forking, leaving, reaping.
//! May not live here: restarting; that is each program's own policy.

use crate::Failure;
use oomph_wire::page::Progress;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::sync::atomic::Ordering::Relaxed;

/// A child that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child(Pid);

/// How a child ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Death {
    /// Which.
    pub child: Child,
    /// Its exit code; `None` where a signal ended it.
    pub code: Option<i32>,
}

/// Forks; the child runs `life` and exits with what it returns. Call it only while this process has one thread.
pub fn fork(life: impl FnOnce() -> u8) -> Result<Child, Errno> {
    // SAFETY: with a single thread no lock is held by another one, so the child may go on as any process.
    match unsafe { libc::fork() } {
        0 => exit(life()),
        pid => Pid::from_raw(pid)
            .filter(|_| pid > 0)
            .map(Child)
            .ok_or_else(|| Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::AGAIN)),
    }
}

/// Ends this process at once, with all its threads.
pub fn exit(code: u8) -> ! {
    // SAFETY: _exit has no preconditions; nothing is buffered that would be lost.
    unsafe { libc::_exit(code.into()) }
}

impl Child {
    /// Sends SIGKILL.
    pub fn kill(self) {
        // ESRCH, for one that has ended, is all that can come.
        kill_process(self.0, Signal::KILL).ok();
    }
}

impl Death {
    /// Reaps one child, if one has ended, and counts it in the page. Does not wait.
    pub fn reap(page: &Progress) -> Option<Self> {
        let (pid, status) = wait(WaitOptions::NOHANG).ok().flatten()?;
        page.exits.fetch_add(1, Relaxed);
        Some(Self { child: Child(pid), code: status.exit_status() })
    }

    /// A failure if the child ended with an exit code other than 0: the child has reported it, and left its errno in the
    /// page.
    pub fn check(&self, page: &Progress, what: &str) -> Result<(), Failure> {
        match self.code {
            None | Some(0) => Ok(()),
            Some(code) => {
                let errno = i32::try_from(page.errno.load(Relaxed)).unwrap_or(0);
                Err(Failure { what: format!("a {what} ended with exit code {code}"), errno })
            }
        }
    }
}
