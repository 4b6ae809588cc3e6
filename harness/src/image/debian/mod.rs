//! A Debian system on a disk, made here from packages.
//! Lives here: from a definition to a disk in the cache, and what is known of it; what to do without a network.
//! May not live here: a run's overlay, or how a guest is started.
//!
//! definition → `bootstrap` (a tar, by the versions of its packages) → `tree` → `settings` → `xfs` or `ext4` → the cache. The tar is
//! kept apart: another filesystem, size or kernel needs no other.

mod bootstrap;
mod ext4;
mod packages;
mod settings;
mod tree;
mod unprivileged;
mod xfs;

pub use packages::Package;

use super::disks::tool_version;
use super::error::Error;
use super::mkfs::Mkfs;
use crate::kernel::child::find;
use crate::kernel::job::{Job, Progress, blocking};
use crate::kernel::{self, At, Cache, FRESH, Kernel, Kind, RETRY, now};
use crate::scenario::{DebianImage, Filesystem, ImageKernel};
use bootstrap::Bootstrapped;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tree::{Node, Tree, What};

/// Of what is made of a tar, besides what a key says; counts up when that changes.
const FORM: u32 = 1;
/// The disk's file in its entry, and what is known of it.
const DISK: &str = "disk.raw";
const RECORD: &str = "system.json";
/// The kernel whose filesystem features are taken where the mirrors do not say which a release has.
const ANY_KERNEL: (u32, u32, u32) = (5, 10, 0);

/// A system that is ready: nothing writes to its disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct System {
    /// The raw disk, which is one filesystem; in the record of a cache entry, its name there.
    pub disk: PathBuf,
    /// The disk's key in the cache: it names all that went in.
    pub key: String,
    /// The release.
    pub release: String,
    /// What the root is on.
    pub filesystem: String,
    /// The disk's size in bytes.
    pub size: u64,
    /// What is installed.
    pub packages: Vec<Package>,
    /// The public keys of its sshd, each `TYPE BASE64`.
    pub host_keys: Vec<String>,
    /// The key of its own kernel's entry in the cache, where it has one.
    pub kernel: Option<String>,
}

/// What a definition led to the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Answer {
    /// Key of the disk's entry.
    key: String,
    /// When, in seconds since 1970.
    when: u64,
}

