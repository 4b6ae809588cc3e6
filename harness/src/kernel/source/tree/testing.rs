//! Small trees for tests.
//! Lives here: making them, looking at what was done to them.
//! May not live here: tests.
#![allow(clippy::unwrap_used)]

use super::{Tree, prepare};
use crate::kernel::job::Job;
use crate::kernel::{Cache, Error};
use crate::scenario::SourceTree;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A place for a test: a cache, a source, patches.
pub struct Place {
    pub directory: tempfile::TempDir,
    pub cache: Cache,
}

/// A file's time, inode and content, by path.
pub type Seen = BTreeMap<String, (i64, u64, Vec<u8>)>;

impl Place {
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&directory.path().join("cache"))).unwrap();
        Self { directory, cache }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A file, with directories for it.
    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A kernel's source.
    pub fn kernel(&self, name: &str) -> PathBuf {
        let write = |path: &str, content: &str| self.write(&format!("{name}/{path}"), content);
        write("Makefile", "# x\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n");
        write("Kconfig", "");
        write("mm/a.c", &lines("a", 20));
        write("mm/b.c", &lines("b", 20));
        write("include/x.h", "x\n");
        let script = write("scripts/run.sh", "#!/bin/sh\n");
        fs::set_permissions(script, fs::Permissions::from_mode(0o755)).unwrap();
        std::os::unix::fs::symlink("../mm/a.c", self.path(&format!("{name}/scripts/link"))).unwrap();
        self.path(name)
    }

    /// The same as a git repository with one commit and a tag.
    pub fn repository(&self, name: &str) -> PathBuf {
        let path = self.kernel(name);
        self.write(&format!("{name}/.gitignore"), "*.o\n");
        git(&path, &["init", "--quiet", "--initial-branch=main"]);
        commit(&path, "one");
        git(&path, &["tag", "-a", "v6.1.7", "-m", "x"]);
        path
    }

    pub fn prepare(&self, source: &SourceTree, patches: &[&Path]) -> Result<Tree, Error> {
        let patches: Vec<PathBuf> = patches.iter().map(|path| path.to_path_buf()).collect();
        prepare(source, &patches, 0, &self.cache, &Job::silent())
    }

    pub fn error(&self, source: &SourceTree, patches: &[&Path]) -> String {
        self.prepare(source, patches).unwrap_err().to_string()
    }

    /// Prepares, and says which files were touched: `+` new, `*` written, `-` gone.
    pub fn touched(&self, source: &SourceTree, patches: &[&Path]) -> Vec<String> {
        let place = super::place(&super::name(source), &self.cache).join("tree");
        let before = seen(&place);
        let tree = self.prepare(source, patches).unwrap();
        assert_eq!(tree.directory, place);
        difference(&before, &seen(&place))
    }
}

pub fn lines(word: &str, count: usize) -> String {
    (1..=count).map(|n| format!("{word} {n}\n")).collect()
}

/// All files and links below a directory.
pub fn seen(directory: &Path) -> Seen {
    let mut found = Seen::new();
    let mut open = vec![directory.to_owned()];
    while let Some(place) = open.pop() {
        for entry in fs::read_dir(&place).into_iter().flatten() {
            let path = entry.unwrap().path();
            let file = path.symlink_metadata().unwrap();
            if file.is_dir() {
                open.push(path);
                continue;
            }
            let content = match file.is_symlink() {
                true => fs::read_link(&path).unwrap().into_os_string().into_encoded_bytes(),
                false => fs::read(&path).unwrap(),
            };
            let name = path.strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
            found.insert(name, (file.mtime() * 1_000_000_000 + file.mtime_nsec(), file.ino(), content));
        }
    }
    found
}

pub fn difference(before: &Seen, after: &Seen) -> Vec<String> {
    let mut difference = Vec::new();
    for path in before.keys().chain(after.keys().filter(|path| !before.contains_key(*path))) {
        match (before.get(path), after.get(path)) {
            (Some(_), None) => difference.push(format!("-{path}")),
            (None, _) => difference.push(format!("+{path}")),
            (Some(old), Some(new)) if (old.0, old.1) != (new.0, new.1) => difference.push(format!("*{path}")),
            _ => {}
        }
    }
    difference.sort();
    difference
}

/// Contents by path, without git's own.
pub fn contents(directory: &Path) -> BTreeMap<String, String> {
    let text = |(path, (_, _, content)): (String, (i64, u64, Vec<u8>))| (path, String::from_utf8(content).unwrap());
    seen(directory).into_iter().filter(|(path, _)| !path.starts_with(".git/")).map(text).collect()
}

pub fn git(directory: &Path, args: &[&str]) -> String {
    let mut command = Command::new("git");
    command.current_dir(directory).args(args).env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_NOSYSTEM", "1");
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b");
        command.env(format!("GIT_{who}_DATE"), "2020-01-01T00:00:00Z");
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

pub fn commit(directory: &Path, message: &str) {
    git(directory, &["add", "--all"]);
    git(directory, &["commit", "--quiet", "-m", message]);
}

/// A unified diff that changes one line of a file.
pub fn change(path: &str, word: &str, line: usize, to: &str) -> String {
    let context = |from: usize, to: usize| (from..=to).map(|n| format!(" {word} {n}\n")).collect::<String>();
    format!(
        "--- a/{path}\n+++ b/{path}\n@@ -{},7 +{},7 @@\n{}-{word} {line}\n+{to}\n{}",
        line - 3,
        line - 3,
        context(line - 3, line - 1),
        context(line + 1, line + 3)
    )
}
