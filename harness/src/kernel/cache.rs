//! The cache: directories that were made once and are checked each time they are used.
//! Lives here: its places, the making of an entry, locks between processes.
//! May not live here: what an entry holds (see its maker), how an entry is checked (`manifest`), what is removed (`prune`).
//!
//! An entry is a directory `KIND/KEY`. It is made under `tmp/` and renamed into place, so it is whole or not there; its
//! key says everything that its content depends on. One process makes an entry while others wait for its lock. Beside the
//! entries there are workplaces: directories that are used again and changed under their lock, and have no manifest.

mod prune;

pub use prune::{Limits, Pruned};

use super::error::{At, Error, FileError};
use super::job::Job;
use super::manifest::{self, Manifest};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// Longest wait for another process that makes the entry: a little more than the longest build (`source::make`).
const LOCK_DEADLINE: Duration = Duration::from_secs(390 * 60);
/// How often a lock is tried: `File::lock` alone would wait without a bound.
const LOCK_RETRY: Duration = Duration::from_millis(100);
/// A directory under `tmp/` that is younger may not have been locked yet by the process that just made it.
const UNLOCKED_AGE: Duration = Duration::from_secs(60);

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// A kernel with its modules, unpacked from packages.
    Kernels,
    /// The vmlinux out of a bzImage.
    Vmlinux,
    /// The modules that a scenario needs, uncompressed.
    Modules,
    /// An initramfs.
    Initramfs,
    /// Programs with their libraries, unpacked from packages.
    Programs,
    /// A formatted, empty disk.
    Disks,
    /// The files of a system, as a tar.
    Roots,
    /// A system's disk.
    Images,
    /// A kernel built from source.
    Builds,
    /// A workplace: a kernel's source with its patches.
    SourceTrees,
    /// A workplace: what make has built from a source tree.
    BuildTrees,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 11] = [
        Self::Kernels,
        Self::Vmlinux,
        Self::Modules,
        Self::Initramfs,
        Self::Programs,
        Self::Disks,
        Self::Roots,
        Self::Images,
        Self::Builds,
        Self::SourceTrees,
        Self::BuildTrees,
    ];

    /// Whether it is changed in place under its lock, and has no manifest.
    pub fn is_workplace(self) -> bool {
        matches!(self, Self::SourceTrees | Self::BuildTrees)
    }

    /// Its directory's name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Kernels => "kernels",
            Self::Vmlinux => "vmlinux",
            Self::Modules => "modules",
            Self::Initramfs => "initramfs",
            Self::Programs => "programs",
            Self::Disks => "disks",
            Self::Roots => "roots",
            Self::Images => "images",
            Self::Builds => "builds",
            Self::SourceTrees => "source-trees",
            Self::BuildTrees => "build-trees",
        }
    }
}

/// A cache's root directory. Cheap to clone; any number of processes may use one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    root: PathBuf,
}

impl Cache {
    /// The cache at `root`, else at `$XDG_CACHE_HOME/oomph`, else at `~/.cache/oomph`; the directory is made if need be.
    ///
    /// # Errors
    /// Where nothing says where it is, or the directory cannot be made.
    pub fn open(root: Option<&Path>) -> Result<Self, Error> {
        let root = match root {
            Some(root) => root.to_owned(),
            None => default_root(|name| std::env::var_os(name).map(PathBuf::from)).ok_or(Error::NoCache)?,
        };
        for directory in ["tmp", "locks"] {
            let directory = root.join(directory);
            fs::create_dir_all(&directory).at("make the directory", &directory)?;
        }
        // Programs are called from other directories with paths below it.
        Ok(Self { root: root.canonicalize().at("find", &root)? })
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where an entry is or would be.
    pub fn path(&self, kind: Kind, key: &str) -> PathBuf {
        self.root.join(kind.name()).join(key)
    }

    /// An intact entry and its manifest; `None` where it is not there, and why where it is damaged.
    pub fn find(&self, kind: Kind, key: &str) -> Result<Option<(PathBuf, Manifest)>, String> {
        let path = self.path(kind, key);
        if !path.exists() {
            return Ok(None);
        }
        let manifest = manifest::check(&path)?;
        Ok(Some((path, manifest)))
    }

    /// The entry, made by `make` if it is not there or damaged. `make` gets an empty directory and returns which of the
    /// files in it are to be checked by content, not only by size, on each use. `what` names the entry in progress lines.
    pub(crate) fn entry<E: From<Error>>(
        &self,
        kind: Kind,
        key: &str,
        what: &str,
        job: &Job,
        make: impl FnOnce(&Path) -> Result<Vec<PathBuf>, E>,
    ) -> Result<PathBuf, E> {
        if let Ok(Some((path, _))) = self.find(kind, key) {
            manifest::touch(&path);
            return Ok(path);
        }
        let _lock = self.lock(&lock_name(kind, key), what, job)?;
        let path = match self.find(kind, key) {
            // Another process made it meanwhile.
            Ok(Some((path, _))) => return Ok(path),
            Ok(None) => self.path(kind, key),
            Err(damage) => {
                job.say(format!("{what}: the copy in the cache is damaged ({damage}); making it again"));
                self.remove(kind, key)?;
                self.path(kind, key)
            }
        };
        self.sweep();
        let building = self.temporary()?;
        let checked = make(building.path())?;
        manifest::write(building.path(), what, &checked).map_err(Error::from)?;
        let place = self.root.join(kind.name());
        fs::create_dir_all(&place).at("make the directory", &place).map_err(Error::from)?;
        fs::rename(building.path(), &path).at("move into place", &path).map_err(Error::from)?;
        Ok(path)
    }

    /// Marks an entry as used just now, where it is used without being asked for.
    pub(crate) fn touch(&self, entry: &Path) {
        manifest::touch(entry);
    }

    /// A small record under `answers/`: what was found out once; `None` where it is not there or cannot be read.
    pub(crate) fn answer<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        serde_json::from_slice(&fs::read(self.answer_path(name)).ok()?).ok()
    }

