//! Disks: a formatted template made once, and a throw-away overlay for each run.
//! Lives here: templates in the cache, overlays, the check for room.
//! May not live here: filesystem options (`mkfs`), or how QEMU is given a disk.

use super::disk_file::DiskFormat;
use super::error::Error;
use super::mkfs::Mkfs;
use crate::kernel::child::{Call, find, words};
use crate::kernel::job::Job;
use crate::kernel::{At, Cache, Kind};
use crate::scenario::Disk;
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For mkfs: its writes are few, but the host may be busy.
const MKFS_DEADLINE: Duration = Duration::from_secs(180);
/// For programs that do next to nothing.
const SHORT_DEADLINE: Duration = Duration::from_secs(60);
/// The template's file in its cache entry.
const FILE: &str = "disk.raw";
/// Room for a run's logs and qcow2's own tables, beyond the disks.
const MARGIN: u64 = 256 << 20;

/// A disk that is ready for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PreparedDisk {
    /// Its name.
    pub name: String,
    /// The qcow2 overlay that the guest writes to.
    pub overlay: PathBuf,
    /// The image below it.
    pub base: PathBuf,
    /// How that is written.
    pub format: DiskFormat,
}

/// Makes an overlay for each disk in `directory`, over templates for a kernel of this version.
pub(super) fn prepare(
    disks: &BTreeMap<String, Disk>,
    kernel: (u32, u32, u32),
    directory: &Path,
    cache: &Cache,
    job: &Job,
) -> Result<Vec<PreparedDisk>, Error> {
    check_room(directory, disks.values().map(|disk| disk.size).sum())?;
    let mut alike: BTreeMap<(&str, u64), u32> = BTreeMap::new();
    let mut prepared = Vec::new();
    for (name, disk) in disks {
        let copy = alike.entry((disk.filesystem.name(), disk.size)).or_default();
        let base = template(disk, *copy, kernel, cache, job)?;
        *copy += 1;
        prepared.push(overlay(name, (base, DiskFormat::Raw), directory, job)?);
    }
    Ok(prepared)
}

/// A throw-away overlay over an image.
pub(super) fn overlay(
    name: &str,
    (base, format): (PathBuf, DiskFormat),
    directory: &Path,
    job: &Job,
) -> Result<PreparedDisk, Error> {
    let overlay = directory.join(format!("{name}.qcow2"));
    let mut args = words(["create", "-q", "-f", "qcow2", "-F", format.name(), "-b"]);
    args.extend([base.clone().into(), overlay.clone().into()]);
    let call = Call { program: "qemu-img", package: "qemu-utils", args, directory: None, deadline: SHORT_DEADLINE };
    call.run(job)?;
    Ok(PreparedDisk { name: name.to_owned(), overlay, base, format })
}

/// A formatted, empty disk. Disks that are alike in one guest get templates of their own (`copy`): XFS refuses to mount
/// two filesystems with one UUID.
fn template(disk: &Disk, copy: u32, kernel: (u32, u32, u32), cache: &Cache, job: &Job) -> Result<PathBuf, Error> {
    let mkfs = Mkfs::new(disk.filesystem);
    let made = match &mkfs {
        // Another build of the tools makes another filesystem.
        Some(mkfs) => {
            let tool = find(mkfs.program, mkfs.package)?;
            let file = tool.metadata().at("look at", &tool)?;
            format!("{}-{copy}-{}-{}", mkfs.generation(kernel), file.len(), file.mtime())
        }
        None => format!("{copy}"),
    };
    let (name, size) = (disk.filesystem.name(), disk.size);
    let key = format!("{name}-{size}-{made}");
    let what = format!("an empty {name} disk of {} MiB", size >> 20);
    let entry = cache.entry(Kind::Disks, &key, &what, job, |entry| {
        job.say(format!("making {what}"));
        let path = entry.join(FILE);
        let raw = File::create_new(&path).at("make", &path)?;
        raw.set_len(size).at("make", &path)?;
        match &mkfs {
            Some(mkfs) => format(mkfs, kernel, &path, job)?,
            None => raw.write_all_at(&oomph_wire::swap::header(size), 0).at("write", &path)?,
        }
        Ok::<_, Error>(Vec::new())
    })?;
    Ok(entry.join(FILE))
}

