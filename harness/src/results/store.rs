//! The folder of results: a run is written beside them under a name of its own, and moved among them when it is whole.
//! Lives here: drafts, their locks, the move; names of folders and files.
//! May not live here: what is in the files.
//!
//! A draft is the folder `.tmp-X` in the root and is held by a lock on the file `.tmp-X.lock`, which the kernel
//! releases when the harness dies, however it dies. The lock file is there before the folder and goes after it; whoever
//! gets the lock of another's draft may therefore remove that draft. The move is one rename(2) within the root's
//! filesystem.

use super::run_json::{RunJson, Unsound};
use super::sink::is_full;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Names of the files in a result folder.
pub mod file {
    /// The record.
    pub const RUN: &str = "run.json";
    /// The resolved scenario.
    pub const SCENARIO: &str = "scenario.yaml";
    /// The exact QEMU command line.
    pub const COMMAND: &str = "command.txt";
    /// The guest's console.
    pub const CONSOLE: &str = "console.log";
    /// The events.
    pub const EVENTS: &str = "events.jsonl";
    /// Stacks of the guest's tasks.
    pub const STACKS: &str = "stacks.txt";
    /// A folder: files that were brought back from the guest, by their paths there.
    pub const COLLECTED: &str = "collected";
    /// The run over its time, as a picture.
    pub const TIMELINE: &str = "timeline.svg";
    /// The processors' registers at a hang, as QEMU prints them.
    pub const REGISTERS: &str = "registers.txt";
    /// Folded stacks of what was seen of the guest's tasks from outside.
    pub const FOLDED: &str = "stacks.folded";
    /// A folder: the guest's memory at a hang, for debuggers.
    pub const CORE: &str = "core";
    /// A folder: the whole guest at a hang, to go on with.
    pub const KEPT: &str = "kept";
}

/// Names of drafts begin so.
const DRAFT: &str = ".tmp-";

/// What a draft keeps free for its record, in bytes, so that a run that filled the disk can still say so.
const RESERVE: u64 = 512 << 10;

/// Tries at a name that nobody has.
const TRIES: u32 = 16;

/// Longest name of a scenario or kernel in bytes.
const MAX_NAME: usize = 100;

/// Why a result cannot be kept. Results that are there already are never touched.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A name that is no plain folder name.
    #[error(
        "{what} name {name:?} cannot name a folder of results: expected 1 to {MAX_NAME} of a-z A-Z 0-9 . _ + ~ -, \
         beginning with a letter or digit"
    )]
    Name {
        /// `scenario` or `kernel`.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The disk is full.
    #[error("{}: no space left on the disk (free some, or choose another folder for results)", .path.display())]
    Full {
        /// What could not be written.
        path: PathBuf,
    },
    /// The record contradicts itself.
    #[error("the record of the run is unsound, which is a fault of oomph: {0}")]
    Unsound(#[from] Unsound),
    /// The system refused.
    #[error("cannot {doing} {}: {source}", .path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
}

/// Turns what the system said about `path` into an error.
fn io(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
    let path = path.to_owned();
    move |source| if is_full(&source) { StoreError::Full { path } } else { StoreError::Io { doing, path, source } }
}

/// A folder of results. Any number of harnesses may use one at once.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    leftovers: Vec<PathBuf>,
}

impl Store {
    /// Opens a folder of results, makes it where it is missing, and removes the drafts of harnesses that died.
    ///
    /// # Errors
    /// Where the folder can neither be made nor read.
    pub fn new(root: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let root = root.into();
        fs::create_dir_all(&root).map_err(io("make the folder", &root))?;
        let leftovers = sweep(&root)?;
        Ok(Self { root, leftovers })
    }

    /// The folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Drafts of dead harnesses that could not be removed, for a warning.
    pub fn leftovers(&self) -> &[PathBuf] {
        &self.leftovers
    }

