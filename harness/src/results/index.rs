//! An index of a folder of results, so that a list of thousands reads one file in place of each.
//! Lives here: what a list needs of a run; the file `.index`: when an entry of it may be believed, and how it is replaced.
//! May not live here: which runs are listed (`query`), or printing.
//!
//! The index is only ever a short cut. An entry counts as long as the run.json that it was made of is the same file, unchanged,
//! by inode, size and both times; all else is read anew. The file may go at any time, and whatever is wrong with it (another
//! version, a byte that is off, no right to read or write it) costs time and nothing else.

use super::list::{Broken, folders, holds_results, load};
use super::run_json::RunJson;
use super::store::file;
use crate::event::Reason;
use crate::scenario::{Mechanism, Outcome};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Its name in the folder of results; lists pass over names that begin with a dot.
const NAME: &str = ".index";
/// Its name while it is written. Whoever makes this file writes; whoever finds it there goes without.
const NEW: &str = ".index.new";
/// Version of [`Entry`] and of what its fields mean.
const VERSION: u32 = 1;
/// Longest index that is read, in bytes: a million runs.
const MAX_BYTES: u64 = 512 << 20;
/// Fewer results than this are read as quickly as found in an index, and get none.
const WORTH: usize = 200;
/// What changed so short a time ago may change again within what the filesystem's clock tells apart: it is not kept.
const SETTLED: Duration = Duration::from_secs(2);
/// A new index that nobody finished within this time never will be.
const ABANDONED: Duration = Duration::from_secs(60);

/// What a list needs of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Listed {
    /// The result folder. In the index: relative to the folder of results.
    pub folder: PathBuf,
    /// The scenario's name.
    pub scenario: String,
    /// The kernel's name.
    pub kernel: String,
    /// `uname -r` of the kernel; empty where it is not known.
    pub release: String,
    /// What became of the guest; `None` when the run was inconclusive.
    pub outcome: Option<Outcome>,
    /// Why it hung.
    pub mechanism: Option<Mechanism>,
    /// Why there is no outcome.
    pub inconclusive: Option<Reason>,
    /// Whether all was as the scenario expects.
    pub expected: bool,
    /// Kills that count.
    pub kills: usize,
    /// The longest time that a required probe was outstanding, in seconds of fair time.
    pub max_stall_s: f64,
    /// The whole run in wall time, in seconds.
    pub duration_s: f64,
    /// When it began.
    pub started: Timestamp,
    /// Of the run.json that this was read from.
    pub stamp: Stamp,
}

impl Listed {
    fn of(run: RunJson, stamp: Stamp) -> Self {
        Self {
            kills: run.counted_kills(),
            folder: run.result.unwrap_or_default(),
            scenario: run.scenario,
            kernel: run.kernel,
            release: run.kernel_identity.release,
            outcome: run.outcome,
            mechanism: run.mechanism,
            inconclusive: run.inconclusive,
            expected: run.expected,
            max_stall_s: run.max_stall_s,
            duration_s: run.duration_s,
            started: run.started,
            stamp,
        }
    }

    /// Whether an open run.json is the one that this was read from.
    pub(super) fn is_of(&self, file: &Metadata) -> bool {
        Stamp::of(file) == self.stamp
    }

    /// The outcome or `inconclusive`, as text.
    pub fn outcome_name(&self) -> &'static str {
        self.outcome.map_or("inconclusive", Outcome::name)
    }

    /// Why it hung or has no outcome, as text; empty where neither is known.
    pub fn why(&self) -> &'static str {
        self.mechanism.map(Mechanism::name).or(self.inconclusive.map(Reason::name)).unwrap_or_default()
    }
}

/// What tells that a file is the one it was. Renaming a result folder, as finishing and moving results does, changes nothing of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    inode: u64,
    bytes: u64,
    modified: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    fn of(file: &Metadata) -> Self {
        Self {
            inode: file.ino(),
            bytes: file.len(),
            modified: (file.mtime(), file.mtime_nsec()),
            changed: (file.ctime(), file.ctime_nsec()),
        }
    }

    /// Whether a change from now on would change the stamp too.
    fn is_settled(&self, now: SystemTime) -> bool {
        let Ok(now) = now.duration_since(UNIX_EPOCH) else { return false };
        let bound = now.saturating_sub(SETTLED).as_secs();
        i64::try_from(bound).is_ok_and(|bound| self.changed.0 < bound)
    }
}

/// All runs of a folder of results, in no order, and what is broken.
#[derive(Debug, Default)]
pub struct Rows {
    /// The runs.
    pub runs: Vec<Listed>,
    /// Folders that should be results and are not, by path.
    pub broken: Vec<Broken>,
}

