//! The files of a system: from the tar that mmdebstrap writes to a tree that a filesystem can be made of.
//! Lives here: nodes with owners and modes, reading the tar, laying the files' contents out in a folder.
//! May not live here: what is changed in it (`settings`), or filesystems (`xfs`, `ext4`).
//!
//! A hard link becomes a file of its own: neither XFS's protofile nor what ext4 is filled from can say more.

use crate::image::error::Error;
use crate::kernel::At;
use crate::kernel::job::Job;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use tar::EntryType;

/// What a PAX header calls a file's capabilities.
const CAPABILITY: &str = "SCHILY.xattr.security.capability";

/// What is at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// A directory.
    Directory,
    /// A regular file; its content lies in the folder, at this path.
    File(PathBuf),
    /// A symbolic link to this.
    Link(PathBuf),
    /// A character device: major, minor.
    Character(u32, u32),
    /// A block device: major, minor.
    Block(u32, u32),
    /// A named pipe.
    Pipe,
}

/// A place in the system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// Permissions with setuid, setgid and sticky bit, without the file type.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// The extended attribute `security.capability`, as the kernel takes it.
    pub capability: Option<Vec<u8>>,
    /// What it is.
    pub what: What,
}

/// All places, by their paths from the root; the root itself is the empty path. A directory comes before what is in it.
#[derive(Debug)]
pub struct Tree {
    /// The places.
    pub nodes: BTreeMap<PathBuf, Node>,
    /// The folder with the files' contents.
    pub folder: PathBuf,
}

impl Tree {
    /// A tree of nothing but its root.
    pub fn new(folder: &Path) -> Self {
        let root = Node { mode: 0o755, uid: 0, gid: 0, capability: None, what: What::Directory };
        Self { nodes: BTreeMap::from([(PathBuf::new(), root)]), folder: folder.to_owned() }
    }

    /// Reads a tar and lays the contents of its files out in `folder`, which is empty; `left_out` says what is not wanted.
    ///
    /// # Errors
    /// Where the tar cannot be read, holds what a system does not, or the folder cannot be written to.
    pub fn read(tar: &Path, folder: &Path, left_out: fn(&Path) -> bool, job: &Job) -> Result<Self, Error> {
        let mut tree = Self::new(folder);
        let mut archive = tar::Archive::new(io::BufReader::new(File::open(tar).at("open", tar)?));
        for entry in archive.entries().at("read", tar)? {
            job.check()?;
            tree.take(entry.at("read", tar)?, tar, left_out)?;
        }
        Ok(tree)
    }

    fn take<R: Read>(
        &mut self,
        mut entry: tar::Entry<'_, R>,
        tar: &Path,
        left_out: fn(&Path) -> bool,
    ) -> Result<(), Error> {
        let wrong = |path: &Path, why: &str| Error::Tar { tar: tar.to_owned(), path: path.to_owned(), why: why.into() };
        let path = entry.path().at("read", tar)?.into_owned();
        let place = plain(&path).ok_or_else(|| wrong(&path, "is no plain path"))?;
        if left_out(&place) {
            return Ok(());
        }
        let number = |value: io::Result<u64>| value.ok().and_then(|value| u32::try_from(value).ok());
        let header = entry.header().clone();
        let (Ok(mode), Some(uid), Some(gid)) = (header.mode(), number(header.uid()), number(header.gid())) else {
            return Err(wrong(&place, "has no sound owner or mode"));
        };
        let device = || header.device_major().ok().flatten().zip(header.device_minor().ok().flatten());
        let link = |entry: &tar::Entry<'_, R>| entry.link_name().ok().flatten().map(std::borrow::Cow::into_owned);
        let capability = entry.pax_extensions().at("read", tar)?.and_then(|extensions| {
            let mut found = extensions.flatten().filter(|extension| extension.key() == Ok(CAPABILITY));
            found.next().map(|extension| extension.value_bytes().to_vec())
        });
        let what = match header.entry_type() {
            EntryType::Directory => What::Directory,
            EntryType::Regular | EntryType::Continuous => {
                let path = self.folder.join(&place);
                make_parent(&path)?;
                io::copy(&mut entry, &mut File::create(&path).at("write", &path)?).at("write", &path)?;
                What::File(place.clone())
            }
            EntryType::Symlink => What::Link(link(&entry).ok_or_else(|| wrong(&place, "leads nowhere"))?),
            EntryType::Link => {
                let target = link(&entry).and_then(|target| plain(&target));
                let node = target.and_then(|target| self.nodes.get(&target)).cloned();
                let node = node.ok_or_else(|| wrong(&place, "is a hard link to what is not there"))?;
                self.insert(place, node);
                return Ok(());
            }
            EntryType::Char => {
                let (major, minor) = device().ok_or_else(|| wrong(&place, "is a device without a number"))?;
                What::Character(major, minor)
            }
            EntryType::Block => {
                let (major, minor) = device().ok_or_else(|| wrong(&place, "is a device without a number"))?;
                What::Block(major, minor)
            }
            EntryType::Fifo => What::Pipe,
            _ => return Err(wrong(&place, "is of a kind that no system has")),
        };
        self.insert(place, Node { mode: mode & 0o7777, uid, gid, capability, what });
        Ok(())
    }

