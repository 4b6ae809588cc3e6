//! Archives of a kernel's source: a tar, compressed or not.
//! Lives here: unpacking one with bounds, the list of what was in it.
//! May not live here: where archives come from (`fetch`), or what becomes of the files.

use super::index::{self, Index, Kind, MAX_FILE, Record};
use super::local::is_product;
use super::work::put;
use crate::kernel::debian::read_xz;
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek};
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, Instant};

/// Most files; 6.12 has 87,000.
const MAX_FILES: usize = 1_000_000;
/// Most bytes of all files; 6.1 has 1.3 GB.
const MAX_BYTES: u64 = 16 << 30;
/// A slow disk takes minutes.
const DEADLINE: Duration = Duration::from_secs(3600);

/// Unpacks an archive into an empty directory; says where the source's root is in there, and what is in it.
pub fn unpack(archive: &Path, directory: &Path, job: &Job) -> Result<(PathBuf, Index), Error> {
    let wrong = |why: String| Error::Tree { place: archive.display().to_string(), why };
    let mut file = File::open(archive).at("open", archive)?;
    let mut unpacking = Unpacking {
        directory,
        files: BTreeMap::new(),
        links: BTreeSet::new(),
        bytes: 0,
        end: Instant::now() + DEADLINE,
    };
    let unpacked = decompress(&mut file).and_then(|data| unpacking.unpack(data, job));
    match unpacked {
        Err(_) if job.check().is_err() => return Err(Error::Cancelled),
        // What could not be written says so itself.
        Err(cause) if cause.get_ref().is_some_and(|inner| inner.is::<Error>()) => {
            let inner = cause.into_inner().map(|inner| inner.downcast::<Error>());
            return Err(inner.and_then(Result::ok).map_or_else(|| wrong("cannot be unpacked".into()), |error| *error));
        }
        Err(cause) => return Err(wrong(format!("cannot be unpacked: {cause}"))),
        Ok(()) => {}
    }
    let files = unpacking.files;
    let top = files.keys().next().and_then(|path| path.split_once('/')).map(|(top, _)| format!("{top}/"));
    let top = top.filter(|top| files.keys().all(|path| path.starts_with(top)));
    let root = top.as_ref().map_or(directory.to_owned(), |top| directory.join(top));
    let strip = |path: String| top.as_ref().and_then(|top| path.strip_prefix(top)).map_or(path.clone(), str::to_owned);
    let mut kept = BTreeMap::new();
    for (path, record) in files {
        let path = strip(path);
        if is_product(&path) {
            let file = root.join(&path);
            fs::remove_file(&file).at("remove", &file)?;
        } else {
            kept.insert(path, record);
        }
    }
    Ok((root, Index { files: kept, ..Index::default() }))
}

/// The tar in a file, whatever it is compressed with; told by its first bytes.
fn decompress(file: &mut File) -> io::Result<Box<dyn Read + '_>> {
    let mut magic = Vec::new();
    Read::by_ref(file).take(6).read_to_end(&mut magic)?;
    file.rewind()?;
    Ok(match magic.as_slice() {
        [0xfd, b'7', b'z', b'X', b'Z', 0] => read_xz(file)?,
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(BufReader::new(file))),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => Box::new(zstd::Decoder::new(file)?),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::read::MultiBzDecoder::new(BufReader::new(file))),
        _ => Box::new(BufReader::new(file)),
    })
}

struct Unpacking<'a> {
    directory: &'a Path,
    files: BTreeMap<String, Record>,
    links: BTreeSet<PathBuf>,
    bytes: u64,
    end: Instant,
}

impl Unpacking<'_> {
    fn unpack(&mut self, data: impl Read, job: &Job) -> io::Result<()> {
        let mut none = true;
        for member in tar::Archive::new(data).entries()? {
            let mut member = member?;
            none = false;
            job.check().map_err(|_| io::ErrorKind::Interrupted)?;
            if Instant::now() > self.end {
                return Err(io::Error::other(format!("it takes longer than {} s", DEADLINE.as_secs())));
            }
            let kind = match member.header().entry_type() {
                tar::EntryType::Regular | tar::EntryType::Continuous => match member.header().mode()? & 0o100 {
                    0 => Kind::Plain,
                    _ => Kind::Program,
                },
                tar::EntryType::Symlink => Kind::Link,
                tar::EntryType::Directory | tar::EntryType::XGlobalHeader => continue,
                other => {
                    return Err(io::Error::other(format!("it has a member of a kind that no source has ({other:?})")));
                }
            };
            let path = self.plain(&member.path()?)?;
            let content = match kind {
                Kind::Link => member.link_name_bytes().unwrap_or_default().into_owned(),
                _ => self.content(&mut member)?,
            };
            self.add(path, kind, &content)?;
        }
        if none { Err(io::Error::other("there is nothing in it")) } else { Ok(()) }
    }

    fn content(&mut self, member: &mut tar::Entry<impl Read>) -> io::Result<Vec<u8>> {
        let size = member.size();
        self.bytes += size;
        if size > MAX_FILE || self.bytes > MAX_BYTES || self.files.len() >= MAX_FILES {
            return Err(io::Error::other("it holds more than any kernel's source"));
        }
        let mut content = Vec::new();
        member.take(size).read_to_end(&mut content)?;
        Ok(content)
    }

    /// A path that stays in the directory and leads through no link.
    fn plain(&self, path: &Path) -> io::Result<String> {
        let mut plain = PathBuf::new();
        for component in path.components() {
            match component {
                Component::Normal(name) => plain.push(name),
                Component::CurDir => {}
                _ => return Err(io::Error::other(format!("it has a path that leads out of it: {}", path.display()))),
            }
        }
        if plain.ancestors().skip(1).any(|above| self.links.contains(above)) {
            return Err(io::Error::other(format!("it has a path that leads through a link: {}", path.display())));
        }
        let text = plain.to_str().filter(|text| !text.is_empty());
        text.map(str::to_owned).ok_or_else(|| io::Error::other("it has file names that are not UTF-8"))
    }

    fn add(&mut self, path: String, kind: Kind, content: &[u8]) -> io::Result<()> {
        let target = self.directory.join(&path);
        if let Some(parent) = target.parent() {
            fs::create_dir_all(parent).at("make the directory", parent).map_err(inner)?;
        }
        if self.files.remove(&path).is_some() {
            // The last of two members of one name counts.
            self.links.remove(Path::new(&path));
            fs::remove_file(&target).at("remove", &target).map_err(inner)?;
        }
        put(&target, kind, content).map_err(io::Error::other)?;
        if kind == Kind::Link {
            self.links.insert(PathBuf::from(&path));
        }
        let (_, stamp) = index::look_at(&target).ok_or(io::ErrorKind::NotFound)?;
        let hash = index::hash(content);
        self.files.insert(path, Record { kind, id: hash.clone(), hash, stamp });
        Ok(())
    }
}

fn inner(error: crate::kernel::FileError) -> io::Error {
    io::Error::other(Error::from(error))
}
