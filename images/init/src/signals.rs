//! Waiting for input, a deadline or the end of a child at once.
//! Lives here: SIGCHLD as the end of a ppoll(2); no signalfd, which a small kernel may lack.
//! May not live here: reaping, or what input means.

use rustix::fd::{AsRawFd, BorrowedFd};
use rustix::io::Errno;
use std::mem::zeroed;
use std::ptr::{null, null_mut};
use std::time::Duration;

extern "C" fn nothing(_: libc::c_int) {}

/// Blocks SIGCHLD but for the time of a [`wait`], which it ends.
pub fn hold_children() -> Result<(), Errno> {
    // SAFETY: all-zero is a valid sigaction; the handler does nothing, so it is async-signal-safe; the set is made before
    // it is used; all pointers live through their calls.
    let held = unsafe {
        let mut action: libc::sigaction = zeroed();
        let handler: extern "C" fn(libc::c_int) = nothing;
        action.sa_sigaction = handler as libc::sighandler_t;
        action.sa_flags = libc::SA_NOCLDSTOP;
        let mut children: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut children);
        libc::sigaddset(&raw mut children, libc::SIGCHLD);
        libc::sigaction(libc::SIGCHLD, &raw const action, null_mut()) == 0
            && libc::sigprocmask(libc::SIG_BLOCK, &raw const children, null_mut()) == 0
    };
    if held { Ok(()) } else { Err(Errno::INVAL) }
}

/// Lets every signal through again: what PID 1 starts inherits its mask, and so would the workload (Rust's `Command` leaves the mask alone
/// since 1.66), which then would not be told of its children.
pub fn let_through() {
    // SAFETY: the set is made before it is used, and lives through its calls.
    unsafe {
        let mut none: libc::sigset_t = zeroed();
        libc::sigemptyset(&raw mut none);
        // It fails for a wrong first argument alone.
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut());
    }
}

/// Waits until one of two descriptors can be read, `timeout` is over, or a child ended. Says which can be read. Never
/// allocates.
pub fn wait(fds: [Option<BorrowedFd<'_>>; 2], timeout: Option<Duration>) -> [bool; 2] {
    // A negative descriptor is passed over by the kernel.
    let mut polled =
        fds.map(|fd| libc::pollfd { fd: fd.map_or(-1, |fd| fd.as_raw_fd()), events: libc::POLLIN, revents: 0 });
    let timeout = timeout.map(|time| libc::timespec {
        tv_sec: libc::time_t::try_from(time.as_secs()).unwrap_or(libc::time_t::MAX),
        tv_nsec: time.subsec_nanos().into(),
    });
    // SAFETY: `polled` and `timeout` live through the call, the length is that of the array, and an all-zero signal set is
    // the empty one, which lets every signal through.
    let ready = unsafe {
        let none: libc::sigset_t = zeroed();
        let timeout = timeout.as_ref().map_or(null(), |time| &raw const *time);
        libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, timeout, &raw const none)
    };
    polled.map(|fd| ready > 0 && fd.revents != 0)
}
