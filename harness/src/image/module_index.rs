//! All modules of a kernel: what each says about itself, and what is built in.
//! Lives here: the index, making it from a `lib/modules/RELEASE` directory, keeping it in the cache.
//! May not live here: the choice of modules (`closure`).
//!
//! Debian's packages carry no modules.dep (depmod runs when one is installed), so the index is made from the modules
//! themselves. That takes seconds (4,000 files, compressed since 6.12), so it is made once for a directory's content.

use super::error::Error;
use super::modinfo::{Modinfo, name_of_file, normal, plain};
use crate::kernel::job::Job;
use crate::kernel::{At, Cache, Kind, files_below};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Version of the index's form; a part of its key.
const FORM: &str = "1";
/// The index's file in its cache entry.
const FILE: &str = "index.json";

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Module {
    /// Its file, as a path from the directory.
    pub path: PathBuf,
    /// What must be loaded before it.
    pub depends: Vec<String>,
    /// What should be loaded before it, by name or alias.
    pub pre: Vec<String>,
    /// What should be loaded after it, by name or alias.
    pub post: Vec<String>,
    /// Why its file cannot be used, where it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub broken: Option<String>,
}

/// All modules of a kernel, by normalised name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Index {
    /// Modules in files.
    pub modules: BTreeMap<String, Module>,
    /// Names of the modules in files that answer to an alias.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Names and aliases of what is built in; `None` where the directory does not say (no modules.builtin).
    pub builtin: Option<Vec<String>>,
}

/// A key for the content of a modules directory: names, sizes and times of its files.
pub(super) fn key(directory: &Path) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(FORM.as_bytes());
    for path in files_below(directory)? {
        let full = directory.join(&path);
        let file = full.metadata().at("look at", &full)?;
        hasher.update(path.as_os_str().as_encoded_bytes());
        let numbers = [file.len(), file.mtime().cast_unsigned(), file.mtime_nsec().cast_unsigned()];
        numbers.iter().for_each(|number| {
            hasher.update(&number.to_le_bytes());
        });
    }
    Ok(hasher.finalize().to_hex()[..32].to_owned())
}

/// The index of a directory whose content has this key, from the cache or made now.
pub(super) fn load(directory: &Path, key: &str, release: &str, cache: &Cache, job: &Job) -> Result<Index, Error> {
    let what = format!("the index of {release}'s modules");
    let entry = cache.entry(Kind::ModuleIndex, key, &what, job, |entry| {
        job.say(format!("reading the modules of {release}"));
        let index = read(directory, job)?;
        let path = entry.join(FILE);
        let text = serde_json::to_vec(&index).map_err(std::io::Error::from).at("write", &path)?;
        fs::write(&path, text).at("write", &path)?;
        Ok::<_, Error>(vec![PathBuf::from(FILE)])
    })?;
    let path = entry.join(FILE);
    let text = fs::read(&path).at("read", &path)?;
    Ok(serde_json::from_slice(&text).map_err(std::io::Error::from).at("read", &path)?)
}

