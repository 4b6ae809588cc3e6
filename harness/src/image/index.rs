//! The modules of a kernel, as far as they matter for some of them.
//! Lives here: the index, reading it from a `lib/modules/RELEASE` directory.
//! May not live here: the choice of modules and their order (`closure`).
//!
//! Debian's packages carry no modules.dep and no modules.alias (depmod makes them when one is installed), so modules are
//! asked themselves. Names are file names, so what is wanted is read at once; only a soft dependency on an alias makes a
//! search necessary, and 4,000 compressed modules take half a minute. So it looks first where such aliases are at home.

use super::error::Error;
use super::modinfo::{Modinfo, name_of_file, normal, plain};
use crate::kernel::job::Job;
use crate::kernel::{At, files_below};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};

/// A module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
    pub broken: Option<String>,
}

/// Modules by normalised name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Modules in files.
    pub modules: BTreeMap<String, Module>,
    /// Names of the modules in files that answer to an alias.
    pub aliases: BTreeMap<String, Vec<String>>,
    /// Names and aliases of what is built in; `None` where the directory does not say (no modules.builtin).
    pub builtin: Option<BTreeSet<String>>,
}

impl Index {
    /// Adds a module's file and what it says, or why it says nothing.
    pub fn add(&mut self, path: PathBuf, info: Result<Modinfo, String>) {
        let name = name_of_file(&path).unwrap_or_default();
        let (info, broken) = info.map_or_else(|why| (Modinfo::default(), Some(why)), |info| (info, None));
        for alias in info.aliases {
            self.aliases.entry(alias).or_default().push(name.clone());
        }
        let module = Module { path, depends: info.depends, pre: info.pre, post: info.post, broken };
        self.modules.insert(name, module);
    }

    /// Whether a name or alias is known to be built in.
    pub fn is_builtin(&self, name: &str) -> bool {
        self.builtin.as_ref().is_some_and(|names| names.contains(&normal(name)))
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

/// A key for the content of a modules directory: names, sizes and times of its files.
pub(super) fn key(directory: &Path) -> Result<String, Error> {
    let mut hasher = blake3::Hasher::new();
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

/// Reads the index of a directory, as far as it matters for the modules of these names.
pub(super) fn read(directory: &Path, wanted: &[&str], job: &Job) -> Result<Index, Error> {
    let mut files = BTreeMap::new();
    for path in files_below(directory)? {
        if let Some(name) = name_of_file(&path) {
            // Of two files with one name the first in order counts: `kernel/` comes before `updates/`.
            files.entry(name).or_insert(path);
        }
    }
    let index = Index { builtin: builtin(directory)?, ..Index::default() };
    let mut reader = Reader { directory, files, index, asked: BTreeSet::new(), followed: BTreeSet::new(), job };
    reader.follow(wanted.iter().map(|name| normal(name)).collect())?;
    for group in [is_home_of_aliases, |_: &Path| true] {
        if reader.unresolved().is_empty() {
            break;
        }
        let names = reader.files.iter().filter(|(_, path)| group(path)).map(|(name, _)| name.clone()).collect();
        reader.read(&names)?;
        let found = reader.asked.iter().flat_map(|alias| reader.index.find(alias)).collect();
        reader.follow(found)?;
    }
    Ok(reader.index)
}

/// `crypto-NAME` and the like: algorithms are asked for by aliases, `crc32c` foremost.
fn is_home_of_aliases(path: &Path) -> bool {
    let mut parts = path.components().filter_map(|part| part.as_os_str().to_str());
    parts.any(|part| part == "crypto") && !path.starts_with("kernel/drivers")
}

struct Reader<'a> {
    directory: &'a Path,
    files: BTreeMap<String, PathBuf>,
    index: Index,
    /// What modules ask for softly and no file is named after.
    asked: BTreeSet<String>,
    /// Modules whose dependencies were read, too.
    followed: BTreeSet<String>,
    job: &'a Job,
}

impl Reader<'_> {
    fn unresolved(&self) -> Vec<&String> {
        let known = |name: &str| self.index.is_builtin(name) || self.index.aliases.contains_key(name);
        self.asked.iter().filter(|name| !known(name)).collect()
    }

    /// Reads modules and all that they lead to by name.
    fn follow(&mut self, names: BTreeSet<String>) -> Result<(), Error> {
        let mut open = names;
        while !open.is_empty() {
            let here = |name: &String| self.files.contains_key(name) && !self.followed.contains(name);
            let new: BTreeSet<String> = open.into_iter().filter(here).collect();
            self.read(&new)?;
            open = BTreeSet::new();
            for module in new.iter().filter_map(|name| self.index.modules.get(name)) {
                let soft = module.pre.iter().chain(&module.post);
                self.asked.extend(soft.clone().filter(|name| !self.files.contains_key(*name)).cloned());
                open.extend(module.depends.iter().chain(soft).cloned());
            }
            self.followed.extend(new);
        }
        Ok(())
    }

    /// Reads those of the modules that were not read yet, on all processors.
    fn read(&mut self, names: &BTreeSet<String>) -> Result<(), Error> {
        let new = names.iter().filter(|name| !self.index.modules.contains_key(*name));
        let paths: Vec<&PathBuf> = new.filter_map(|name| self.files.get(name)).collect();
        let (next, found) = (AtomicUsize::new(0), Mutex::new(Vec::with_capacity(paths.len())));
        let work = || {
            while let Some(path) = paths.get(next.fetch_add(1, Relaxed)).filter(|_| self.job.check().is_ok()) {
                let bytes = fs::read(self.directory.join(path)).and_then(|bytes| plain(path, bytes));
                let info = bytes.map_err(|cause| cause.to_string()).and_then(|bytes| Modinfo::of_module(&bytes));
                found.lock().unwrap_or_else(PoisonError::into_inner).push(((*path).clone(), info));
            }
        };
        let workers = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(paths.len());
        std::thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
        self.job.check()?;
        let mut found = found.into_inner().unwrap_or_else(PoisonError::into_inner);
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        found.into_iter().for_each(|(path, info)| self.index.add(path, info));
        Ok(())
    }
}

/// What modules.builtin (paths) and modules.builtin.modinfo (`module.key=value`, since 5.2) name.
fn builtin(directory: &Path) -> Result<Option<BTreeSet<String>>, Error> {
    let path = directory.join("modules.builtin");
    if !path.is_file() {
        return Ok(None);
    }
    let list = fs::read_to_string(&path).at("read", &path)?;
    let mut names: BTreeSet<String> = list.lines().filter_map(|line| name_of_file(Path::new(line))).collect();
    let path = directory.join("modules.builtin.modinfo");
    if path.is_file() {
        let text = fs::read(&path).at("read", &path)?;
        for field in text.split(|&byte| byte == 0) {
            if let Some((_, alias)) = String::from_utf8_lossy(field).split_once(".alias=") {
                names.insert(normal(alias));
            }
        }
    }
    Ok(Some(names))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::modinfo::tests::module;

    fn directory(more: &[(&str, &str)]) -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let add = |path: &str, bytes: &[u8]| {
            let path = place.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        };
        add("kernel/fs/xfs/xfs.ko", &module("name=xfs\0alias=fs-xfs\0depends=libcrc32c\0"));
        add("kernel/lib/libcrc32c.ko", &module("depends=\0softdep=pre: crc32c\0"));
        add("kernel/crypto/crc32c_generic.ko", &module("alias=crc32c\0depends=helper\0"));
        add("kernel/lib/helper.ko", &module(""));
        add("kernel/drivers/far.ko", &module("alias=far-away\0depends=\0"));
        add("kernel/drivers/broken.ko", b"text");
        add("modules.builtin", b"kernel/drivers/tty/serial/8250/8250.ko\nkernel/fs/virtio-fs.ko\n");
        add("modules.builtin.modinfo", b"8250.alias=serial-x\08250.license=GPL\0");
        more.iter().for_each(|(path, modinfo)| add(path, &module(modinfo)));
        place
    }

