//! The work tree: our own copy of a source, in which patches are.
//! Lives here: what is in it, bringing it to another state by writing only files that differ.
//! May not live here: what it should be, or where content comes from (`content`).
//!
//! `state` lists what lies in `tree/`. Before a change `journal` lists what will be touched, so that whatever a killed process
//! did or did not do is found and mended by the next. Files are written under `new/` and renamed: none is ever half there.

use super::content::Content;
use super::index::{self, Index, Kind, Record, Stamp};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs;
use std::io::ErrorKind::{IsADirectory, NotADirectory, NotFound};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// So many files take long enough to be told.
const MANY: usize = 1000;

/// What patches make of files: kind and content, or nothing where they delete one.
pub type Overlay = BTreeMap<String, Option<(Kind, Vec<u8>)>>;

/// A work tree.
#[derive(Debug)]
pub struct Work {
    place: PathBuf,
    state: Index,
    /// Paths whose file is not, or may not be, what `state` says.
    stale: BTreeSet<String>,
}

impl Work {
    /// The work tree at a place that this process has the lock of.
    pub fn open(place: &Path, job: &Job) -> Result<Self, Error> {
        let mut work = Self { place: place.to_owned(), state: Index::default(), stale: BTreeSet::new() };
        let drafts = work.place.join("new");
        if drafts.exists() {
            fs::remove_dir_all(&drafts).at("remove", &drafts)?;
        }
        match Index::read(&work.place.join("state")) {
            Some(state) => work.state = state,
            None if work.directory().exists() => {
                let directory = work.directory();
                fs::remove_dir_all(&directory).at("remove", &directory)?;
            }
            None => {}
        }
        work.find_stale(job)?;
        let journal = fs::read_to_string(work.journal()).unwrap_or_default();
        for path in journal.split('\0').filter(|path| !path.is_empty() && !work.state.files.contains_key(*path)) {
            work.stale.insert(path.to_owned());
        }
        Ok(work)
    }

    /// Where the files are.
    pub fn directory(&self) -> PathBuf {
        self.place.join("tree")
    }

    fn journal(&self) -> PathBuf {
        self.place.join("journal")
    }

    /// What lies in it as it should.
    pub fn state(&self) -> &Index {
        &self.state
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.state.files.is_empty() && self.stale.is_empty()
    }

    /// Paths of which it is not known what lies there.
    pub fn stale(&self) -> &BTreeSet<String> {
        &self.stale
    }

    fn find_stale(&mut self, job: &Job) -> Result<(), Error> {
        let directory = self.directory();
        let paths: Vec<&str> = self.state.files.keys().map(String::as_str).collect();
        let seen = index::look(&directory, &paths);
        let mut doubtful = Vec::new();
        for ((path, record), seen) in self.state.files.iter().zip(&seen) {
            match seen {
                Some((kind, stamp)) if *kind == record.kind && *stamp == record.stamp => {}
                // A copy of the cache, or one that was restored, has other times.
                Some((kind, stamp)) if *kind == record.kind && stamp.size == record.stamp.size => {
                    doubtful.push((path.clone(), *kind, *stamp));
                }
                _ => {
                    self.stale.insert(path.clone());
                }
            }
        }
        let files: Vec<(&str, Kind)> = doubtful.iter().map(|(path, kind, _)| (path.as_str(), *kind)).collect();
        let hashes = index::hash_all(&directory, &files, job)?;
        for ((path, _, stamp), hash) in doubtful.iter().zip(hashes) {
            match self.state.files.get_mut(path) {
                Some(record) if record.hash == hash => record.stamp = *stamp,
                _ => {
                    self.stale.insert(path.clone());
                }
            }
        }
        if !doubtful.is_empty() {
            self.state.write(&self.place.join("state"))?;
        }
        Ok(())
    }

    /// Takes a directory as its content, by renaming it. The tree must be empty.
    pub fn adopt(&mut self, directory: &Path, files: &Index) -> Result<(), Error> {
        let target = self.directory();
        if target.exists() {
            fs::remove_dir_all(&target).at("remove", &target)?;
        }
        fs::rename(directory, &target).at("move into place", &target)?;
        self.state = files.clone();
        Ok(self.state.write(&self.place.join("state"))?)
    }