    /// Begins a result: `scenario` and `kernel` become part of its folder's name.
    ///
    /// # Errors
    /// Where a name is none, or there is no space for a result.
    pub fn begin(&self, scenario: &str, kernel: &str) -> Result<Draft, StoreError> {
        let name = |what, name: &str| {
            let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._+~-".contains(&byte);
            let first = name.bytes().next().is_some_and(|byte| byte.is_ascii_alphanumeric());
            let sound = first && name.len() <= MAX_NAME && name.bytes().all(plain);
            if sound { Ok(name.to_owned()) } else { Err(StoreError::Name { what, name: name.to_owned() }) }
        };
        let (scenario, kernel) = (name("scenario", scenario)?, name("kernel", kernel)?);
        for _ in 0..TRIES {
            let folder = self.root.join(format!("{DRAFT}{}", random(8)));
            if let Some(lock) = Lock::create(&folder)? {
                fs::create_dir(&folder).map_err(io("make the folder", &folder))?;
                let draft = Draft { root: self.root.clone(), scenario, kernel, folder: Some(folder), lock };
                draft.keep_reserve()?;
                return Ok(draft);
            }
        }
        Err(io("make a draft in", &self.root)(ErrorKind::AlreadyExists.into()))
    }
}

/// A result that is being written. Dropped, it removes itself.
#[derive(Debug)]
pub struct Draft {
    root: PathBuf,
    scenario: String,
    kernel: String,
    /// `None` once it was moved.
    folder: Option<PathBuf>,
    /// Dropped after the folder is gone.
    lock: Lock,
}

impl Draft {
    /// Where the draft is, until it is finished.
    pub fn folder(&self) -> &Path {
        self.folder.as_deref().unwrap_or(&self.root)
    }

    /// Where one of its files goes; `name` is of [`mod@file`].
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// Where the console goes.
    pub fn console_log(&self) -> PathBuf {
        self.path(file::CONSOLE)
    }

    /// Where the events go.
    pub fn events_jsonl(&self) -> PathBuf {
        self.path(file::EVENTS)
    }

    /// Where the resolved scenario goes.
    pub fn scenario_yaml(&self) -> PathBuf {
        self.path(file::SCENARIO)
    }

    /// Where QEMU's command line goes.
    pub fn command_txt(&self) -> PathBuf {
        self.path(file::COMMAND)
    }

    /// Gives back the space kept for the record (512 KiB). After [`super::LogError::Full`], this lets the logs be
    /// flushed and the run be recorded as spoiled by a full disk.
    ///
    /// # Errors
    /// Where it cannot be given back.
    pub fn free_reserve(&self) -> Result<(), StoreError> {
        let path = self.reserve();
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(io("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    fn reserve(&self) -> PathBuf {
        self.path(".reserve")
    }

    fn keep_reserve(&self) -> Result<(), StoreError> {
        let path = self.reserve();
        let file = File::create(&path).map_err(io("make", &path))?;
        match rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, RESERVE) {
            // A filesystem that cannot keep space free: then there is no reserve.
            Err(rustix::io::Errno::OPNOTSUPP | rustix::io::Errno::NOSYS) => Ok(()),
            result => result.map_err(|error| io("reserve space in", &path)(error.into())),
        }
    }

    /// Ends the result: writes its record and moves it to `ROOT/SCENARIO/YYYYMMDDTHHMMSSZ-KERNEL-XXXX`, which it
    /// returns. The logs must be closed before.
    ///
    /// # Errors
    /// Where the record is unsound or cannot be written; then the result is removed.
    pub fn finish(mut self, run: &RunJson) -> Result<PathBuf, StoreError> {
        run.check()?;
        self.free_reserve()?;
        self.write_record(run)?;
        sync(self.folder())?;
        let parent = self.root.join(&self.scenario);
        fs::create_dir_all(&parent).map_err(io("make the folder", &parent))?;
        let begin = format!("{}-{}", run.started.strftime("%Y%m%dT%H%M%SZ"), self.kernel);
        for _ in 0..TRIES {
            let target = parent.join(format!("{begin}-{}", random(4)));
            match fs::rename(self.folder(), &target) {
                Ok(()) => {
                    self.folder = None;
                    sync_folder(&parent)?;
                    return Ok(target);
                }
                Err(error) if matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::DirectoryNotEmpty) => {}
                Err(error) => return Err(io("move the result to", &target)(error)),
            }
        }
        Err(io("find a free name in", &parent)(ErrorKind::AlreadyExists.into()))
    }

