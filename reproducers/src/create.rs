//! Making and removing files in one directory without end.
//! Lives here: one file's life.
//! May not live here: who does so, and where.

use crate::Failure;
use crate::append::BLOCK;
use oomph_wire::page::Progress;
use rustix::fs::{Mode, OFlags, fsync, open, unlink};
use rustix::io::{Errno, write};
use std::thread::sleep;
use std::time::Duration;

/// Makes `name`, writes a block to it, removes it, for ever, counting each that is gone; ends only with a failure. The lock that
/// it fights for is the directory's. ENOMEM is no failure, as for [`crate::Appender`].
pub fn create_and_unlink(name: &str, sync: bool, page: &Progress) -> Failure {
    loop {
        match one(name, sync) {
            Ok(()) => page.step(),
            Err(Errno::NOMEM) => sleep(Duration::from_millis(10)),
            Err(errno) => return Failure::new(format!("make or remove {name}"), errno),
        }
    }
}

fn one(name: &str, sync: bool) -> Result<(), Errno> {
    let file = open(name, OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::CLOEXEC, Mode::RUSR | Mode::WUSR)?;
    write(&file, &[1; BLOCK])?;
    if sync {
        fsync(&file)?;
    }
    drop(file);
    unlink(name)
}
