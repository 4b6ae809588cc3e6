//! A directory with a kernel's source in it, which is only read.
//! Lives here: which of its files are source, their hashes, and knowing these again without reading the files.
//! May not live here: the copy of it (`work`).
//!
//! Of a git work tree the files are those that git tracks and those that are new and not ignored. Of another directory they
//! are all, less what a build made in it by the names that the kernel's own `make clean` goes by (Makefile of 3.10 to 6.12).

use super::git::Repository;
use super::index::{self, Index, Kind, Record, Stamp};
use super::makefile;
use crate::kernel::Cache;
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Most files; 6.12 has 87,000.
const MAX_FILES: usize = 1_000_000;
/// A file that was changed so shortly before it was looked at may have been changed again since with the same times: the
/// clock of files ticks in steps of milliseconds, and of 2 s on FAT.
const RACY: i64 = 2_000_000_000;

/// The files of a directory, with hashes; and whether that differs in anything from `known`, the list of the last time.
pub fn list(directory: &Path, known: Option<&Index>, cache: &Cache, job: &Job) -> Result<(Index, bool), Error> {
    let is_repository = directory.join(".git").exists();
    let repository = is_repository.then(|| Repository::open(directory, cache, job)).transpose()?;
    let paths = match &repository {
        Some(repository) => repository.tracked(job)?,
        None => walk(directory, job)?,
    };
    let paths: Vec<&str> = paths.iter().map(String::as_str).filter(|path| !is_product(path)).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_nanos());
    let racy = i64::try_from(now).unwrap_or(i64::MAX) - RACY;
    let mut files = BTreeMap::new();
    let mut unknown: Vec<(&str, Kind, Stamp)> = Vec::new();
    for (path, seen) in paths.iter().zip(index::look(directory, &paths)) {
        // Tracked files can be gone, and what is no file is no source.
        let Some((kind, stamp)) = seen else { continue };
        match known.and_then(|known| known.files.get(*path)) {
            Some(record) if record.kind == kind && record.stamp == stamp => {
                files.insert((*path).to_owned(), record.clone());
            }
            _ => unknown.push((path, kind, stamp)),
        }
    }
    let is_known = unknown.is_empty() && known.is_some_and(|known| known.files.len() == files.len());
    let to_read: Vec<(&str, Kind)> = unknown.iter().map(|(path, kind, _)| (*path, *kind)).collect();
    for ((path, kind, stamp), hash) in unknown.into_iter().zip(index::hash_all(directory, &to_read, job)?) {
        let stamp = if stamp.modified.max(stamp.changed) < racy { stamp } else { Stamp::default() };
        files.insert(path.to_owned(), Record { kind, id: hash.clone(), hash, stamp });
    }
    let mut index = Index { files, ..Index::default() };
    index.commit = match &repository {
        Some(repository) => {
            repository.ask_whether(["rev-parse", "--verify", "--quiet", "HEAD"], job)?.unwrap_or_default()
        }
        None => String::new(),
    };
    index.id = match known {
        Some(known) if is_known => known.id.clone(),
        _ => index.content_id(),
    };
    let same = known.filter(|known| (&index.id, &index.commit) == (&known.id, &known.commit));
    index.describe = match same {
        Some(known) => known.describe.clone(),
        None => describe(directory, repository.as_ref(), job)?,
    };
    Ok((index, !is_known || same.is_none()))
}

fn describe(directory: &Path, repository: Option<&Repository>, job: &Job) -> Result<String, Error> {
    let described = match repository {
        Some(repository) => repository.describe_work_tree(job)?,
        None => None,
    };
    Ok(described.unwrap_or_else(|| {
        let name = directory.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let version = fs::read(directory.join("Makefile")).ok().and_then(|makefile| makefile::version(&makefile));
        version.map_or_else(|| name.clone(), |version| format!("{name} ({version})"))
    }))
}

/// All files and links below a directory, less `.git`.
fn walk(directory: &Path, job: &Job) -> Result<BTreeSet<String>, Error> {
    let mut found = BTreeSet::new();
    let mut open = vec![PathBuf::new()];
    while let Some(relative) = open.pop() {
        job.check()?;
        let place = directory.join(&relative);
        for entry in fs::read_dir(&place).at("list", &place)? {
            let entry = entry.at("list", &place)?;
            let kind = entry.file_type().at("look at", &place)?;
            let path = relative.join(entry.file_name());
            if kind.is_dir() {
                let text = path.to_str().ok_or_else(|| not_utf8(directory))?;
                if entry.file_name() != ".git" && !is_product(text) {
                    open.push(path);
                }
            } else if kind.is_file() || kind.is_symlink() {
                let text = path.to_str().ok_or_else(|| not_utf8(directory))?;
                if !is_left_over(text) {
                    found.insert(text.to_owned());
                }
            }
        }
        if found.len() > MAX_FILES {
            let why = format!("it has more than {MAX_FILES} files, more than any kernel's source");
            return Err(Error::Tree { place: directory.display().to_string(), why });
        }
    }
    Ok(found)
}

fn not_utf8(directory: &Path) -> Error {
    Error::Tree { place: directory.display().to_string(), why: "it has file names that are not UTF-8".into() }
}

/// What a build in the source leaves and what makes `make O=` refuse it ("source tree is not clean").
pub fn is_product(path: &str) -> bool {
    let below =
        |directory: &str| path.strip_prefix(directory).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let generated = || {
        let rest = path.strip_prefix("arch/").and_then(|rest| rest.split_once('/'));
        rest.is_some_and(|(_, rest)| rest == "include/generated" || rest.starts_with("include/generated/"))
    };
    path == ".config" || below("include/config") || below("include/generated") || generated()
}

/// What a build leaves by the names that `make clean` and `make mrproper` go by.
fn is_left_over(path: &str) -> bool {
    const AT_TOP: [&str; 8] = [
        ".config.old",
        ".version",
        "Module.symvers",
        "System.map",
        "modules.builtin",
        "modules.builtin.modinfo",
        "vmlinux",
        "vmlinux.o",
    ];
    const ENDS: [&str; 16] = [
        ".o",
        ".a",
        ".s",
        ".i",
        ".ko",
        ".mod",
        ".mod.c",
        ".dtb",
        ".dtbo",
        ".dwo",
        ".gcno",
        ".symtypes",
        ".order",
        ".usyms",
        ".su",
        ".lst",
    ];
    let name = path.rsplit('/').next().unwrap_or(path);
    AT_TOP.contains(&path)
        || ENDS.iter().any(|end| name.ends_with(end))
        || name.starts_with(".tmp_")
        || name.starts_with('.') && [".cmd", ".d", ".tmp"].iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests;
