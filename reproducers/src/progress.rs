//! The progress page, as a workload sees it.
//! Lives here: finding and mapping it.
//! May not live here: its layout (`oomph_wire::page`).

use oomph_wire::page::{PATH_VARIABLE, Progress, SIZE};
use rustix::fs::{Mode, OFlags, open};
use rustix::mm::{MapFlags, ProtFlags, mmap};

static NOBODY_READS: Progress = Progress {
    work: std::sync::atomic::AtomicU64::new(0),
    exits: std::sync::atomic::AtomicU64::new(0),
    errno: std::sync::atomic::AtomicU64::new(0),
    started: std::sync::atomic::AtomicU64::new(0),
};

/// The page that the beat reads; children share it. Where there is none, a page that nobody reads, so that a workload runs
/// in a guest set up by other means too.
pub fn page() -> &'static Progress {
    std::env::var_os(PATH_VARIABLE).and_then(|path| map(&path)).unwrap_or(&NOBODY_READS)
}

fn map(path: &std::ffi::OsStr) -> Option<&'static Progress> {
    let file = open(path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()?;
    let flags = MapFlags::SHARED | MapFlags::POPULATE;
    // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
    let page = unsafe { mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, flags, file, 0) }.ok()?;
    // SAFETY: the mapping is a page, so aligned and larger than `Progress`; it is never unmapped; others write to it, but
    // all fields are atomics.
    Some(unsafe { &*page.cast::<Progress>() })
}
