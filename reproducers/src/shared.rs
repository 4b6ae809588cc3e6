//! Shared mappings of files.
//! Lives here: mapping one, dirtying its pages.
//! May not live here: who does so, and when.

use crate::{Failure, PAGE};
use rustix::mm::{MapFlags, ProtFlags, mmap};
use std::ffi::c_void;
use std::fs::OpenOptions;
use std::path::Path;
use std::ptr::null_mut;

/// A file's pages, mapped shared; mapped until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct SharedFile {
    start: *mut c_void,
    pages: usize,
}

impl SharedFile {
    /// Maps `bytes` (in whole pages, at least one) of the file, which is made or made as long as that. Others may map it too.
    pub fn map(path: &Path, bytes: u64) -> Result<Self, Failure> {
        let name = path.display();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path);
        let file = file.map_err(|error| Failure::new(format!("open {name}"), error))?;
        let pages = usize::try_from(bytes).unwrap_or(usize::MAX / 2) / PAGE;
        let pages = pages.max(1);
        file.set_len((pages * PAGE) as u64).map_err(|error| Failure::new(format!("grow {name}"), error))?;
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
        let start = unsafe { mmap(null_mut(), pages * PAGE, protection, MapFlags::SHARED, &file, 0) };
        let start = start.map_err(|errno| Failure::new(format!("map {name}"), errno))?;
        Ok(Self { start, pages })
    }

    /// How many pages it has.
    pub fn pages(self) -> usize {
        self.pages
    }

    /// Writes to a page (modulo their number). Where the disk is full the kernel ends the process with SIGBUS.
    pub fn dirty(self, page: usize) {
        let offset = page % self.pages * PAGE;
        // SAFETY: the mapping is `pages` pages, readable and writable, and never unmapped; that others write to the same
        // file is the point, and nobody reads what this writes.
        unsafe { self.start.cast::<u8>().add(offset).write_volatile(1) };
    }
}