/// Lists `ROOT/SCENARIO/RUN` as [`super::list`] does, with what a list needs of each run. Keeps an index where that is worth it; that it
/// cannot be kept (a folder that may only be read) is no error.
///
/// # Errors
/// Where the root itself cannot be read.
pub fn rows(root: &Path) -> std::io::Result<Rows> {
    rows_at(root, WORTH, SystemTime::now())
}

fn rows_at(root: &Path, worth: usize, now: SystemTime) -> std::io::Result<Rows> {
    let mut rows = Rows::default();
    let scenarios = match folders(root) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(rows),
        scenarios => scenarios?,
    };
    let mut known = read(root).unwrap_or_default();
    let (held, mut kept) = (known.len(), 0);
    for scenario in scenarios {
        let runs = match folders(&scenario) {
            Ok(runs) => runs,
            Err(error) => {
                rows.broken.push(Broken { folder: scenario, why: format!("cannot be read: {error}") });
                continue;
            }
        };
        for folder in runs {
            // Taken before the file is read: a change between the two is seen next time.
            let stamp = fs::metadata(folder.join(file::RUN)).map(|file| Stamp::of(&file)).unwrap_or_default();
            let entry = folder.strip_prefix(root).ok().and_then(|name| known.remove(name));
            match entry.filter(|entry| entry.stamp == stamp) {
                Some(entry) => {
                    kept += 1;
                    rows.runs.push(Listed { folder, ..entry });
                }
                None => match load(&folder) {
                    Ok(run) => rows.runs.push(Listed::of(run, stamp)),
                    Err(_) if holds_results(&folder) => {}
                    Err(error) => rows.broken.push(Broken { folder, why: error.to_string() }),
                },
            }
        }
    }
    rows.broken.sort_by(|a, b| a.folder.cmp(&b.folder));
    let settled = rows.runs.iter().filter(|run| run.stamp.is_settled(now)).count();
    if rows.runs.len() >= worth && (settled, held) != (kept, kept) {
        // Somebody else's turn, no space, no right: the next list is as slow as this one.
        write(root, rows.runs.iter().filter(|run| run.stamp.is_settled(now))).ok();
    }
    Ok(rows)
}

/// The first line: what it is, and the hash of all that follows.
fn head(body: &[u8]) -> String {
    format!("oomph index {VERSION} {}\n", blake3::hash(body).to_hex())
}

/// The entries by folder; `None` where there is no index, or anything is wrong with it.
fn read(root: &Path) -> Option<HashMap<PathBuf, Listed>> {
    let path = root.join(NAME);
    // A pipe of that name would keep us for ever.
    if !fs::symlink_metadata(&path).ok()?.is_file() {
        return None;
    }
    let mut bytes = Vec::new();
    File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut bytes).ok()?;
    let (first, body) = bytes.split_at_checked(memchr::memchr(b'\n', &bytes)? + 1)?;
    if first != head(body).as_bytes() {
        return None;
    }
    let entries: Vec<Listed> = serde_json::from_slice(body).ok()?;
    Some(entries.into_iter().map(|entry| (entry.folder.clone(), entry)).collect())
}

/// Replaces the index, whole or not at all.
fn write<'a>(root: &Path, runs: impl Iterator<Item = &'a Listed>) -> std::io::Result<()> {
    let relative = |run: &Listed| {
        let folder = run.folder.strip_prefix(root).ok()?;
        // JSON has no paths that are no text.
        folder.to_str()?;
        Some(Listed { folder: folder.to_owned(), ..run.clone() })
    };
    let body = serde_json::to_vec(&runs.filter_map(relative).collect::<Vec<_>>())?;
    let new = root.join(NEW);
    let mut file = match File::create_new(&new) {
        Err(error) if error.kind() == ErrorKind::AlreadyExists && is_abandoned(&new) => {
            fs::remove_file(&new)?;
            File::create_new(&new)?
        }
        made => made?,
    };
    // Not synced: what a crash leaves of it does not have its hash.
    let written = file.write_all(head(&body).as_bytes()).and_then(|()| file.write_all(&body));
    written.and_then(|()| fs::rename(&new, root.join(NAME))).inspect_err(|_| {
        fs::remove_file(&new).ok();
    })
}

fn is_abandoned(new: &Path) -> bool {
    let modified = fs::symlink_metadata(new).and_then(|file| file.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|age| age > ABANDONED))
}

#[cfg(test)]
#[path = "index_tests.rs"]
pub(super) mod tests;