    /// Whole or not at all, even in the draft: whoever looks at a draft reads no half record.
    fn write_record(&self, run: &RunJson) -> Result<(), StoreError> {
        let run = RunJson { result: None, ..run.clone() };
        let (temporary, path) = (self.path("run.json.tmp"), self.path(file::RUN));
        let mut bytes = serde_json::to_vec_pretty(&run).map_err(|error| io("write", &path)(error.into()))?;
        bytes.push(b'\n');
        let write = |mut file: File| file.write_all(&bytes).and_then(|()| file.sync_all());
        File::create(&temporary).and_then(write).map_err(io("write", &path))?;
        fs::rename(&temporary, &path).map_err(io("write", &path))
    }
}

impl Drop for Draft {
    /// What cannot be removed here is removed by the next [`Store::new`]: the lock is free from here on.
    fn drop(&mut self) {
        let gone = self.folder.take().is_none_or(|folder| remove_all(&folder).is_ok());
        if gone {
            self.lock.remove();
        }
    }
}

/// The lock of a draft.
#[derive(Debug)]
struct Lock {
    path: PathBuf,
    /// The lock is on this open file and goes with it.
    _file: File,
}

impl Lock {
    fn path(folder: &Path) -> PathBuf {
        folder.with_added_extension("lock")
    }

    /// The lock of a new draft; `None` where the name is taken.
    fn create(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(folder);
        match File::create_new(&path) {
            Ok(file) => Self::take(path, file),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(None),
            Err(error) => Err(io("make", &path)(error)),
        }
    }

    /// The lock of somebody's draft; `None` where that somebody lives.
    fn of(folder: &Path) -> Result<Option<Self>, StoreError> {
        let path = Self::path(folder);
        let file = File::options().write(true).create(true).truncate(false).open(&path);
        Self::take(path.clone(), file.map_err(io("open", &path))?)
    }

    /// Locks the file, unless somebody holds it, or removed it just now: a lock on a file without a name is none.
    fn take(path: PathBuf, file: File) -> Result<Option<Self>, StoreError> {
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(io("lock", &path)(error)),
        }
        let ours = file.metadata().map_err(io("look at", &path))?;
        let named = fs::metadata(&path).is_ok_and(|named| (named.dev(), named.ino()) == (ours.dev(), ours.ino()));
        Ok(named.then_some(Self { path, _file: file }))
    }

    /// Removes the file, while it is still locked.
    fn remove(&self) {
        fs::remove_file(&self.path).ok();
    }
}

/// Removes what dead harnesses left; returns what would not go.
fn sweep(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let mut left = Vec::new();
    for entry in fs::read_dir(root).map_err(io("read the folder", root))? {
        let path = entry.map_err(io("read the folder", root))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if !name.starts_with(DRAFT) {
            continue;
        }
        let folder = path.with_file_name(name.strip_suffix(".lock").unwrap_or(name));
        match Lock::of(&folder) {
            Ok(Some(lock)) if remove_all(&folder).is_ok() => lock.remove(),
            Ok(None) => {}
            _ => left.push(folder),
        }
    }
    left.sort();
    left.dedup();
    Ok(left)
}

fn remove_all(folder: &Path) -> std::io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// Puts the files of a folder and of folders in it, and the folder, on the disk.
fn sync(folder: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(folder).map_err(io("read the folder", folder))? {
        let path = entry.map_err(io("read the folder", folder))?.path();
        if path.is_file() {
            match File::open(&path).and_then(|file| file.sync_all()) {
                // What a run that was called off did not finish is taken away just now.
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(io("write", &path)(error)),
                _ => {}
            }
        } else if path.is_dir() {
            sync(&path)?;
        }
    }
    sync_folder(folder)
}

fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(io("write", folder))
}

/// So many random letters and digits. Random to keep harnesses apart, not secret.
fn random(length: usize) -> String {
    let mut value = RandomState::new().build_hasher().finish();
    let mut letter = || {
        let digit = u8::try_from(value % 36).unwrap_or_default();
        value /= 36;
        char::from(if digit < 10 { b'0' + digit } else { b'a' + digit - 10 })
    };
    (0..length).map(|_| letter()).collect()
}

#[cfg(test)]
mod tests;
