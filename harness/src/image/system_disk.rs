//! The disk of a guest that is a system of its own, whoever made it, and what tells one image from another.
//! Lives here: from a definition to a disk and its identity.
//! May not live here: making one (`debian`), or a run's overlay (`stage`).

use super::catalog::describe_image;
use super::debian;
use super::disk_file::{DiskFormat, disk_file};
use super::error::Error;
use crate::kernel::{Cache, Kernel, Progress};
use crate::scenario::{DebianImage, DiskImage, ImageKernel, ImageSource, ImageSpec, RootPlace};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// A disk with a system; nothing writes to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemDisk {
    /// Its file.
    pub base: PathBuf,
    /// How that is written.
    pub format: DiskFormat,
    /// What the guest sees, in bytes.
    pub size: u64,
    /// Where its root is, for a kernel that is given; `None`: its bootloader starts a kernel of its own.
    pub root: Option<RootPlace>,
    /// Whether it is the user's, and so has not been made for the harness.
    pub foreign: bool,
    /// What tells it from others: the key of all that went into one made here, else BLAKE3 of the file.
    pub key: String,
}

impl SystemDisk {
    /// An image's disk for a kernel of this version, made or read if need be; `None` for the minimal image, which has none. Dropping the
    /// future calls the work off.
    ///
    /// # Errors
    /// Where it cannot be made, or is none that can be run.
    pub async fn of(
        source: &ImageSource,
        kernel: (u32, u32, u32),
        cache: &Cache,
        progress: Progress<'_>,
    ) -> Result<Option<Self>, Error> {
        match source {
            ImageSource::Minimal => Ok(None),
            ImageSource::Debian(image) => {
                let version = (image.kernel == ImageKernel::Ours).then_some(kernel);
                let system = debian::system(image, version, cache, progress).await?;
                Ok(Some(Self {
                    base: system.disk,
                    format: DiskFormat::Raw,
                    size: system.size,
                    root: Some(RootPlace { partition: None, filesystem: image.filesystem }),
                    foreign: false,
                    key: system.key,
                }))
            }
            ImageSource::Disk(image) => {
                let own = image.kernel == ImageKernel::Own;
                if !own && image.root.is_none() {
                    return Err(Error::NoRoot(image.disk.clone()));
                }
                let file = disk_file(&image.disk, own, cache, progress).await?;
                Ok(Some(Self {
                    base: file.path,
                    format: file.format,
                    size: file.size,
                    root: image.root.filter(|_| !own),
                    foreign: true,
                    key: file.hash,
                }))
            }
        }
    }
}

/// Which image a guest booted into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageIdentity {
    /// Its name; null where it was described in the scenario.
    pub name: Option<String>,
    /// What it is: `Debian bookworm on xfs`, or the path of a disk.
    pub what: String,
    /// What tells it from others: the key of all that went into one made here, else BLAKE3 of the disk's file.
    pub key: String,
    /// The size of its disk in bytes.
    pub size: u64,
}

impl fmt::Display for ImageIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(name) = &self.name {
            write!(f, "{name}: ")?;
        }
        write!(f, "{} ({})", self.what, self.key)
    }
}

impl ImageIdentity {
    /// The identity of an image and its disk.
    pub fn new(spec: &ImageSpec, source: &ImageSource, disk: &SystemDisk) -> Self {
        let name = match spec {
            ImageSpec::Named(name) => Some(name.clone()),
            ImageSpec::Inline(_) => None,
        };
        Self { name, what: describe_image(source), key: disk.key.clone(), size: disk.size }
    }
}

/// The kernel that an image brings, where that is to boot it. Of a disk of the user's nothing is known of it before it has booted but the
/// disk.
///
/// # Errors
/// As [`SystemDisk::of`].
pub async fn own_kernel_of(
    spec: &ImageSpec,
    source: &ImageSource,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Option<Kernel>, Error> {
    match source {
        ImageSource::Debian(image @ DebianImage { kernel: ImageKernel::Own, .. }) => {
            let system = debian::system(image, None, cache, progress).await?;
            debian::own_kernel(&system, cache).map(Some)
        }
        ImageSource::Disk(DiskImage { disk, kernel: ImageKernel::Own, .. }) => {
            let file = disk_file(disk, true, cache, progress).await?;
            let stem = disk.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let of = match spec {
                ImageSpec::Named(name) => name.clone(),
                ImageSpec::Inline(_) => stem.replace(|c: char| !c.is_ascii_alphanumeric() && !"._-".contains(c), "_"),
            };
            Ok(Some(Kernel {
                name: format!("{of}-own"),
                image: PathBuf::new(),
                modules: None,
                release: String::new(),
                version: (0, 0, 0),
                tags: Vec::new(),
                hash: file.hash,
                origin: format!("the kernel in {}", disk.display()),
                build: None,
            }))
        }
        _ => Ok(None),
    }
}
