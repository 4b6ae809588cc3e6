//! Appending to a file without end in bounded space.
//! Lives here: one append, the fsync after it, starting over at the bound.
//! May not live here: who appends to which file.

use crate::{Failure, Random};
use oomph_wire::page::Progress;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Bytes of one append: a page, so that each needs a new page of the page cache.
pub const BLOCK: usize = 4096;

/// Whether each append is followed by an fsync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sync {
    /// It is.
    Always,
    /// It is not: dirty pages pile up as the kernel lets them.
    Never,
}

/// One writer of a file.
#[derive(Debug)]
pub struct Appender {
    file: File,
    name: String,
    bound: u64,
    sync: Sync,
    block: Box<[u8; BLOCK]>,
}

impl Appender {
    /// Opens `path` for appending. At `bound` bytes the file is cut to nothing and grows anew, so appends go on for ever
    /// and each still allocates its page with the inode locked (a rewrite in place would find its page cached).
    pub fn open(path: impl AsRef<Path>, bound: u64, sync: Sync, random: &mut Random) -> Result<Self, Failure> {
        let name = path.as_ref().display().to_string();
        let file = OpenOptions::new().append(true).create(true).open(path);
        let file = file.map_err(|error| Failure::new(format!("open {name}"), error))?;
        let mut block = Box::new([0; BLOCK]);
        random.fill(&mut *block);
        Ok(Self { file, name, bound, sync, block })
    }

    /// Appends for ever, counting each append that returned; ends only with a failure. ENOMEM is none, but the kernel's
    /// answer to the pressure (3.19 fails small allocations): the append is tried again.
    pub fn run(&mut self, page: &Progress) -> Failure {
        loop {
            match self.step() {
                Ok(()) => page.step(),
                Err(error) if error.kind() == ErrorKind::OutOfMemory => sleep(Duration::from_millis(10)),
                Err(error) => return Failure::new(format!("append to {}", self.name), error),
            }
        }
    }

    fn step(&mut self) -> std::io::Result<()> {
        if self.file.metadata()?.len() >= self.bound {
            self.file.set_len(0)?;
        }
        self.file.write_all(&*self.block)?;
        if self.sync == Sync::Always { self.file.sync_all() } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_grows_to_its_bound_and_starts_over() {
        let path = std::env::temp_dir().join(format!("oomph-append-{}", std::process::id()));
        let mut appender = Appender::open(&path, 2 * BLOCK as u64, Sync::Always, &mut Random::new(1, 1)).unwrap();
        let sizes: Vec<u64> = (0..5)
            .map(|_| {
                appender.step().unwrap();
                std::fs::metadata(&path).unwrap().len() / BLOCK as u64
            })
            .collect();
        std::fs::remove_file(&path).unwrap();
        assert_eq!(sizes, [1, 2, 1, 2, 1]);
    }

    #[test]
    fn a_full_disk_ends_the_appending_with_its_errno() {
        let mut appender = Appender::open("/dev/full", 1 << 20, Sync::Never, &mut Random::new(1, 1)).unwrap();
        let failure = appender.run(&Progress::default());
        assert_eq!(failure, Failure { what: "append to /dev/full".into(), errno: libc::ENOSPC });
    }
}
