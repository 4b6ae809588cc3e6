//! Disks: found by their serial numbers, mounted where the host wants them or swapped to.
//! Lives here: finding, making the node, mounting, swapping on.
//! May not live here: making filesystems and swap areas (the host does).

use crate::clock;
use crate::config::Disk;
use crate::failure::{Failure, Step};
use rustix::fs::{CWD, Dev, FileType, Mode, makedev, mknodat};
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::ffi::CString;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// How long a disk may take to appear: drivers may probe in the background.
const APPEAR: Duration = Duration::from_secs(10);

/// Finds the disk and mounts it.
pub fn attach(disk: &Disk) -> Result<(), Failure> {
    let node = node_of(&disk.name, None)?;
    fs::create_dir_all(&disk.mount).step(|| format!("mkdir {}", disk.mount))?;
    mount(&*node, &*disk.mount, &*disk.fs, MountFlags::empty(), None)
        .step(|| format!("mount {} {} ({})", disk.name, disk.mount, disk.fs))
}

/// Finds the disk and swaps to it. A kernel without swap says ENOSYS.
pub fn swap_to(name: &str) -> Result<(), Failure> {
    let node = node_of(name, None)?;
    let path = CString::new(node).map_err(|_| Errno::INVAL).step(|| format!("swapon {name}"))?;
    // SAFETY: the path is a C string that lives through the call; no flags, so the kernel takes nothing else from us.
    let result = unsafe { libc::swapon(path.as_ptr(), 0) };
    if result == 0 { Ok(()) } else { Err(std::io::Error::last_os_error()).step(|| format!("swapon {name}")) }
}

/// Waits for the disk and makes a node for it, or for a partition of it. The node is our own, so that no devtmpfs is needed.
pub fn node_of(name: &str, partition: Option<u8>) -> Result<String, Failure> {
    let end = clock::now() + APPEAR;
    let device = loop {
        match find(Path::new("/sys/block"), name, partition) {
            Some(device) => break device,
            None if clock::now() > end => {
                let what = match partition {
                    Some(number) => {
                        format!("disk {name}: no /sys/block/*/serial reads so, or it has no partition {number}")
                    }
                    None => format!("disk {name}: no /sys/block/*/serial reads so"),
                };
                return Err(Failure { what, errno: Errno::NODEV });
            }
            None => clock::sleep(Duration::from_millis(50)),
        }
    };
    let node = format!("/dev/oomph-{name}");
    mknodat(CWD, &node, FileType::BlockDevice, Mode::RUSR | Mode::WUSR, device).step(|| format!("mknod {node}"))?;
    Ok(node)
}

/// The device number of the disk with this serial number, or of a partition of it, below `block` (/sys/block).
fn find(block: &Path, serial: &str, partition: Option<u8>) -> Option<Dev> {
    let text = |path: &Path| fs::read_to_string(path).ok();
    let entries = fs::read_dir(block).ok()?;
    let mut disks = entries.filter_map(Result::ok).map(|entry| entry.path());
    let disk = disks.find(|disk| text(&disk.join("serial")).is_some_and(|found| found.trim() == serial))?;
    let place = match partition {
        Some(wanted) => {
            let is =
                |place: &Path| text(&place.join("partition")).is_some_and(|found| found.trim() == wanted.to_string());
            fs::read_dir(&disk).ok()?.filter_map(Result::ok).map(|entry| entry.path()).find(|place| is(place))?
        }
        None => disk,
    };
    let number = text(&place.join("dev"))?;
    let (major, minor) = number.trim().split_once(':')?;
    Some(makedev(major.parse().ok()?, minor.parse().ok()?))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_disk_is_found_by_its_serial_alone() {
        let block = std::env::temp_dir().join(format!("oomph-disks-{}", std::process::id()));
        for (name, serial, number) in [("vda", "log\n", "254:0\n"), ("vdb", "data", "254:16\n")] {
            fs::create_dir_all(block.join(name)).unwrap();
            fs::write(block.join(name).join("serial"), serial).unwrap();
            fs::write(block.join(name).join("dev"), number).unwrap();
        }
        fs::create_dir_all(block.join("loop0")).unwrap();
        fs::create_dir_all(block.join("vdb/vdb2")).unwrap();
        fs::write(block.join("vdb/vdb2/partition"), "2\n").unwrap();
        fs::write(block.join("vdb/vdb2/dev"), "254:18\n").unwrap();
        let found = ["data", "log", "dat"].map(|serial| find(&block, serial, None));
        let parts = [1, 2].map(|number| find(&block, "data", Some(number)));
        fs::remove_dir_all(&block).unwrap();
        assert_eq!(found, [Some(makedev(254, 16)), Some(makedev(254, 0)), None]);
        assert_eq!(parts, [None, Some(makedev(254, 18))]);
    }
}
