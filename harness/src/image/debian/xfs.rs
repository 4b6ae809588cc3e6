//! A root filesystem on XFS, made without mounting it.
//! Lives here: the protofile that mkfs.xfs copies from, what xfs_db puts right after it (pure), and calling both.
//! May not live here: which features the filesystem has (`mkfs`).
//!
//! A protofile (mkfs.xfs(8), `-p`) has words with white space between and knows neither the sticky bit nor extended attributes. The
//! latter two are written afterwards by `xfs_db -x`, which keeps checksums right. What mkfs.xfs cannot say at all, a name with white
//! space or with `:` first, is an error that names the file; xfsprogs 6.17 can copy from a directory, Debian 12 and 13 have older ones.

use super::tree::{Node, Tree, What};
use crate::image::error::Error;
use crate::kernel::At;
use crate::kernel::child::{Call, words};
use crate::kernel::job::Job;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For some hundred MB of files.
const MKFS_DEADLINE: Duration = Duration::from_secs(600);
const DB_DEADLINE: Duration = Duration::from_secs(180);
/// The sticky bit.
const STICKY: u32 = 0o1000;
/// Most commands that xfs_db is given at once: arguments have a bound.
const COMMANDS: usize = 500;

/// Fills a file with the filesystem; `options` are mkfs.xfs's own.
pub fn make(tree: &Tree, file: &Path, options: &[&str], label: &str, job: &Job) -> Result<(), Error> {
    let proto = file.with_extension("proto");
    fs::write(&proto, protofile(tree)?).at("write", &proto)?;
    let mut args = words(options);
    args.extend(words(["-L", label, "-p"]));
    args.extend([proto.clone().into(), file.into()]);
    // The protofile names the contents by paths from here, which may have spaces above.
    let directory = Some(&*tree.folder);
    Call { program: "mkfs.xfs", package: "xfsprogs", args, directory, deadline: MKFS_DEADLINE }.run(job)?;
    fs::remove_file(&proto).at("remove", &proto)?;
    for commands in repairs(tree).chunks(COMMANDS) {
        let mut args = words(["-x"]);
        args.extend(commands.iter().flat_map(|command| words(["-c", command])));
        args.push(file.into());
        let call = Call { program: "xfs_db", package: "xfsprogs", args, directory: None, deadline: DB_DEADLINE };
        let said = call.run(job)?;
        // It says what it could not do, and exits with 0 all the same.
        if let Some(line) = said.stderr.lines().find(|line| !line.trim().is_empty()) {
            return Err(Error::NotMade { program: "xfs_db", why: line.to_owned() });
        }
    }
    Ok(())
}

/// The protofile of a tree.
fn protofile(tree: &Tree) -> Result<Vec<u8>, Error> {
    // A name that nothing reads any more, and numbers that are not looked at.
    let mut text = b"/\n0 0\n".to_vec();
    let mut open: Vec<&Path> = Vec::new();
    for (path, node) in &tree.nodes {
        while open.last().is_some_and(|above| path.parent() != Some(above)) {
            open.pop();
            text.extend(b"$\n");
        }
        if let Some(name) = path.file_name() {
            text.extend(word(name.as_bytes(), path)?);
            text.push(b' ');
        }
        text.extend(mode(node).as_bytes());
        text.extend(format!(" {} {}", node.uid, node.gid).as_bytes());
        match &node.what {
            What::Directory => open.push(path),
            What::File(place) => {
                text.push(b' ');
                text.extend(word(place.as_os_str().as_bytes(), path)?);
            }
            What::Link(target) => {
                text.push(b' ');
                text.extend(word(target.as_os_str().as_bytes(), path)?);
            }
            What::Character(major, minor) | What::Block(major, minor) => {
                text.extend(format!(" {major} {minor}").as_bytes());
            }
            What::Pipe => {}
        }
        text.push(b'\n');
    }
    text.extend(b"$\n".repeat(open.len()));
    Ok(text)
}

/// A type, setuid, setgid, and three digits.
fn mode(node: &Node) -> String {
    let kind = match node.what {
        What::Directory => 'd',
        What::File(_) => '-',
        What::Link(_) => 'l',
        What::Character(..) => 'c',
        What::Block(..) => 'b',
        What::Pipe => 'p',
    };
    let flag = |bit: u32, letter: char| if node.mode & bit == 0 { '-' } else { letter };
    format!("{kind}{}{}{:03o}", flag(0o4000, 'u'), flag(0o2000, 'g'), node.mode & 0o777)
}

