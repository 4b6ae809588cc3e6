//! Another system's root: what an initramfs does for a system on a disk.
//! Lives here: mounting the root, taking the initramfs away, starting the system's own PID 1.
//! May not live here: which modules that takes (the host says), or the agent (the host brings it into the system).
//!
//! A kernel that has drivers as modules cannot mount a disk by `root=`. Debian's own initramfs would do as well, but it takes seconds
//! under emulation and some 40 MB of a small guest's memory.

use crate::config::{Root, SetUp};
use crate::failure::{Failure, Step};
use crate::{disks, modules, network};
use rustix::fs::statfs;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_move, unmount};
use rustix::process::{chdir, chroot};
use std::convert::Infallible;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

/// Where the root is mounted at first.
const PLACE: &str = "/oomph-root";
/// Mounts that the system takes over: it would make them itself, but they are needed until then.
const TAKEN: [&str; 4] = ["/dev", "/proc", "/sys", "/run"];
/// The system's PID 1.
const INIT: &str = "/sbin/init";
/// What an initramfs lies on: ramfs or tmpfs (linux/magic.h). Nothing else is ever taken away.
const MEMORY: [i64; 2] = [0x8584_58f6, 0x0102_1994];

/// Loads modules, brings up the network, mounts the root and becomes its PID 1; returns only where that fails.
pub fn go_on_in(root: &Root, steps: &[SetUp]) -> Result<Infallible, Failure> {
    for step in steps {
        match step {
            SetUp::Module { path, optional } => modules::load(path, *optional)?,
            // The system may be one that waits for an address: it finds this one, and whatever it does about it, this one is right.
            SetUp::Network { address, prefix } => network::bring_up(*address, *prefix)?,
            _ => {
                return Err(Failure {
                    what: "root: nothing but modules and a network can stand beside it".into(),
                    errno: Errno::INVAL,
                });
            }
        }
    }
    let node = disks::node_of(&root.name, root.partition)?;
    fs::create_dir_all(PLACE).step(|| format!("mkdir {PLACE}"))?;
    let step = || format!("mount {} {PLACE} ({})", root.name, root.fs);
    mount(&*node, PLACE, &*root.fs, MountFlags::empty(), None).step(step)?;
    // Mostly a link, and where it leads to counts from the root that is still to come.
    if Path::new(PLACE).join(&INIT[1..]).symlink_metadata().is_err() {
        return Err(Failure { what: format!("root: the disk {} has no {INIT}", root.name), errno: Errno::NOENT });
    }
    unmount("/tmp", UnmountFlags::DETACH).step(|| "unmount /tmp".to_owned())?;
    for taken in TAKEN {
        let to = format!("{PLACE}{taken}");
        fs::create_dir_all(&to).step(|| format!("mkdir {to}"))?;
        mount_move(taken, &*to).step(|| format!("move {taken}"))?;
    }
    take_away(Path::new("/"))?;
    chdir(PLACE).step(|| format!("chdir {PLACE}"))?;
    mount_move(".", "/").step(|| "move the root".to_owned())?;
    chroot(".").step(|| "chroot".to_owned())?;
    chdir("/").step(|| "chdir /".to_owned())?;
    Err(Command::new(INIT).env_clear().exec()).step(|| format!("exec {INIT}"))
}

/// Frees the memory of the initramfs: everything in it that is not a mount.
fn take_away(top: &Path) -> Result<(), Failure> {
    let found = statfs(top).step(|| "statfs /".to_owned())?;
    if !MEMORY.contains(&found.f_type) {
        return Err(Failure { what: "the initramfs is none: / is no ramfs and no tmpfs".into(), errno: Errno::INVAL });
    }
    let device = top.symlink_metadata().step(|| "stat /".to_owned())?.dev();
    for entry in fs::read_dir(top).step(|| "list /".to_owned())?.flatten() {
        let path = entry.path();
        let same = path.symlink_metadata().is_ok_and(|found| found.dev() == device);
        // What cannot be removed takes up memory, and no more: /init runs, and its text stays until it ends.
        if same && path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(&path).unwrap_or_default();
        } else if same {
            fs::remove_file(&path).unwrap_or_default();
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn nothing_is_taken_away_from_a_disk() {
        // A source tree lies on a disk; where it lies in memory, this has nothing to show.
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        if MEMORY.contains(&statfs(here).unwrap().f_type) {
            return;
        }
        assert_eq!(take_away(here).unwrap_err().errno, Errno::INVAL);
        assert!(here.join("Cargo.toml").exists());
    }

    #[test]
    fn nothing_but_modules_stands_beside_a_root() {
        let root = Root { name: "r".into(), partition: None, fs: "xfs".into() };
        let failure = go_on_in(&root, &[SetUp::Swap("s".into())]).unwrap_err();
        assert!(failure.what.contains("nothing but modules"), "{failure:?}");
    }
}
