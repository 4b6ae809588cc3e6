//! Appending to a file without end in bounded space.
//! Lives here: one append, the fsync after it, starting over at the bound.
//! May not live here: who appends to which file.

use crate::{Failure, PAGE, Random};
use oomph_wire::page::Progress;
use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags, fstat, fsync, ftruncate, open};
use rustix::io::{Errno, write};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

/// Bytes of one append: a page, so that each needs a new page of the page cache.
pub const BLOCK: usize = PAGE;

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
    file: OwnedFd,
    name: String,
    bound: u64,
    sync: Sync,
    block: Box<[u8; BLOCK]>,
}

/// Opens `path` and appends for ever, counting each append that returned; ends only with a failure.
pub fn append(path: impl AsRef<Path>, bound: u64, sync: Sync, random: &mut Random, page: &Progress) -> Failure {
    match Appender::open(path, bound, sync, random) {
        Ok(appender) => appender.run(page),
        Err(failure) => failure,
    }
}

impl Appender {
    /// Opens `path` for appending. At `bound` bytes the file is cut to nothing and grows anew, so appends go on for ever
    /// and each still allocates its page with the inode locked (a rewrite in place would find its page cached).
    pub fn open(path: impl AsRef<Path>, bound: u64, sync: Sync, random: &mut Random) -> Result<Self, Failure> {
        let name = path.as_ref().display().to_string();
        let flags = OFlags::WRONLY | OFlags::APPEND | OFlags::CREATE | OFlags::CLOEXEC;
        let file = open(path.as_ref(), flags, Mode::RUSR | Mode::WUSR);
        let file = file.map_err(|errno| Failure::new(format!("open {name}"), errno))?;
        let mut block = Box::new([0; BLOCK]);
        random.fill(&mut *block);
        Ok(Self { file, name, bound, sync, block })
    }

    /// Appends for ever, counting each append that returned; ends only with a failure.
    pub fn run(&self, page: &Progress) -> Failure {
        let errno = self.run_quietly(page);
        Failure::new(format!("append to {}", self.name), errno)
    }

    /// As [`Appender::run`], but without an allocation or anything of a thread's own: fit for a process that shares its
    /// memory with others. ENOMEM is no failure, but the kernel's answer to the pressure (3.19 fails small allocations):
    /// the append is tried again.
    pub fn run_quietly(&self, page: &Progress) -> Errno {
        loop {
            match self.step() {
                Ok(()) => page.step(),
                Err(Errno::NOMEM) => sleep(Duration::from_millis(10)),
                Err(errno) => return errno,
            }
        }
    }

    fn step(&self) -> Result<(), Errno> {
        if u64::try_from(fstat(&self.file)?.st_size).unwrap_or(0) >= self.bound {
            ftruncate(&self.file, 0)?;
        }
        let mut rest = &self.block[..];
        while !rest.is_empty() {
            match write(&self.file, rest) {
                Ok(0) => return Err(Errno::IO),
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(errno) => return Err(errno),
            }
        }
        if self.sync == Sync::Always { fsync(&self.file) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_grows_to_its_bound_and_starts_over() {
        let path = std::env::temp_dir().join(format!("oomph-append-{}", std::process::id()));
        let appender = Appender::open(&path, 2 * BLOCK as u64, Sync::Always, &mut Random::new(1, 1)).unwrap();
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
        let appender = Appender::open("/dev/full", 1 << 20, Sync::Never, &mut Random::new(1, 1)).unwrap();
        let failure = appender.run(&Progress::default());
        assert_eq!(failure, Failure { what: "append to /dev/full".into(), errno: libc::ENOSPC });
    }
}
