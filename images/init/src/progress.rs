//! The progress page: made by the agent, shared with the beat and the workload.
//! Lives here: its path, making it, mapping it.
//! May not live here: its layout (`oomph_wire::page`).

use oomph_wire::page::{Progress, SIZE};
use rustix::fs::{Mode, OFlags, ftruncate, open};
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap};

/// Where the page lies, on a tmpfs.
pub const PATH: &str = "/run/oomph/progress";

/// Makes the page, all zero, and maps it.
pub fn create() -> Result<&'static Progress, Errno> {
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
    let file = open(PATH, flags, Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH)?;
    ftruncate(&file, SIZE as u64)?;
    map()
}

/// Maps the page for the life of this process.
pub fn map() -> Result<&'static Progress, Errno> {
    let file = open(PATH, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    let flags = MapFlags::SHARED | MapFlags::POPULATE;
    // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
    let page = unsafe { mmap(std::ptr::null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, flags, file, 0)? };
    // SAFETY: the mapping is a page, so aligned and larger than `Progress`; it is never unmapped; others write to it, but
    // all fields are atomics.
    Ok(unsafe { &*page.cast::<Progress>() })
}
