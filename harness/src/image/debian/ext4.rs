//! A root filesystem on ext4, made without mounting it and without privileges.
//! Lives here: calling mke2fs on the laid out files, and what debugfs puts right after it.
//! May not live here: which features the filesystem has (`mkfs`).
//!
//! `mke2fs -d` copies a directory with the owners that it has here, which are those of whoever runs this; owners, modes, devices and
//! capabilities are written afterwards by debugfs(8).

use super::tree::{Tree, What};
use crate::image::error::Error;
use crate::kernel::At;
use crate::kernel::child::{Call, words};
use crate::kernel::job::Job;
use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For some hundred MB of files.
const MKFS_DEADLINE: Duration = Duration::from_secs(600);
const DEBUGFS_DEADLINE: Duration = Duration::from_secs(300);

/// Fills a file with the filesystem; `options` are mke2fs's own.
pub fn make(tree: &Tree, file: &Path, options: &[&str], label: &str, job: &Job) -> Result<(), Error> {
    let (directory, script) = (file.with_extension("files"), file.with_extension("debugfs"));
    lay_out(tree, &directory)?;
    let mut args = words(options);
    args.extend(words(["-L", label, "-d"]));
    args.extend([directory.clone().into(), file.into()]);
    Call { program: "mkfs.ext4", package: "e2fsprogs", args, directory: None, deadline: MKFS_DEADLINE }.run(job)?;
    fs::remove_dir_all(&directory).at("remove", &directory)?;
    let capabilities = file.with_extension("capabilities");
    fs::create_dir(&capabilities).at("make the directory", &capabilities)?;
    fs::write(&script, commands(tree, &capabilities)?).at("write", &script)?;
    let mut args = words(["-w", "-f"]);
    args.extend([script.clone().into(), file.into()]);
    let call = Call { program: "debugfs", package: "e2fsprogs", args, directory: None, deadline: DEBUGFS_DEADLINE };
    let said = call.run(job)?;
    // It says its version first, then what it could not do, and exits with 0 all the same.
    if let Some(line) = said.stderr.lines().skip(1).find(|line| !line.trim().is_empty()) {
        return Err(Error::NotMade { program: "debugfs", why: line.to_owned() });
    }
    fs::remove_file(&script).at("remove", &script)?;
    Ok(fs::remove_dir_all(&capabilities).at("remove", &capabilities)?)
}

/// Files, directories and links as they are to be; files are hard links of the contents, so nothing is copied.
fn lay_out(tree: &Tree, directory: &Path) -> Result<(), Error> {
    for (path, node) in &tree.nodes {
        let place = directory.join(path);
        match &node.what {
            What::Directory => fs::create_dir(&place).at("make the directory", &place)?,
            What::File(content) => {
                let content = tree.folder.join(content);
                // Two names of one file would come out as a hard link, whose owner is one too.
                match fs::hard_link(&content, &place) {
                    Ok(()) if links(&place) <= 2 => {}
                    _ => {
                        if place.exists() {
                            fs::remove_file(&place).at("remove", &place)?;
                        }
                        fs::copy(&content, &place).map(|_| ()).at("write", &place)?;
                    }
                }
            }
            What::Link(target) => symlink(target, &place).at("make the link", &place)?,
            What::Character(..) | What::Block(..) | What::Pipe => {}
        }
    }
    Ok(())
}

fn links(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    path.metadata().map_or(0, |file| file.nlink())
}

/// What debugfs is to do, one command a line.
fn commands(tree: &Tree, capabilities: &Path) -> Result<String, Error> {
    let mut text = String::new();
    // Writing into a String does not fail.
    let mut say = |line: String| writeln!(text, "{line}").unwrap_or_default();
    for (number, (path, node)) in tree.nodes.iter().enumerate() {
        let full = quoted(path)?;
        let (kind, device) = match node.what {
            What::Directory => (0o040_000, None),
            What::File(_) => (0o100_000, None),
            What::Link(_) => (0o120_000, None),
            What::Character(major, minor) => (0o020_000, Some(format!("c {major} {minor}"))),
            What::Block(major, minor) => (0o060_000, Some(format!("b {major} {minor}"))),
            What::Pipe => (0o010_000, Some("p".to_owned())),
        };
        if let (Some(device), Some(parent), Some(name)) = (device, path.parent(), path.file_name()) {
            say(format!("cd {}", quoted(parent)?));
            say(format!("mknod {} {device}", quote(&name.to_string_lossy())));
            say("cd /".to_owned());
        }
        say(format!("sif {full} mode 0{:o}", kind | node.mode));
        say(format!("sif {full} uid {}", node.uid));
        say(format!("sif {full} gid {}", node.gid));
        if let Some(capability) = &node.capability {
            let file = capabilities.join(number.to_string());
            fs::write(&file, capability).at("write", &file)?;
            say(format!("ea_set -f {} {full} security.capability", quote(&file.to_string_lossy())));
        }
    }
    Ok(text)
}

/// A path as a word of debugfs.
fn quoted(path: &Path) -> Result<String, Error> {
    let full = PathBuf::from("/").join(path);
    match full.to_str() {
        Some(text) if !text.contains(['"', '\n']) => Ok(quote(text)),
        _ => Err(Error::NotOnExt4(full)),
    }
}

fn quote(text: &str) -> String {
    format!("\"{text}\"")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::tests::tree;
    use super::*;

    fn debugfs(file: &Path, command: &str) -> String {
        let args = vec!["-R".into(), command.into(), file.into()];
        let call = Call { program: "debugfs", package: "e2fsprogs", args, directory: None, deadline: DEBUGFS_DEADLINE };
        call.run(&Job::silent()).unwrap().stdout
    }

    #[test]
    fn the_filesystem_has_all_of_it_and_is_sound() {
        let place = tempfile::tempdir().unwrap();
        let (tree, file) = (tree(place.path(), &["./usr/a b"]), place.path().join("disk.raw"));
        fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
        make(&tree, &file, &["-q", "-F"], "oomph-root", &Job::silent()).unwrap();
        let stat = |path: &str| debugfs(&file, &format!("stat \"{path}\""));
        let has = |path: &str, parts: &[&str]| {
            let text = stat(path).split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(parts.iter().all(|part| text.contains(part)), "{path}: {text}");
        };
        has("/tmp", &["Type: directory", "Mode: 01777", "User: 0 Group: 0"]);
        has("/usr/bin/su", &["Mode: 04755", "Links: 1"]);
        has("/usr/bin/again", &["Mode: 04755", "Links: 1"]);
        has("/etc/shadow", &["Mode: 0640", "User: 0 Group: 42"]);
        has("/usr/bin/ping", &["security.capability (20) = 01 00 00 02 00 20"]);
        has("/dev/null", &["Type: character special", "Mode: 0666", "01:03"]);
        has("/dev/pipe", &["Type: FIFO", "User: 7 Group: 8"]);
        has("/usr/a b", &["Type: regular"]);
        has("/bin", &["Type: symlink", "usr/bin"]);
        let args = vec!["-f".into(), "-n".into(), file.clone().into()];
        let call = Call { program: "e2fsck", package: "e2fsprogs", args, directory: None, deadline: DEBUGFS_DEADLINE };
        call.run(&Job::silent()).unwrap();
        let left: Vec<_> = fs::read_dir(place.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 3, "{left:?}");
    }
}
