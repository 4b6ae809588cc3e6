//! Unpacking a .deb without dpkg (deb(5): an ar archive with a compressed tar in it).
//! Lives here: the formats, which files are kept, bounds.
//! May not live here: where packages come from.

use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Seek, Write};
use std::num::NonZero;
use std::path::{Component, Path, PathBuf};

/// Directories of a kernel that are kept, and where to. `/lib` is a link to `/usr/lib` on every Debian that has the latter.
const KEPT: [(&str, &str); 3] = [("boot", "boot"), ("lib/modules", "lib/modules"), ("usr/lib/modules", "lib/modules")];
/// Where a package of source has it.
const KEPT_SOURCE: [(&str, &str); 1] = [("usr/src", "usr/src")];
/// Where programs and their libraries are. A link is kept where it leads to a neighbour, as those of libraries do.
const KEPT_PROGRAMS: [(&str, &str); 6] = [
    ("usr", "usr"),
    ("bin", "usr/bin"),
    ("sbin", "usr/sbin"),
    ("lib", "usr/lib"),
    ("lib64", "usr/lib64"),
    ("etc", "etc"),
];
/// Most bytes that a package may unpack to; Debian's largest kernel has 0.5 GB.
const MAX_BYTES: u64 = 8 << 30;
/// Most blocks of 24 MiB that lie unpacked in memory.
const MAX_WORKERS: usize = 4;
/// Most files; Debian's kernels have some 5,000.
const MAX_FILES: u64 = 200_000;

/// Unpacks `/boot` and `/lib/modules` of a package into `directory`, as a stream.
pub fn unpack(package: &Path, directory: &Path, job: &Job) -> Result<(), Error> {
    unpack_parts(package, &KEPT, directory, job)
}

/// Unpacks `/usr/src` of a package into `directory`, as a stream.
pub fn unpack_source(package: &Path, directory: &Path, job: &Job) -> Result<(), Error> {
    unpack_parts(package, &KEPT_SOURCE, directory, job)
}

/// Unpacks programs and libraries of a package into `directory`, as a stream. All is below `usr`, wherever the package has it.
pub fn unpack_programs(package: &Path, directory: &Path, job: &Job) -> Result<(), Error> {
    unpack_parts(package, &KEPT_PROGRAMS, directory, job)
}

/// Unpacks some directories of a package.
fn unpack_parts(package: &Path, parts: &[(&str, &str)], directory: &Path, job: &Job) -> Result<(), Error> {
    let wrong = |why: String| Error::Package { package: package.to_owned(), why };
    let file = BufReader::with_capacity(1 << 18, File::open(package).at("open", package)?);
    let mut archive = ar::Archive::new(file);
    while let Some(member) = archive.next_entry() {
        let mut member = member.map_err(|cause| wrong(format!("is no Debian package ({cause})")))?;
        let name = String::from_utf8_lossy(member.header().identifier()).into_owned();
        let Some(compression) = name.strip_prefix("data.tar") else { continue };
        let data: Box<dyn Read> = match compression {
            "" => Box::new(member),
            ".xz" => xz(&mut member).map_err(|cause| wrong(format!("cannot be unpacked: {cause}")))?,
            ".zst" => Box::new(zstd::Decoder::new(member).map_err(|cause| wrong(cause.to_string()))?),
            ".gz" => Box::new(flate2::read::GzDecoder::new(member)),
            other => return Err(wrong(format!("its content is compressed in a way that is not known here ({other})"))),
        };
        return unpack_tar(data, parts, directory, job).map_err(|cause| {
            if job.check().is_err() { Error::Cancelled } else { wrong(format!("cannot be unpacked: {cause}")) }
        });
    }
    Err(wrong("has no content (data.tar)".into()))
}

/// Reads xz. dpkg-deb compresses in blocks of 24 MiB, which can be unpacked side by side. A single block may hold everything, and is
/// read as a stream: a block that is unpacked by a worker lies in memory as a whole.
pub fn xz<'a>(member: &'a mut (impl Read + Seek)) -> io::Result<Box<dyn Read + 'a>> {
    let blocks = lzma_rust2::XzReaderMt::new(&mut *member, true, 1)?.block_count();
    member.rewind()?;
    if blocks < 2 {
        return Ok(Box::new(lzma_rust2::XzReader::new(member, true)));
    }
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get).min(MAX_WORKERS);
    Ok(Box::new(lzma_rust2::XzReaderMt::new(member, true, u32::try_from(workers).unwrap_or(1))?))
}

fn unpack_tar(data: impl Read, parts: &[(&str, &str)], directory: &Path, job: &Job) -> io::Result<()> {
    let (mut bytes, mut files) = (0, 0);
    for member in tar::Archive::new(data).entries()? {
        let mut member = member?;
        job.check().map_err(|_| io::ErrorKind::Interrupted)?;
        let Some(path) = kept(&member.path()?, parts) else { continue };
        let target = directory.join(path);
        if let Some(neighbour) = link_to_neighbour(&member)? {
            // Only what can be followed inside the directory; two packages may have the same.
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            std::os::unix::fs::symlink(neighbour, &target).or_else(there_is_enough)?;
            continue;
        }
        // Other links (`build`, `source`) lead to places that are not here.
        if member.header().entry_type().is_dir() {
            fs::create_dir_all(&target)?;
        } else if member.header().entry_type().is_file() {
            files += 1;
            bytes += member.size();
            if files > MAX_FILES || bytes > MAX_BYTES {
                return Err(io::Error::other("more files or bytes than any kernel has"));
            }
            if let Some(parent) = target.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = File::create_new(&target)?;
            io::copy(&mut member, &mut file)?;
            file.flush()?;
        }
    }
    Ok(())
}

