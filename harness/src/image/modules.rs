//! The modules that a scenario needs, ready for the initramfs.
//! Lives here: what is wanted for what, plain copies in the cache.
//! May not live here: dependencies (`closure`), or reading what a module says (`modinfo`).

use super::closure::{self, Missing, Step};
use super::config::module_path;
use super::error::Error;
use super::initramfs::Entry;
use super::{index, modinfo};
use crate::kernel::job::Job;
use crate::kernel::{At, Cache, Kernel, Kind};
use crate::scenario::Scenario;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// The list of modules in its cache entry.
const LIST: &str = "order.json";

/// A module in the cache, not compressed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadedModule {
    /// Its name.
    pub name: String,
    /// Its plain .ko; in the list of a cache entry, a path from the entry.
    pub path: PathBuf,
    /// Whether the guest does without it when it does not load.
    pub optional: bool,
}

/// Modules without which a scenario does not work, each with its dependencies left to be found: the bus and drivers of
/// disks, of a balloon and of a network, filesystems, and what the scenario asks for. Serial ports are built in wherever a console is.
pub fn wanted_modules(scenario: &Scenario) -> Vec<&str> {
    let disks = &scenario.guest.disks;
    let filesystems: BTreeSet<_> =
        disks.values().map(|disk| disk.filesystem).filter(|kind| kind.holds_files()).collect();
    let mut wanted: Vec<&str> = Vec::new();
    wanted.extend((!disks.is_empty()).then_some("virtio_blk"));
    wanted.extend(scenario.has_balloon().then_some("virtio_balloon"));
    wanted.extend(scenario.is_logged_in_to().then_some("virtio_net"));
    if !wanted.is_empty() {
        wanted.insert(0, "virtio_pci");
    }
    wanted.extend(filesystems.iter().map(|filesystem| filesystem.name()));
    wanted.extend(scenario.guest.modules.iter().map(String::as_str));
    wanted
}

/// Modules without which it works as well, but which tell more of the guest: what puts the kernel's note on itself where a
/// core takes it from (QEMU's vmcoreinfo device).
pub(super) fn helpful_modules(scenario: &Scenario) -> Vec<&'static str> {
    if scenario.evidence.core { vec!["qemu_fw_cfg"] } else { Vec::new() }
}

/// The modules to load for `wanted`, in their order, as plain copies in the cache. A kernel without a modules directory
/// has everything built in.
pub(super) fn prepare(
    kernel: &Kernel,
    wanted: &[&str],
    helpful: &[&str],
    cache: &Cache,
    job: &Job,
) -> Result<Vec<LoadedModule>, Error> {
    let all = [wanted, helpful].concat();
    let Some(directory) = kernel.modules.as_deref().filter(|_| !all.is_empty()) else { return Ok(Vec::new()) };
    let content = index::key(directory)?;
    let key = blake3::hash(format!("1 {content} {}", all.join(" ")).as_bytes()).to_hex()[..32].to_owned();
    let what = format!("{}'s modules for {}", kernel.release, all.join(", "));
    let entry = cache.entry(Kind::Modules, &key, &what, job, |entry| {
        job.say(format!("reading the modules of {}", kernel.release));
        let index = index::read(directory, &all, job)?;
        let steps =
            closure::closure(&index, wanted, helpful).map_err(|missing| explain(missing, kernel, directory, &index))?;
        copy(&steps, directory, entry)
    })?;
    let path = entry.join(LIST);
    let text = fs::read(&path).at("read", &path)?;
    let list: Vec<LoadedModule> = serde_json::from_slice(&text).map_err(std::io::Error::from).at("read", &path)?;
    Ok(list.into_iter().map(|module| LoadedModule { path: entry.join(&module.path), ..module }).collect())
}

/// Modules as files of an initramfs.
pub(super) fn entries(modules: &[LoadedModule]) -> Result<Vec<Entry>, Error> {
    let entry = |module: &LoadedModule| {
        let bytes = fs::read(&module.path).at("read", &module.path)?;
        Ok(Entry::file(module_path(&module.name), bytes))
    };
    modules.iter().map(entry).collect()
}

