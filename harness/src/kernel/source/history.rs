//! The commits between two ends of a repository.
//! Lives here: which there are, in which order, and whose children they are.
//! May not live here: what is believed of them (`campaign::bisect`).

use super::tree::git::Repository;
use crate::kernel::Cache;
use crate::kernel::error::Error;
use crate::kernel::job::Job;
use std::collections::HashMap;
use std::path::Path;

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// The first line of its message.
    pub subject: String,
}

/// What lies between a good end and a bad one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// The good end.
    pub good: Commit,
    /// The commits that the bad end has and the good end has not, parents before children. The bad end is the last.
    pub commits: Vec<Commit>,
    /// Of each commit its parents among these.
    pub parents: Vec<Vec<usize>>,
    /// Which touch what is looked at; the bad end may be one that does not.
    pub suspects: Vec<bool>,
}

/// Which commits are looked at.
#[derive(Clone, Debug, Default)]
pub struct Follow {
    /// Only the first parent of merges.
    pub first_parent: bool,
    /// Only commits that change something below these; all where there are none.
    pub paths: Vec<String>,
}

impl Commit {
    /// Its id as people write it: 12 digits, as in the kernel's `Fixes:` tags (Documentation/process/submitting-patches.rst).
    pub fn short(&self) -> &str {
        self.id.get(..12).unwrap_or(&self.id)
    }
}

/// Asks the repository at a directory what lies between `good` and `bad`.
///
/// # Errors
/// Where it is no repository, has no such references, or `good` is no ancestor of `bad`.
pub fn history(
    directory: &Path,
    (good, bad): (&str, &str),
    follow: &Follow,
    cache: &Cache,
    job: &Job,
) -> Result<History, Error> {
    let repository = Repository::open(directory, cache, job)?;
    let wrong = |why: String| Error::Tree { place: directory.display().to_string(), why };
    let commit = |reference: &str| {
        let state = repository.state(reference, job)?.ok_or_else(|| repository.no_state(reference, job))?;
        if state.commit.is_empty() {
            return Err(wrong(format!("`{reference}` is no commit")));
        }
        Ok(state.commit)
    };
    let (good_id, bad_id) = (commit(good)?, commit(bad)?);
    if good_id == bad_id {
        return Err(wrong(format!("`{good}` and `{bad}` are the same commit")));
    }
    if repository.ask_whether(["merge-base", "--is-ancestor", &good_id, &bad_id], job)?.is_none() {
        let base = repository.ask_whether(["merge-base", &good_id, &bad_id], job)?;
        let right = base.map_or_else(
            || "they have no commit in common".to_owned(),
            |base| format!("a good end may be where they parted: {base}"),
        );
        return Err(wrong(format!(
            "`{good}` is no ancestor of `{bad}`, so no commit between them made it bad; {right}"
        )));
    }
    let entries = |args: &[&str]| -> Result<Vec<Entry>, Error> {
        let mut all = vec!["log", "--format=%H%x00%P%x00%s%x00", "-z", "--topo-order", "--reverse"];
        all.extend(args);
        Ok(parse(&repository.text(all, job)?))
    };
    let range = format!("{good_id}..{bad_id}");
    let mut args = vec!["--parents"];
    args.extend(follow.first_parent.then_some("--first-parent"));
    args.extend([&range, "--"]);
    args.extend(follow.paths.iter().map(String::as_str));
    let mut entries_between = entries(&args)?;
    let ends = entries(&["--no-walk=unsorted", &good_id, &bad_id, "--"])?;
    let end = |id: &str| ends.iter().find(|entry| entry.commit.id == id).cloned();
    let (Some(good), Some(mut last)) = (end(&good_id), end(&bad_id)) else {
        return Err(wrong("git log does not tell its ends".into()));
    };
    if entries_between.is_empty() {
        return Err(wrong(format!(
            "no commit between `{}` and `{bad}` changes {}",
            good.commit.short(),
            follow.paths.join(", ")
        )));
    }
    let mut suspects = vec![true; entries_between.len()];
    if entries_between.last().is_none_or(|entry| entry.commit.id != bad_id) {
        // The bad end changes nothing that is looked at, and has all that was.
        last.parents = entries_between.iter().map(|entry| entry.commit.id.clone()).collect();
        entries_between.push(last);
        suspects.push(false);
    }
    let number: HashMap<&str, usize> =
        entries_between.iter().enumerate().map(|(at, entry)| (entry.commit.id.as_str(), at)).collect();
    let known = |entry: &Entry| entry.parents.iter().filter_map(|id| number.get(id.as_str()).copied()).collect();
    let parents = entries_between.iter().map(known).collect();
    let commits = entries_between.iter().map(|entry| entry.commit.clone()).collect();
    Ok(History { good: good.commit, commits, parents, suspects })
}

