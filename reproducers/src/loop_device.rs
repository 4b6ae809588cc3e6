//! A loop device: a disk whose blocks are a file's.
//! Lives here: setting one up.
//! May not live here: what is done with it, or how its file is filled.
//!
//! Nodes are made here, so that no devtmpfs is needed. Numbers: Documentation/admin-guide/devices.txt (loop-control is 10:237,
//! loopN is 7:N); ioctls: include/uapi/linux/loop.h. A loop device's own limits: drivers/block/loop.c.

use crate::Failure;
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use std::fs::{File, OpenOptions};
use std::os::fd::AsRawFd;

const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4c82;
const LOOP_SET_FD: libc::c_ulong = 0x4c00;
const LOOP_SET_DIRECT_IO: libc::c_ulong = 0x4c08;

/// A loop device as it is wanted.
#[derive(Clone, Copy, Debug, Default)]
pub struct LoopDevice {
    /// Requests that it takes at a time (`queue/nr_requests`; the kernel takes no fewer than 4); `None` for as many as the
    /// kernel gives it.
    pub requests: Option<u64>,
    /// Whether it goes around the page cache (`LOOP_SET_DIRECT_IO`, Linux 4.4).
    pub direct: bool,
    /// Whether it takes much at once: neighbours are merged (`queue/nomerges`; 5.10's driver asks for none), and what is written back is
    /// not throttled (`queue/wbt_lat_usec`, Linux 4.10).
    pub unthrottled: bool,
}

impl LoopDevice {
    /// Puts the file behind the next free loop device, and gives back that one's path. It stays until the guest ends.
    pub fn attach(&self, file: &File) -> Result<String, Failure> {
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
        if self.unthrottled {
            // One is not there where the kernel has no such throttle.
            for setting in ["nomerges", "wbt_lat_usec"] {
                std::fs::write(format!("{queue}/{setting}"), "0").ok();
            }
        }
        if let Some(requests) = self.requests {
            let place = format!("{queue}/nr_requests");
            let set = std::fs::write(&place, requests.to_string());
            set.map_err(|error| Failure::new(format!("write {requests} to {place}"), error))?;
        }
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
