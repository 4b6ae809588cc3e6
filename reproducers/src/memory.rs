//! Anonymous memory.
//! Lives here: mapping and touching it.
//! May not live here: who does so, and when.

use oomph_wire::page::Progress;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::ffi::c_void;
use std::io;
use std::ptr::null_mut;
use std::thread::sleep;
use std::time::Duration;

/// Bytes that are mapped at a time.
pub const CHUNK: usize = 1 << 20;
/// Bytes of a page.
pub const PAGE: usize = 4096;
/// A kernel that refuses to map more is asked again after so long.
const REFUSED: Duration = Duration::from_millis(50);

/// Private anonymous memory of this process; stays mapped until the process ends.
#[derive(Clone, Copy, Debug)]
pub struct Chunk(*mut c_void);

impl Chunk {
    /// Maps [`CHUNK`] bytes.
    pub fn map() -> io::Result<Self> {
        // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
        let start = unsafe { mmap_anonymous(null_mut(), CHUNK, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE) };
        Ok(Self(start?))
    }

    /// Writes to each of its pages.
    pub fn touch(self) {
        for offset in (0..CHUNK).step_by(PAGE) {
            // SAFETY: the mapping is CHUNK bytes, readable and writable, never unmapped, and nothing else refers to it.
            unsafe { self.0.cast::<u8>().add(offset).write_volatile(1) };
        }
    }
}

/// Maps and touches a chunk. When the kernel refuses, that takes a while: the next call may find better times.
fn more() -> Option<Chunk> {
    match Chunk::map() {
        Ok(chunk) => {
            chunk.touch();
            Some(chunk)
        }
        Err(_) => {
            sleep(REFUSED);
            None
        }
    }
}

/// Maps and touches memory without end.
pub fn hoard() -> ! {
    loop {
        more();
    }
}

/// As [`hoard`], for as long as `goes_on` says so before each chunk.
pub fn hoard_while(goes_on: impl Fn() -> bool) {
    while goes_on() {
        more();
    }
}

/// Maps and touches `bytes` (in whole chunks, at least one) and then writes to all of it over and over, counting each chunk
/// as work: with swap it goes out and comes back as long as others press.
pub fn circle(bytes: u64, page: &Progress) -> ! {
    let count = (usize::try_from(bytes).unwrap_or(usize::MAX) / CHUNK).max(1);
    let mut chunks = Vec::with_capacity(count);
    while chunks.len() < count {
        chunks.extend(more());
    }
    loop {
        for chunk in &chunks {
            chunk.touch();
            page.step();
        }
    }
}