    /// Puts a node there, and root's directories above it where there are none.
    fn insert(&mut self, place: PathBuf, node: Node) {
        let directory = Node { mode: 0o755, uid: 0, gid: 0, capability: None, what: What::Directory };
        for above in place.ancestors().skip(1) {
            self.nodes.entry(above.to_owned()).or_insert_with(|| directory.clone());
        }
        self.nodes.insert(place, node);
    }

    /// Whether something is at a place.
    pub fn has(&self, path: &str) -> bool {
        self.nodes.contains_key(Path::new(path))
    }

    /// Puts a file of root's there, in place of what is there.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub fn write(&mut self, path: &str, text: &str) -> Result<(), Error> {
        // A name of its own: what is there may be the content of a hard link too.
        let place = PathBuf::from(format!("{path}.oomph"));
        let full = self.folder.join(&place);
        make_parent(&full)?;
        fs::write(&full, text).at("write", &full)?;
        self.put(path, 0o644, What::File(place));
        Ok(())
    }

    /// Puts a symbolic link there, in place of what is there.
    pub fn link(&mut self, path: &str, target: &str) {
        self.put(path, 0o777, What::Link(target.into()));
    }

    fn put(&mut self, path: &str, mode: u32, what: What) {
        self.insert(path.into(), Node { mode, uid: 0, gid: 0, capability: None, what });
    }

    /// The text of a file; empty where there is none.
    pub fn text(&self, path: &str) -> String {
        match self.nodes.get(Path::new(path)) {
            Some(Node { what: What::File(place), .. }) => {
                fs::read(self.folder.join(place)).map(|text| String::from_utf8_lossy(&text).into_owned())
            }
            _ => Ok(String::new()),
        }
        .unwrap_or_default()
    }

    /// The names in a directory.
    pub fn names<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = String> + 'a {
        let inside = self.nodes.keys().filter(move |path| path.parent() == Some(Path::new(directory)));
        inside.filter_map(|path| Some(path.file_name()?.to_string_lossy().into_owned()))
    }
}

fn make_parent(path: &Path) -> Result<(), Error> {
    let parent = path.parent().unwrap_or(path);
    Ok(fs::create_dir_all(parent).at("make the directory", parent)?)
}

