//! Children of a workload: plain forks, as the pressure that they make is the point.
//! Lives here: forking, leaving, reaping.
//! May not live here: restarting (`crew`).

use crate::Failure;
use oomph_wire::page::Progress;
use rustix::io::Errno;
use rustix::process::{Pid, Signal, WaitOptions, kill_process, wait};
use std::ffi::{c_int, c_void};
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

/// Bytes of the stack of a child that shares this process's memory.
const STACK: usize = 64 * 1024;

/// What such a child begins with.
struct Start<T: 'static> {
    life: fn(&'static T) -> u8,
    of: &'static T,
}

extern "C" fn enter<T: 'static>(start: *mut c_void) -> c_int {
    // SAFETY: `share_memory` gives a `Start` of this type that is never freed.
    let start = unsafe { &*start.cast::<Start<T>>() };
    c_int::from((start.life)(start.of))
}

/// Makes a child that shares this process's memory but is a process of its own (CLONE_VM without CLONE_SIGHAND and
/// CLONE_THREAD): a SIGKILL for the one leaves the other, and memory is freed only when all have exited. It exits with what
/// `life` returns. It shares even what is a thread's own, so `life` may not allocate, lock or panic.
pub fn share_memory<T: Sync + 'static>(life: fn(&'static T) -> u8, of: &'static T) -> Result<(), Errno> {
    let start = Box::leak(Box::new(Start { life, of }));
    let stack = Box::leak(Box::new([0u128; STACK / 16]));
    let top = stack.as_mut_ptr_range().end.cast();
    // SAFETY: the stack is never freed and its top is aligned to 16 bytes; `enter` gets the `Start` that it expects; glibc's
    // wrapper ends the child by _exit when `enter` returns.
    match unsafe { libc::clone(enter::<T>, top, libc::CLONE_VM | libc::SIGCHLD, (&raw mut *start).cast()) } {
        -1 => Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::AGAIN)),
        _ => Ok(()),
    }
}

/// Makes this process a likelier (up to 1000) or less likely (down to -1000) victim of the OOM killer.
pub fn set_oom_score_adj(adj: i64) -> Result<(), Failure> {
    let path = "/proc/self/oom_score_adj";
    std::fs::write(path, adj.to_string()).map_err(|error| Failure::new(format!("write {adj} to {path}"), error))
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
