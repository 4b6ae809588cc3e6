//! The store under two harnesses, dead harnesses and full disks.
//! Lives here: tests on real folders; the full disk is a small tmpfs, where the tests may mount one.
//! May not live here: tests of the record or the logs.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use crate::results::run_json::tests::sample;
use crate::results::{list, load};
use std::collections::BTreeSet;
use std::process::Command;

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

#[test]
fn a_finished_draft_is_a_result_and_nothing_else_stays() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path().join("new/results")).unwrap();
    let draft = store.begin("xfs-inode-mutex", "debian-6.1").unwrap();
    fs::write(draft.console_log(), "hello").unwrap();
    fs::write(draft.command_txt(), "qemu").unwrap();
    let folder = draft.finish(&RunJson { result: Some("elsewhere".into()), ..sample() }).unwrap();
    assert_eq!(names(store.root()), ["xfs-inode-mutex".to_owned()].into());
    assert_eq!(names(&folder), ["command.txt", "console.log", "run.json"].map(str::to_owned).into());
    let name = folder.file_name().unwrap().to_str().unwrap();
    assert!(name.starts_with("20261124T193321Z-debian-6.1-") && name.len() == 32, "{name}");
    assert!(!fs::read_to_string(folder.join(file::RUN)).unwrap().contains("elsewhere"));
    assert_eq!(load(&folder).unwrap().result, Some(folder));
}

#[test]
fn a_dropped_draft_removes_itself() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path()).unwrap();
    let draft = store.begin("s", "k").unwrap();
    fs::write(draft.events_jsonl(), "{}").unwrap();
    assert_eq!(names(root.path()).len(), 2);
    drop(draft);
    assert_eq!(names(root.path()), BTreeSet::new());
}

#[test]
fn names_cannot_leave_the_root() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path()).unwrap();
    for name in ["", ".", "..", "../x", "a/b", "/x", ".tmp-x", "-x", "a b", "é", "a\0b", &"x".repeat(101)] {
        assert!(matches!(store.begin(name, "k"), Err(StoreError::Name { what: "scenario", .. })), "{name:?}");
        assert!(matches!(store.begin("s", name), Err(StoreError::Name { what: "kernel", .. })), "{name:?}");
    }
    assert!(store.begin("s", "6.12.117+deb13-cloud-amd64").is_ok());
    assert_eq!(names(root.path()), BTreeSet::new());
}

#[test]
fn an_unsound_record_is_refused() {
    let root = tempfile::tempdir().unwrap();
    let store = Store::new(root.path()).unwrap();
    let told = store.begin("s", "k").unwrap().finish(&RunJson { outcome: None, ..sample() });
    assert!(matches!(told, Err(StoreError::Unsound(_))));
    assert_eq!(names(root.path()), BTreeSet::new());
}

#[test]
fn two_stores_leave_each_others_drafts_alone() {
    let root = tempfile::tempdir().unwrap();
    let first = Store::new(root.path()).unwrap();
    let draft = first.begin("s", "k").unwrap();
    let second = Store::new(root.path()).unwrap();
    assert!(draft.folder().is_dir());
    let other = second.begin("s", "k").unwrap();
    let folders = [draft.finish(&sample()).unwrap(), other.finish(&sample()).unwrap()];
    assert_ne!(folders[0], folders[1]);
    assert_eq!(names(&root.path().join("s")).len(), 2);
}