/// The system of a definition for a kernel of this version (`None`: the release's own), made if need be. It is made anew when the mirrors
/// have something newer, which is asked for once a day; where they cannot be asked, the last one is taken. Dropping the future calls
/// the work off.
///
/// # Errors
/// Where a tool is missing or fails, the mirrors cannot be reached and nothing is there, or there is no room.
pub async fn system(
    image: &DebianImage,
    kernel: Option<(u32, u32, u32)>,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<System, Error> {
    let (image, cache) = (image.clone(), cache.clone());
    blocking(progress, move |job| ready(&image, kernel, &cache, job)).await
}

/// The system that a definition led to the last time, for any kernel, whatever its age; without a network.
pub fn here(image: &DebianImage, cache: &Cache) -> Option<(System, u64)> {
    let answer: Answer = cache.answer(&answer_name(image, None))?;
    Some((recall(&answer, cache)?, answer.when))
}

/// The kernel that a system brings.
///
/// # Errors
/// Where it brings none, or it is gone from the cache.
pub fn own_kernel(system: &System, cache: &Cache) -> Result<Kernel, Error> {
    let key = system.kernel.as_deref().unwrap_or_default();
    let entry = cache.path(Kind::Kernels, key);
    Ok(kernel::unpacked(format!("debian-{}-own", system.release), &entry, format!("the image's own ({key})"))?)
}

pub(super) fn ready(
    image: &DebianImage,
    kernel: Option<(u32, u32, u32)>,
    cache: &Cache,
    job: &Job,
) -> Result<System, Error> {
    let name = answer_name(image, kernel);
    let answer: Option<Answer> = cache.answer(&name);
    if let Some(answer) = answer.as_ref().filter(|answer| now().saturating_sub(answer.when) < FRESH.as_secs())
        && let Some(system) = recall(answer, cache)
    {
        return Ok(system);
    }
    let error = match make(image, kernel, cache, job) {
        Ok((system, fresh)) => {
            let age = if fresh { Duration::ZERO } else { FRESH.saturating_sub(RETRY) };
            let answer = Answer { key: system.key.clone(), when: now().saturating_sub(age.as_secs()) };
            cache.set_answer(&name, &answer)?;
            cache.set_answer(&answer_name(image, None), &answer)?;
            return Ok(system);
        }
        Err(error) => error,
    };
    job.check()?;
    match answer.and_then(|answer| recall(&answer, cache)) {
        Some(system) => {
            job.say(format!("cannot look for newer packages ({error}); using the image {} from the cache", system.key));
            Ok(system)
        }
        None => Err(error),
    }
}

/// The system of an answer, if all of it is still in the cache.
fn recall(answer: &Answer, cache: &Cache) -> Option<System> {
    let (entry, _) = cache.find(Kind::Images, &answer.key).ok()??;
    let system: System = serde_json::from_slice(&fs::read(entry.join(RECORD)).ok()?).ok()?;
    if let Some(kernel) = &system.kernel {
        cache.find(Kind::Kernels, kernel).ok()??;
    }
    cache.touch(&entry);
    Some(System { disk: entry.join(DISK), ..system })
}

fn answer_name(image: &DebianImage, kernel: Option<(u32, u32, u32)>) -> String {
    let generation = kernel.and_then(|kernel| Some(Mkfs::new(image.filesystem)?.generation(kernel)));
    let text = format!("{image:?} {generation:?}");
    format!("image-{}-{}", image.release, &blake3::hash(text.as_bytes()).to_hex()[..16])
}

fn make(
    image: &DebianImage,
    kernel: Option<(u32, u32, u32)>,
    cache: &Cache,
    job: &Job,
) -> Result<(System, bool), Error> {
    // Before minutes are spent.
    find("mmdebstrap", "mmdebstrap")?;
    let mkfs =
        Mkfs::new(image.filesystem).ok_or_else(|| Error::NotMade { program: "mkfs", why: "no filesystem".into() })?;
    let tool = find(mkfs.program, mkfs.package)?;
    let root = bootstrap::bootstrap(image, cache, job)?;
    let version = kernel.or(root.kernel.map(|(major, minor)| (major, minor, 0))).unwrap_or(ANY_KERNEL);
    let file = tool.metadata().at("look at", &tool)?;
    let made = (FORM, image.size, mkfs.generation(version), file.len(), file.mtime(), image.kernel);
    let key = format!(
        "{}_{}_{}",
        root.key,
        image.filesystem.name(),
        &blake3::hash(format!("{made:?}").as_bytes()).to_hex()[..12]
    );
    let what = format!("the disk of a Debian {} on {}", image.release, image.filesystem.name());
    let entry = cache.entry(Kind::Images, &key, &what, job, |entry| {
        job.say(format!("making {what}"));
        let kernel = match image.kernel {
            ImageKernel::Own => Some(keep_kernel(&root, cache, job)?),
            ImageKernel::Ours => None,
        };
        let plan = Plan { image, mkfs: &mkfs, version, own: kernel, key: &key };
        fill(plan, &root, entry, cache, job)?;
        Ok::<_, Error>(vec![PathBuf::from(RECORD)])
    })?;
    let record = entry.join(RECORD);
    let text = fs::read(&record).at("read", &record)?;
    let system: System = serde_json::from_slice(&text).map_err(std::io::Error::from).at("read", &record)?;
    Ok((System { disk: entry.join(DISK), ..system }, root.fresh))
}

/// What is to be made.
struct Plan<'a> {
    image: &'a DebianImage,
    mkfs: &'a Mkfs,
    /// Of the kernel that is to mount it.
    version: (u32, u32, u32),
    /// The key of the system's own kernel.
    own: Option<String>,
    key: &'a str,
}