    /// Brings it to what `base` with `overlay` says. Files that are so already are not touched.
    pub fn sync(&mut self, base: &Index, overlay: &Overlay, content: &Content, job: &Job) -> Result<(), Error> {
        let named: BTreeMap<&str, Record> = overlay
            .iter()
            .filter_map(|(path, file)| {
                let (kind, content) = file.as_ref()?;
                let hash = index::hash(content);
                let record = Record { kind: *kind, id: hash.clone(), hash, stamp: Stamp::default() };
                Some((path.as_str(), record))
            })
            .collect();
        let of_base = base.files.iter().filter(|(path, _)| !overlay.contains_key(*path));
        let wanted: BTreeMap<&str, &Record> = of_base
            .map(|(path, record)| (path.as_str(), record))
            .chain(named.iter().map(|(path, file)| (*path, file)))
            .collect();
        let is_so = |path: &str, record: &Record| {
            let same = |known: &Record| known.kind == record.kind && known.id == record.id;
            self.state.files.get(path).is_some_and(same) && !self.stale.contains(path)
        };
        let here = self.state.files.keys().chain(&self.stale);
        let gone: BTreeSet<String> = here.filter(|path| !wanted.contains_key(path.as_str())).cloned().collect();
        let (of_patches, of_base): (Vec<_>, Vec<_>) = wanted
            .iter()
            .map(|(path, record)| (*path, *record))
            .filter(|(path, record)| !is_so(path, record))
            .partition(|(path, _)| named.contains_key(path));
        let about = (&base.id, &base.describe, &base.commit);
        let same_about = about == (&self.state.id, &self.state.describe, &self.state.commit);
        if gone.is_empty() && of_patches.is_empty() && of_base.is_empty() && same_about {
            return self.remove_journal();
        }
        self.write_journal(
            gone.iter().map(String::as_str).chain(of_patches.iter().chain(&of_base).map(|(path, _)| *path)),
        )?;
        self.remove(&gone)?;
        let mut writer = Writer::new(&self.place)?;
        if of_base.len() > MANY {
            job.say(format!("copying {} files of {}", of_base.len(), base.describe));
        }
        content.each(&of_base, job, |path, record, content| writer.write(path, record, &content))?;
        for (path, record) in of_patches {
            if let Some(Some((_, content))) = overlay.get(path) {
                writer.write(path, record, content)?;
            }
        }
        for path in gone {
            self.state.files.remove(&path);
        }
        self.state.files.append(&mut writer.written);
        (self.state.id, self.state.describe, self.state.commit) =
            (base.id.clone(), base.describe.clone(), base.commit.clone());
        self.state.write(&self.place.join("state"))?;
        self.stale.clear();
        self.remove_journal()
    }

    fn remove_journal(&self) -> Result<(), Error> {
        let journal = self.journal();
        match fs::remove_file(&journal) {
            Err(cause) if cause.kind() != NotFound => Ok(Err(cause).at("remove", &journal)?),
            _ => Ok(()),
        }
    }

    fn write_journal<'a>(&self, paths: impl Iterator<Item = &'a str>) -> Result<(), Error> {
        let mut all: BTreeSet<&str> = paths.collect();
        // What an earlier journal listed may still lie about.
        all.extend(self.stale.iter().map(String::as_str));
        let journal = self.journal();
        let text = all.into_iter().collect::<Vec<_>>().join("\0");
        Ok(fs::write(&journal, text).at("write", &journal)?)
    }

    /// Removes files, and directories that are empty then.
    fn remove(&self, gone: &BTreeSet<String>) -> Result<(), Error> {
        let directory = self.directory();
        for path in gone {
            let file = directory.join(path);
            match fs::remove_file(&file) {
                // What was to become a directory may be one already, after a process that was killed.
                Err(cause) if !matches!(cause.kind(), NotFound | NotADirectory | IsADirectory) => {
                    return Err(cause).at("remove", &file)?;
                }
                _ => {}
            }
            // The first that is not empty ends it.
            let above = Path::new(path).ancestors().skip(1).filter(|above| !above.as_os_str().is_empty());
            above.map(|above| directory.join(above)).take_while(|above| fs::remove_dir(above).is_ok()).for_each(drop);
        }
        Ok(())
    }
}

/// Writes files into the tree, each in one step.
struct Writer {
    tree: PathBuf,
    draft: PathBuf,
    last: PathBuf,
    written: BTreeMap<String, Record>,
}

impl Writer {
    fn new(place: &Path) -> Result<Self, Error> {
        let drafts = place.join("new");
        fs::create_dir_all(&drafts).at("make the directory", &drafts)?;
        Ok(Self {
            tree: place.join("tree"),
            draft: drafts.join("file"),
            last: PathBuf::new(),
            written: BTreeMap::new(),
        })
    }

    fn write(&mut self, path: &str, record: &Record, content: &[u8]) -> Result<(), Error> {
        let target = self.tree.join(path);
        let parent = target.parent().unwrap_or(&self.tree);
        if parent != self.last {
            fs::create_dir_all(parent).at("make the directory", parent)?;
            self.last = parent.to_owned();
        }
        put(&self.draft, record.kind, content)?;
        if target.is_dir() && !target.is_symlink() {
            // Where a file stands now there was a directory, with files in it that are not ours.
            fs::remove_dir_all(&target).at("remove", &target)?;
        }
        fs::rename(&self.draft, &target).at("write", &target)?;
        let (_, stamp) = index::look_at(&target).ok_or(NotFound).map_err(Into::into).at("look at", &target)?;
        let hash = index::hash(content);
        self.written.insert(path.to_owned(), Record { kind: record.kind, id: record.id.clone(), hash, stamp });
        Ok(())
    }
}

/// Makes a file or a link.
pub fn put(path: &Path, kind: Kind, content: &[u8]) -> Result<(), Error> {
    if kind == Kind::Link {
        return Ok(std::os::unix::fs::symlink(OsStr::from_bytes(content), path).at("make the link", path)?);
    }
    fs::write(path, content).at("write", path)?;
    let mode = if kind == Kind::Program { 0o755 } else { 0o644 };
    Ok(fs::set_permissions(path, fs::Permissions::from_mode(mode)).at("set the mode of", path)?)
}

#[cfg(test)]
mod tests;
