//! Kernels: from a name or a file to something that boots, with its modules and its identity.
//! Lives here: where kernels come from, the cache of them.
//! May not live here: how they are booted (`vm`) or what goes into the initramfs (`image`).

mod boot;
mod cache;
mod catalog;
pub(crate) mod child;
mod debian;
mod debug;
mod error;
mod file;
mod header;
mod inside;
pub(crate) mod job;
mod manifest;
mod names;
mod patched;
mod resolve;
mod source;
mod vmlinux;

pub use boot::{Bootable, bootable};
pub(crate) use cache::Temporary;
pub use cache::{Cache, Kind, Limits, Pruned};
pub use catalog::{Cached, Listed, Origin, fetch, list};
pub use child::ChildError;
pub(crate) use child::find as find_program;
pub use debian::has_debian_mirror;
pub(crate) use debian::{FRESH, RETRY, now, programs};
pub(crate) use debian::{Lists as MirrorLists, Root as AptRoot, find_image as image_in, unpacked};
pub use debug::DebugFiles;
pub(crate) use error::At;
pub use error::{Error, FileError};
pub use header::{Format, HEADER_BYTES, Identity, identify, version_of};
pub use inside::{Inside, InsideFiles};
pub use job::Progress;
pub(crate) use manifest::files_below;
pub use manifest::{Manifest, Record};
pub use names::{Named, Names};
pub use patched::{patched, range};
pub use resolve::{build, check, find, history, known, meaning, resolve};
pub use source::TYPES;
pub use source::{Build, Commit, Follow, History, MakeError, Patch, Tool, describe, export, missing};
pub use vmlinux::{Compression, MAX_VMLINUX_BYTES, NotUnpacked, Unpacked, unpack};

use serde::Serialize;
use std::path::PathBuf;

/// A bootable kernel on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kernel {
    /// Name in kernels.yaml, or a short one made from the file.
    pub name: String,
    /// The bzImage, or a vmlinux with a PVH note.
    pub image: PathBuf,
    /// `lib/modules/RELEASE`, where it has modules.
    pub modules: Option<PathBuf>,
    /// `uname -r`, read from the image's header (Documentation/arch/x86/boot.rst, field kernel_version).
    pub release: String,
    /// Major, minor, patch of the release; of Debian's builds, of the package.
    pub version: (u32, u32, u32),
    /// What expectations can match on besides name and version.
    pub tags: Vec<String>,
    /// BLAKE3 of the image, in hex.
    pub hash: String,
    /// Where it came from, for people: `linux-image-6.1.0-31-amd64 6.1.128-1 (Debian bookworm)`, or a path.
    pub origin: String,
    /// What it was made of, where it was built here.
    pub build: Option<Box<Build>>,
}

#[cfg(test)]
impl Kernel {
    /// One for tests, of this image.
    pub(crate) fn sample(image: impl Into<PathBuf>) -> Self {
        Self {
            name: "k".into(),
            image: image.into(),
            modules: None,
            release: "6.1.0-x".into(),
            version: (6, 1, 0),
            tags: Vec::new(),
            hash: String::new(),
            origin: String::new(),
            build: None,
        }
    }
}
