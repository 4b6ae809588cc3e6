//! A disk file of the user's: what it is, by its own bytes and nothing else.
//! Lives here: how it is written, what of it is refused, what tells one from another.
//! May not live here: an overlay over it (`disks`), or QEMU: it is never asked to guess.
//!
//! QEMU would guess the format of a file, and a guest that wrote a qcow2 header into its raw disk could have any file of the host's read
//! (qemu(1), "raw"). Here a qcow2 that leads to another file is refused whoever wrote it: then its content is all there is to it, and says
//! which disk it is.

use super::error::Error;
use crate::kernel::job::{Job, Progress, blocking};
use crate::kernel::{At, Cache};
use serde::{Deserialize, Serialize};
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// So much is looked at: a qcow2 header of version 3 has 104 bytes, a boot sector 512.
const HEAD: u64 = 512;
/// What is read of a disk at a time.
const CHUNK: usize = 1 << 20;
/// Files that are no disks as they are, by their first bytes, and what makes one of them.
const OTHERS: [(&[u8], &str, &str); 7] = [
    (b"KDMV", "a VMDK", CONVERT),
    (b"# Disk DescriptorFile", "a VMDK's description", CONVERT),
    (b"vhdxfile", "a VHDX", CONVERT),
    (b"conectix", "a VHD", CONVERT),
    (b"\xfd7zXZ\0", "compressed by xz", "`xz -d` unpacks it"),
    (b"\x1f\x8b", "compressed by gzip", "`gzip -d` unpacks it"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "`zstd -d` unpacks it"),
];
const CONVERT: &str = "`qemu-img convert -O qcow2 FILE NEW` makes a qcow2 of it";
/// Ends a boot sector.
const BOOTABLE: [u8; 2] = [0x55, 0xaa];

/// How a disk image is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum DiskFormat {
    /// Byte for byte.
    Raw,
    /// QEMU's own.
    Qcow2,
}

impl DiskFormat {
    /// The name by which QEMU knows it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Raw => "raw",
            Self::Qcow2 => "qcow2",
        }
    }

    /// A file's.
    ///
    /// # Errors
    /// Where the file cannot be read, or is no disk that can be run.
    pub fn of(path: &Path) -> Result<Self, Error> {
        look(path).map(|head| head.format)
    }
}

/// A disk file that can be run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskFile {
    /// The file.
    pub path: PathBuf,
    /// How it is written.
    pub format: DiskFormat,
    /// What the guest sees, in bytes.
    pub size: u64,
    /// BLAKE3 of the file, in hex.
    pub hash: String,
}

/// Looks at a disk file and reads all of it for its hash, which the cache remembers until the file changes. `boots` says whether its own
/// bootloader is to start it.
///
/// # Errors
/// Where it cannot be read, or is no disk that can be run.
pub async fn disk_file(path: &Path, boots: bool, cache: &Cache, progress: Progress<'_>) -> Result<DiskFile, Error> {
    let (path, cache) = (path.to_owned(), cache.clone());
    blocking(progress, move |job| read(&path, boots, &cache, job)).await
}

fn read(path: &Path, boots: bool, cache: &Cache, job: &Job) -> Result<DiskFile, Error> {
    let Head { format, size, bootable } = look(path)?;
    if boots && bootable == Some(false) {
        let why = "it has no boot sector (55 AA at byte 510), so no BIOS can start it; expected a disk with a bootloader for BIOS, or \
                   `kernel: ours` with `root: {filesystem: ext4}`";
        return Err(wrong(path, why));
    }
    Ok(DiskFile { path: path.to_owned(), format, size, hash: hash(path, cache, job)? })
}

/// What a file's first bytes say.
struct Head {
    format: DiskFormat,
    size: u64,
    /// Whether there is a boot sector; of a qcow2 that is not known without its tables.
    bootable: Option<bool>,
}

fn wrong(path: &Path, why: impl Into<String>) -> Error {
    Error::Disk { path: path.to_owned(), why: why.into() }
}

fn look(path: &Path) -> Result<Head, Error> {
    let mut bytes = Vec::new();
    let file = File::open(path).at("open", path)?;
    let length = file.metadata().at("look at", path)?.len();
    file.take(HEAD).read_to_end(&mut bytes).at("read", path)?;
    head(&bytes, length).map_err(|why| wrong(path, why))
}

/// The same of a file of that length; what is neither known nor refused is raw, as a disk may hold anything.
fn head(bytes: &[u8], length: u64) -> Result<Head, String> {
    if bytes.starts_with(b"QFI\xfb") {
        return qcow2(bytes);
    }
    if let Some((_, what, right)) = OTHERS.iter().find(|(magic, ..)| bytes.starts_with(magic)) {
        return Err(format!("it is {what}, and no raw or qcow2 disk; {right}"));
    }
    if length < HEAD {
        return Err(format!("it has {length} bytes, too few for a disk; expected a raw or qcow2 disk"));
    }
    let bootable = bytes.get(510..512) == Some(&BOOTABLE);
    Ok(Head { format: DiskFormat::Raw, size: length, bootable: Some(bootable) })
}

