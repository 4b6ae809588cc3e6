//! Lists of a tree's files with what tells whether one has changed.
//! Lives here: the list, its file, looking at files in bulk.
//! May not live here: where the files come from, or changing them.

use crate::kernel::error::{At, Error, FileError};
use crate::kernel::job::Job;
use std::collections::BTreeMap;
use std::fs::{self, File, Metadata};
use std::io::{self, Read, Write};
use std::num::NonZero;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The first line of a list's file.
const MAGIC: &str = "oomph tree 1";
/// Most bytes of a list's file: 80,000 files take 15 MB.
const MAX_BYTES: u64 = 256 << 20;
/// Most bytes of one file of a tree; the largest of 6.1 has 23 MB.
pub const MAX_FILE: u64 = 1 << 30;
/// Most threads that look at files.
const MAX_THREADS: usize = 8;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A file.
    Plain,
    /// A file that can be executed.
    Program,
    /// A symbolic link; its content is where it leads.
    Link,
}

impl Kind {
    const ALL: [(Self, &str); 3] = [(Self::Plain, "f"), (Self::Program, "x"), (Self::Link, "l")];

    fn text(self) -> &'static str {
        Self::ALL.iter().find(|(kind, _)| *kind == self).map_or("f", |(_, text)| text)
    }

    fn of(file: &Metadata) -> Option<Self> {
        let kind = file.file_type();
        match (kind.is_symlink(), kind.is_file(), file.mode() & 0o100) {
            (true, ..) => Some(Self::Link),
            (_, true, 0) => Some(Self::Plain),
            (_, true, _) => Some(Self::Program),
            _ => None,
        }
    }
}

/// What changes with a file's content, as stat(2) tells it. The default is that of no file.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stamp {
    /// Bytes.
    pub size: u64,
    /// Last change of its content, in nanoseconds since 1970.
    pub modified: i64,
    /// Last change of anything about it, in the same.
    pub changed: i64,
}

/// What is known of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// What it is.
    pub kind: Kind,
    /// Names its content: BLAKE3 of it, or what its source names it by (git's object id).
    pub id: String,
    /// BLAKE3 of its content, where that was read; else empty.
    pub hash: String,
    /// How it looked when its content was that.
    pub stamp: Stamp,
}

/// A list of files, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    /// Names the content of all of them together.
    pub id: String,
    /// What that was at its source, for people.
    pub describe: String,
    /// The commit that `describe` is about, where there is one.
    pub commit: String,
    /// The files.
    pub files: BTreeMap<String, Record>,
}

