//! The file probe: a filesystem and its disk take a write and an fsync.
//! Lives here: rewriting 4 KiB of a preallocated file.
//! May not live here: anything that makes a file grow in a round, and so needs free space.

use super::rounds;
use crate::memory;
use rustix::fs::{Mode, OFlags, fsync, open};
use rustix::io::{Errno, pwrite};
use std::convert::Infallible;
use std::path::Path;

const NAME: &str = ".oomph-probe";
const SIZE: usize = 4096;

/// Rewrites for ever; `name` is `file:DISK`, `mount` where the disk is mounted.
pub fn run(name: &str, mount: &str) -> Result<Infallible, Errno> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC;
    let file = open(Path::new(mount).join(NAME), flags, Mode::RUSR | Mode::WUSR)?;
    let rewrite = |n: u64| {
        let mut block = [0; SIZE];
        block[..8].copy_from_slice(&n.to_le_bytes());
        let mut done = 0;
        while done < SIZE {
            done += pwrite(&file, &block[done..], done as u64)?;
        }
        fsync(&file)
    };
    // Once before the first round, so that no round has to allocate blocks.
    rewrite(0)?;
    memory::lock()?;
    rounds(name, |n| rewrite(n).into())
}
