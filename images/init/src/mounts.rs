//! The kernel's own filesystems, and /dev where the kernel does not make it.
//! Lives here: mounting them.
//! May not live here: data disks.

use crate::failure::{Failure, Step};
use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::fs;
use std::path::Path;

/// Device nodes for a kernel without devtmpfs: path below the root, major, minor (Documentation/admin-guide/devices.txt).
const NODES: [(&str, u32, u32); 8] = [
    ("dev/console", 5, 1),
    ("dev/null", 1, 3),
    ("dev/zero", 1, 5),
    ("dev/urandom", 1, 9),
    ("dev/kmsg", 1, 11),
    ("dev/ttyS0", 4, 64),
    ("dev/ttyS1", 4, 65),
    ("dev/ttyS2", 4, 66),
];

/// Mounts proc, sysfs, /dev and tmpfs on /run and /tmp; what is mounted already stays.
pub fn mount_all() -> Result<(), Failure> {
    mount_below(Path::new("/"))?;
    fs::create_dir_all("/run/oomph").step(|| "mkdir /run/oomph".to_owned())
}

/// The same for a directory that is to be a root.
pub fn mount_below(root: &Path) -> Result<(), Failure> {
    let at = |name: &str| root.join(name);
    mount_at("proc", &at("proc"))?;
    mount_at("sysfs", &at("sys"))?;
    if mount_at("devtmpfs", &at("dev")).is_err() {
        mount_at("tmpfs", &at("dev"))?;
        make_nodes(root)?;
    }
    mount_at("tmpfs", &at("run"))?;
    mount_at("tmpfs", &at("tmp"))
}

fn mount_at(filesystem: &str, path: &Path) -> Result<(), Failure> {
    fs::create_dir_all(path).step(|| format!("mkdir {}", path.display()))?;
    match mount(filesystem, path, filesystem, MountFlags::NOSUID, None) {
        Err(Errno::BUSY) => Ok(()),
        result => result.step(|| format!("mount {filesystem} {}", path.display())),
    }
}

fn make_nodes(root: &Path) -> Result<(), Failure> {
    let mode = Mode::RUSR | Mode::WUSR | Mode::RGRP | Mode::WGRP | Mode::ROTH | Mode::WOTH;
    for (path, major, minor) in NODES {
        let path = &root.join(path);
        let step = || format!("mknod {}", path.display());
        mknodat(CWD, path, FileType::CharacterDevice, mode, makedev(major, minor)).step(step)?;
    }
    Ok(())
}
