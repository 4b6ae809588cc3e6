//! A result by what a person types: its folder, its name, or the end of its name.
//! Lives here: the search, and what is said where it finds none or several.
//! May not live here: reading a result.

use super::list::folders;
use super::store::file;
use std::path::{Path, PathBuf};

/// Results that a message names at most.
const NAMED: usize = 5;

/// The folder that `text` means: a folder, else a result below `root` whose name it is (`SCENARIO/RUN` or `RUN`) or ends in after
/// a `-`, as `3ad9` does for `20261129T155902Z-debian-6.1-source-3ad9`.
///
/// # Errors
/// Where there is none, or several; the message says which.
pub fn find(root: &Path, text: &Path) -> std::io::Result<PathBuf> {
    if text.exists() {
        return Ok(text.to_owned());
    }
    let error = |message: String| Err(std::io::Error::new(std::io::ErrorKind::NotFound, message));
    let Some(name) = text.to_str().filter(|name| !name.is_empty()) else {
        return error("no result has this name".into());
    };
    let below = root.join(text);
    if below.join(file::RUN).exists() {
        return Ok(below);
    }
    let fits = |folder: &PathBuf| {
        let run = folder.file_name().and_then(|run| run.to_str()).unwrap_or_default();
        run == name || run.strip_suffix(name).is_some_and(|before| before.ends_with('-'))
    };
    let runs =
        folders(root).unwrap_or_default().into_iter().flat_map(|scenario| folders(&scenario).unwrap_or_default());
    let mut found: Vec<PathBuf> = runs.filter(fits).collect();
    found.sort();
    match found.as_slice() {
        [one] => Ok(one.clone()),
        [] => error(format!(
            "there is no such folder, and no result in {} has a name that is or ends in -{name}; `oomph results list` lists them",
            root.display()
        )),
        several => {
            let names: Vec<String> = several.iter().take(NAMED).map(|folder| folder.display().to_string()).collect();
            let more = several.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            error(format!("{} results have a name that ends in it: {}{more}", several.len(), names.join(", ")))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_result_is_found_by_its_folder_its_name_or_the_end_of_it() {
        let root = tempfile::tempdir().unwrap();
        for name in ["a/20260101T000000Z-k-abcd", "b/20260101T000000Z-k-abce", "b/20260102T000000Z-k-abcd"] {
            std::fs::create_dir_all(root.path().join(name)).unwrap();
            std::fs::write(root.path().join(name).join(file::RUN), "").unwrap();
        }
        let find = |text: &str| find(root.path(), Path::new(text)).map_err(|error| error.to_string());
        let one = root.path().join("b/20260101T000000Z-k-abce");
        for text in ["abce", "20260101T000000Z-k-abce", "b/20260101T000000Z-k-abce", one.to_str().unwrap()] {
            assert_eq!(find(text), Ok(one.clone()), "{text}");
        }
        assert!(find("bce").unwrap_err().contains("no such folder"), "not from the middle of a word");
        let several = find("abcd").unwrap_err();
        assert!(several.starts_with("2 results") && several.contains("20260102T000000Z-k-abcd"), "{several}");
        assert!(find("").is_err());
    }
}
