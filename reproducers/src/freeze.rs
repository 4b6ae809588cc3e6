//! Freezing a filesystem.
//! Lives here: the call.
//! May not live here: thawing; nobody does that here.

use crate::Failure;
use std::fs::File;
use std::os::fd::AsRawFd;
use std::path::Path;

/// `FIFREEZE`, _IOWR('X', 119, int) (include/uapi/linux/fs.h).
const FIFREEZE: libc::Ioctl = 0xc004_5877;

/// Writes out and freezes the filesystem that holds `path`: whoever writes to it from now on waits.
pub fn freeze(path: &Path) -> Result<(), Failure> {
    let failure = |error| Failure::new(format!("freeze {}", path.display()), error);
    let file = File::open(path).map_err(failure)?;
    // SAFETY: the kernel does not read the argument of FIFREEZE.
    match unsafe { libc::ioctl(file.as_raw_fd(), FIFREEZE, 0) } {
        0 => Ok(()),
        _ => Err(failure(std::io::Error::last_os_error())),
    }
}
