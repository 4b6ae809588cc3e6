//! What of a kernel QEMU is given: the vmlinux out of its bzImage, where that can be booted, else the bzImage.
//! Lives here: that choice, the cache of unpacked images, and the way back from one of these to the kernel.
//! May not live here: how a bzImage is unpacked (`vmlinux`), or QEMU's command line (`vm`).
//!
//! Most of a boot under TCG is the firmware and the guest's own decompression; a vmlinux with a PVH note needs neither.
//! Debian's 6.1 comes up in 0.43 of the time (CHANGELOG, `make bench`).

use super::Kernel;
use super::cache::{Cache, Kind};
use super::error::{At, Error};
use super::job::{Job, Progress, blocking};
use super::vmlinux::unpack;
use memchr::memmem;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// In a cache entry: the image to boot, or why there is none.
const VMLINUX: &str = "vmlinux";
const AS_IT_IS: &str = "as-it-is.txt";
/// Which of the rules below made an entry; another number, and all are made again.
const RULES: &str = "2";
/// A text of every kernel with KASAN (mm/kasan/report.c).
///
/// Its code for the PVH entry uses the shadow memory before there is one, and the guest resets at its first instructions:
/// arch/x86/platform/pvh/Makefile has no `KASAN_SANITIZE := n` in 6.1 (seen), and has it in 7.2.
const KASAN: &[u8] = b"BUG: KASAN: ";
/// Longest explanation that is read back.
const MAX_WHY: usize = 1024;

/// A kernel that was unpacked, as it was when it was booted last: beside its image lie its symbols and types, and nothing lies beside
/// the vmlinux in the cache.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct CameFrom {
    /// The image that it came out of.
    pub image: PathBuf,
    /// `uname -r`.
    pub release: String,
}

impl CameFrom {
    /// The kernel of which QEMU was given `booted`, if that was unpacked here.
    pub fn of(booted: &Path, cache: &Cache) -> Option<Self> {
        let entry = booted.parent()?;
        let key = entry.file_name()?.to_str()?;
        (entry == cache.path(Kind::Vmlinux, key)).then(|| cache.answer(&Self::name(key)))?
    }

    /// The record's name, by the entry's key.
    fn name(key: &str) -> String {
        format!("unpacked-{key}")
    }

    /// Writes down whose entry it is. A run does without; only who looks at it from another process does not.
    fn remember(kernel: &Kernel, cache: &Cache, key: &str) {
        let Ok(image) = std::path::absolute(&kernel.image) else { return };
        let (name, now) = (Self::name(key), Self { image, release: kernel.release.clone() });
        if cache.answer(&name).as_ref() != Some(&now) {
            cache.set_answer(&name, &now).ok();
        }
    }
}

/// What to boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootable {
    /// The image for `-kernel`.
    pub image: PathBuf,
    /// Why the kernel's own image boots as it is and not the quicker vmlinux, where that is so.
    pub as_it_is: Option<String>,
}

/// The image of `kernel` that boots quickest. Unpacking one takes a second and its size in memory, once: the cache keeps it
/// by the image's hash.
///
/// # Errors
/// Where the image cannot be read or the cache not be written. An image that cannot be unpacked boots as it is.
pub async fn bootable(kernel: &Kernel, cache: &Cache, progress: Progress<'_>) -> Result<Bootable, Error> {
    let (kernel, cache) = (kernel.clone(), cache.clone());
    blocking(progress, move |job| choose(&kernel, &cache, job)).await
}

pub(super) fn choose(kernel: &Kernel, cache: &Cache, job: &Job) -> Result<Bootable, Error> {
    if is_elf(&kernel.image)? {
        return Ok(Bootable { image: kernel.image.clone(), as_it_is: None });
    }
    let what = format!("vmlinux of {}", kernel.release);
    let key = format!("{}-{RULES}", kernel.hash.get(..32).unwrap_or(&kernel.hash));
    let entry = cache.entry(Kind::Vmlinux, &key, &what, job, |entry| {
        job.say(format!("unpacking the {what}"));
        make(&kernel.image, entry)
    })?;
    let vmlinux = entry.join(VMLINUX);
    if vmlinux.is_file() {
        CameFrom::remember(kernel, cache, &key);
        return Ok(Bootable { image: vmlinux, as_it_is: None });
    }
    let reason = entry.join(AS_IT_IS);
    let why = fs::read(&reason).at("read", &reason)?;
    let why = String::from_utf8_lossy(why.get(..MAX_WHY).unwrap_or(&why)).into_owned();
    Ok(Bootable { image: kernel.image.clone(), as_it_is: Some(why) })
}

