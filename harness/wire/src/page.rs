//! The page that a workload shares with the beat: how far it has come.
//! Lives here: the layout, and counting in it.
//! May not live here: opening or mapping it (each side does that with its own system calls).
//!
//! The page is a file of one page on a tmpfs, mapped shared by the agent (which locks it in memory, so that counting
//! never faults) and by the workload, which finds its path in the environment variable [`PATH_VARIABLE`].

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Environment variable that holds the page's path in a workload's environment.
pub const PATH_VARIABLE: &str = "OOMPH_PROGRESS";
/// PID 1's mark in the environment of all that it starts: guest programs refuse to run without it.
pub const GUEST_VARIABLE: &str = "OOMPH_GUEST";
/// Bytes to map.
pub const SIZE: usize = 4096;

/// The counters; all zero at the start (the file is made with zeroes), none ever goes back.
#[derive(Debug, Default)]
#[repr(C)]
pub struct Progress {
    /// Units of work done: for a writer, writes that returned. Only its movement is judged, never its size.
    pub work: AtomicU64,
    /// Workload processes that the workload itself saw exit. Each is movement in the sense of the verdict.
    pub exits: AtomicU64,
    /// errno of the error that ended the workload, 0 while there is none.
    pub errno: AtomicU64,
    /// Threads or processes that the workload has started.
    pub started: AtomicU64,
}

impl Progress {
    /// Counts one unit of work.
    pub fn step(&self) {
        self.work.fetch_add(1, Relaxed);
    }
}

const _: () = assert!(size_of::<Progress>() <= SIZE);
