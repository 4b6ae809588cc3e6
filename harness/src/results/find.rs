//! Which result is meant.
//! Lives here: from a folder, or a part of a run's name, to the folder, or to its events.
//! May not live here: reading results.

use super::store::file;
use std::path::{Path, PathBuf};

/// Names of results that an error lists.
const LISTED: usize = 5;

/// Why it is not clear which result is meant.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    /// There is none of this name.
    #[error(
        "{name}: no such result (expected a result folder, or a part of the name of one in {}; `oomph results list` shows them)",
        .root.display()
    )]
    None {
        /// What was asked for.
        name: String,
        /// The folder of results that was searched.
        root: PathBuf,
    },
    /// There are several.
    #[error("{name}: {count} results have that in their names, among them {} (expected a part of one name only)", .some.join(", "))]
    Several {
        /// What was asked for.
        name: String,
        /// How many there are.
        count: usize,
        /// A few of them.
        some: Vec<String>,
    },
}

/// The folder of a result: `wanted` itself where that is a folder, else the one run below `root` whose `SCENARIO/RUN` has `wanted` in it.
/// A whole name goes before parts.
///
/// # Errors
/// Where none is meant, or more than one.
pub fn find(root: &Path, wanted: &Path) -> Result<PathBuf, FindError> {
    if wanted.join(file::RUN).exists() || wanted.is_dir() {
        return Ok(wanted.to_owned());
    }
    let name = wanted.to_string_lossy().into_owned();
    let mut found = Vec::new();
    for scenario in folders(root) {
        for run in folders(&scenario) {
            let is = run.file_name().is_some_and(|run| run.to_string_lossy() == name);
            if is && run.join(file::RUN).exists() {
                return Ok(run);
            }
            let full = run.strip_prefix(root).unwrap_or(&run).to_string_lossy().into_owned();
            if !name.is_empty() && full.contains(&name) {
                found.push((full, run));
            }
        }
    }
    found.sort();
    match found.len() {
        0 => Err(FindError::None { name, root: root.to_owned() }),
        1 => Ok(found.remove(0).1),
        count => {
            let some = found.into_iter().take(LISTED).map(|(full, _)| full).collect();
            Err(FindError::Several { name, count, some })
        }
    }
}

/// The events of a result: `wanted` itself where that is a file, else those of what [`find`] finds.
///
/// # Errors
/// As [`find`].
pub fn find_events(root: &Path, wanted: &Path) -> Result<PathBuf, FindError> {
    if wanted.is_file() { Ok(wanted.to_owned()) } else { Ok(find(root, wanted)?.join(file::EVENTS)) }
}

/// The folders in a folder that are not hidden; none where it cannot be read.
fn folders(parent: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let shown =
        entries.filter_map(Result::ok).filter(|entry| entry.file_name().as_encoded_bytes().first() != Some(&b'.'));
    shown.map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_part_of_a_name_is_enough_where_it_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        for run in
            ["a/20260101T000000Z-k-aaaa", "a/20260102T000000Z-k-bbbb", "b/20260102T000000Z-k-bbbb2", "b/.tmp-bbbb"]
        {
            std::fs::create_dir_all(root.path().join(run)).unwrap();
            std::fs::write(root.path().join(run).join("run.json"), "{}").unwrap();
        }
        let found = |wanted: &str| {
            find(root.path(), Path::new(wanted))
                .map(|path| path.strip_prefix(root.path()).unwrap().display().to_string())
        };
        assert_eq!(found("aaaa").unwrap(), "a/20260101T000000Z-k-aaaa");
        assert_eq!(found("bbbb2").unwrap(), "b/20260102T000000Z-k-bbbb2");
        assert_eq!(found("20260102T000000Z-k-bbbb").unwrap(), "a/20260102T000000Z-k-bbbb", "a whole name");
        assert_eq!(found("a/20260102").unwrap(), "a/20260102T000000Z-k-bbbb");
        let whole = root.path().join("a/20260101T000000Z-k-aaaa");
        assert_eq!(find(Path::new("/nowhere"), &whole).unwrap(), whole);
        let events = whole.join("events.jsonl");
        assert_eq!(find_events(root.path(), Path::new("aaaa")).unwrap(), events);
        std::fs::write(&events, "").unwrap();
        assert_eq!(find_events(Path::new("/nowhere"), &events).unwrap(), events, "a file by itself");
        let error = found("bbb").unwrap_err().to_string();
        assert!(error.contains("2 results") && error.contains("a/20260102T000000Z-k-bbbb, b/"), "{error}");
        for none in ["wombat", "", "tmp"] {
            let error = find(root.path(), Path::new(none)).unwrap_err();
            assert!(matches!(error, FindError::None { .. }), "{none}");
        }
    }
}
