//! Commits of a kernel's repository as patches.
//! Lives here: which sources are a repository here, and the mailbox of a range.
//! May not live here: applying them (`patch`).

use super::git::Repository;
use super::{location, repository};
use crate::kernel::Cache;
use crate::kernel::error::Error;
use crate::kernel::job::Job;
use crate::scenario::SourceTree;
use std::path::Path;

/// Writes the commits of `A..B` of a source's repository into a mailbox, in order.
///
/// # Errors
/// Where the source is no repository on this machine, the range cannot be understood, or it has no commits.
pub fn range(tree: &SourceTree, commits: &str, mailbox: &Path, cache: &Cache, job: &Job) -> Result<(), Error> {
    let wrong = |why: String| Error::Tree { place: location(tree), why };
    if commits.starts_with('-') || !commits.contains("..") {
        return Err(wrong(format!(
            "`{commits}` is no range of commits: it would be `BASE..FIX`, for example `HEAD~3..HEAD`"
        )));
    }
    let found = match tree {
        SourceTree::Path(path) => Some(Repository::open(path, cache, job)?),
        SourceTree::Git { git, .. } => repository(git, cache, job)?,
        SourceTree::Tarball { .. } | SourceTree::Debian(_) => None,
    };
    let found = found.ok_or_else(|| {
        let how = "a range of commits needs a kernel whose source is a git repository on this machine";
        wrong(format!("{how} (`source: {{path: …}}`); of others, take `git format-patch --stdout` and --patch"))
    })?;
    found.format_patch(commits, mailbox, job)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::source::patch;
    use std::process::Command;

    fn git(place: &Path, args: &[&str]) {
        let who = ["-c", "user.name=A", "-c", "user.email=a@b"];
        let done = Command::new("git").current_dir(place).args(who).args(args).output().unwrap();
        assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
    }

    #[test]
    fn a_range_of_commits_becomes_a_mailbox_that_can_be_applied() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let tree = place.path().join("linux");
        std::fs::create_dir(&tree).unwrap();
        git(&tree, &["init", "-q"]);
        for text in ["one\n", "two\n", "three\n"] {
            std::fs::write(tree.join("x"), text).unwrap();
            git(&tree, &["add", "x"]);
            git(&tree, &["commit", "-qm", &format!("x: {text}")]);
        }
        let mailbox = place.path().join("range.mbox");
        let source = SourceTree::Path(tree);
        range(&source, "HEAD~2..HEAD", &mailbox, &cache, &Job::silent()).unwrap();
        let text = std::fs::read_to_string(&mailbox).unwrap();
        let at = |part: &str| text.find(part).unwrap_or_else(|| panic!("{part} in {text}"));
        assert!(at("+two") < at("+three"));
        assert!(patch::read(std::slice::from_ref(&mailbox), &cache, &Job::silent()).is_ok());
        let error = |commits: &str| range(&source, commits, &mailbox, &cache, &Job::silent()).unwrap_err().to_string();
        assert!(error("HEAD..HEAD").contains("no commits"), "{}", error("HEAD..HEAD"));
        assert!(error("HEAD").contains("BASE..FIX"));
        assert!(error("wombat..HEAD").contains("wombat"), "{}", error("wombat..HEAD"));
        let debian = SourceTree::Debian("linux-source-6.1".into());
        let error = range(&debian, "A..B", &mailbox, &cache, &Job::silent()).unwrap_err().to_string();
        assert!(error.contains("git repository on this machine") && error.contains("--patch"), "{error}");
    }
}
