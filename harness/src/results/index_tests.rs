//! Tests of the index: it is believed only where it is right, and nobody misses it.
#![allow(clippy::unwrap_used)]

use super::super::run_json::tests::sample;
use super::super::{Store, list};
use super::*;
use std::os::unix::fs::PermissionsExt;

/// A run as a list has it.
pub(crate) fn sample_listed() -> Listed {
    Listed::of(RunJson { expected: false, ..sample() }, Stamp::default())
}

/// Late enough for everything that the tests write to be settled.
fn later() -> SystemTime {
    SystemTime::now() + Duration::from_secs(10)
}

fn store(runs: u8) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    (0..runs).for_each(|number| drop(add(root.path(), number)));
    root
}

fn add(root: &Path, number: u8) -> PathBuf {
    let started = format!("2026-01-01T00:00:{number:02}Z").parse().unwrap();
    let run = RunJson { started, kernel: format!("k{number}"), ..sample() };
    Store::new(root)
        .unwrap()
        .begin(if number.is_multiple_of(2) { "a" } else { "b" }, "k")
        .unwrap()
        .finish(&run)
        .unwrap()
}

fn sorted(mut rows: Rows) -> Vec<Listed> {
    rows.runs.sort_by(|a, b| a.folder.cmp(&b.folder));
    rows.runs
}

/// What a list with the index gives, which must be what one without it would.
#[track_caller]
fn listed(root: &Path) -> Vec<Listed> {
    let rows = rows_at(root, 1, later()).unwrap();
    let plain = list(root).unwrap();
    assert_eq!(rows.broken.len(), plain.broken.len());
    let rows = sorted(rows);
    let mut names: Vec<_> = plain.runs.into_iter().map(|run| (run.result.unwrap(), run.kernel)).collect();
    names.sort();
    assert_eq!(rows.iter().map(|row| (row.folder.clone(), row.kernel.clone())).collect::<Vec<_>>(), names);
    rows
}

/// Marks every entry of the index, with a hash that fits: a list that shows the mark has believed the index.
fn mark(root: &Path) {
    let mut entries: Vec<Listed> = read(root).unwrap().into_values().collect();
    entries.iter_mut().for_each(|entry| {
        entry.folder = root.join(&entry.folder);
        entry.release = "from the index".into();
    });
    write(root, entries.iter()).unwrap();
}

fn believed(rows: &[Listed]) -> usize {
    rows.iter().filter(|row| row.release == "from the index").count()
}

#[test]
fn an_index_says_what_the_files_say_and_is_believed() {
    let root = store(5);
    let first = listed(root.path());
    assert!(root.path().join(NAME).is_file() && !root.path().join(NEW).exists());
    assert_eq!(listed(root.path()), first);
    assert_eq!(first[0].kills, 1);
    mark(root.path());
    assert_eq!(believed(&listed(root.path())), 5);
}

#[test]
fn what_changed_came_or_went_is_seen() {
    let root = store(4);
    let folders: Vec<PathBuf> = listed(root.path()).into_iter().map(|row| row.folder).collect();
    mark(root.path());
    // The same length, and the modification time put back: only the time of the change tells.
    let record = folders[0].join(file::RUN);
    let modified = fs::metadata(&record).unwrap().modified().unwrap();
    let text = fs::read_to_string(&record).unwrap().replace("\"k0\"", "\"K0\"");
    fs::write(&record, text).unwrap();
    File::options().write(true).open(&record).unwrap().set_modified(modified).unwrap();
    fs::remove_dir_all(&folders[1]).unwrap();
    fs::write(folders[2].join(file::RUN), "{").unwrap();
    add(root.path(), 9);
    let rows = listed(root.path());
    assert_eq!((rows.len(), believed(&rows)), (3, 1));
    assert!(rows.iter().any(|row| row.kernel == "K0") && rows.iter().any(|row| row.kernel == "k9"));
    assert_eq!(read(root.path()).unwrap().len(), 3, "and the index has it now");
}

#[test]
fn what_is_wrong_with_an_index_is_its_own_affair() {
    let root = store(3);
    let first = listed(root.path());
    let path = root.path().join(NAME);
    let whole = fs::read(&path).unwrap();
    let mut off = whole.clone();
    let at = memchr::memmem::find(&off, b"\"kills\":1").unwrap();
    off[at + 8] = b'7';
    let version = String::from_utf8(whole.clone()).unwrap().replacen("index 1", "index 2", 1).into_bytes();
    for wrong in [Vec::new(), b"\n".to_vec(), b"no index".to_vec(), whole[..whole.len() / 2].to_vec(), off, version] {
        fs::write(&path, wrong).unwrap();
        assert_eq!(listed(root.path()), first);
        assert_eq!(fs::read(&path).unwrap().len(), whole.len(), "rebuilt");
    }
    fs::remove_file(&path).unwrap();
    rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    assert_eq!(listed(root.path()), first, "a pipe is no index");
}

#[test]
fn what_changed_a_moment_ago_is_read_again() {
    let root = store(3);
    rows_at(root.path(), 1, SystemTime::now()).unwrap();
    assert!(read(root.path()).is_none_or(|entries| entries.is_empty()));
}

#[test]
fn few_results_get_no_index() {
    let root = store(3);
    rows_at(root.path(), 4, later()).unwrap();
    assert!(!root.path().join(NAME).exists());
}

#[test]
fn a_writer_that_is_at_it_is_left_alone_and_one_that_died_is_not() {
    let root = store(3);
    let new = root.path().join(NEW);
    fs::write(&new, "half").unwrap();
    listed(root.path());
    assert!(!root.path().join(NAME).exists() && fs::read(&new).unwrap() == b"half");
    let long_ago = SystemTime::now() - 2 * ABANDONED;
    File::options().write(true).open(&new).unwrap().set_modified(long_ago).unwrap();
    listed(root.path());
    assert!(root.path().join(NAME).is_file() && !new.exists());
}

#[test]
fn many_at_once_all_list_the_same() {
    let root = store(12);
    let first = sorted(rows_at(root.path(), 1, later()).unwrap());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    fs::remove_file(root.path().join(NAME)).ok();
                    assert_eq!(sorted(rows_at(root.path(), 1, later()).unwrap()), first);
                }
            });
        }
    });
}

#[test]
fn a_folder_that_may_only_be_read_goes_without() {
    let root = store(3);
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o555)).unwrap();
    assert_eq!(rows_at(root.path(), 1, later()).unwrap().runs.len(), 3);
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o755)).unwrap();
    // Root may write all the same; a folder in the index's place stops it as well.
    fs::remove_file(root.path().join(NAME)).ok();
    fs::create_dir_all(root.path().join(NAME).join("x")).unwrap();
    assert_eq!(rows_at(root.path(), 1, later()).unwrap().runs.len(), 3);
    assert!(!root.path().join(NEW).exists());
}
