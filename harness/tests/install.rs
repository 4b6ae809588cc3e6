//! `make install`: what lies where, that it works there, and that `make uninstall` leaves nothing.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn make(target: &str, dest: &Path) -> Output {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new("make");
    command.current_dir(root).arg(target).arg("PREFIX=/usr").arg(format!("DESTDIR={}", dest.display()));
    command.arg(format!("OOMPH={}", env!("CARGO_BIN_EXE_oomph"))).env_remove("MAKEFLAGS");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    output
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn what_is_installed_works_and_goes_again() {
    let dest = tempfile::tempdir().unwrap();
    // Of an oomph that had a verb more.
    let old = dest.path().join("usr/share/man/man1/oomph-wombat.1");
    fs::create_dir_all(old.parent().unwrap()).unwrap();
    fs::write(&old, "").unwrap();
    make("install", dest.path());
    let share = dest.path().join("usr/share");
    for (file, has) in [
        ("man/man1/oomph.1", ".TH"),
        ("man/man1/oomph-results-list.1", "--since"),
        ("bash-completion/completions/oomph", "complete -F"),
        ("zsh/site-functions/_oomph", "#compdef oomph"),
        ("fish/vendor_completions.d/oomph.fish", "complete -c oomph"),
        ("oomph/scenarios/xfs-inode-mutex.yaml", "name: xfs-inode-mutex"),
        ("oomph/scenarios/matrix/smoke.yaml", "scenarios:"),
        ("oomph/images/debian.yaml", "debian: bookworm"),
        ("oomph/kernel-configs/patches/6.1/no-oom-reaper.patch", "+++"),
    ] {
        let text = fs::read_to_string(share.join(file)).unwrap_or_default().replace('\\', "");
        assert!(text.contains(has), "{file}");
    }
    assert!(!old.exists() && !share.join("oomph/scenarios/tests").exists());
    // From a folder that has no list of kernels above it, the installed one is found, and with it its patches.
    let list = Command::new(dest.path().join("usr/bin/oomph"))
        .args(["kernel", "list", "--json"])
        .current_dir(dest.path())
        .output()
        .unwrap();
    let text = String::from_utf8(list.stdout).unwrap();
    let patched = text.lines().find(|line| line.contains("debian-6.1-no-oom-reaper")).unwrap();
    assert!(!patched.contains("no such file") && list.status.success(), "{patched}");
    check_pages(&share.join("man/man1"));
    make("uninstall", dest.path());
    assert_eq!(files(dest.path()), Vec::<PathBuf>::new());
}

/// Where there is a man(1), it reads every page without a complaint.
fn check_pages(pages: &Path) {
    for page in files(pages) {
        let read =
            Command::new("man").args(["--warnings", "-E", "UTF-8", "-l"]).arg(&page).env("MANROFFSEQ", "").output();
        let Ok(read) = read else { return };
        // One that takes no such options is another's, and says nothing of the pages.
        let complaints = String::from_utf8_lossy(&read.stderr);
        assert!(!read.status.success() || complaints.is_empty(), "{}: {complaints}", page.display());
    }
}