impl Index {
    /// Reads a list; `None` where it is not there or is none.
    pub fn read(path: &Path) -> Option<Self> {
        let mut text = Vec::new();
        File::open(path).ok()?.take(MAX_BYTES).read_to_end(&mut text).ok()?;
        Self::parse(&String::from_utf8(text).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('\0');
        let mut head = parts.next()?.split('\n');
        if head.next()? != MAGIC {
            return None;
        }
        let mut line = || head.next().map(str::to_owned);
        let (id, describe, commit) = (line()?, line()?, line()?);
        let mut files = BTreeMap::new();
        for part in parts {
            if part == "end" {
                return Some(Self { id, describe, commit, files });
            }
            let mut fields = part.splitn(7, ' ');
            let kind = fields.next()?;
            let (kind, _) = Kind::ALL.iter().find(|(_, text)| *text == kind)?;
            let (id, hash) = (fields.next()?.to_owned(), fields.next()?.to_owned());
            let stamp = Stamp {
                size: fields.next()?.parse().ok()?,
                modified: fields.next()?.parse().ok()?,
                changed: fields.next()?.parse().ok()?,
            };
            files.insert(fields.next()?.to_owned(), Record { kind: *kind, id, hash, stamp });
        }
        None
    }

    /// Writes the list, whole or not at all.
    pub fn write(&self, path: &Path) -> Result<(), FileError> {
        let mut text = Vec::new();
        let line = |text: &str| text.replace(['\n', '\0'], " ");
        let head = format!("{MAGIC}\n{}\n{}\n{}", line(&self.id), line(&self.describe), line(&self.commit));
        text.extend_from_slice(head.as_bytes());
        for (path, Record { kind, id, hash, stamp: Stamp { size, modified, changed } }) in &self.files {
            let kind = kind.text();
            write!(text, "\0{kind} {id} {hash} {size} {modified} {changed} {path}").unwrap_or_default();
        }
        text.extend_from_slice(b"\0end");
        let place = path.parent().unwrap_or(Path::new(""));
        let mut draft = tempfile::NamedTempFile::new_in(place).at("make a file in", place)?;
        draft.write_all(&text).at("write", path)?;
        draft.persist(path).map_err(|error| error.error).at("write", path)?;
        Ok(())
    }

    /// BLAKE3 over paths, kinds and contents.
    pub fn content_id(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for (path, record) in &self.files {
            for part in [record.kind.text(), &record.id, path] {
                hasher.update(part.as_bytes());
                hasher.update(b"\0");
            }
        }
        hasher.finalize().to_hex().to_string()
    }
}

/// BLAKE3 in hex.
pub fn hash(content: &[u8]) -> String {
    blake3::hash(content).to_hex().to_string()
}

/// What files below a directory are and how they look; `None` for what is no file or link, or is not there.
pub fn look(directory: &Path, paths: &[&str]) -> Vec<Option<(Kind, Stamp)>> {
    side_by_side(paths, |path| look_at(&directory.join(path)))
}

/// What one file is and how it looks.
pub fn look_at(path: &Path) -> Option<(Kind, Stamp)> {
    let file = fs::symlink_metadata(path).ok()?;
    let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
    let stamp = Stamp {
        size: file.len(),
        modified: time(file.mtime(), file.mtime_nsec()),
        changed: time(file.ctime(), file.ctime_nsec()),
    };
    Kind::of(&file).map(|kind| (kind, stamp))
}

/// The contents' hashes of files below a directory.
pub fn hash_all(directory: &Path, files: &[(&str, Kind)], job: &Job) -> Result<Vec<String>, Error> {
    let hashes = side_by_side(files, |(path, kind)| {
        job.check()?;
        let path = directory.join(path);
        Ok::<_, Error>(hash(&content(&path, *kind).at("read", &path)?))
    });
    hashes.into_iter().collect()
}

/// A file's content.
pub fn content(path: &Path, kind: Kind) -> io::Result<Vec<u8>> {
    if kind == Kind::Link {
        return Ok(fs::read_link(path)?.as_os_str().as_bytes().to_vec());
    }
    let mut content = Vec::new();
    File::open(path)?.take(MAX_FILE + 1).read_to_end(&mut content)?;
    if content.len() as u64 > MAX_FILE {
        return Err(io::Error::other("larger than any file of a kernel's source"));
    }
    Ok(content)
}

/// Does the same for many things on all processors; the results are in the things' order.
fn side_by_side<T: Sync, R: Send>(things: &[T], each: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_THREADS);
    let share = things.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let work = |part: &'_ [T]| part.iter().map(&each).collect::<Vec<R>>();
        let threads: Vec<_> = things.chunks(share).map(|part| scope.spawn(move || work(part))).collect();
        let mut results = Vec::with_capacity(things.len());
        for thread in threads {
            match thread.join() {
                Ok(part) => results.extend(part),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        results
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn record() -> impl Strategy<Value = Record> {
        let kind = prop::sample::select(vec![Kind::Plain, Kind::Program, Kind::Link]);
        let stamp = (any::<u64>(), any::<i64>(), any::<i64>());
        (kind, "[0-9a-f]{1,64}", "([0-9a-f]{64})?", stamp).prop_map(|(kind, id, hash, (size, modified, changed))| {
            Record { kind, id, hash, stamp: Stamp { size, modified, changed } }
        })
    }

    proptest! {
        #[test]
        fn a_list_comes_back_as_it_was_written(
            id in "[^\\x00\\n]{0,20}", describe in "[^\\x00\\n]{0,20}",
            files in prop::collection::btree_map("[^\\x00]{1,30}", record(), 0..8), cut in 1usize..40,
        ) {
            let place = tempfile::tempdir().unwrap();
            let path = place.path().join("list");
            let index = Index { id, describe, commit: String::new(), files };
            index.write(&path).unwrap();
            prop_assert_eq!(Index::read(&path), Some(index));
            let text = fs::read_to_string(&path).unwrap();
            let end = (0..text.len().saturating_sub(cut)).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
            prop_assert_eq!(Index::parse(&text[..end]), None, "a list that was cut off is none");
        }
    }

    #[test]
    fn the_id_says_path_kind_and_content() {
        let of = |files: &[(&str, Kind, &str)]| {
            let record =
                |kind: Kind, id: &str| Record { kind, id: id.into(), hash: String::new(), stamp: Stamp::default() };
            let files = files.iter().map(|(path, kind, id)| ((*path).to_owned(), record(*kind, id))).collect();
            Index { files, ..Index::default() }.content_id()
        };
        let plain = of(&[("a", Kind::Plain, "1")]);
        assert_eq!(plain, of(&[("a", Kind::Plain, "1")]));
        for other in
            [of(&[]), of(&[("b", Kind::Plain, "1")]), of(&[("a", Kind::Program, "1")]), of(&[("a", Kind::Plain, "2")])]
        {
            assert_ne!(plain, other);
        }
    }

    #[test]
    fn files_are_looked_at_in_order() {
        let place = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..100).map(|n| format!("f{n}")).collect();
        for (n, name) in names.iter().enumerate() {
            fs::write(place.path().join(name), vec![b'x'; n]).unwrap();
        }
        fs::remove_file(place.path().join("f7")).unwrap();
        std::os::unix::fs::symlink("f1", place.path().join("f7")).unwrap();
        fs::remove_file(place.path().join("f9")).unwrap();
        let paths: Vec<&str> = names.iter().map(String::as_str).collect();
        let seen = look(place.path(), &paths);
        assert_eq!(seen.len(), 100);
        assert_eq!((seen[7].unwrap().0, seen[9], seen[50].unwrap().1.size), (Kind::Link, None, 50));
        let hashes = hash_all(place.path(), &[("f7", Kind::Link), ("f3", Kind::Plain)], &Job::silent()).unwrap();
        assert_eq!(hashes, [hash(b"f1"), hash(b"xxx")]);
    }
}
