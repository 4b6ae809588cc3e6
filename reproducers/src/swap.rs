//! Swap space on a file behind a loop device.
//! Lives here: the file and swapon.
//! May not live here: the device between them (`loop_device`), or who swaps.

use crate::loop_device::LoopDevice;
use crate::{Failure, Values};
use oomph_catalog::{REQUESTS, SWAP_FILE, SWAP_MIB};
use oomph_wire::swap::header;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

const MIB: usize = 1 << 20;

/// Swap space as it is wanted.
#[derive(Clone, Copy, Debug)]
pub struct LoopSwap<'a> {
    /// The file, made anew.
    pub file: &'a Path,
    /// Its size in bytes.
    pub size: u64,
    /// Whether all of it is written beforehand. Else it has holes, and its blocks are allocated when pages are first swapped
    /// to them: that takes memory too.
    pub written: bool,
    /// The device over it.
    pub device: LoopDevice,
}

impl<'a> LoopSwap<'a> {
    /// As the parameters [`SWAP_MIB`], [`SWAP_FILE`] and [`REQUESTS`] say, through the page cache.
    ///
    /// # Panics
    /// Where the program has not declared them.
    pub fn new(file: &'a Path, values: &Values) -> Self {
        Self {
            file,
            size: values.number(SWAP_MIB.name) << 20,
            written: values.word(SWAP_FILE.name) == "written",
            device: LoopDevice { requests: Some(values.number(REQUESTS.name)), ..LoopDevice::default() },
        }
    }

    /// Makes the file, sets the loop device up and swaps to it. It stays until the guest ends.
    pub fn on(&self) -> Result<(), Failure> {
        let name = self.file.display();
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(self.file);
        let file = file.map_err(|error| Failure::new(format!("make {name}"), error))?;
        self.fill(&file).map_err(|error| Failure::new(format!("write {name}"), error))?;
        swap_on(&self.device.attach(&file)?)
    }

    fn fill(&self, file: &File) -> std::io::Result<()> {
        file.set_len(self.size)?;
        if self.written {
            let zeroes = vec![0; MIB];
            for place in (0..self.size).step_by(MIB) {
                file.write_all_at(&zeroes[..MIB.min(usize::try_from(self.size - place).unwrap_or(MIB))], place)?;
            }
        }
        file.write_all_at(&header(self.size), 0)?;
        file.sync_all()
    }
}

fn swap_on(device: &str) -> Result<(), Failure> {
    let failure = |error| Failure::new(format!("swapon {device}"), error);
    let path = CString::new(device).map_err(|error| failure(error.into()))?;
    // SAFETY: `path` is a string that ends with NUL and lives through the call.
    match unsafe { libc::swapon(path.as_ptr(), 0) } {
        0 => Ok(()),
        _ => Err(failure(std::io::Error::last_os_error())),
    }
}