/// What a symbolic link leads to, where that is in its own directory.
fn link_to_neighbour(member: &tar::Entry<'_, impl Read>) -> io::Result<Option<PathBuf>> {
    if !member.header().entry_type().is_symlink() {
        return Ok(None);
    }
    let name = |path: &Path| matches!(path.components().collect::<Vec<_>>()[..], [Component::Normal(_)]);
    Ok(member.link_name()?.map(|link| link.into_owned()).filter(|link| name(link)))
}

fn there_is_enough(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

/// Where a file goes; `None` for what is not kept, and for every path that would leave the directory.
fn kept(path: &Path, parts: &[(&str, &str)]) -> Option<PathBuf> {
    let mut clean = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => clean.push(name),
            Component::CurDir | Component::RootDir => {}
            Component::ParentDir | Component::Prefix(_) => return None,
        }
    }
    parts.iter().find_map(|(from, to)| Some(Path::new(to).join(clean.strip_prefix(from).ok()?)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn data() -> Vec<u8> {
        let mut tar = tar::Builder::new(Vec::new());
        let mut add = |path: &str, content: &[u8], kind: tar::EntryType| {
            let mut header = tar::Header::new_gnu();
            header.set_entry_type(kind);
            header.set_size(content.len() as u64);
            header.set_mode(0o644);
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            if kind.is_symlink() {
                header.set_link_name("/elsewhere").unwrap();
            }
            header.set_cksum();
            tar.append(&header, content).unwrap();
        };
        add("./", b"", tar::EntryType::Directory);
        add("./boot/vmlinuz-1", b"kernel", tar::EntryType::Regular);
        add("./lib/modules/1/a.ko", b"a", tar::EntryType::Regular);
        add("./usr/lib/modules/1/b.ko", b"b", tar::EntryType::Regular);
        add("./lib/modules/1/build", b"", tar::EntryType::Symlink);
        add("./usr/share/doc/x", b"doc", tar::EntryType::Regular);
        add("./lib/modules/../../../evil", b"evil", tar::EntryType::Regular);
        tar.into_inner().unwrap()
    }

    fn package(name: &str, data: &[u8]) -> Vec<u8> {
        let mut ar = ar::Builder::new(Vec::new());
        let mut add = |name: &str, content: &[u8]| {
            ar.append(&ar::Header::new(name.as_bytes().to_vec(), content.len() as u64), content).unwrap();
        };
        add("debian-binary", b"2.0\n");
        add("control.tar.xz", b"anything");
        add(name, data);
        ar.into_inner().unwrap()
    }

    fn unpacked(name: &str, data: &[u8]) -> Result<Vec<(String, String)>, String> {
        let place = tempfile::tempdir().unwrap();
        let deb = place.path().join("x.deb");
        fs::write(&deb, package(name, data)).unwrap();
        let directory = place.path().join("deep/out");
        fs::create_dir_all(&directory).unwrap();
        unpack(&deb, &directory, &Job::silent()).map_err(|error| error.to_string())?;
        let files = crate::kernel::manifest::files_below(place.path()).unwrap();
        assert_eq!(files.iter().filter(|file| !file.starts_with("deep/out")).count(), 1, "only the package itself");
        let files = files.iter().filter_map(|file| file.strip_prefix("deep/out").ok());
        Ok(files.map(|file| (file.display().to_string(), fs::read_to_string(directory.join(file)).unwrap())).collect())
    }

    #[test]
    fn kernel_and_modules_come_out_whatever_the_compression() {
        let gz = {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(&data()).unwrap();
            gz.finish().unwrap()
        };
        let xz = {
            let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            xz.write_all(&data()).unwrap();
            xz.finish().unwrap()
        };
        let zst = zstd::encode_all(&*data(), 1).unwrap();
        let files = [("boot/vmlinuz-1", "kernel"), ("lib/modules/1/a.ko", "a"), ("lib/modules/1/b.ko", "b")];
        let files = files.map(|(path, content)| (path.to_owned(), content.to_owned()));
        for (name, data) in [("data.tar", data()), ("data.tar.gz", gz), ("data.tar.xz", xz), ("data.tar.zst", zst)] {
            assert_eq!(unpacked(name, &data).unwrap(), files, "{name}");
        }
    }

    #[test]
    fn a_package_that_is_none_says_so() {
        assert!(unpacked("data.tar.lz", b"").unwrap_err().contains("not known here (.lz)"));
        assert!(unpacked("other", b"").unwrap_err().contains("has no content"));
        assert!(unpacked("data.tar.xz", b"damaged").unwrap_err().contains("cannot be unpacked"));
    }
}