#[test]
fn many_harnesses_at_once_lose_nothing() {
    let root = tempfile::tempdir().unwrap();
    let work = || {
        for round in 0..20 {
            let store = Store::new(root.path()).unwrap();
            assert_eq!(store.leftovers(), [] as [PathBuf; 0]);
            let draft = store.begin("s", "k").unwrap();
            fs::write(draft.console_log(), "x").unwrap();
            if round % 4 == 0 {
                drop(draft);
            } else {
                draft.finish(&sample()).unwrap();
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(work)).collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
    let listing = list(root.path()).unwrap();
    assert_eq!((listing.runs.len(), listing.broken.len()), (8 * 15, 0));
    assert_eq!(names(root.path()), ["s".to_owned()].into());
}

/// Not a test by itself: the harness that the next test kills.
#[test]
fn child_that_is_killed_with_a_draft() {
    let Some(root) = std::env::var_os("OOMPH_TEST_KILLED_DRAFT") else { return };
    let store = Store::new(PathBuf::from(root)).unwrap();
    let draft = store.begin("s", "k").unwrap();
    fs::write(draft.console_log(), "half").unwrap();
    println!("ready");
    std::thread::sleep(std::time::Duration::from_secs(60));
}

#[test]
fn a_killed_harness_leaves_a_draft_that_the_next_removes() {
    use std::io::{BufRead, BufReader};
    let root = tempfile::tempdir().unwrap();
    let kept = Store::new(root.path()).unwrap().begin("s", "k").unwrap().finish(&sample()).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "--nocapture", "results::store::tests::child_that_is_killed_with_a_draft"])
        .env("OOMPH_TEST_KILLED_DRAFT", root.path())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().ends_with("ready")));
    Store::new(root.path()).unwrap();
    assert_eq!(names(root.path()).len(), 3, "the living child's draft stays");
    child.kill().unwrap();
    child.wait().unwrap();
    Store::new(root.path()).unwrap();
    assert_eq!(names(root.path()), ["s".to_owned()].into());
    assert_eq!(load(&kept).unwrap().result, Some(kept));
}

#[test]
fn leftovers_without_a_lock_or_a_folder_go_too() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join(".tmp-aaaaaaaa")).unwrap();
    fs::write(root.path().join(".tmp-aaaaaaaa/x"), "x").unwrap();
    fs::write(root.path().join(".tmp-bbbbbbbb.lock"), "").unwrap();
    fs::write(root.path().join("README.md"), "").unwrap();
    Store::new(root.path()).unwrap();
    assert_eq!(names(root.path()), ["README.md".to_owned()].into());
}

/// A tmpfs of so many KiB, unmounted when dropped; `None` where the test may not mount.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(kib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={kib}k");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(folder.path()).output();
        if mounted.is_ok_and(|output| output.status.success()) {
            return Some(Self(folder));
        }
        eprintln!("skipped: no tmpfs can be mounted here (root needed)");
        None
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        Command::new("umount").arg(self.0.path()).status().ok();
    }
}

/// Fills the disk to the last byte.
fn fill(path: &Path) {
    let mut file = File::create(path).unwrap();
    while file.write_all(&[b'x'; 512]).is_ok() {}
}

#[test]
fn a_disk_that_fills_up_during_a_run_still_takes_its_record() {
    let Some(disk) = SmallDisk::mount(2048) else { return };
    let store = Store::new(disk.0.path()).unwrap();
    let draft = store.begin("s", "k").unwrap();
    fill(&draft.console_log());
    let folder = draft.finish(&sample()).unwrap();
    assert_eq!(load(&folder).unwrap().scenario, sample().scenario);
}

#[test]
fn a_full_disk_is_a_clear_error_and_earlier_results_stay() {
    let Some(disk) = SmallDisk::mount(1024) else { return };
    let store = Store::new(disk.0.path()).unwrap();
    let kept = store.begin("s", "k").unwrap().finish(&sample()).unwrap();
    fill(&disk.0.path().join("ballast"));
    let error = store.begin("s", "k").unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    assert!(error.to_string().contains("no space left on the disk (free some"), "{error}");
    assert_eq!(load(&kept).unwrap().scenario, sample().scenario);
    assert_eq!(names(disk.0.path()), ["ballast", "s"].map(str::to_owned).into());
}

#[test]
fn a_record_that_finds_no_space_is_a_clear_error() {
    let Some(disk) = SmallDisk::mount(1024) else { return };
    let store = Store::new(disk.0.path()).unwrap();
    let kept = store.begin("s", "k").unwrap().finish(&sample()).unwrap();
    let draft = store.begin("s", "k").unwrap();
    draft.free_reserve().unwrap();
    fill(&disk.0.path().join("ballast"));
    let error = draft.finish(&sample()).unwrap_err();
    assert!(matches!(error, StoreError::Full { .. }), "{error}");
    let listing = list(disk.0.path()).unwrap();
    assert_eq!((listing.runs.len(), listing.broken.len()), (1, 0));
    assert_eq!(load(&kept).unwrap().scenario, sample().scenario);
}
