//! Swap space on a file behind a loop device.
//! Lives here: the file, the loop device, swapon.
//! May not live here: who swaps.
//!
//! Nodes are made here, so that no devtmpfs is needed. Numbers: Documentation/admin-guide/devices.txt (loop-control is 10:237,
//! loopN is 7:N); ioctls: include/uapi/linux/loop.h. A loop device's own limits: drivers/block/loop.c.

use crate::{Failure, Parameter, Values};
use oomph_wire::swap::header;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use std::ffi::CString;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;

const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4c82;
const LOOP_SET_FD: libc::c_ulong = 0x4c00;
const LOOP_SET_DIRECT_IO: libc::c_ulong = 0x4c08;
const MIB: usize = 1 << 20;

/// The size of the swap space, as all who make one take it.
pub const SWAP_MIB: Parameter = Parameter::number("swap-mib", 1024, 16, 1 << 20, "MiB of swap behind the loop device");
/// How its file is made.
pub const SWAP_FILE: Parameter =
    Parameter::choice("swap-file", &["holes", "written"], "whether that file has holes, or is written beforehand");
/// How much the device takes at a time.
pub const REQUESTS: Parameter =
    Parameter::number("requests", 4, 4, 1024, "requests that the loop device takes at a time");

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
    /// Requests that the loop device takes at a time (`queue/nr_requests`; the kernel takes no fewer than 4).
    pub requests: u64,
    /// Whether the device goes around the page cache (`LOOP_SET_DIRECT_IO`, Linux 4.4).
    pub direct: bool,
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
            requests: values.number(REQUESTS.name),
            direct: false,
        }
    }

    /// Makes the file, sets the loop device up and swaps to it. It stays until the guest ends.
    pub fn on(&self) -> Result<(), Failure> {
        let name = self.file.display();
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(self.file);
        let file = file.map_err(|error| Failure::new(format!("make {name}"), error))?;
        self.fill(&file).map_err(|error| Failure::new(format!("write {name}"), error))?;
        let device = self.attach(&file)?;
        swap_on(&device)
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

    fn attach(&self, file: &File) -> Result<String, Failure> {
        let control = open_node("/dev/loop-control", FileType::CharacterDevice, 10, 237)?;
        let number =
            ioctl(&control, LOOP_CTL_GET_FREE, 0).map_err(|error| Failure::new("find a loop device", error))?;
        let path = format!("/dev/loop{number}");
        let device = open_node(&path, FileType::BlockDevice, 7, u32::try_from(number).unwrap_or(0))?;
        let set = ioctl(&device, LOOP_SET_FD, libc::c_ulong::try_from(file.as_raw_fd()).unwrap_or(0));
        set.map_err(|error| Failure::new(format!("put the file behind {path}"), error))?;
        if self.direct {
            let set = ioctl(&device, LOOP_SET_DIRECT_IO, 1);
            set.map_err(|error| Failure::new(format!("take {path} around the page cache"), error))?;
        }
        // A scheduler would bring requests of its own.
        let queue = format!("/sys/block/loop{number}/queue");
        std::fs::write(format!("{queue}/scheduler"), "none").ok();
        let place = format!("{queue}/nr_requests");
        let requests = self.requests.to_string();
        std::fs::write(&place, &requests)
            .map_err(|error| Failure::new(format!("write {requests} to {place}"), error))?;
        Ok(path)
    }
}

fn open_node(path: &str, kind: FileType, major: u32, minor: u32) -> Result<File, Failure> {
    match mknodat(CWD, path, kind, Mode::RUSR | Mode::WUSR, makedev(major, minor)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(Failure::new(format!("mknod {path}"), errno)),
    }
    let file = OpenOptions::new().read(true).write(true).open(path);
    file.map_err(|error| Failure::new(format!("open {path} (is the module `loop` among the guest's?)"), error))
}

fn ioctl(file: &File, request: libc::c_ulong, argument: libc::c_ulong) -> std::io::Result<libc::c_int> {
    // SAFETY: these requests take a plain number, and the kernel reads or writes no memory of ours.
    match unsafe { libc::ioctl(file.as_raw_fd(), request, argument) } {
        -1 => Err(std::io::Error::last_os_error()),
        answer => Ok(answer),
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
