//! The guest's memory as a file that both QEMU and this process map.
//! Lives here: making it, and reading it by physical address while the guest runs.
//! May not live here: what is in it.
//!
//! The file has no name (memfd_create(2)): QEMU opens it by its number in this process, so it is inherited by nobody, lies on no disk,
//! and goes when the last of the two does.

use crate::introspect::memory::{Physical, Pieces, pieces_of_pc};
use memmap2::{MmapOptions, MmapRaw};
use rustix::fs::{MemfdFlags, SealFlags, fcntl_add_seals, ftruncate, memfd_create};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::PathBuf;

/// A guest's memory.
#[derive(Debug)]
pub struct Ram {
    file: File,
    map: MmapRaw,
    pieces: Pieces,
}

impl Ram {
    /// Makes the memory of a `q35` with so many bytes. It takes no room until the guest uses it.
    ///
    /// # Errors
    /// Where the system has no memfd or no room in the address space.
    pub fn new(bytes: u64) -> io::Result<Self> {
        let file = memfd_create("guest-memory", MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING)?;
        ftruncate(&file, bytes)?;
        // What is mapped shall stay: reading beyond the end of a file that was cut off is a SIGBUS.
        fcntl_add_seals(&file, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL)?;
        Self::of_file(file.into())
    }

    /// The memory of a `q35` that is all of a file, which must not be cut off while it is read.
    pub(super) fn of_file(file: File) -> io::Result<Self> {
        let bytes = file.metadata()?.len();
        let map = MmapOptions::new().map_raw_read_only(&file)?;
        Ok(Self { file, map, pieces: pieces_of_pc(bytes) })
    }

    /// The path by which another process of the same user opens it, while this one has it.
    pub fn path(&self) -> PathBuf {
        PathBuf::from(format!("/proc/{}/fd/{}", std::process::id(), self.file.as_raw_fd()))
    }
}

impl Physical for Ram {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let Some(at) = self.pieces.offset(address, into.len() as u64).and_then(|at| usize::try_from(at).ok()) else {
            return false;
        };
        if at.checked_add(into.len()).is_none_or(|end| end > self.map.len()) {
            return false;
        }
        let (from, length) = (self.map.as_ptr().wrapping_add(at), into.len());
        let to = into.as_mut_ptr();
        let mut done = 0;
        while done < length {
            let (from, to) = (from.wrapping_add(done), to.wrapping_add(done));
            if length - done >= 8 && from.addr().is_multiple_of(8) {
                // SAFETY: the 8 bytes at `from` are in the map, which is readable, whose file is sealed against shrinking, and which
                // lives as long as `self`; those at `to` are in `into`. The guest may write at the same time: so the read is
                // volatile, any bits are a value of u64, and a word is read at once where the machine can.
                unsafe { to.cast::<u64>().write_unaligned(from.cast::<u64>().read_volatile()) };
                done += 8;
            } else {
                // SAFETY: as above, for one byte.
                unsafe { to.write(from.read_volatile()) };
                done += 1;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::os::unix::fs::FileExt;

    #[test]
    fn another_process_can_write_what_is_read_here() {
        let ram = Ram::new(1 << 20).unwrap();
        let other = File::options().write(true).open(ram.path()).unwrap();
        other.write_all_at(b"a word, and another", 4093).unwrap();
        let mut bytes = [0; 19];
        assert!(ram.read(4093, &mut bytes) && &bytes == b"a word, and another");
        assert!(ram.read((1 << 20) - 3, &mut [0; 3]) && !ram.read((1 << 20) - 3, &mut [0; 4]));
        assert!(!ram.read(u64::MAX, &mut [0; 1]));
        assert!(ram.file.set_len(1).is_err(), "what is mapped cannot be cut off");
    }
}