/// Makes the disk and its record in `entry`.
fn fill(plan: Plan<'_>, root: &Bootstrapped, entry: &Path, cache: &Cache, job: &Job) -> Result<(), Error> {
    let (files, image) = (cache.temporary()?, plan.image);
    let mut tree = Tree::read(&root.tar, files.path(), settings::is_left_out, job)?;
    settings::apply(&mut tree, image.filesystem.name())?;
    let disk = entry.join(DISK);
    File::create_new(&disk).and_then(|file| file.set_len(image.size)).at("make", &disk)?;
    let options = plan.mkfs.options(plan.version, tool_version(plan.mkfs, job)?);
    match image.filesystem {
        Filesystem::Xfs => xfs::make(&tree, &disk, &options, settings::LABEL, job)?,
        _ => ext4::make(&tree, &disk, &options, settings::LABEL, job)?,
    }
    let system = System {
        disk: DISK.into(),
        key: plan.key.to_owned(),
        release: image.release.clone(),
        filesystem: image.filesystem.name().to_owned(),
        size: image.size,
        packages: packages::installed(&tree.text("var/lib/dpkg/status")),
        host_keys: settings::host_keys(&tree),
        kernel: plan.own,
    };
    let record = entry.join(RECORD);
    let text = serde_json::to_vec_pretty(&system).map_err(std::io::Error::from).at("write", &record)?;
    Ok(fs::write(&record, text).at("write", &record)?)
}

/// Has a system's own kernel in the cache, with its modules; its key there.
fn keep_kernel(root: &Bootstrapped, cache: &Cache, job: &Job) -> Result<String, Error> {
    let key = format!("of-{}", root.key);
    cache.entry(Kind::Kernels, &key, "an image's own kernel", job, |entry| {
        let files = cache.temporary()?;
        let other = |path: &Path| {
            let path = path.strip_prefix("usr").unwrap_or(path);
            !["boot", "lib/modules"].iter().any(|kept| path.starts_with(kept))
        };
        let tree = Tree::read(&root.tar, files.path(), other, job)?;
        for (path, node) in &tree.nodes {
            if let Node { what: What::File(content), .. } = node {
                let place = entry.join(path.strip_prefix("usr").unwrap_or(path));
                let parent = place.parent().unwrap_or(entry);
                fs::create_dir_all(parent).at("make the directory", parent)?;
                fs::rename(files.path().join(content), &place).at("move into place", &place)?;
            }
        }
        Ok::<_, Error>(vec![kernel::image_in(entry)?])
    })?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_answer_belongs_to_a_definition_and_to_kernels_with_one_set_of_features() {
        let image = DebianImage::of("bookworm");
        let name = |image: &DebianImage, minor| answer_name(image, Some((6, minor, 0)));
        assert_eq!(name(&image, 1), name(&image, 2));
        assert_ne!(name(&image, 1), name(&image, 12));
        assert_ne!(name(&image, 1), name(&DebianImage { size: 3 << 30, ..image.clone() }, 1));
        assert_ne!(name(&image, 1), answer_name(&image, None));
    }

    #[test]
    fn what_is_recalled_is_whole() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let image = DebianImage::of("bookworm");
        assert_eq!(here(&image, &cache), None);
        let system = System {
            disk: DISK.into(),
            key: "k".into(),
            release: "bookworm".into(),
            filesystem: "xfs".into(),
            size: 1,
            packages: vec![],
            host_keys: vec![],
            kernel: Some("gone".into()),
        };
        let keep = |system: &System, key: &str| {
            cache
                .entry(Kind::Images, key, "x", &Job::silent(), |entry| {
                    fs::write(entry.join(RECORD), serde_json::to_vec(system).unwrap()).unwrap();
                    Ok::<_, Error>(vec![])
                })
                .unwrap();
            cache.set_answer(&answer_name(&image, None), &Answer { key: key.into(), when: 7 }).unwrap();
        };
        keep(&system, "k");
        assert_eq!(here(&image, &cache), None, "its own kernel is gone");
        keep(&System { kernel: None, ..system.clone() }, "l");
        let disk = cache.path(Kind::Images, "l").join(DISK);
        assert_eq!(here(&image, &cache), Some((System { disk, kernel: None, ..system }, 7)));
    }
}
