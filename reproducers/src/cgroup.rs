//! A memory cgroup with a limit.
//! Lives here: making one, by the interface that the kernel has, and moving this process into it.
//! May not live here: who is in it.
//!
//! The unified hierarchy has the memory controller since 4.5 (Documentation/admin-guide/cgroup-v2.rst); before, or where another
//! hierarchy has taken the controller, it is the one of version 1 (Documentation/cgroups/memory.txt).

use crate::Failure;
use rustix::io::Errno;
use rustix::mount::{MountFlags, mount};
use std::ffi::CStr;
use std::fs::{create_dir_all, read_to_string, write};
use std::path::{Path, PathBuf};

const MOUNT: &str = "/sys/fs/cgroup";

/// A cgroup whose members together may have so much memory.
#[derive(Clone, Debug)]
pub struct MemoryCgroup(PathBuf);

impl MemoryCgroup {
    /// Mounts cgroups and makes one of this name with a limit in bytes.
    pub fn make(name: &str, limit: u64) -> Result<Self, Failure> {
        let limit_file = if unified()? { "memory.max" } else { version_1()? };
        Self::with_limit(name, limit_file, limit)
    }

    /// Mounts cgroups of version 1 and makes one of this name with a limit in bytes. Whoever finds no memory in it waits or
    /// is refused; nobody is killed (`memory.oom_control`, Documentation/admin-guide/cgroup-v1/memory.rst). Linux has them by
    /// `CONFIG_MEMCG`, from 6.11 on by `CONFIG_MEMCG_V1`.
    pub fn make_version_1(name: &str, limit: u64) -> Result<Self, Failure> {
        let group = Self::with_limit(name, version_1()?, limit)?;
        put(&group.0.join("memory.oom_control"), "1")?;
        Ok(group)
    }

    fn with_limit(name: &str, limit_file: &str, limit: u64) -> Result<Self, Failure> {
        let group = Path::new(MOUNT).join(name);
        create_dir_all(&group).map_err(|error| Failure::new(format!("mkdir {}", group.display()), error))?;
        put(&group.join(limit_file), &limit.to_string())?;
        Ok(Self(group))
    }

    /// Moves this process into it; its children are born there.
    pub fn enter(&self) -> Result<(), Failure> {
        put(&self.0.join("cgroup.procs"), "0")
    }

    /// Moves this process out of whatever group it is in. What it has used so far stays on that one's account.
    pub fn leave() -> Result<(), Failure> {
        put(&Path::new(MOUNT).join("cgroup.procs"), "0")
    }
}

/// Mounts the unified hierarchy and switches its memory controller on; false where it has none.
fn unified() -> Result<bool, Failure> {
    if try_mount("cgroup2", None).is_err() {
        return Ok(false);
    }
    let root = Path::new(MOUNT);
    let controllers = read_to_string(root.join("cgroup.controllers")).unwrap_or_default();
    if controllers.split_whitespace().any(|controller| controller == "memory") {
        put(&root.join("cgroup.subtree_control"), "+memory")?;
        return Ok(true);
    }
    rustix::mount::unmount(MOUNT, rustix::mount::UnmountFlags::empty())
        .map_err(|errno| Failure::new(format!("unmount {MOUNT}"), errno))?;
    Ok(false)
}

fn version_1() -> Result<&'static str, Failure> {
    let mounted = try_mount("cgroup", Some(c"memory"));
    mounted.map_err(|errno| {
        Failure::new("mount cgroups of version 1 (has this kernel CONFIG_MEMCG, from 6.11 on CONFIG_MEMCG_V1?)", errno)
    })?;
    Ok("memory.limit_in_bytes")
}

fn try_mount(kind: &str, data: Option<&CStr>) -> Result<(), Errno> {
    mount(kind, MOUNT, kind, MountFlags::empty(), data)
}

fn put(file: &Path, text: &str) -> Result<(), Failure> {
    write(file, text).map_err(|error| Failure::new(format!("write {text} to {}", file.display()), error))
}