/// Makes the index of a directory.
pub(super) fn read(directory: &Path, job: &Job) -> Result<Index, Error> {
    let files: Vec<PathBuf> = files_below(directory)?.into_iter().filter(|path| name_of_file(path).is_some()).collect();
    let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(files.len())));
    let work = || {
        while let Some(path) = files.get(next.fetch_add(1, Relaxed)).filter(|_| job.check().is_ok()) {
            let full = directory.join(path);
            let plain = fs::read(&full).and_then(|bytes| plain(path, bytes));
            let info = plain.map_err(|cause| cause.to_string()).and_then(|bytes| Modinfo::of_module(&bytes));
            found.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((path.clone(), info));
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    job.check()?;
    let mut found = found.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    found.sort_by(|(a, _), (b, _)| a.cmp(b));
    let mut index = Index { builtin: builtin(directory)?, ..Index::default() };
    for (path, info) in found {
        index.add(path, info);
    }
    Ok(index)
}

/// What modules.builtin (paths) and modules.builtin.modinfo (`module.key=value`, since 5.2) name.
fn builtin(directory: &Path) -> Result<Option<Vec<String>>, Error> {
    let path = directory.join("modules.builtin");
    if !path.is_file() {
        return Ok(None);
    }
    let list = fs::read_to_string(&path).at("read", &path)?;
    let mut names: Vec<String> = list.lines().filter_map(|line| name_of_file(Path::new(line))).collect();
    let path = directory.join("modules.builtin.modinfo");
    if path.is_file() {
        let text = fs::read(&path).at("read", &path)?;
        for field in text.split(|&byte| byte == 0) {
            if let Some((_, alias)) = String::from_utf8_lossy(field).split_once(".alias=") {
                names.push(normal(alias));
            }
        }
    }
    names.sort();
    names.dedup();
    Ok(Some(names))
}

impl Index {
    /// Adds a module's file and what it says, or why it says nothing.
    pub fn add(&mut self, path: PathBuf, info: Result<Modinfo, String>) {
        let file_name = name_of_file(&path).unwrap_or_default();
        let (info, broken) = info.map_or_else(|why| (Modinfo::default(), Some(why)), |info| (info, None));
        let name = info.name.unwrap_or(file_name);
        for alias in info.aliases {
            self.aliases.entry(alias).or_default().push(name.clone());
        }
        let module = Module { path, depends: info.depends, pre: info.pre, post: info.post, broken };
        // Of two files with one name the first in order counts: `kernel/` comes before `updates/` of out-of-tree modules.
        self.modules.entry(name).or_insert(module);
    }

    /// Whether a name or alias is known to be built in.
    pub fn is_builtin(&self, name: &str) -> bool {
        self.builtin.as_ref().is_some_and(|names| names.binary_search_by(|known| known.as_str().cmp(name)).is_ok())
    }

    /// The modules in files that a name or alias stands for; none for what is built in or unknown.
    pub fn find(&self, name: &str) -> Vec<String> {
        let name = normal(name);
        if self.modules.contains_key(&name) {
            return vec![name];
        }
        if self.is_builtin(&name) {
            return Vec::new();
        }
        self.aliases.get(&name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::modinfo::tests::module;

    fn directory() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let add = |path: &str, bytes: &[u8]| {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        add("kernel/fs/xfs/xfs.ko", &module("name=xfs\0alias=fs-xfs\0depends=libcrc32c\0"));
        add("kernel/lib/libcrc32c.ko", &module("depends=\0softdep=pre: crc32c\0"));
        add("kernel/crypto/crc32c_generic.ko", &module("alias=crypto-crc32c\0alias=crc32c\0depends=\0"));
        add("kernel/broken.ko", b"text");
        add("modules.builtin", b"kernel/drivers/tty/serial/8250/8250.ko\nkernel/fs/virtio-fs.ko\n");
        add("modules.builtin.modinfo", b"8250.alias=serial-x\08250.license=GPL\0");
        place
    }

    #[test]
    fn a_directory_is_indexed_once() {
        let place = directory();
        let cache_place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(cache_place.path())).unwrap();
        let index = |key: &str| load(place.path(), key, "6.1", &cache, &Job::silent()).unwrap();
        let first = key(place.path()).unwrap();
        let made = index(&first);
        assert_eq!(made.find("crc32c"), ["crc32c_generic"]);
        assert_eq!(made.find("fs-xfs"), ["xfs"]);
        assert_eq!(made.modules["libcrc32c"].pre, ["crc32c"]);
        assert!(made.modules["broken"].broken.is_some());
        assert!(made.is_builtin("8250") && made.is_builtin("virtio_fs") && made.is_builtin("serial_x"));
        fs::write(place.path().join("kernel/fs/xfs/xfs.ko"), b"x").unwrap();
        assert_eq!(index(&first), made, "from the cache");
        let second = key(place.path()).unwrap();
        assert_ne!(first, second);
        assert!(index(&second).modules["xfs"].broken.is_some());
    }

    #[test]
    fn a_directory_without_lists_knows_nothing_of_what_is_built_in() {
        let place = directory();
        fs::remove_file(place.path().join("modules.builtin")).unwrap();
        let index = read(place.path(), &Job::silent()).unwrap();
        assert_eq!(index.builtin, None);
        assert_eq!(index.modules.len(), 4);
    }
}
