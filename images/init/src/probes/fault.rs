//! The fault probe: anonymous page faults return.
//! Lives here: mapping, touching and unmapping 1 MiB.
//! May not live here: MCL_FUTURE, which would fill the mapping in mmap(2) itself, without a fault.

use super::rounds;
use crate::memory;
use oomph_wire::words::source;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous, munmap};
use std::convert::Infallible;
use std::ptr::null_mut;

/// Less than a huge page, so that every small page is a fault of its own.
const SIZE: usize = 1 << 20;
const PAGE: usize = 4096;

/// Faults for ever.
pub fn run() -> Result<Infallible, Errno> {
    memory::lock_present()?;
    rounds(source::FAULT, |_| touch().into())
}

fn touch() -> Result<(), Errno> {
    // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
    let start = unsafe { mmap_anonymous(null_mut(), SIZE, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)? };
    for offset in (0..SIZE).step_by(PAGE) {
        // SAFETY: the mapping is SIZE bytes, readable and writable, and nothing else refers to it.
        unsafe { start.cast::<u8>().add(offset).write_volatile(1) };
    }
    // SAFETY: exactly the mapping made above, to which no reference exists.
    unsafe { munmap(start, SIZE) }
}
