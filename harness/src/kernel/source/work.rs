//! The build directory of a source tree.
//! Lives here: its place and lock, how far the last build in it came, what a killed one left half written.
//! May not live here: running make.
//!
//! There is one for each source tree, whatever is configured: kbuild compiles anew just what another patch, ref or option
//! changes. It is good to go on from after every end of make that make itself saw. After one that it did not see (a
//! SIGKILL, a crash of the host), what make had begun is removed: kbuild writes `.TARGET.cmd` when a target is whole
//! (scripts/Kbuild.include, `if_changed`), so a target that is newer than its .cmd may not be.

use crate::kernel::error::At;
use crate::kernel::job::Job;
use crate::kernel::{Cache, Error, Kind, manifest};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// How far the last build came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct State {
    /// A make is at work, or was when the harness was killed.
    running: bool,
    /// Files compiled since the directory was empty.
    compiled: u64,
    /// Whether a build has come to its end since.
    complete: bool,
}

/// A build directory, locked.
#[derive(Debug)]
pub(super) struct Work {
    path: PathBuf,
    state: State,
    _lock: File,
}

impl Work {
    /// The build directory of the source tree of this name.
    pub fn open(cache: &Cache, tree: &str, what: &str, job: &Job) -> Result<Self, Error> {
        let (path, lock) = cache.workplace(Kind::BuildTrees, tree, what, job)?;
        let mut work = Self { path, state: State::default(), _lock: lock };
        let output = work.output();
        if output.is_dir() {
            // A record that cannot be read is one that was cut off.
            let text = fs::read(work.state_path());
            let lost = State { running: true, ..State::default() };
            work.state = text.ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or(lost);
        }
        if work.state.running {
            let removed = remove_unfinished(&output)?;
            job.say(format!("{what}: the last build was cut off; {removed} files of it may be cut off too and go"));
            // What it compiled was not counted.
            work.state = State { running: false, compiled: 0, complete: true };
            work.save()?;
        }
        Ok(work)
    }

    /// `O=`.
    pub fn output(&self) -> PathBuf {
        self.path.join("output")
    }

    /// Where make's output goes.
    pub fn log(&self) -> PathBuf {
        self.path.join("make.log")
    }

    /// Whether nothing was compiled in it.
    pub fn is_empty(&self) -> bool {
        self.state == State::default()
    }

    /// How many files are left to compile of `all` that a build from nothing compiles; `None` where that cannot be known.
    pub fn left(&self, all: Option<u64>) -> Option<u64> {
        if self.state.complete { None } else { all?.checked_sub(self.state.compiled) }
    }

    /// A make begins.
    pub fn begin(&mut self) -> Result<(), Error> {
        self.state.running = true;
        self.save()
    }

    /// It ended, after compiling so many files; how many files a build from nothing compiles, if it was one.
    pub fn end(&mut self, compiled: u64, complete: bool) -> Result<Option<u64>, Error> {
        let first = !self.state.complete;
        let compiled = self.state.compiled + compiled;
        self.state = State { running: false, compiled, complete: complete || self.state.complete };
        self.save()?;
        Ok((first && complete).then_some(compiled))
    }

    fn state_path(&self) -> PathBuf {
        self.path.join("state.json")
    }

    fn save(&self) -> Result<(), Error> {
        let (path, draft) = (self.state_path(), self.path.join("state.json.new"));
        let text = serde_json::to_vec(&self.state).map_err(io::Error::from).at("write", &path)?;
        fs::write(&draft, text).at("write", &draft)?;
        Ok(fs::rename(&draft, &path).at("write", &path)?)
    }
}

/// Removes targets that are newer than the files that say they are whole, or have an empty one; how many.
fn remove_unfinished(output: &Path) -> Result<usize, Error> {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let mut removed = 0;
    for command in manifest::files_below(output)? {
        let name = command.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let Some(target) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".cmd")) else { continue };
        let command = output.join(&command);
        let target = command.with_file_name(target);
        let empty = command.metadata().is_ok_and(|file| file.len() == 0);
        if target.is_file() && (empty || changed(&target) > changed(&command)) {
            fs::remove_file(&target).at("remove", &target)?;
            removed += 1;
        }
    }
    Ok(removed)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    fn open(cache: &Cache) -> Work {
        Work::open(cache, "tree", "a tree", &Job::silent()).unwrap()
    }

    #[test]
    fn what_is_left_is_known_until_a_build_is_complete() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let mut work = open(&cache);
        assert!(work.is_empty());
        assert_eq!((work.left(None), work.left(Some(100))), (None, Some(100)));
        work.begin().unwrap();
        fs::create_dir_all(work.output()).unwrap();
        assert_eq!(work.end(30, false).unwrap(), None);
        drop(work);
        let mut work = open(&cache);
        assert_eq!((work.is_empty(), work.left(Some(100))), (false, Some(70)));
        work.begin().unwrap();
        assert_eq!(work.end(71, true).unwrap(), Some(101));
        assert_eq!(work.left(Some(101)), None);
        assert_eq!(work.end(3, true).unwrap(), None, "an incremental build is no measure");
    }

    #[test]
    fn what_a_killed_make_had_begun_is_made_again() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let mut work = open(&cache);
        work.begin().unwrap();
        let directory = work.output().join("mm");
        fs::create_dir_all(&directory).unwrap();
        let now = SystemTime::now();
        let write = |name: &str, text: &str, seconds: u64| {
            let path = directory.join(name);
            fs::write(&path, text).unwrap();
            File::options().write(true).open(&path).unwrap().set_modified(now + Duration::from_secs(seconds)).unwrap();
        };
        for (name, target, command) in [("whole", 1, 1), ("half", 2, 1), ("other", 1, 2)] {
            write(&format!("{name}.o"), "x", target);
            write(&format!(".{name}.o.cmd"), "x", command);
        }
        write("empty.o", "x", 1);
        write(".empty.o.cmd", "", 1);
        write("plain.h", "x", 9);
        drop(work);
        let work = open(&cache);
        let mut left: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        left.retain(|name| !name.to_string_lossy().starts_with('.'));
        left.sort();
        assert_eq!(left, ["other.o", "plain.h", "whole.o"]);
        assert_eq!(work.left(Some(10)), None);
    }
}