    /// Writes such a record, whole or not at all.
    pub(crate) fn set_answer<T: Serialize>(&self, name: &str, answer: &T) -> Result<(), Error> {
        let path = self.answer_path(name);
        let draft = self.temporary()?;
        let text = serde_json::to_vec(answer).map_err(std::io::Error::from).at("write", &path)?;
        fs::write(draft.path().join("answer"), text).at("write", &path)?;
        fs::create_dir_all(path.with_file_name("")).at("make the directory of", &path)?;
        Ok(fs::rename(draft.path().join("answer"), &path).at("write", &path)?)
    }

    fn answer_path(&self, name: &str) -> PathBuf {
        self.root.join("answers").join(format!("{name}.json"))
    }

    /// A workplace and its lock; the directory is made if need be. Nobody else is in it while the lock is held.
    pub(crate) fn workplace(&self, kind: Kind, key: &str, what: &str, job: &Job) -> Result<(PathBuf, File), Error> {
        let lock = self.lock(&lock_name(kind, key), what, job)?;
        let path = self.path(kind, key);
        fs::create_dir_all(&path).at("make the directory", &path)?;
        // Says when it was used last; on a read-only filesystem nothing is pruned anyway.
        File::open(&path).and_then(|directory| directory.set_modified(SystemTime::now())).unwrap_or_default();
        Ok((path, lock))
    }

    /// Where files without a name can be made on the cache's filesystem.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.root.join("tmp")
    }

    /// A directory of its own on the cache's filesystem; removed when dropped, unless it was renamed away.
    pub(crate) fn temporary(&self) -> Result<Temporary, Error> {
        let place = self.scratch();
        let directory =
            tempfile::Builder::new().prefix("making-").tempdir_in(&place).at("make a directory in", &place)?;
        let lock = File::open(directory.path()).at("open", directory.path())?;
        lock.try_lock().map_err(std::io::Error::from).at("lock", directory.path())?;
        Ok(Temporary { directory, _lock: lock })
    }

    /// Removes what killed processes left half made: their locks ended with them. What cannot be removed now can be later.
    fn sweep(&self) {
        for (_, path) in entries(&self.scratch()).unwrap_or_default() {
            let orphan = File::open(&path).is_ok_and(|directory| directory.try_lock().is_ok());
            if orphan && is_older(&path, UNLOCKED_AGE) {
                fs::remove_dir_all(&path).unwrap_or_default();
            }
        }
    }

    /// The lock of this name; released when the file is dropped, so also when the process dies.
    pub(crate) fn lock(&self, name: &str, what: &str, job: &Job) -> Result<File, Error> {
        let path = self.root.join("locks").join(format!("{name}.lock"));
        let file = File::options().create(true).truncate(false).write(true).open(&path).at("open", &path)?;
        let end = Instant::now() + LOCK_DEADLINE;
        let mut said = false;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::Error(cause)) => return Err(FileError { action: "lock", path, cause }.into()),
                Err(TryLockError::WouldBlock) if Instant::now() > end => {
                    return Err(Error::Locked { what: what.to_owned(), lock: path, seconds: LOCK_DEADLINE.as_secs() });
                }
                Err(TryLockError::WouldBlock) => {}
            }
            if !said {
                job.say(format!("{what}: another process is at it; waiting"));
                said = true;
            }
            job.check()?;
            std::thread::sleep(LOCK_RETRY);
        }
    }

    /// Moves the entry away first: nobody sees half of one.
    fn remove(&self, kind: Kind, key: &str) -> Result<(), Error> {
        let path = self.path(kind, key);
        let away = self.temporary()?;
        fs::rename(&path, away.path().join("removed")).at("remove", &path)?;
        Ok(away.directory.close().at("remove", &path)?)
    }
}

/// A directory under `tmp/`, locked for as long as its maker lives.
#[derive(Debug)]
pub(crate) struct Temporary {
    directory: tempfile::TempDir,
    _lock: File,
}

