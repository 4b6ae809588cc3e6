//! What a guest boots into, as a scenario says it: by name, or described.
//! Lives here: the types, their defaults.
//! May not live here: YAML, or how an image is made (`image`).

use super::model::Filesystem;
use serde::Serialize;
use std::path::PathBuf;

/// The image of every scenario that names none.
pub const MINIMAL: &str = "minimal";

/// An image by name (`images/NAME.yaml`) or written inline.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSpec {
    /// A name.
    Named(String),
    /// What it is.
    Inline(ImageSource),
}

impl Default for ImageSpec {
    fn default() -> Self {
        Self::Named(MINIMAL.to_owned())
    }
}

/// What a guest boots into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageSource {
    /// An initramfs with the agent and the workload, and nothing else.
    Minimal,
    /// A Debian system on a disk, made here from packages.
    Debian(DebianImage),
    /// A disk image of the user's.
    Disk(DiskImage),
}

/// A Debian system on a disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DebianImage {
    /// The release: `bookworm`, `trixie`.
    pub release: String,
    /// What the root is on: XFS or ext4.
    pub filesystem: Filesystem,
    /// Packages besides those that every such system has.
    pub packages: Vec<String>,
    /// The disk's size in bytes; whole MiB, at least 1 GiB.
    pub size: u64,
    /// Which kernel boots it.
    pub kernel: ImageKernel,
}

impl DebianImage {
    /// The disk's size where nothing else is said: what is put on it takes a tenth.
    pub const SIZE: u64 = 2 << 30;

    /// A release with everything else at its default.
    pub fn of(release: &str) -> Self {
        Self {
            release: release.to_owned(),
            filesystem: Filesystem::Xfs,
            packages: Vec::new(),
            size: Self::SIZE,
            kernel: ImageKernel::Ours,
        }
    }
}

/// A disk image of the user's; it is never written to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DiskImage {
    /// The raw or qcow2 file.
    pub disk: PathBuf,
    /// How to log in.
    pub ssh: Ssh,
    /// Where its root is, for a kernel of ours; the image's own finds it itself.
    pub root: Option<RootPlace>,
    /// Which kernel boots it.
    pub kernel: ImageKernel,
}

/// How to log in to a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Ssh {
    /// The user: root, or one that may become root by sudo without a password.
    pub user: String,
    /// By what.
    pub with: Credential,
}

/// What proves who logs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Credential {
    /// A private key without a passphrase.
    Key(PathBuf),
    /// A password.
    Password(String),
}

/// Where the root filesystem of a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct RootPlace {
    /// The partition, from 1; `None` where the filesystem has the whole disk.
    pub partition: Option<u8>,
    /// What it is.
    pub filesystem: Filesystem,
}

/// Which kernel boots a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKernel {
    /// The scenario's.
    Ours,
    /// The image's own.
    Own,
}
