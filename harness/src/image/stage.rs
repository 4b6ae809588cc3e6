//! What boots a system on a disk with a kernel from outside of it.
//! Lives here: the initramfs that mounts the root and goes on in it, the words for the system on the kernel's command line.
//! May not live here: the disk itself, or how a guest is started (`vm`).
//!
//! The key for logins is a credential of systemd's on the kernel's command line: bookworm's systemd 252 and trixie's 257 read it there,
//! and their own tmpfiles.d/provision.conf writes it to root's authorized_keys. It needs no device, no module and no tool in the guest;
//! by SMBIOS or fw_cfg systemd would want modules of the running kernel, which a system that boots with a kernel of ours has not.

use super::config::{config_in_system, module_lines, network_line};
use super::error::Error;
use super::freight::System;
use super::initramfs::{self, Entry};
use super::modules::{self, LoadedModule, wanted_modules};
use super::prepare::{self, Executable};
use super::system_disk::SystemDisk;
use super::{PreparedDisk, disks, freight};
use crate::kernel::job::{Job, Progress, blocking};
use crate::kernel::{Cache, Kernel};
use crate::scenario::{Filesystem, RootPlace, Scenario};
use std::path::{Path, PathBuf};

/// The serial number of the disk with the root.
pub const ROOT_DISK: &str = "oomph-root";

/// The initramfs for a system on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stage {
    /// The initramfs, in the cache.
    pub initramfs: PathBuf,
    /// BLAKE3 of it, in hex.
    pub hash: String,
    /// Names of the modules that it loads, in their order.
    pub modules: Vec<String>,
}

/// Makes the initramfs with which a kernel goes on in the root of a disk; `init` is PID 1 of it. What else is `wanted` of modules is
/// loaded too: a system has none for a kernel of ours.
///
/// # Errors
/// Where the kernel lacks a module that is needed.
pub async fn stage(
    kernel: &Kernel,
    root: RootPlace,
    wanted: &[&str],
    init: &[u8],
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Stage, Error> {
    let (kernel, cache, init) = (kernel.clone(), cache.clone(), init.to_vec());
    let wanted: Vec<String> = modules_for(root.filesystem, wanted);
    blocking(progress, move |job| {
        let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
        make(&kernel, (root, false), &wanted, init, &cache, job)
    })
    .await
}

/// `network` says whether it gives the guest its address, too.
fn make(
    kernel: &Kernel,
    (root, network): (RootPlace, bool),
    wanted: &[&str],
    init: Vec<u8>,
    cache: &Cache,
    job: &Job,
) -> Result<Stage, Error> {
    let modules = modules::prepare(kernel, wanted, &[], cache, job)?;
    let mut entries = initramfs::skeleton();
    entries.push(Entry::executable("/init", init));
    entries.push(Entry::file(oomph_wire::config::PATH, config(&modules, root, network).into_bytes()));
    entries.extend(modules::entries(&modules)?);
    let (initramfs, hash) = initramfs::store(&initramfs::build(&entries)?, cache, job)?;
    let modules = modules.into_iter().map(|module| module.name).collect();
    Ok(Stage { initramfs, hash, modules })
}

/// A scenario's guest with a system on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemImage {
    /// What boots it; `None` where its own bootloader does.
    pub stage: Option<Stage>,
    /// The agent's configuration.
    pub config: String,
    /// The root's disk, and those of the scenario by name.
    pub disks: Vec<PreparedDisk>,
    /// What the user should know about it.
    pub notes: Vec<String>,
    /// What is to be brought into the system: the standard input of `command`.
    pub input: Vec<u8>,
    /// What puts it in place and starts the agent.
    pub command: String,
}

/// The kernel for which disks are made where nothing is known of the one that will mount them: any that Debian still has.
const ANY_KERNEL: (u32, u32, u32) = (5, 10, 0);

