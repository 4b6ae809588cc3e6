//! The invariants of ARCHITECTURE.md that are a matter of what a module may know, held by reading the sources.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};

/// Source files below a folder of the harness.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let mut found = Vec::new();
    let mut folders = vec![root];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "{folder}");
    found
}

/// Lines of code, comments left out.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter(|(_, line)| !line.trim_start().starts_with("//"))
}

fn must_not_say(folder: &str, words: &[&str], but_in: &[&str]) {
    for (path, text) in sources(folder) {
        if but_in.iter().any(|allowed| path.components().any(|part| part.as_os_str() == *allowed)) {
            continue;
        }
        for (number, line) in code(&text) {
            for word in words {
                assert!(!line.contains(word), "{}:{}: `{word}` may not be used here", path.display(), number + 1);
            }
        }
    }
}

#[test]
fn pure_modules_stay_pure() {
    let impure = ["std::fs", "std::net", "std::process", "std::env", "Instant", "SystemTime", "tokio::", "rand::"];
    must_not_say("verdict", &impure, &[]);
    must_not_say("kmsg", &impure, &[]);
    must_not_say("diagnose", &impure, &[]);
    must_not_say("event", &impure, &[]);
    must_not_say("campaign", &impure, &[]);
    must_not_say("timeline", &impure, &[]);
    must_not_say("introspect", &impure, &[]);
}

#[test]
fn only_vm_knows_qemu() {
    must_not_say("", &["qapi", "QmpError", "-chardev", "block_set_io_throttle"], &["vm", "drive.rs"]);
    must_not_say("vm", &["crate::verdict", "crate::scenario", "crate::kmsg", "crate::run"], &[]);
}

#[test]
fn no_unbounded_channels() {
    must_not_say("", &["unbounded_channel", "unbounded()"], &["fake"]);
}

#[test]
fn every_file_opens_with_what_lives_there_and_what_may_not() {
    for (path, text) in sources("") {
        let head: Vec<&str> = text.lines().take_while(|line| line.starts_with("//!")).collect();
        let tests = path.file_stem().is_some_and(|stem| stem.to_string_lossy().ends_with("tests"));
        let complete = head.iter().any(|line| line.starts_with("//! Lives here:"))
            && head.iter().any(|line| line.starts_with("//! May not live here:"));
        assert!(complete || (tests && !head.is_empty()), "{}: {head:#?}", path.display());
    }
}