#[derive(Clone, Debug)]
struct Entry {
    commit: Commit,
    parents: Vec<String>,
}

/// Three fields a commit, each ended by NUL, and one NUL more after each commit.
fn parse(text: &str) -> Vec<Entry> {
    let fields: Vec<&str> = text.split('\0').collect();
    let entry = |fields: &[&str]| match fields {
        [id, parents, subject, ..] if !id.is_empty() => Some(Entry {
            commit: Commit { id: (*id).to_owned(), subject: (*subject).to_owned() },
            parents: parents.split_whitespace().map(str::to_owned).collect(),
        }),
        _ => None,
    };
    fields.chunks(4).filter_map(entry).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::testing::{commit, git};
    use super::*;

    fn ask(directory: &Path, ends: (&str, &str), follow: &Follow) -> Result<History, String> {
        let cache = Cache::open(Some(&directory.join(".git/cache"))).unwrap();
        history(directory, ends, follow, &cache, &Job::silent()).map_err(|error| error.to_string())
    }

    fn subjects(history: &History) -> Vec<&str> {
        history.commits.iter().map(|commit| commit.subject.as_str()).collect()
    }

    /// one ─ two ─ merge ─ last, and three (in fs/) from one to the merge.
    fn repository() -> tempfile::TempDir {
        let place = tempfile::tempdir().unwrap();
        let path = place.path();
        let write = |name: &str, text: &str| {
            std::fs::create_dir_all(path.join(name).parent().unwrap()).unwrap();
            std::fs::write(path.join(name), text).unwrap();
        };
        git(path, &["init", "--quiet", "--initial-branch=main"]);
        write("mm/a.c", "1");
        commit(path, "one");
        git(path, &["tag", "good"]);
        git(path, &["checkout", "--quiet", "-b", "side"]);
        write("fs/b.c", "1");
        commit(path, "three");
        git(path, &["checkout", "--quiet", "main"]);
        write("mm/a.c", "2");
        commit(path, "two");
        git(path, &["merge", "--quiet", "--no-ff", "-m", "merge", "side"]);
        write("Makefile", "1");
        commit(path, "last");
        place
    }

    #[test]
    fn a_history_has_its_merges() {
        let place = repository();
        let all = ask(place.path(), ("good", "main"), &Follow::default()).unwrap();
        let mut sorted = subjects(&all);
        assert_eq!(sorted[2..], ["merge", "last"]);
        sorted.sort_unstable();
        assert_eq!(sorted, ["last", "merge", "three", "two"]);
        assert!(all.parents[..2].iter().all(Vec::is_empty), "the good end is not among them");
        assert_eq!((all.parents[2].len(), &all.parents[3]), (2, &vec![2]));
        assert_eq!((all.good.subject.as_str(), all.suspects), ("one", vec![true; 4]));
    }

    #[test]
    fn first_parents_and_paths_leave_commits_out() {
        let place = repository();
        let first = ask(place.path(), ("good", "main"), &Follow { first_parent: true, paths: vec![] }).unwrap();
        assert_eq!(subjects(&first), ["two", "merge", "last"]);
        let mm =
            ask(place.path(), ("good", "main"), &Follow { first_parent: false, paths: vec!["mm".into()] }).unwrap();
        assert_eq!(subjects(&mm), ["two", "last"]);
        assert_eq!((mm.parents, mm.suspects), (vec![vec![], vec![0]], vec![true, false]), "the bad end is no suspect");
    }

    #[test]
    fn ends_that_make_no_range_are_told() {
        let place = repository();
        let error = |good, bad, paths: &[&str]| {
            let paths = paths.iter().map(|path| (*path).to_owned()).collect();
            ask(place.path(), (good, bad), &Follow { first_parent: false, paths }).unwrap_err()
        };
        assert!(error("main", "good", &[]).contains("`main` is no ancestor of `good`"));
        assert!(error("side", "main~2", &[]).contains("where they parted"));
        assert!(error("god", "main", &[]).contains("no branch, tag or commit `god`"));
        assert!(error("main", "main", &[]).contains("the same commit"));
        assert!(error("good", "main", &["lib"]).contains("changes lib"));
    }
}