/// Whether the kernel is a vmlinux already.
fn is_elf(image: &Path) -> Result<bool, Error> {
    let mut magic = Vec::new();
    File::open(image).at("open", image)?.take(4).read_to_end(&mut magic).at("read", image)?;
    Ok(magic == b"\x7fELF")
}

/// Fills a cache entry.
fn make(image: &Path, entry: &Path) -> Result<Vec<PathBuf>, Error> {
    let bytes = fs::read(image).at("read", image)?;
    let (name, content) = match unpack(&bytes) {
        Ok(unpacked) if unpacked.pvh_entry.is_none() => {
            (AS_IT_IS, b"its vmlinux has no PVH note (CONFIG_PVH)".to_vec())
        }
        Ok(unpacked) if memmem::find(&unpacked.vmlinux, KASAN).is_some() => {
            (AS_IT_IS, b"its PVH entry is not safe with KASAN (CONFIG_KASAN)".to_vec())
        }
        Ok(unpacked) => (VMLINUX, unpacked.vmlinux),
        Err(why) => (AS_IT_IS, why.to_string().into_bytes()),
    };
    let path = entry.join(name);
    fs::write(&path, content).at("write", &path)?;
    Ok(vec![name.into()])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::header::tests::bzimage;
    use crate::kernel::vmlinux::tests::{bzimage_of, stock, vmlinux};

    fn choice(image: &[u8], place: &Path) -> Bootable {
        let file = place.join("image");
        fs::write(&file, image).unwrap();
        let cache = Cache::open(Some(&place.join("cache"))).unwrap();
        let hash = blake3::hash(image).to_hex().to_string();
        let kernel = Kernel { hash, ..Kernel::sample(&file) };
        let first = choose(&kernel, &cache, &Job::silent()).unwrap();
        // From the cache: the image has no payload any more.
        fs::write(file, &image[..image.len().min(0x1000)]).unwrap();
        assert_eq!(choose(&kernel, &cache, &Job::silent()).unwrap(), first);
        first
    }

    #[test]
    fn a_vmlinux_with_a_pvh_note_is_booted() {
        let place = tempfile::tempdir().unwrap();
        let choice = choice(&bzimage_of(&stock()), place.path());
        assert_eq!((fs::read(&choice.image).unwrap(), choice.as_it_is), (stock(), None));
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let back = CameFrom { image: place.path().join("image"), release: "6.1.0-x".into() };
        assert_eq!(CameFrom::of(&choice.image, &cache), Some(back));
        assert_eq!(CameFrom::of(&place.path().join("image"), &cache), None, "booted as it is");
    }

    #[test]
    fn what_cannot_be_unpacked_or_entered_boots_as_it_is() {
        let none = "its vmlinux has no PVH note (CONFIG_PVH)";
        let kasan = "its PVH entry is not safe with KASAN (CONFIG_KASAN)";
        let mut sanitized = stock();
        sanitized[0x200..0x200 + KASAN.len()].copy_from_slice(KASAN);
        let damaged = "its payload starts with nothing, which is no compression of the kernel's";
        for (image, why) in [
            (bzimage_of(&vmlinux(None)), Some(none)),
            (bzimage_of(&sanitized), Some(kasan)),
            (bzimage("6.1.0"), Some(damaged)),
            (stock(), None),
        ] {
            let place = tempfile::tempdir().unwrap();
            let choice = choice(&image, place.path());
            assert_eq!((choice.image, choice.as_it_is.as_deref()), (place.path().join("image"), why));
        }
    }
}
