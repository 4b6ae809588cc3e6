//! Directories as sources.
#![allow(clippy::unwrap_used)]

use super::super::testing::{Place, commit, difference, git, seen};
use super::*;
use crate::scenario::SourceTree;
use std::time::Duration;

fn paths(index: &Index) -> Vec<&str> {
    index.files.keys().map(String::as_str).collect()
}

#[test]
fn products_of_a_build_are_no_source() {
    let place = Place::new();
    let path = place.kernel("linux");
    let source = list(&path, None, &place.cache, &Job::silent()).unwrap().0;
    let all = ["Kconfig", "Makefile", "include/x.h", "mm/a.c", "mm/b.c", "scripts/link", "scripts/run.sh"];
    assert_eq!(paths(&source), all);
    assert_eq!(source.describe, "linux (6.1.7)");
    for product in [
        ".config",
        ".config.old",
        "mm/a.o",
        "mm/.a.o.cmd",
        "mm/x.mod.c",
        "modules.order",
        "include/config/auto.conf",
        "include/generated/utsrelease.h",
        "arch/x86/include/generated/asm/x.h",
        ".tmp_vmlinux1",
        "vmlinux",
        "System.map",
        ".git.d/x/.git/config",
    ] {
        place.write(&format!("linux/{product}"), "x");
    }
    assert_eq!(list(&path, None, &place.cache, &Job::silent()).unwrap().0, source);
    for name in
        ["arch/x86/kernel/vmlinux.lds.S", "arch/x86/include/asm/x.h", "include/configs.h", ".gitignore", "x.config"]
    {
        place.write(&format!("linux/{name}"), "x");
        let more = list(&path, None, &place.cache, &Job::silent()).unwrap().0;
        assert!(more.files.contains_key(name), "{name}");
    }
}

#[test]
fn of_a_git_work_tree_what_git_would_track_is_source() {
    let place = Place::new();
    let path = place.repository("linux");
    let clean = list(&path, None, &place.cache, &Job::silent()).unwrap().0;
    assert_eq!((clean.describe.as_str(), clean.files.len()), ("v6.1.7", 8));
    place.write("linux/ignored.o", "x");
    place.write("linux/mm/new.c", "x");
    fs::remove_file(path.join("mm/b.c")).unwrap();
    let changed = list(&path, Some(&clean), &place.cache, &Job::silent()).unwrap().0;
    assert!(changed.files.contains_key("mm/new.c") && !changed.files.contains_key("ignored.o"));
    assert!(!changed.files.contains_key("mm/b.c") && !paths(&changed).iter().any(|path| path.starts_with(".git/")));
    assert_eq!(changed.describe, "v6.1.7-dirty");
    assert_ne!(changed.id, clean.id);
    commit(&path, "two");
    let committed = list(&path, Some(&changed), &place.cache, &Job::silent()).unwrap().0;
    assert_eq!(committed.id, changed.id, "what is committed is not what counts");
    assert!(committed.describe.starts_with("v6.1.7-1-g"), "{}", committed.describe);
}

#[test]
fn a_repository_is_not_written_to() {
    let place = Place::new();
    let path = place.repository("linux");
    // git would like to refresh its index after this.
    let other = SystemTime::now() - Duration::from_secs(5000);
    fs::File::options().write(true).open(path.join("mm/a.c")).unwrap().set_modified(other).unwrap();
    let before = seen(&path);
    place.prepare(&SourceTree::Path(path.clone()), &[]).unwrap();
    place.prepare(&SourceTree::Git { git: path.display().to_string(), reference: "main".into() }, &[]).unwrap();
    assert_eq!(difference(&before, &seen(&path)), [""; 0]);
    assert_eq!(git(&path, &["status", "--porcelain"]), "");
}

#[test]
fn files_are_read_again_only_where_they_may_have_changed() {
    let place = Place::new();
    let path = place.kernel("linux");
    let set_old = |name: &str| {
        let old = SystemTime::now() - Duration::from_secs(3600);
        fs::File::options().write(true).open(path.join(name)).unwrap().set_modified(old).unwrap();
    };
    set_old("mm/a.c");
    let mut first = list(&path, None, &place.cache, &Job::silent()).unwrap().0;
    // Its inode has just been changed, so for two seconds its times prove nothing.
    assert_eq!(first.files["mm/a.c"].stamp, Stamp::default());
    let (_, stamp) = index::look_at(&path.join("mm/a.c")).unwrap();
    let record = Record { id: "known".into(), stamp, ..first.files["mm/a.c"].clone() };
    first.files.insert("mm/a.c".into(), record);
    let second = list(&path, Some(&first), &place.cache, &Job::silent()).unwrap().0;
    assert_eq!(second.files["mm/a.c"].id, "known", "it was not read");
    place.write("linux/mm/a.c", "other");
    set_old("mm/a.c");
    let third = list(&path, Some(&first), &place.cache, &Job::silent()).unwrap().0;
    assert_eq!(third.files["mm/a.c"].id, index::hash(b"other"), "size and ctime tell");
}
