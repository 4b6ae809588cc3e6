//! Keeping the cache small.
//! Lives here: which entries and workplaces go, least recently used first, and their removal.
//! May not live here: making entries, or when they are used.

use super::{Cache, Kind, entries, lock_name};
use crate::kernel::error::{At, Error};
use crate::kernel::manifest;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What was used within this time may be in use without a lock: a run reads its entries when it begins.
const IN_USE: Duration = Duration::from_secs(10 * 60);

/// What may stay in a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What was not used for this long goes.
    pub older_than: Option<Duration>,
    /// Where all is larger than this many bytes, what was not used for longest goes.
    pub max_size: Option<u64>,
    /// What is looked at.
    pub kinds: &'static [Kind],
    /// Whether to say only what would go.
    pub dry_run: bool,
}

impl Limits {
    /// Size of a cache, in bytes, that is kept to without being asked: two source trees with debug information built from
    /// each, and some dozen kernels.
    pub const DEFAULT_SIZE: u64 = 20 << 30;
}

/// What [`Cache::prune`] removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pruned {
    /// What it was.
    pub kind: Kind,
    /// Its key.
    pub key: String,
    /// Its size in bytes.
    pub size: u64,
    /// When it was used last, in seconds since 1970.
    pub used: u64,
}

/// What there is.
#[derive(Debug)]
struct Item {
    pruned: Pruned,
    path: PathBuf,
    /// Without a manifest it can never be used.
    broken: bool,
}

impl Cache {
    /// Removes what is beyond the limits, and what killed processes left half made. What is being made, is worked in or
    /// was used in the last ten minutes stays, also where the cache remains too large.
    ///
    /// # Errors
    /// Where the cache cannot be read, or something in it not be removed.
    pub fn prune(&self, limits: Limits) -> Result<Vec<Pruned>, Error> {
        let mut pruned = Vec::new();
        let mut items = self.items()?;
        items.retain(|item| limits.kinds.contains(&item.pruned.kind));
        let mut size: u64 = items.iter().map(|item| item.pruned.size).sum();
        items.sort_by_key(|item| item.pruned.used);
        for item in items {
            let old = limits.older_than.is_some_and(|age| is_unused(&item, age));
            let large = limits.max_size.is_some_and(|max| size > max);
            if (item.broken || old || large) && self.prune_one(&item, limits.dry_run)? {
                size -= item.pruned.size;
                pruned.push(item.pruned);
            }
        }
        if !limits.dry_run {
            self.sweep();
        }
        Ok(pruned)
    }

    /// Sizes by kind, in bytes.
    ///
    /// # Errors
    /// Where the cache cannot be read.
    pub fn sizes(&self) -> Result<BTreeMap<Kind, u64>, Error> {
        let mut sizes = BTreeMap::new();
        for item in self.items()? {
            *sizes.entry(item.pruned.kind).or_default() += item.pruned.size;
        }
        Ok(sizes)
    }

    fn items(&self) -> Result<Vec<Item>, Error> {
        let mut items = Vec::new();
        for kind in Kind::ALL {
            for (key, path) in entries(&self.root.join(kind.name()))? {
                let manifest = if kind.is_workplace() { None } else { manifest::read(&path).ok() };
                let size = match &manifest {
                    Some(manifest) => manifest.size(),
                    None => size_of(&path),
                };
                let broken = manifest.is_none() && !kind.is_workplace();
                let used = used(kind, &path);
                items.push(Item { pruned: Pruned { kind, key, size, used }, path, broken });
            }
        }
        Ok(items)
    }

    /// Removes one if nobody is at it.
    fn prune_one(&self, item: &Item, dry_run: bool) -> Result<bool, Error> {
        let Pruned { kind, key, .. } = &item.pruned;
        let lock = self.root.join("locks").join(format!("{}.lock", lock_name(*kind, key)));
        let file = File::options().create(true).truncate(false).write(true).open(&lock).at("open", &lock)?;
        let free = file.try_lock().is_ok();
        // Looked at anew under the lock.
        let used = used(*kind, &item.path);
        let in_use = !item.broken && since(used) < IN_USE;
        if !free || in_use || used != item.pruned.used {
            return Ok(false);
        }
        if !dry_run {
            self.remove(*kind, key)?;
        }
        Ok(true)
    }
}

fn is_unused(item: &Item, age: Duration) -> bool {
    since(item.pruned.used) >= age
}

fn since(used: u64) -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now.saturating_sub(Duration::from_secs(used))
}

/// When it was used last: an entry's manifest and a workplace itself are touched on each use.
fn used(kind: Kind, path: &Path) -> u64 {
    let mark = if kind.is_workplace() { path.to_owned() } else { path.join(manifest::NAME) };
    let changed = mark.metadata().or_else(|_| path.metadata()).and_then(|file| file.modified());
    changed.ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok()).map_or(0, |since| since.as_secs())
}