/// Has the tools make a filesystem in a file.
fn format(mkfs: &Mkfs, kernel: (u32, u32, u32), path: &Path, job: &Job) -> Result<(), Error> {
    let mut args = words(mkfs.options(kernel, tool_version(mkfs, job)?));
    args.push(path.into());
    Call { program: mkfs.program, package: mkfs.package, args, directory: None, deadline: MKFS_DEADLINE }.run(job)?;
    Ok(())
}

/// The version of a filesystem's tools on this machine; (0, 0) where they do not say it.
pub(super) fn tool_version(mkfs: &Mkfs, job: &Job) -> Result<(u32, u32), Error> {
    let (args, directory) = (words(["-V"]), None);
    let call = Call { program: mkfs.program, package: mkfs.package, args, directory, deadline: SHORT_DEADLINE };
    let said = call.run(job)?;
    // mkfs.xfs and mkfs.btrfs say it on stdout, mkfs.ext4 on stderr.
    Ok(Mkfs::tool_version(&said.stdout).or_else(|| Mkfs::tool_version(&said.stderr)).unwrap_or((0, 0)))
}

/// A disk that fills up on the host would look like a hang in the guest.
pub(super) fn check_room(directory: &Path, disks: u64) -> Result<(), Error> {
    let filesystem = rustix::fs::statvfs(directory).map_err(std::io::Error::from).at("look at", directory)?;
    let free = filesystem.f_bavail.saturating_mul(filesystem.f_frsize);
    let needed = disks.saturating_add(MARGIN);
    if disks > 0 && free < needed {
        return Err(Error::NoSpace {
            directory: directory.to_owned(),
            free: free / 1_000_000,
            needed: needed / 1_000_000,
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::Filesystem;
    use std::io::{Read, Seek, SeekFrom};
    use std::process::Command;

    fn disk(filesystem: Filesystem, size: u64) -> Disk {
        Disk { filesystem, size: size << 20, mount: Some("/data".into()) }
    }

    fn bytes(path: &Path, at: u64, length: usize) -> Vec<u8> {
        let mut file = File::open(path).unwrap();
        let mut bytes = vec![0; length];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut bytes).unwrap();
        bytes
    }

    /// Feature words of an XFS superblock: version (offset 100), compat, ro_compat, incompat (offsets 208 to 220).
    fn xfs_features(path: &Path) -> (u16, u32, u32) {
        let sb = bytes(path, 0, 512);
        assert_eq!(&sb[..4], b"XFSB");
        let word = |at: usize| u32::from_be_bytes(*sb[at..].first_chunk().unwrap());
        (u16::from_be_bytes([sb[100], sb[101]]) & 15, word(212), word(216))
    }

    #[test]
    fn templates_are_made_once_and_fit_the_kernel() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let job = Job::silent();
        let xfs = |kernel| template(&disk(Filesystem::Xfs, 300), 0, kernel, &cache, &job).unwrap();
        let new = xfs((6, 1, 0));
        assert_eq!(xfs((6, 1, 99)), new);
        let (version, _, incompat) = xfs_features(&new);
        assert_eq!((version, incompat & 8), (5, 8), "bigtime");
        let (version, ro_compat, incompat) = xfs_features(&xfs((5, 10, 0)));
        assert_eq!((version, incompat & 8, ro_compat & 4), (5, 0, 4), "no bigtime, but reflink");
        let (version, ro_compat, incompat) = xfs_features(&xfs((4, 4, 0)));
        assert_eq!((version, ro_compat & 6, incompat & 2), (5, 0, 0), "no rmapbt, no reflink, no sparse inodes");
        assert_eq!(xfs_features(&xfs((3, 10, 0))).0, 4, "the old format");
        // Magic of ext4, and feature orphan_file (compat 0x1000) of its superblock.
        let ext4 = template(&disk(Filesystem::Ext4, 64), 0, (3, 10, 0), &cache, &job).unwrap();
        assert_eq!(bytes(&ext4, 1024 + 56, 2), [0x53, 0xef]);
        assert_eq!(bytes(&ext4, 1024 + 100, 4)[1] & 4, 0, "no metadata_csum");
        let swap = template(&disk(Filesystem::Swap, 64), 0, (3, 10, 0), &cache, &job).unwrap();
        assert_eq!((bytes(&swap, 4086, 10).as_slice(), swap.metadata().unwrap().len()), (&b"SWAPSPACE2"[..], 64 << 20));
    }

    #[test]
    fn btrfs_is_made_down_to_the_least_size() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let made = |kernel| template(&disk(Filesystem::Btrfs, 109), 0, kernel, &cache, &Job::silent());
        let path = match made((6, 1, 0)) {
            Ok(path) => path,
            // Only scenarios that use it need the tool.
            Err(error) if error.to_string().contains("btrfs-progs") => return eprintln!("skipped: {error}"),
            Err(error) => panic!("{error}"),
        };
        // Superblock at 64 KiB: magic; flag NO_HOLES (bit 9) of the incompatible features.
        let features = |path: &Path| u64::from_le_bytes(*bytes(path, 0x1_0000 + 0xbc, 8).first_chunk().unwrap());
        assert_eq!(bytes(&path, 0x1_0000 + 64, 8), *b"_BHRfS_M");
        assert_eq!((features(&path) >> 9 & 1, features(&made((3, 10, 0)).unwrap()) >> 9 & 1), (1, 0));
    }

    #[test]
    fn each_run_gets_an_overlay_and_each_disk_an_identity() {
        let (place, run) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let cache = Cache::open(Some(place.path())).unwrap();
        let disks = BTreeMap::from([
            ("data".to_owned(), disk(Filesystem::Xfs, 300)),
            ("more".to_owned(), disk(Filesystem::Xfs, 300)),
        ]);
        let prepared = super::prepare(&disks, (6, 1, 0), run.path(), &cache, &Job::silent()).unwrap();
        let uuid = |index: usize| bytes(&prepared[index].base, 32, 16);
        assert_ne!(uuid(0), uuid(1));
        assert_eq!(&bytes(&prepared[0].overlay, 0, 4), b"QFI\xfb");
        let info = Command::new("qemu-img").args(["info", "--output=json"]).arg(&prepared[1].overlay).output().unwrap();
        let info: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
        assert_eq!(info["virtual-size"], 300 << 20);
        assert_eq!(info["full-backing-filename"], prepared[1].base.to_str().unwrap());
    }

    #[test]
    fn the_tools_refusal_and_a_full_host_are_errors() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let small = template(&disk(Filesystem::Xfs, 1), 0, (6, 1, 0), &cache, &Job::silent());
        let error = small.unwrap_err().to_string();
        assert!(error.starts_with("mkfs.xfs failed (exit status: 1): "), "{error}");
        let error = check_room(place.path(), u64::MAX / 2).unwrap_err().to_string();
        assert!(error.contains("MB are free, and the guest's disks may take"), "{error}");
    }

    #[test]
    fn a_swap_area_is_what_mkswap_writes() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("swap");
        std::fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
        // util-linux, which every Debian has; where it is not, the test has nothing to compare with.
        let Ok(made) = Command::new("mkswap").env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin").arg(&path).output() else {
            eprintln!("skipped: no mkswap");
            return;
        };
        assert!(made.status.success(), "{made:?}");
        let mut theirs = std::fs::read(&path).unwrap()[..4096].to_vec();
        // The UUID is theirs.
        theirs[1024 + 12..1024 + 28].fill(0);
        assert!(theirs == oomph_wire::swap::header(64 << 20));
    }
}
