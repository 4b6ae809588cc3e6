//! What a cache entry must look like: the list of its files that lies in it.
//! Lives here: writing the list, checking an entry by it.
//! May not live here: what to do about an entry that fails the check.
//!
//! The check is made on each use and must be cheap: every file's size, and the content of those few whose damage nothing
//! else would notice (the kernel's image).

use super::error::{At, FileError};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// The list's name in an entry.
pub(super) const NAME: &str = "manifest.json";
/// A list of 10,000 files is 1 MB.
const MAX_SIZE: u64 = 64 << 20;

/// The list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// What the entry is, for people.
    pub what: String,
    /// When it was made, in seconds since 1970.
    pub made: u64,
    /// Every regular file, by its path in the entry.
    pub files: BTreeMap<String, Record>,
}

/// What is known of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its size in bytes.
    pub size: u64,
    /// BLAKE3 of its content in hex, where that is checked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
}

impl Manifest {
    /// Sizes of all files together, in bytes.
    pub fn size(&self) -> u64 {
        self.files.values().map(|file| file.size).sum()
    }
}

/// Lists what is in a directory and writes the list into it.
pub(super) fn write(directory: &Path, what: &str, checked: &[PathBuf]) -> Result<(), FileError> {
    let made = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let mut manifest = Manifest { what: what.to_owned(), made, files: BTreeMap::new() };
    for path in files_below(directory)? {
        let full = directory.join(&path);
        let size = full.metadata().at("look at", &full)?.len();
        let blake3 = if checked.contains(&path) { Some(hash(&full)?) } else { None };
        manifest.files.insert(path.to_string_lossy().into_owned(), Record { size, blake3 });
    }
    let path = directory.join(NAME);
    let text = serde_json::to_vec(&manifest).map_err(io::Error::from).at("write", &path)?;
    fs::write(&path, text).at("write", &path)
}

/// Reads the list of an entry.
pub(super) fn read(directory: &Path) -> Result<Manifest, String> {
    let mut text = Vec::new();
    let read = File::open(directory.join(NAME)).and_then(|file| file.take(MAX_SIZE).read_to_end(&mut text));
    read.map_err(|cause| format!("{NAME}: {cause}"))?;
    serde_json::from_slice(&text).map_err(|cause| format!("{NAME}: {cause}"))
}

/// Checks an entry; the error says what is wrong with it.
pub(super) fn check(directory: &Path) -> Result<Manifest, String> {
    let manifest = read(directory)?;
    for (name, record) in &manifest.files {
        let path = directory.join(name);
        let size = path.metadata().map_err(|cause| format!("{name}: {cause}"))?.len();
        if size != record.size {
            return Err(format!("{name}: {size} bytes instead of {}", record.size));
        }
        if let Some(known) = &record.blake3
            && hash(&path).map_err(|error| error.to_string())? != *known
        {
            return Err(format!("{name}: its content has changed"));
        }
    }
    Ok(manifest)
}

/// Marks an entry as used just now; one on a read-only filesystem stays as it is.
pub(super) fn touch(directory: &Path) {
    let file = File::options().append(true).open(directory.join(NAME));
    file.and_then(|file| file.set_modified(SystemTime::now())).unwrap_or_default();
}

/// BLAKE3 of a file's content, in hex.
pub(crate) fn hash(path: &Path) -> Result<String, FileError> {
    let mut hasher = blake3::Hasher::new();
    let file = File::open(path).at("open", path)?;
    hasher.update_reader(file).at("read", path)?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// All regular files below a directory, as paths from it, sorted. Symbolic links are not followed and not listed.
pub(crate) fn files_below(directory: &Path) -> Result<Vec<PathBuf>, FileError> {
    let mut found = Vec::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        let place = directory.join(&relative);
        for entry in fs::read_dir(&place).at("list", &place)? {
            let entry = entry.at("list", &place)?;
            let kind = entry.file_type().at("look at", &place)?;
            let path = relative.join(entry.file_name());
            if kind.is_dir() {
                open.push(path);
            } else if kind.is_file() {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
