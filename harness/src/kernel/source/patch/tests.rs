//! Patches that apply, and all ways in which they do not.
#![allow(clippy::unwrap_used)]

use super::super::tree::prepare;
use super::super::tree::testing::{Place, change, contents, git, lines};
use super::*;
use crate::scenario::SourceTree;
use proptest::prelude::*;

/// A place with a kernel's source, and that source.
fn place() -> (Place, SourceTree) {
    let place = Place::new();
    let source = SourceTree::Path(place.kernel("linux"));
    (place, source)
}

#[test]
fn names_and_hashes_are_those_of_the_files() {
    let place = Place::new();
    for (file, name) in
        [("a.patch", "a"), ("b.c.diff", "b.c"), ("c.mbx", "c"), ("d.mbox", "d"), ("e.txt", "e.txt"), ("f", "f")]
    {
        let path = place.write(file, "x");
        let patch = identify(&path).unwrap();
        assert_eq!((patch.name.as_str(), patch.hash), (name, blake3::hash(b"x").to_hex().to_string()));
    }
}

#[test]
fn what_does_not_fit_names_patch_file_and_hunk() {
    let (place, source) = place();
    let mut text = change("mm/a.c", "a", 5, "changed");
    text += &change("mm/b.c", "b", 5, "changed");
    let wrong = change("mm/b.c", "x", 12, "changed");
    text += wrong.split_once("+++ b/mm/b.c\n").unwrap().1;
    let patch = place.write("two.patch", &text);
    let error = place.error(&source, &[&patch]);
    let expected = "two.patch: mm/b.c: hunk 2 (line 23 of the patch) fits neither at line 9 nor anywhere else";
    assert!(error.ends_with(expected), "{error}");
    let gone = place.write("gone.patch", &change("mm/gone.c", "a", 5, "x"));
    assert!(place.error(&source, &[&gone]).ends_with("gone.patch: mm/gone.c: there is no such file in the tree"));
    let delete = place.write("delete.patch", "--- a/include/x.h\n+++ /dev/null\n@@ -1,2 +0,0 @@\n-x\n-y\n");
    assert!(place.error(&source, &[&delete]).contains("include/x.h: hunk 1 (line 3 of the patch)"));
    let link = place.write("link.patch", &change("scripts/link", "a", 5, "x"));
    assert!(place.error(&source, &[&link]).ends_with("it is a symbolic link in the tree"));
    let bare = place.write("bare.patch", &change("x", "a", 5, "x").replace("a/x", "mm/a.c").replace("b/x", "mm/a.c"));
    let error = place.error(&source, &[&bare]);
    assert!(error.contains("the first folder of each name is taken off"), "{error}");
}

#[test]
fn a_patch_that_is_there_already_says_so() {
    let (place, source) = place();
    let change = place.write("change.patch", &change("mm/a.c", "a", 10, "changed"));
    let new = place.write("new.patch", "--- /dev/null\n+++ b/mm/new.c\n@@ -0,0 +1 @@\n+new\n");
    let gone = place.write("gone.patch", "--- a/include/x.h\n+++ /dev/null\n@@ -1 +0,0 @@\n-x\n");
    for patch in [&change, &new, &gone] {
        let error = place.error(&source, &[patch, patch]);
        assert!(error.contains("it is in the tree already ("), "{error}");
    }
    let copy = place.write("copy.patch", &fs::read_to_string(&change).unwrap());
    let error = place.error(&source, &[&change, &copy]);
    assert!(error.contains("copy.patch: it is in the tree already (mm/a.c)"), "{error}");
}

#[test]
fn fuzz_is_refused_unless_allowed() {
    let (place, source) = place();
    let text = change("mm/a.c", "a", 10, "changed").replace(" a 7\n", " other\n").replace(" a 13\n", " other\n");
    let patch = place.write("fuzzy.patch", &text);
    let error = place.error(&source, &[&patch]);
    assert!(error.contains("mm/a.c: hunk 1") && error.contains("it would apply with `fuzz: 2`"), "{error}");
    let fuzzy = |fuzz: u8| prepare(&source, std::slice::from_ref(&patch), fuzz, &place.cache, &Job::silent());
    let tree = fuzzy(1).unwrap();
    assert!(fs::read_to_string(tree.directory.join("mm/a.c")).unwrap().contains("a 9\nchanged\na 11"));
    assert_eq!(fs::read_dir(tree.directory.join("mm")).unwrap().count(), 2, "no .orig and no .rej");
}

#[test]
fn hunks_may_have_moved_and_patches_build_on_each_other() {
    let (place, source) = place();
    let first = place.write("1.patch", "--- a/mm/a.c\n+++ b/mm/a.c\n@@ -1,3 +1,5 @@\n+one\n+two\n a 1\n a 2\n a 3\n");
    let second = place.write("2.patch", &change("mm/a.c", "a", 10, "changed"));
    let third =
        place.write("3.patch", "--- a/mm/a.c\n+++ b/mm/a.c\n@@ -11,3 +11,3 @@\n a 9\n-changed\n+twice\n a 11\n");
    assert!(place.error(&source, &[&first, &third]).contains("3.patch: mm/a.c: hunk 1"));
    let tree = place.prepare(&source, &[&first, &second, &third]).unwrap();
    let text = fs::read_to_string(tree.directory.join("mm/a.c")).unwrap();
    assert_eq!(text, format!("one\ntwo\n{}", lines("a", 20).replace("a 10\n", "twice\n")));
}