/// A qcow2's header (docs/interop/qcow2.rst in QEMU's source); numbers are big-endian.
fn qcow2(bytes: &[u8]) -> Result<Head, String> {
    const FLATTEN: &str = "`qemu-img convert -O qcow2 FILE NEW` makes one file of it";
    let field = |at: usize, length: usize| {
        let bytes = bytes.get(at..at + length)?;
        Some(bytes.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)))
    };
    let cut = || "its qcow2 header is cut off".to_owned();
    let version = field(4, 4).ok_or_else(cut)?;
    if !(2..=3).contains(&version) {
        return Err(format!(
            "it is a qcow2 of version {version}; expected 2 or 3: `qemu-img convert -O qcow2 FILE NEW`"
        ));
    }
    let (backing, size, cipher) =
        (field(8, 8).ok_or_else(cut)?, field(24, 8).ok_or_else(cut)?, field(32, 4).ok_or_else(cut)?);
    let features = if version == 3 { field(72, 8).ok_or_else(cut)? } else { 0 };
    if backing != 0 {
        return Err(format!("it lies over another file (a qcow2 with a backing file); {FLATTEN}"));
    }
    if features & 4 != 0 {
        return Err(format!("its data lie in another file (a qcow2 with an external data file); {FLATTEN}"));
    }
    if features & 2 != 0 {
        return Err("it is marked as damaged; `qemu-img check -r all` may mend it".into());
    }
    if cipher != 0 {
        return Err("it is encrypted, and nobody is there with its key; expected a disk in plain".into());
    }
    Ok(Head { format: DiskFormat::Qcow2, size, bootable: None })
}

/// A hash that is remembered, and of which file: one that was changed has another time.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Remembered {
    file: String,
    hash: String,
}

fn file_id(data: &Metadata) -> String {
    let changed = (data.mtime(), data.mtime_nsec(), data.ctime(), data.ctime_nsec());
    format!("{} {} {} {changed:?}", data.dev(), data.ino(), data.len())
}

fn hash(path: &Path, cache: &Cache, job: &Job) -> Result<String, Error> {
    let absolute = std::path::absolute(path).at("find", path)?;
    let name = format!("disk-{}", &blake3::hash(absolute.as_os_str().as_encoded_bytes()).to_hex()[..16]);
    let mut file = File::open(path).at("open", path)?;
    let data = file.metadata().at("look at", path)?;
    let id = file_id(&data);
    if let Some(known) = cache.answer::<Remembered>(&name).filter(|known| known.file == id) {
        return Ok(known.hash);
    }
    job.say(format!("reading {} ({} MB)", path.display(), data.len().div_ceil(1_000_000)));
    let (mut hasher, mut buffer) = (blake3::Hasher::new(), vec![0; CHUNK]);
    loop {
        job.check()?;
        let read = match file.read(&mut buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.at("read", path)?,
        };
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
    }
    let hash = hasher.finalize().to_hex().to_string();
    cache.set_answer(&name, &Remembered { file: id, hash: hash.clone() })?;
    Ok(hash)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::fs;

    fn why(bytes: &[u8]) -> String {
        head(bytes, bytes.len() as u64).err().unwrap_or_default()
    }

    fn qcow2_with(version: u8, at: usize, value: u8) -> Vec<u8> {
        let mut bytes = vec![0; 104];
        bytes[..4].copy_from_slice(b"QFI\xfb");
        bytes[7] = version;
        bytes[28] = 0x40;
        bytes[at] = value;
        bytes
    }

    #[test]
    fn what_leads_elsewhere_is_refused() {
        let sound = head(&qcow2_with(3, 0, b'Q'), 104).unwrap();
        assert_eq!((sound.format, sound.size), (DiskFormat::Qcow2, 1 << 30));
        assert!(why(&qcow2_with(2, 15, 104)).contains("`qemu-img convert -O qcow2 FILE NEW` makes one file of it"));
        assert!(why(&qcow2_with(3, 79, 4)).contains("external data file"));
        assert!(why(&qcow2_with(3, 79, 2)).contains("damaged") && why(&qcow2_with(3, 35, 2)).contains("encrypted"));
        assert!(why(&qcow2_with(4, 0, b'Q')).contains("version 4") && why(b"QFI\xfb\0\0").contains("cut off"));
        assert_eq!(why(&qcow2_with(2, 79, 4)), "", "version 2 has no features");
    }

    #[test]
    fn what_is_no_disk_says_what_makes_one_of_it() {
        assert!(why(b"KDMV more").contains("it is a VMDK, and no raw or qcow2 disk; `qemu-img convert"));
        assert!(why(b"\xfd7zXZ\0more").contains("`xz -d` unpacks it"));
        assert!(why(b"short").contains("5 bytes"));
    }

    #[test]
    fn the_hash_is_the_contents_and_is_made_again_when_the_file_changes() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let path = place.path().join("disk.raw");
        let write = |byte: u8| fs::write(&path, vec![byte; 4096]).unwrap();
        let read = |boots| read(&path, boots, &cache, &Job::silent());
        write(1);
        let first = read(false).unwrap();
        assert_eq!((first.format, first.size), (DiskFormat::Raw, 4096));
        assert_eq!(first.hash, blake3::hash(&[1; 4096]).to_hex().as_str());
        assert_eq!(read(false).unwrap(), first);
        assert!(read(true).unwrap_err().to_string().contains("no boot sector"));
        fs::remove_file(&path).unwrap();
        write(2);
        assert_ne!(read(false).unwrap().hash, first.hash);
    }
}