    fn names(place: &tempfile::TempDir, wanted: &[&str]) -> Vec<String> {
        read(place.path(), wanted, &Job::silent()).unwrap().modules.into_keys().collect()
    }

    #[test]
    fn only_what_matters_is_read() {
        let place = directory(&[("kernel/fs/far.ko", ""), ("kernel/fs/ext.ko", "softdep=post: far-away serial-x")]);
        assert_eq!(names(&place, &["helper"]), ["helper"]);
        assert_eq!(names(&place, &["xfs"]), ["crc32c_generic", "helper", "libcrc32c", "xfs"]);
        assert_eq!(names(&place, &["ext"]).len(), 7, "an alias that is nowhere at home: all of them, broken ones too");
        assert_eq!(names(&place, &["8250"]), [""; 0]);
    }

    #[test]
    fn names_aliases_and_what_is_built_in() {
        let index = read(directory(&[]).path(), &["xfs"], &Job::silent()).unwrap();
        assert_eq!((index.find("crc32c"), index.find("fs-xfs")), (vec!["crc32c_generic".into()], vec!["xfs".into()]));
        assert!(index.is_builtin("8250") && index.is_builtin("virtio-fs") && index.is_builtin("serial_x"));
        let index = read(directory(&[]).path(), &["broken"], &Job::silent()).unwrap();
        assert!(index.modules["broken"].broken.is_some());
    }

    #[test]
    fn a_directory_without_lists_knows_nothing_of_what_is_built_in() {
        let place = directory(&[]);
        fs::remove_file(place.path().join("modules.builtin")).unwrap();
        assert_eq!(read(place.path(), &[], &Job::silent()).unwrap().builtin, None);
    }

    #[test]
    fn the_key_follows_the_content() {
        let place = directory(&[]);
        let first = key(place.path()).unwrap();
        assert_eq!(key(place.path()).unwrap(), first);
        fs::write(place.path().join("kernel/fs/xfs/xfs.ko"), b"x").unwrap();
        assert_ne!(key(place.path()).unwrap(), first);
    }
}