/// Writes plain copies and their list; all are checked by content on each use, they are small.
fn copy(steps: &[Step], directory: &Path, entry: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut list = Vec::new();
    for step in steps {
        let from = directory.join(&step.path);
        let bytes = fs::read(&from).at("read", &from)?;
        let plain = modinfo::plain(&step.path, bytes).at("unpack", &from)?;
        let path = PathBuf::from(format!("{}.ko", step.name));
        fs::write(entry.join(&path), plain).at("write", &entry.join(&path))?;
        list.push(LoadedModule { name: step.name.clone(), path, optional: step.optional });
    }
    let path = entry.join(LIST);
    let text = serde_json::to_vec(&list).map_err(std::io::Error::from).at("write", &path)?;
    fs::write(&path, text).at("write", &path)?;
    Ok(list.into_iter().map(|module| module.path).chain([PathBuf::from(LIST)]).collect())
}

fn explain(missing: Missing, kernel: &Kernel, directory: &Path, index: &index::Index) -> Error {
    let modules = directory.to_owned();
    match missing {
        Missing::Wanted(module) => {
            let why = match module.as_str() {
                "virtio_pci" | "virtio_blk" => {
                    "the guest would have no disks (CONFIG_VIRTIO_PCI, CONFIG_VIRTIO_BLK)".into()
                }
                "virtio_net" => "nobody could log in (CONFIG_VIRTIO_NET)".into(),
                "virtio_balloon" => "no balloon could take its memory (CONFIG_VIRTIO_BALLOON)".into(),
                filesystem => {
                    format!("the guest could not mount {filesystem} (CONFIG_{}_FS)", filesystem.to_uppercase())
                }
            };
            Error::NoModule { release: kernel.release.clone(), module, modules, why }
        }
        Missing::Dependency { module, needs } => Error::NoDependency { module, needs, modules },
        Missing::Broken { module, why } => {
            let path = index.modules.get(&module).map(|module| directory.join(&module.path)).unwrap_or(modules);
            Error::Module { path, why }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::modinfo::tests::module;

    fn kernel(modules: Option<&Path>) -> Kernel {
        Kernel { modules: modules.map(Path::to_owned), release: "6.1".into(), ..Kernel::sample("/k") }
    }

    #[test]
    fn modules_are_unpacked_once_and_listed_in_order() {
        let (place, cache_place) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::open(Some(cache_place.path())).unwrap();
        let xfs = module("name=xfs\0depends=crc");
        fs::write(place.path().join("xfs.ko.zst"), zstd::encode_all(&*xfs, 1).unwrap()).unwrap();
        fs::write(place.path().join("crc.ko"), module("name=crc\0depends=")).unwrap();
        fs::write(place.path().join("modules.builtin"), "kernel/virtio_blk.ko\n").unwrap();
        let kernel = kernel(Some(place.path()));
        let get = |wanted: &[&str]| prepare(&kernel, wanted, &[], &cache, &Job::silent());
        let list = get(&["virtio_blk", "xfs"]).unwrap();
        assert_eq!(list.iter().map(|module| module.name.as_str()).collect::<Vec<_>>(), ["crc", "xfs"]);
        assert_eq!(fs::read(&list[1].path).unwrap(), xfs);
        assert_eq!(get(&["virtio_blk", "xfs"]).unwrap(), list);
        let more = prepare(&kernel, &["xfs"], &["virtio-none", "crc"], &cache, &Job::silent()).unwrap();
        assert_eq!(more.len(), 2, "what only helps need not be there: {more:?}");
        let error = get(&["ext4"]).unwrap_err().to_string();
        assert!(error.starts_with("the kernel 6.1 has no module `ext4`"), "{error}");
        assert!(error.ends_with("the guest could not mount ext4 (CONFIG_EXT4_FS)"), "{error}");
    }

    #[test]
    fn a_kernel_without_modules_has_all_built_in() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        assert_eq!(prepare(&kernel(None), &["xfs"], &["y"], &cache, &Job::silent()).unwrap(), []);
    }
}
