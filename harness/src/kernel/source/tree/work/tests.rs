//! Work trees: any state to any other, also after a process was killed on the way.
#![allow(clippy::unwrap_used)]

use super::super::testing::{difference, seen};
use super::*;
use proptest::prelude::*;

/// Files by path; paths where one is a directory of another are made to stand apart.
type Files = BTreeMap<String, (Kind, String)>;

fn files() -> impl Strategy<Value = Files> {
    let path = prop::sample::select(vec!["a", "a/b", "a/b/c", "a/d", "e", "e/f", "g/h/i", "g/h", "k"]);
    let kind = prop::sample::select(vec![Kind::Plain, Kind::Program, Kind::Link]);
    prop::collection::vec((path, kind, "[xy]{1,2}"), 0..8).prop_map(|all| {
        let mut files = Files::new();
        for (path, kind, content) in all {
            let apart =
                |known: &String| !known.starts_with(&format!("{path}/")) && !path.starts_with(&format!("{known}/"));
            if files.keys().all(apart) {
                files.insert(path.to_owned(), (kind, content));
            }
        }
        files
    })
}

fn index(files: &Files) -> Index {
    let record = |(path, (kind, content)): (&String, &(Kind, String))| {
        let id = index::hash(content.as_bytes());
        (path.clone(), Record { kind: *kind, id: id.clone(), hash: id, stamp: Stamp::default() })
    };
    Index { files: files.iter().map(record).collect(), ..Index::default() }
}

/// Makes files below a directory, and says what that looks like.
fn make(directory: &Path, files: &Files) -> Content {
    for (path, (kind, content)) in files {
        let path = directory.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        put(&path, *kind, content.as_bytes()).unwrap();
    }
    Content::Directory(directory.to_owned())
}

fn is_made(work: &Work, files: &Files) -> Result<(), TestCaseError> {
    let seen = seen(&work.directory());
    let found: BTreeMap<&str, &[u8]> = seen.iter().map(|(path, (_, _, content))| (path.as_str(), &**content)).collect();
    let wanted = files.iter().map(|(path, (_, content))| (path.as_str(), content.as_bytes())).collect();
    prop_assert_eq!(found, wanted);
    for (path, (kind, _)) in files {
        prop_assert_eq!(index::look_at(&work.directory().join(path)).map(|(kind, _)| kind), Some(*kind), "{}", path);
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) {
    let status = std::process::Command::new("cp").arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn any_state_becomes_any_other_and_what_is_the_same_stays(states in prop::collection::vec(files(), 2..5)) {
        let all = tempfile::tempdir().unwrap();
        let (place, job) = (all.path().join("place"), Job::silent());
        fs::create_dir(&place).unwrap();
        let mut last = Files::new();
        for (n, files) in states.iter().enumerate() {
            let content = make(&all.path().join(n.to_string()), files);
            let before = seen(&place.join("tree"));
            let mut work = Work::open(&place, &job).unwrap();
            prop_assert!(work.stale().is_empty());
            work.sync(&index(files), &Overlay::new(), &content, &job).unwrap();
            is_made(&work, files)?;
            for change in difference(&before, &seen(&place.join("tree"))) {
                let path = &change[1..];
                prop_assert_ne!(last.get(path), files.get(path), "{} was touched", path);
            }
            last = files.clone();
        }
    }

    #[test]
    fn what_a_killed_process_did_is_mended(
        first in files(), second in files(), third in files(), done in prop::collection::vec(any::<bool>(), 16),
    ) {
        let all = tempfile::tempdir().unwrap();
        let (place, killed, job) = (all.path().join("place"), all.path().join("killed"), Job::silent());
        fs::create_dir(&place).unwrap();
        let contents: Vec<Content> =
            [&first, &second, &third].iter().enumerate().map(|(n, files)| make(&all.path().join(n.to_string()), files)).collect();
        let mut work = Work::open(&place, &job).unwrap();
        work.sync(&index(&first), &Overlay::new(), &contents[0], &job).unwrap();
        copy(&place, &killed);
        work.sync(&index(&second), &Overlay::new(), &contents[1], &job).unwrap();
        // The same, ended somewhere: the journal is there, and some files are as they were to be.
        let mut work = Work::open(&killed, &job).unwrap();
        work.write_journal(first.keys().chain(second.keys()).map(String::as_str)).unwrap();
        for (path, done) in first.keys().chain(second.keys()).zip(&done) {
            let (from, to) = (place.join("tree").join(path), killed.join("tree").join(path));
            if *done && to.symlink_metadata().is_ok_and(|file| !file.is_dir()) {
                fs::remove_file(&to).unwrap();
            }
            if *done && from.symlink_metadata().is_ok_and(|file| !file.is_dir()) && fs::create_dir_all(to.parent().unwrap()).is_ok() && !to.exists() {
                copy(&from, &to);
            }
        }
        fs::write(killed.join("new").join("file"), "half").unwrap_or_default();
        work = Work::open(&killed, &job).unwrap();
        work.sync(&index(&third), &Overlay::new(), &contents[2], &job).unwrap();
        is_made(&work, &third)?;
        prop_assert!(!killed.join("journal").exists());
        prop_assert!(Work::open(&killed, &job).unwrap().stale().is_empty());
    }
}
