//! Kernel modules, in the order in which the host wrote them down.
//! Lives here: loading a .ko and giving its memory back.
//! May not live here: which modules, or their order (the host resolves both).

use rustix::io::Errno;
use rustix::system::{finit_module, init_module};
use std::ffi::OsStr;
use std::fs::{self, File};

use crate::failure::{Failure, Step, errno_of};

/// Loads a module and unlinks its file, which takes up memory in the initramfs. One that is loaded already or built in is
/// fine. An optional one that does not load is only mentioned on the console.
pub fn load(path: &OsStr, optional: bool) -> Result<(), Failure> {
    match insert(path) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) if optional => eprintln!("oomph-init: module {}: {errno}; going on without", path.display()),
        Err(errno) => return Err(Failure { what: format!("module {}", path.display()), errno }),
    }
    fs::remove_file(path).step(|| format!("unlink {}", path.display()))
}

fn insert(path: &OsStr) -> Result<(), Errno> {
    let file = File::open(path).map_err(|error| errno_of(&error))?;
    match finit_module(&file, c"", 0) {
        Err(Errno::NOSYS) => {
            let image = fs::read(path).map_err(|error| errno_of(&error))?;
            init_module(&image, c"")
        }
        result => result,
    }
}