impl Temporary {
    /// Its path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

/// The name of the lock of an entry or a workplace.
fn lock_name(kind: Kind, key: &str) -> String {
    format!("{}-{key}", kind.name())
}

/// Whether a file was last changed so long ago.
fn is_older(path: &Path, age: Duration) -> bool {
    let changed = path.metadata().and_then(|file| file.modified());
    changed.is_ok_and(|changed| SystemTime::now().duration_since(changed).unwrap_or_default() >= age)
}

/// The directories in a directory, sorted; none where it is not there.
fn entries(directory: &Path) -> Result<Vec<(String, PathBuf)>, Error> {
    let mut found = Vec::new();
    if directory.is_dir() {
        for entry in fs::read_dir(directory).at("list", directory)? {
            let path = entry.at("list", directory)?.path();
            if let (true, Some(name)) = (path.is_dir(), path.file_name().and_then(|name| name.to_str())) {
                found.push((name.to_owned(), path));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The XDG Base Directory Specification: relative paths are ignored.
fn default_root(variable: impl Fn(&str) -> Option<PathBuf>) -> Option<PathBuf> {
    let absolute = |name| variable(name).filter(|path: &PathBuf| path.is_absolute());
    let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")))?;
    Some(base.join("oomph"))
}

/// A name that can be part of a path: what could not be is replaced by `_`.
pub(crate) fn path_safe(name: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
    let name: String = name.chars().take(160).map(|c| if safe(c) { c } else { '_' }).collect();
    if name.starts_with('.') { format!("_{name}") } else { name }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    fn make(counter: &AtomicUsize) -> impl Fn(&Path) -> Result<Vec<PathBuf>, Error> {
        move |directory| {
            counter.fetch_add(1, Relaxed);
            fs::create_dir(directory.join("boot")).unwrap();
            fs::write(directory.join("boot/image"), b"image").unwrap();
            fs::write(directory.join("other"), b"other").unwrap();
            Ok(vec![PathBuf::from("boot/image")])
        }
    }

    #[test]
    fn an_entry_is_made_once_and_again_when_damaged() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let made = AtomicUsize::new(0);
        let get = || cache.entry(Kind::Kernels, "k", "a kernel", &Job::silent(), make(&made)).unwrap();
        let path = get();
        assert_eq!((get(), made.load(Relaxed)), (path.clone(), 1));
        fs::write(path.join("boot/image"), b"IMAGE").unwrap();
        let damage = cache.find(Kind::Kernels, "k").unwrap_err();
        assert_eq!(damage, "boot/image: its content has changed");
        get();
        assert_eq!((fs::read(path.join("boot/image")).unwrap(), made.load(Relaxed)), (b"image".to_vec(), 2));
        fs::write(path.join("other"), b"longer").unwrap();
        assert_eq!(cache.find(Kind::Kernels, "k").unwrap_err(), "other: 6 bytes instead of 5");
        get();
        fs::remove_file(path.join("other")).unwrap();
        get();
        assert_eq!(made.load(Relaxed), 4);
        assert_eq!(fs::read_dir(place.path().join("tmp")).unwrap().count(), 0, "nothing is left half made");
    }

    #[test]
    fn what_fails_to_be_made_leaves_nothing() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let fails = |directory: &Path| {
            fs::write(directory.join("half"), b"").unwrap();
            Err(Error::Debian("no".into()))
        };
        assert!(cache.entry(Kind::Disks, "d", "a disk", &Job::silent(), fails).is_err());
        assert_eq!(cache.find(Kind::Disks, "d"), Ok(None));
        assert_eq!(fs::read_dir(place.path().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn many_who_want_one_entry_make_it_once() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let made = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| cache.entry(Kind::Disks, "d", "a disk", &Job::silent(), make(&made)).unwrap());
            }
        });
        assert_eq!(made.load(Relaxed), 1);
    }

    #[test]
    fn what_a_killed_process_left_is_swept_away() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let alive = cache.temporary().unwrap();
        let (dead, young) = (place.path().join("tmp/making-dead"), place.path().join("tmp/making-young"));
        fs::create_dir(&dead).unwrap();
        fs::create_dir(&young).unwrap();
        let old = SystemTime::now() - Duration::from_secs(3600);
        for path in [alive.path(), &dead] {
            File::open(path).unwrap().set_modified(old).unwrap();
        }
        cache.entry(Kind::Disks, "d", "a disk", &Job::silent(), make(&AtomicUsize::new(0))).unwrap();
        assert_eq!((alive.path().exists(), dead.exists(), young.exists()), (true, false, true));
    }

    #[test]
    fn the_root_follows_the_specification() {
        let root = |xdg: Option<&str>, home: Option<&str>| {
            default_root(|name| if name == "HOME" { home } else { xdg }.map(PathBuf::from))
        };
        assert_eq!(root(Some("/x"), Some("/h")), Some("/x/oomph".into()));
        assert_eq!(root(Some("x"), Some("/h")), Some("/h/.cache/oomph".into()));
        assert_eq!(root(None, None), None);
    }

    #[test]
    fn keys_stay_in_their_directory() {
        assert_eq!(path_safe("linux_6.1.1-1+b1"), "linux_6.1.1-1+b1");
        assert_eq!(path_safe("../a:b/c"), "_.._a_b_c");
    }
}
