//! The initramfs: a cpio archive with the same bytes for the same content.
//! Lives here: entries, the archive (pure), its place in the cache.
//! May not live here: which files go in.
//!
//! Source: Documentation/driver-api/early-userspace/buffer-format.rst (newc). Not compressed: the kernel would unpack it
//! under emulation, where that costs more than reading a few MB.

use super::error::Error;
use crate::kernel::job::Job;
use crate::kernel::{At, Cache, Kind};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// File types in `mode` (stat(2)).
const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;
const DEVICE: u32 = 0o020_000;
/// The archive's file in its cache entry.
const NAME: &str = "initramfs.cpio";

/// What is at a place in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// A directory.
    Directory,
    /// A regular file.
    File(Vec<u8>),
    /// A symbolic link.
    Link(String),
    /// A character device: major, minor.
    Device(u32, u32),
}

/// A place in the guest's root filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its absolute path.
    pub path: String,
    /// Permissions, without the file type.
    pub mode: u32,
    /// What is there.
    pub content: Content,
}

impl Entry {
    /// A file that is only read.
    pub fn file(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), mode: 0o644, content: Content::File(bytes) }
    }

    /// A file that is executed.
    pub fn executable(path: impl Into<String>, bytes: Vec<u8>) -> Self {
        Self { path: path.into(), mode: 0o755, content: Content::File(bytes) }
    }

    /// A directory; those that lead to another entry need not be named.
    pub fn directory(path: impl Into<String>) -> Self {
        Self { path: path.into(), mode: 0o755, content: Content::Directory }
    }

    /// A character device.
    pub fn device(path: impl Into<String>, mode: u32, major: u32, minor: u32) -> Self {
        Self { path: path.into(), mode, content: Content::Device(major, minor) }
    }
}

/// What every guest has: the devices that the kernel and PID 1 open before anything is mounted, and places to mount on.
pub(super) fn skeleton() -> Vec<Entry> {
    let mut entries: Vec<Entry> = ["/dev", "/proc", "/sys", "/tmp", "/run"].map(Entry::directory).into();
    // Documentation/admin-guide/devices.txt.
    entries.push(Entry::device("/dev/console", 0o600, 5, 1));
    entries.push(Entry::device("/dev/null", 0o666, 1, 3));
    entries
}

/// The archive of these entries, sorted by path; directories that lead to them are added. The same entry twice is one.
///
/// # Errors
/// For a path that is not absolute and plain, two different entries of one path, or a file of 4 GiB or more.
pub fn build(entries: &[Entry]) -> Result<Vec<u8>, Error> {
    let mut tree: BTreeMap<&str, &Entry> = BTreeMap::new();
    for entry in entries {
        let plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
        match entry.path.strip_prefix('/') {
            Some(path) if path.split('/').all(plain) => match tree.insert(path, entry) {
                Some(other) if other != entry => return Err(Error::Twice(entry.path.clone())),
                _ => {}
            },
            _ => return Err(Error::BadPath(entry.path.clone())),
        }
    }
    let parent = Entry::directory("");
    let parents: Vec<&str> =
        tree.keys().flat_map(|path| path.match_indices('/').map(|(end, _)| &path[..end])).collect();
    for path in parents {
        let above = tree.entry(path).or_insert(&parent);
        if above.content != Content::Directory {
            return Err(Error::Twice(format!("/{path}")));
        }
    }
    let mut archive = Vec::new();
    for (ino, (path, entry)) in (1..).zip(&tree) {
        let bytes: &[u8] = match &entry.content {
            Content::File(bytes) => bytes,
            Content::Link(target) => target.as_bytes(),
            Content::Directory | Content::Device(..) => &[],
        };
        let size = bytes.len() as u64;
        let size = u32::try_from(size).map_err(|_| Error::TooLarge { path: entry.path.clone(), size })?;
        append(&mut archive, ino, path, entry, bytes, size).at("add to the initramfs", Path::new(&entry.path))?;
    }
    cpio::newc::trailer(&mut archive).at("end", Path::new("the initramfs"))?;
    Ok(archive)
}

fn append(to: &mut Vec<u8>, ino: u32, path: &str, entry: &Entry, bytes: &[u8], size: u32) -> io::Result<()> {
    let (kind, major, minor) = match entry.content {
        Content::Directory => (DIRECTORY, 0, 0),
        Content::File(_) => (FILE, 0, 0),
        Content::Link(_) => (LINK, 0, 0),
        Content::Device(major, minor) => (DEVICE, major, minor),
    };
    let links = if kind == DIRECTORY { 2 } else { 1 };
    let header = cpio::newc::Builder::new(path).ino(ino).mode(kind | entry.mode).nlink(links).mtime(0);
    let mut writer = header.rdev_major(major).rdev_minor(minor).write(to, size);
    writer.write_all(bytes)?;
    writer.finish()?;
    Ok(())
}

