//! Several results folders made one.
//! Lives here: copying results that are not there yet.
//! May not live here: changing one.

use super::list::{folders, holds_results, list};
use super::store::file;
use anyhow::{Context, bail, ensure};
use std::fs;
use std::path::Path;

/// What a merge did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// Results that were copied.
    pub copied: usize,
    /// Results that were there already.
    pub there: usize,
}

/// Copies the results of the folders `from` into `into`, each under its own name. One that is there already, with the same record, is left
/// as it is; so a merge that was broken off goes on when it is done again. What is broken in `from` is passed over, and told by
/// `oomph results list`.
///
/// # Errors
/// Where a folder cannot be read or written or is no store, or two different results have one name.
pub fn merge(from: &[&Path], into: &Path) -> anyhow::Result<Merged> {
    let mut merged = Merged::default();
    for root in from {
        ensure!(root.is_dir(), "{} is no folder of results", root.display());
        let runs = list(root).with_context(|| root.display().to_string())?.runs;
        if runs.is_empty() {
            is_a_store(root)?;
        }
        for run in runs {
            let Some(folder) = &run.result else { continue };
            let names = (folder.parent().and_then(Path::file_name), folder.file_name());
            let (Some(scenario), Some(name)) = names else { continue };
            let target = into.join(scenario).join(name);
            if target.exists() {
                let record = |folder: &Path| fs::read(folder.join(file::RUN));
                let same = record(&target).is_ok_and(|there| record(folder).is_ok_and(|new| new == there));
                ensure!(same, "{} and {} have one name and are two results", folder.display(), target.display());
                merged.there += 1;
                continue;
            }
            let parent = into.join(scenario);
            fs::create_dir_all(&parent).with_context(|| parent.display().to_string())?;
            // Whole or not at all; lists pass over names that begin with a dot.
            let draft = tempfile::Builder::new().prefix(".merge-").tempdir_in(into)?;
            copy(folder, draft.path()).with_context(|| format!("copy {}", folder.display()))?;
            let draft = draft.keep();
            fs::rename(&draft, &target).with_context(|| format!("move {} to {}", draft.display(), target.display()))?;
            merged.copied += 1;
        }
    }
    Ok(merged)
}

/// That a folder without results is an empty store, as that of a shard without cells, and no folder of another level.
fn is_a_store(root: &Path) -> anyhow::Result<()> {
    let inside = folders(root).with_context(|| root.display().to_string())?;
    let shape = "a results store has SCENARIO/RUN/run.json";
    let above = |levels: usize| {
        let root = std::path::absolute(root).unwrap_or_else(|_| root.to_owned());
        root.ancestors().nth(levels).map_or(String::new(), |store| format!("; did you mean {}?", store.display()))
    };
    if root.join(file::RUN).exists() {
        bail!("{} is one result, and {shape}{}", root.display(), above(2));
    }
    if holds_results(root) {
        bail!("{} is the folder of one scenario, and {shape}{}", root.display(), above(1));
    }
    let store =
        inside.iter().find(|inside| folders(inside).is_ok_and(|inside| inside.iter().any(|one| holds_results(one))));
    if let Some(store) = store {
        bail!("{} has stores in it, and {shape}; did you mean {}?", root.display(), store.display());
    }
    ensure!(inside.is_empty(), "{} holds no result: {shape}", root.display());
    Ok(())
}

/// Copies what is in a folder into another; anything but files and folders is left out, as a result has nothing else.
fn copy(from: &Path, into: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (kind, target) = (entry.file_type()?, into.join(entry.file_name()));
        if kind.is_dir() {
            fs::create_dir(&target)?;
            copy(&entry.path(), &target)?;
        } else if kind.is_file() {
            fs::copy(entry.path(), &target)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Store, sample};
    use super::*;
    use std::path::PathBuf;

    fn result(root: &Path) -> PathBuf {
        let draft = Store::new(root).unwrap().begin("a", "k").unwrap();
        fs::write(draft.command_txt(), "qemu").unwrap();
        fs::create_dir(draft.path(file::CORE)).unwrap();
        fs::write(draft.path(file::CORE).join("x"), "core").unwrap();
        draft.finish(&sample()).unwrap()
    }

    #[test]
    fn results_come_together_and_a_second_time_changes_nothing() {
        let root = tempfile::tempdir().unwrap();
        let [a, b, all] = ["a", "b", "all"].map(|name| root.path().join(name));
        let one = result(&a);
        result(&a);
        result(&b);
        assert_eq!(merge(&[&a, &b], &all).unwrap(), Merged { copied: 3, there: 0 });
        assert_eq!(merge(&[&b, &a], &all).unwrap(), Merged { copied: 0, there: 3 });
        assert_eq!(list(&all).unwrap().runs.len(), 3);
        let copy = all.join("a").join(one.file_name().unwrap());
        assert_eq!(fs::read_to_string(copy.join(file::CORE).join("x")).unwrap(), "core");
    }

    #[test]
    fn a_folder_of_another_level_is_an_error_that_says_which_is_meant() {
        let root = tempfile::tempdir().unwrap();
        let [store, all] = ["parts/results-0", "all"].map(|name| root.path().join(name));
        let one = result(&store);
        let wrong = |from: &Path| merge(&[from], &all).unwrap_err().to_string();
        for (from, what) in [
            (one.as_path(), "is one result"),
            (&store.join("a"), "is the folder of one scenario"),
            (&root.path().join("parts"), "has stores in it"),
        ] {
            let error = wrong(from);
            let meant = format!("SCENARIO/RUN/run.json; did you mean {}?", store.display());
            assert!(error.contains(what) && error.ends_with(&meant), "{error}");
        }
        fs::create_dir_all(root.path().join("other/folder")).unwrap();
        assert!(
            wrong(&root.path().join("other")).contains("holds no result: a results store has SCENARIO/RUN/run.json")
        );
        fs::create_dir(root.path().join("empty")).unwrap();
        assert_eq!(merge(&[&root.path().join("empty"), &store], &all).unwrap().copied, 1, "a shard without cells");
    }

    #[test]
    fn two_results_of_one_name_are_an_error_and_nothing_is_lost() {
        let root = tempfile::tempdir().unwrap();
        let [a, all] = ["a", "all"].map(|name| root.path().join(name));
        let one = result(&a);
        merge(&[&a], &all).unwrap();
        let record = all.join("a").join(one.file_name().unwrap()).join(file::RUN);
        let other = fs::read_to_string(&record).unwrap().replace("\"cpu\"", "\"cpu\" ");
        fs::write(&record, &other).unwrap();
        assert!(merge(&[&a], &all).unwrap_err().to_string().contains("two results"));
        assert_eq!(fs::read_to_string(&record).unwrap(), other);
        assert!(merge(&[&root.path().join("nowhere")], &all).unwrap_err().to_string().contains("no folder"));
    }
}