/// As [`super::prepare`], for a scenario whose guest is a system on a disk: overlays for its root and for each disk, and the
/// agent and the workload to be brought into it. `user` is who logs in.
///
/// # Errors
/// As [`super::prepare`].
pub async fn prepare_system(
    (scenario, kernel): (&Scenario, &Kernel),
    (disk, user): (&SystemDisk, &str),
    init: &[u8],
    program: Executable<'_>,
    directory: &Path,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<SystemImage, Error> {
    let pack = program.packer();
    let (scenario, kernel, cache) = (scenario.clone(), kernel.clone(), cache.clone());
    let (disk, user, init, directory) = (disk.clone(), user.to_owned(), init.to_vec(), directory.to_owned());
    blocking(progress, move |job| {
        let program = pack()?.alone();
        let stage = match disk.root {
            Some(root) => {
                let wanted = modules_for(root.filesystem, &[vec!["virtio_net"], wanted_modules(&scenario)].concat());
                let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
                // A system that was not made for this may have no address, or wait for one.
                Some(make(&kernel, (root, disk.foreign), &wanted, init.clone(), &cache, job)?)
            }
            None => None,
        };
        let own_kernel = stage.is_none();
        let config = config_in_system(&scenario, &program, own_kernel);
        let modules = if own_kernel { &scenario.guest.modules[..] } else { &[] };
        let system = System { user: &user, foreign: disk.foreign, modules };
        let (input, command) = freight::pack(&init, &config, &program, &prepare::files(&scenario)?, &system)?;
        let all: u64 = scenario.guest.disks.values().map(|disk| disk.size).sum();
        disks::check_room(&directory, all.saturating_add(disk.size))?;
        let version = if own_kernel { ANY_KERNEL } else { kernel.version };
        let mut disks = vec![disks::overlay(ROOT_DISK, (disk.base, disk.format), &directory, job)?];
        disks.extend(disks::prepare(&scenario.guest.disks, version, &directory, &cache, job)?);
        Ok(SystemImage { stage, config, disks, notes: program.notes, input, command })
    })
    .await
}

/// The modules without which there is no root, and those that are wanted besides; none twice.
fn modules_for(filesystem: Filesystem, wanted: &[&str]) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for name in ["virtio_pci", "virtio_blk", filesystem.name()].iter().chain(wanted) {
        if !all.iter().any(|known| known == name) {
            all.push((*name).to_owned());
        }
    }
    all
}

/// The guest's configuration.
fn config(modules: &[LoadedModule], root: RootPlace, network: bool) -> String {
    let mut text = module_lines(modules);
    if network {
        text.push_str(&network_line());
    }
    let partition = root.partition.map(|number| format!(" partition={number}")).unwrap_or_default();
    text.push_str(&format!("root name={ROOT_DISK} fs={}{partition}\n", root.filesystem.name()));
    text
}

/// The word of the kernel's command line that lets the owner of a key log in as root; `key` is `TYPE BASE64`, as in an
/// authorized_keys file, or with `,` in place of the space. Kernel and systemd both take quotes; escapes are undone by newer systemds than bookworm's 252.
pub fn authorized_key(key: &str) -> String {
    let key: Vec<&str> = key.split([' ', ',']).map(str::trim).take(2).collect();
    format!("\"systemd.set_credential=ssh.authorized_keys.root:{}\"", key.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn modules_come_before_the_root() {
        let root = RootPlace { partition: Some(2), filesystem: Filesystem::Ext4 };
        let module = |name: &str, optional| LoadedModule { name: name.into(), path: "/x".into(), optional };
        let modules = [module("a", true), module("virtio_blk", false)];
        assert_eq!(
            config(&modules, root, false),
            "module path=/modules/a.ko optional=1\nmodule path=/modules/virtio_blk.ko\n\
             root name=oomph-root fs=ext4 partition=2\n"
        );
        assert!(config(&[], root, true).starts_with("network address=10.0.2.15 prefix=24\nroot "));
        assert_eq!(
            modules_for(Filesystem::Xfs, &["xfs", "virtio_net"]),
            ["virtio_pci", "virtio_blk", "xfs", "virtio_net"]
        );
    }

    #[test]
    fn a_key_is_one_word() {
        for key in ["ssh-ed25519 AAAA me@here\n", "ssh-ed25519,AAAA", "ssh-ed25519 AAAA\n"] {
            assert_eq!(authorized_key(key), "\"systemd.set_credential=ssh.authorized_keys.root:ssh-ed25519 AAAA\"");
        }
    }
}