/// What a directory takes on disk, in bytes; what cannot be read or goes meanwhile counts nothing.
fn size_of(directory: &Path) -> u64 {
    let mut size = 0;
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).into_iter().flatten().flatten() {
            let Ok(found) = entry.metadata() else { continue };
            if found.is_dir() {
                open.push(entry.path());
            }
            size += found.blocks() * 512;
        }
    }
    size
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::job::Job;
    use std::time::Instant;

    const HOUR: u64 = 3600;

    struct Fixture {
        _place: tempfile::TempDir,
        cache: Cache,
    }

    impl Fixture {
        fn new() -> Self {
            let place = tempfile::tempdir().unwrap();
            let cache = Cache::open(Some(place.path())).unwrap();
            Self { _place: place, cache }
        }

        /// An entry of ten bytes.
        fn entry(&self, key: &str, hours_ago: u64) {
            let make = |directory: &Path| {
                fs::write(directory.join("file"), b"0123456789").unwrap();
                Ok::<_, Error>(vec![])
            };
            let path = self.cache.entry(Kind::Disks, key, "a disk", &Job::silent(), make).unwrap();
            age(&path.join(manifest::NAME), hours_ago);
        }

        fn workplace(&self, key: &str, hours_ago: u64) -> File {
            let (path, lock) = self.cache.workplace(Kind::BuildTrees, key, "a tree", &Job::silent()).unwrap();
            fs::create_dir_all(path.join("below")).unwrap();
            fs::write(path.join("below/file"), vec![1; 100_000]).unwrap();
            age(&path, hours_ago);
            lock
        }

        fn prune(&self, hours: Option<u64>, max_size: Option<u64>, dry_run: bool) -> Vec<String> {
            let older_than = hours.map(|hours| Duration::from_secs(hours * HOUR));
            let pruned = self.cache.prune(Limits { older_than, max_size, kinds: &Kind::ALL, dry_run }).unwrap();
            pruned.into_iter().map(|pruned| pruned.key).collect()
        }
    }

    fn age(path: &Path, hours: u64) {
        File::open(path).unwrap().set_modified(SystemTime::now() - Duration::from_secs(hours * HOUR)).unwrap();
    }

    #[test]
    fn what_is_old_goes_unless_somebody_is_at_it() {
        let f = Fixture::new();
        f.entry("new", 1);
        f.entry("old", 3);
        f.entry("locked", 3);
        let lock = f.cache.lock("disks-locked", "a disk", &Job::silent()).unwrap();
        drop(f.workplace("left", 4));
        let at_work = f.workplace("worked-in", 4);
        assert_eq!(f.prune(Some(2), None, true), ["left", "old"]);
        assert_eq!(f.prune(Some(2), None, false), ["left", "old"]);
        assert_eq!(f.prune(Some(2), None, false), [""; 0]);
        drop((lock, at_work));
        // A child that another test has just forked holds the locks as well, until it is another program.
        let deadline = Instant::now() + Duration::from_secs(60);
        let mut gone = Vec::new();
        while gone.len() < 2 && Instant::now() < deadline {
            gone.extend(f.prune(Some(2), None, false));
        }
        gone.sort();
        assert_eq!(gone, ["locked", "worked-in"]);
        assert!(f.cache.find(Kind::Disks, "new").unwrap().is_some());
        assert_eq!(fs::read_dir(f.cache.root().join("tmp")).unwrap().count(), 0);
    }

    #[test]
    fn what_was_used_longest_ago_makes_room() {
        let f = Fixture::new();
        for (key, hours) in [("c", 1), ("a", 3), ("b", 2), ("now", 0)] {
            f.entry(key, hours);
        }
        assert_eq!(f.prune(None, Some(40), false), [""; 0]);
        assert_eq!(f.prune(None, Some(25), false), ["a", "b"]);
        assert_eq!(f.prune(None, Some(0), false), ["c"], "what was just used stays");
        assert_eq!(f.cache.sizes().unwrap()[&Kind::Disks], 10);
    }

    #[test]
    fn what_is_of_another_kind_stays() {
        let f = Fixture::new();
        f.entry("old", 3);
        drop(f.workplace("left", 4));
        let limits = Limits { older_than: Some(Duration::ZERO), max_size: None, kinds: &[Kind::Disks], dry_run: false };
        let pruned = f.cache.prune(limits).unwrap();
        assert_eq!(pruned.iter().map(|pruned| pruned.kind).collect::<Vec<_>>(), [Kind::Disks]);
    }

    #[test]
    fn a_workplace_counts_what_it_takes_on_disk() {
        let f = Fixture::new();
        drop(f.workplace("w", 0));
        assert!((100_000..200_000).contains(&f.cache.sizes().unwrap()[&Kind::BuildTrees]));
    }

    #[test]
    fn what_has_no_manifest_goes_at_once() {
        let f = Fixture::new();
        fs::create_dir_all(f.cache.path(Kind::Kernels, "broken")).unwrap();
        assert_eq!(f.prune(None, None, false), ["broken"]);
    }
}