/// A text as one word: nothing in it ends a word, and at its beginning nothing is a comment or the end of a directory.
fn word<'a>(text: &'a [u8], path: &Path) -> Result<&'a [u8], Error> {
    if text.is_empty() || text.iter().any(|byte| b" \t\n\0".contains(byte)) || text[0] == b':' || text == b"$" {
        return Err(Error::NotOnXfs(PathBuf::from("/").join(path)));
    }
    Ok(text)
}

/// What is still to be written: commands of xfs_db(8).
fn repairs(tree: &Tree) -> Vec<String> {
    let mut commands = Vec::new();
    for (path, node) in &tree.nodes {
        let kind = if node.what == What::Directory { 0o040_000 } else { 0o100_000 };
        let find = format!("path /{}", path.display());
        if node.mode & STICKY != 0 {
            commands.extend([find.clone(), format!("write core.mode 0{:o}", kind | node.mode)]);
        }
        if let Some(capability) = &node.capability {
            // It has no way to be given bytes: it makes an attribute of that length, whose bytes can be written over.
            let bytes: String = capability.iter().map(|byte| format!("{byte:02x}")).collect();
            let made = format!("attr_set -s -v {} capability", capability.len());
            commands.extend([find.clone(), made, find, format!("write a.sfattr.list[0].value #{bytes}")]);
        }
    }
    commands
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::tests::tree;
    use super::*;
    use crate::kernel::child::Output;

    #[test]
    fn a_tree_in_the_words_of_a_protofile() {
        let place = tempfile::tempdir().unwrap();
        let text = String::from_utf8(protofile(&tree(place.path(), &[])).unwrap()).unwrap();
        assert_eq!(
            text,
            "/\n0 0\nd--755 0 0\nbin l--777 0 0 usr/bin\ndev d--755 0 0\nnull c--666 0 0 1 3\npipe p--600 7 8\n$\n\
             etc d--755 0 0\nshadow ---640 0 42 etc/shadow\n$\ntmp d--777 0 0\n$\nusr d--755 0 0\nbin d--755 0 0\n\
             again -u-755 0 0 usr/bin/su\nping ---755 0 0 usr/bin/ping\nsu -u-755 0 0 usr/bin/su\n$\n$\n$\n"
        );
    }

    #[test]
    fn names_that_it_cannot_say_are_named() {
        for name in ["./usr/a b", "./usr/:a"] {
            let place = tempfile::tempdir().unwrap();
            let error = protofile(&tree(place.path(), &[name])).unwrap_err().to_string();
            assert!(error.starts_with(&format!("{}: ", &name[1..])) && error.contains("filesystem: ext4"), "{error}");
        }
    }

    fn db(file: &Path, commands: &[&str]) -> Output {
        let mut args = words(["-r"]);
        args.extend(commands.iter().flat_map(|command| words(["-c", command])));
        args.push(file.into());
        let call = Call { program: "xfs_db", package: "xfsprogs", args, directory: None, deadline: DB_DEADLINE };
        call.run(&Job::silent()).unwrap()
    }

    #[test]
    fn the_filesystem_has_all_of_it_and_is_sound() {
        let place = tempfile::tempdir().unwrap();
        // Paths above the system may have spaces.
        let inner = place.path().join("a b");
        fs::create_dir(&inner).unwrap();
        let (tree, file) = (tree(&inner, &[]), inner.join("disk.raw"));
        fs::File::create(&file).unwrap().set_len(300 << 20).unwrap();
        make(&tree, &file, &["-q", "-f", "-K"], "oomph-root", &Job::silent()).unwrap();
        let print = |path: &str, what: &str| db(&file, &[&format!("path {path}"), &format!("print {what}")]).stdout;
        assert_eq!(print("/tmp", "core.mode"), "core.mode = 041777\n");
        assert_eq!(print("/usr/bin/su", "core.mode"), "core.mode = 0104755\n");
        assert_eq!(print("/etc/shadow", "core.gid"), "core.gid = 42\n");
        assert!(print("/usr/bin/ping", "a").contains(r#"value = "\001\000\000\002\000 "#));
        assert!(print("/bin", "u3.symlink").contains("usr/bin"));
        let args = vec!["-n".into(), file.clone().into()];
        let call = Call { program: "xfs_repair", package: "xfsprogs", args, directory: None, deadline: DB_DEADLINE };
        call.run(&Job::silent()).unwrap();
        assert!(!inner.join("disk.proto").exists());
    }
}
