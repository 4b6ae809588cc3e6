//! The kernel's own filesystems, and /dev where the kernel does not make it.
//! Lives here: mounting them.
//! May not live here: data disks.

use crate::failure::{Failure, Step};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::fs;

/// Device nodes for a kernel without devtmpfs: path, major, minor (Documentation/admin-guide/devices.txt).
const NODES: [(&str, u32, u32); 8] = [
    ("/dev/console", 5, 1),
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/urandom", 1, 9),
    ("/dev/kmsg", 1, 11),
    ("/dev/ttyS0", 4, 64),
    ("/dev/ttyS1", 4, 65),
    ("/dev/ttyS2", 4, 66),
];

/// Mounts proc, sysfs, /dev and tmpfs on /run and /tmp; what is mounted already stays.
pub fn mount_all() -> Result<(), Failure> {
    mount_at("proc", "/proc")?;
    mount_at("sysfs", "/sys")?;
    if mount_at("devtmpfs", "/dev").is_err() {
        mount_at("tmpfs", "/dev")?;
        make_nodes()?;
    }
    mount_at("tmpfs", "/run")?;
    mount_at("tmpfs", "/tmp")?;
    fs::create_dir_all("/run/oomph").step(|| "mkdir /run/oomph".to_owned())
}

fn mount_at(filesystem: &str, path: &str) -> Result<(), Failure> {
    fs::create_dir_all(path).step(|| format!("mkdir {path}"))?;
    match mount(filesystem, path, filesystem, MountFlags::NOSUID, None) {
        Err(Errno::BUSY) => Ok(()),
        result => result.step(|| format!("mount {filesystem} {path}")),
    }
}

fn make_nodes() -> Result<(), Failure> {
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    for (path, major, minor) in NODES {
        mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(major, minor)).step(|| format!("mknod {path}"))?;
    }
    Ok(())
}