#[test]
fn what_git_can_say_of_files_is_done() {
    let (place, source) = place();
    let repository = place.repository("repository");
    git(&repository, &["mv", "mm/a.c", "mm/moved.c"]);
    place.write("repository/mm/moved.c", &lines("a", 20).replace("a 3\n", "three\n"));
    place.write("repository/scripts/new.sh", "#!/bin/sh\nexit\n");
    place.write("repository/empty", "");
    git(&repository, &["add", "--all"]);
    git(&repository, &["update-index", "--chmod=+x", "scripts/new.sh", "mm/b.c"]);
    git(&repository, &["commit", "--quiet", "-m", "two"]);
    let patch = place.write("git.patch", &format!("{}\n", git(&repository, &["diff", "-M", "HEAD~1", "HEAD"])));
    let tree = place.prepare(&source, &[&patch]).unwrap();
    let mut expected = contents(&repository);
    expected.remove(".gitignore");
    assert_eq!(contents(&tree.directory), expected);
    for (path, mode) in [("mm/b.c", 0o755), ("scripts/new.sh", 0o755), ("empty", 0o644), ("mm/moved.c", 0o644)] {
        let found = std::os::unix::fs::MetadataExt::mode(&tree.directory.join(path).metadata().unwrap());
        assert_eq!(found & 0o777, mode, "{path}");
    }
}

#[test]
fn a_series_of_mails_is_applied_in_order() {
    let (place, source) = place();
    let repository = place.repository("repository");
    for (n, line) in [
        (1, "caf\u{e9} = 1\n"),
        (2, "a much longer line, so that quoted-printable has to break it somewhere in the middle of it = 2\n"),
    ] {
        let text = fs::read_to_string(repository.join("mm/a.c")).unwrap();
        place.write("repository/mm/a.c", &text.replace(&format!("a {}\n", 5 * n), line));
        git(
            &repository,
            &["commit", "--quiet", "--all", "-m", &format!("mm: change {n}\n\nFrom here on.\n\n--- a/trap\n")],
        );
    }
    let mails = git(&repository, &["format-patch", "--stdout", "--cover-letter", "HEAD~2"]);
    let series = place.write("series.mbx", &format!("{mails}\n"));
    let tree = place.prepare(&source, &[&series]).unwrap();
    assert_eq!(fs::read(tree.directory.join("mm/a.c")).unwrap(), fs::read(repository.join("mm/a.c")).unwrap());
    drop(tree);
    let error = place.error(&source, &[&series, &series]);
    assert!(error.contains("series.mbx, mail 2 (mm: change 1): it is in the tree already"), "{error}");
    let letter = mails.split("\n\nFrom ").next().unwrap();
    let letter = place.write("letter.mbx", &format!("{letter}\n"));
    assert!(place.error(&source, &[&letter]).contains("there is no patch in it"));
}

#[test]
fn bad_patches_are_told_before_anything_is_fetched() {
    let place = Place::new();
    let source = SourceTree::Path("/nonexistent".into());
    for (text, says) in [
        ("", "there is no patch in it"),
        ("just text\n", "there is no patch in it"),
        (
            "--- a/../../x\n+++ b/../../x\n@@ -1 +1 @@\n-a\n+b\n",
            "line 1: a/../../x would lead out of the kernel's source",
        ),
        (
            "--- a/x\n+++ b/x\n@@ -1,5 +1,5 @@\n-a\n+b\n",
            "line 3: the hunk is cut off: 4 old and 4 new lines are missing",
        ),
    ] {
        let patch = place.write("bad.patch", text);
        let error = place.error(&source, &[&patch]);
        assert!(error.contains("bad.patch: ") && error.contains(says), "{error}");
    }
    assert!(place.error(&source, &[&place.path("none.patch")]).contains("none.patch: No such file"));
}

/// Texts that have much in common: lines of a few kinds, some of them changed.
fn texts() -> impl Strategy<Value = (String, String)> {
    let line = prop::sample::select(vec!["a", "b", "}", "", "--- x", "+++ x", "@@ -1 +1 @@", "-- "]);
    let edits = prop::collection::vec((0usize..40, prop::option::of("[a-c]{0,3}")), 1..6);
    (prop::collection::vec(line, 0..40), edits).prop_map(|(old, edits)| {
        let mut new: Vec<String> = old.iter().map(|line| (*line).to_owned()).collect();
        for (at, edit) in edits {
            let at = at.min(new.len());
            match edit {
                Some(line) => new.insert(at, line),
                None if at < new.len() => drop(new.remove(at)),
                None => {}
            }
        }
        let text = |lines: &[String]| lines.iter().map(|line| format!("{line}\n")).collect::<String>();
        (text(&old.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>()), text(&new))
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn what_git_calls_the_difference_makes_one_of_the_other((old, new) in texts()) {
        prop_assume!(old != new);
        let (place, source) = place();
        place.write("linux/mm/a.c", &old);
        let (left, right) = (place.write("l/mm/a.c", &old), place.write("r/mm/a.c", &new));
        let output = std::process::Command::new("git").args(["diff", "--no-index", "--no-prefix", "l/mm/a.c", "r/mm/a.c"])
            .current_dir(place.directory.path()).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap().replace("l/mm", "a/mm").replace("r/mm", "b/mm");
        let patch = place.write("x.patch", &text);
        let tree = place.prepare(&source, &[&patch]);
        let tree = tree.map_err(|error| TestCaseError::fail(format!("{error}\n{text}")))?;
        prop_assert_eq!(fs::read_to_string(tree.directory.join("mm/a.c")).unwrap(), new);
        drop((left, right));
    }
}