/// The archive's file in the cache, under the hash of its content; that hash.
pub(super) fn store(archive: &[u8], cache: &Cache, job: &Job) -> Result<(PathBuf, String), Error> {
    let hash = blake3::hash(archive).to_hex().to_string();
    let entry = cache.entry(Kind::Initramfs, &hash[..32], "the initramfs", job, |entry| {
        fs::write(entry.join(NAME), archive).at("write", &entry.join(NAME))?;
        Ok::<_, Error>(vec![PathBuf::from(NAME)])
    })?;
    Ok((entry.join(NAME), hash))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    fn example() -> Vec<Entry> {
        let mut entries = skeleton();
        entries.push(Entry::executable("/init", b"program".to_vec()));
        entries.push(Entry::file("/modules/a.ko", b"module".to_vec()));
        entries.push(Entry { path: "/lib64".into(), mode: 0o777, content: Content::Link("usr/lib64".into()) });
        entries
    }

    fn list(mut archive: &[u8]) -> Vec<(String, u32, u32, u32, u32, Vec<u8>)> {
        let mut found = Vec::new();
        loop {
            let mut reader = cpio::NewcReader::new(archive).unwrap();
            let entry = reader.entry().clone();
            if entry.is_trailer() {
                return found;
            }
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).unwrap();
            found.push((
                entry.name().to_owned(),
                entry.mode(),
                entry.rdev_major(),
                entry.rdev_minor(),
                entry.mtime(),
                bytes,
            ));
            archive = reader.finish().unwrap();
        }
    }

    #[test]
    fn the_archive_holds_what_was_put_in() {
        let listed = list(&build(&example()).unwrap());
        let names: Vec<&str> = listed.iter().map(|entry| entry.0.as_str()).collect();
        assert_eq!(
            names,
            ["dev", "dev/console", "dev/null", "init", "lib64", "modules", "modules/a.ko", "proc", "run", "sys", "tmp"]
        );
        let find = |name: &str| listed.iter().find(|entry| entry.0 == name).cloned().unwrap();
        assert_eq!(find("dev/console"), ("dev/console".into(), 0o020_600, 5, 1, 0, vec![]));
        assert_eq!(find("init"), ("init".into(), 0o100_755, 0, 0, 0, b"program".to_vec()));
        assert_eq!(find("lib64"), ("lib64".into(), 0o120_777, 0, 0, 0, b"usr/lib64".to_vec()));
        assert_eq!(find("modules"), ("modules".into(), 0o040_755, 0, 0, 0, vec![]));
    }

    #[test]
    fn the_bytes_depend_on_the_content_alone() {
        let mut entries = example();
        let archive = build(&entries).unwrap();
        entries.reverse();
        entries.push(entries[0].clone());
        assert_eq!(build(&entries).unwrap(), archive);
        assert_eq!(
            blake3::hash(&archive).to_hex().as_str(),
            "872f35ac113783b2b7944434fed75a00ec486c782db62d8e1721d00423e2b6a9",
            "the archive's bytes changed: every cached initramfs and every stored hash is of another form"
        );
    }

    #[test]
    fn what_cannot_be_is_refused() {
        let error = |paths: &[(&str, &str)]| {
            let entries: Vec<Entry> =
                paths.iter().map(|(path, text)| Entry::file(*path, text.as_bytes().to_vec())).collect();
            build(&entries).unwrap_err().to_string()
        };
        assert!(error(&[("/a/../b", "")]).contains("`/a/../b` cannot be a path"));
        assert!(error(&[("a", "")]).contains("cannot be a path"));
        assert_eq!(error(&[("/a", "1"), ("/a", "2")]), "two different files for /a in the initramfs");
        assert_eq!(error(&[("/a", "1"), ("/a/b", "2")]), "two different files for /a in the initramfs");
    }

    #[test]
    fn the_same_archive_is_stored_once() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let archive = build(&example()).unwrap();
        let first = store(&archive, &cache, &Job::silent()).unwrap();
        assert_eq!(store(&archive, &cache, &Job::silent()).unwrap(), first);
        assert_eq!(fs::read(first.0).unwrap(), archive);
    }
}