/// A path from the root, without `.`, `..` and slashes at its ends.
fn plain(path: &Path) -> Option<PathBuf> {
    let parts = path.components().filter(|part| !matches!(part, Component::CurDir | Component::RootDir));
    let plain = |part: Component<'_>| match part {
        Component::Normal(name) if !name.as_bytes().contains(&0) => Some(PathBuf::from(name)),
        _ => None,
    };
    parts.map(plain).collect()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// A tar of a little system with something of everything.
    pub(in crate::image::debian) fn archive(extra: &[&str]) -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, kind: EntryType, mode: u32, (uid, gid): (u64, u64), text: &[u8], link: &str| {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(kind);
            header.set_mode(mode);
            header.set_uid(uid);
            header.set_gid(gid);
            header.set_size(text.len() as u64);
            if matches!(kind, EntryType::Char | EntryType::Block) {
                header.set_device_major(1).unwrap();
                header.set_device_minor(3).unwrap();
            }
            if path == "./usr/bin/ping" {
                let value: &[u8] = &[1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
                tar.append_pax_extensions([(CAPABILITY, value)]).unwrap();
            }
            match link {
                "" => tar.append_data(&mut header, path, text).unwrap(),
                link => tar.append_link(&mut header, path, link).unwrap(),
            }
        };
        let root = (0, 0);
        for (path, mode) in
            [("./", 0o755), ("./usr/", 0o755), ("./usr/bin/", 0o755), ("./tmp/", 0o1777), ("./dev/", 0o755)]
        {
            add(path, EntryType::Directory, mode, root, b"", "");
        }
        add("./usr/bin/su", EntryType::Regular, 0o4755, root, b"su", "");
        add("./usr/bin/ping", EntryType::Regular, 0o755, root, b"ping", "");
        add("./usr/bin/again", EntryType::Link, 0o755, root, b"", "./usr/bin/su");
        add("./bin", EntryType::Symlink, 0o777, root, b"", "usr/bin");
        add("./etc/shadow", EntryType::Regular, 0o640, (0, 42), b"root:*", "");
        add("./dev/null", EntryType::Char, 0o666, root, b"", "");
        add("./dev/pipe", EntryType::Fifo, 0o600, (7, 8), b"", "");
        for path in extra {
            add(path, EntryType::Regular, 0o644, root, b"extra", "");
        }
        tar.into_inner().unwrap()
    }

    pub(in crate::image::debian) fn tree(place: &Path, extra: &[&str]) -> Tree {
        let tar = place.join("root.tar");
        fs::write(&tar, archive(extra)).unwrap();
        let folder = place.join("files");
        fs::create_dir(&folder).unwrap();
        Tree::read(&tar, &folder, |path| path.starts_with("usr/share/doc"), &Job::silent()).unwrap()
    }

    #[test]
    fn a_tar_becomes_a_tree_with_owners_modes_and_capabilities() {
        let place = tempfile::tempdir().unwrap();
        let tree = tree(place.path(), &["./usr/share/doc/x"]);
        let node = |path: &str| tree.nodes[Path::new(path)].clone();
        assert_eq!((node("tmp").mode, node("usr/bin/su").mode, node("etc/shadow").gid), (0o1777, 0o4755, 42));
        assert_eq!(node("usr/bin/ping").capability.unwrap()[..6], [1, 0, 0, 2, 0, 32]);
        assert_eq!(node("usr/bin/again"), node("usr/bin/su"));
        assert_eq!((node("bin").what, node("dev/null").what), (What::Link("usr/bin".into()), What::Character(1, 3)));
        assert_eq!((node("dev/pipe").what, node("dev/pipe").uid), (What::Pipe, 7));
        assert_eq!(tree.text("etc/shadow"), "root:*");
        assert!(!tree.has("usr/share/doc/x"));
    }

    #[test]
    fn what_is_put_there_brings_its_directories_and_spares_hard_links() {
        let place = tempfile::tempdir().unwrap();
        let mut tree = tree(place.path(), &[]);
        tree.write("usr/bin/su", "mine").unwrap();
        tree.write("etc/a/b", "new").unwrap();
        tree.link("etc/a/c", "/dev/null");
        assert_eq!((tree.text("usr/bin/su"), tree.text("usr/bin/again")), ("mine".into(), "su".into()));
        assert_eq!(tree.nodes[Path::new("etc/a")].what, What::Directory);
        assert_eq!(tree.names("etc/a").collect::<Vec<_>>(), ["b", "c"]);
    }

    #[test]
    fn what_leads_out_is_refused() {
        assert_eq!(plain(Path::new("./usr/../../x")), None);
        assert_eq!(plain(Path::new("./usr/bin/")), Some("usr/bin".into()));
        assert_eq!(plain(Path::new("./")), Some(PathBuf::new()));
        let place = tempfile::tempdir().unwrap();
        fs::write(place.path().join("x.tar"), "no tar at all".repeat(100)).unwrap();
        let read = Tree::read(&place.path().join("x.tar"), place.path(), |_| false, &Job::silent());
        assert!(read.unwrap_err().to_string().starts_with("cannot read "));
    }
}
