//! What can go wrong in the making of an image.
//! Lives here: the error type.
//! May not live here: printing it.

use crate::kernel::{ChildError, FileError};
use crate::scenario::ScenarioError;
use std::path::PathBuf;

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A module that the scenario needs is not there.
    #[error("the kernel {release} has no module `{module}`, neither below {} nor built in; without it {why}", modules.display())]
    NoModule {
        /// The kernel.
        release: String,
        /// The module.
        module: String,
        /// Where it was looked for.
        modules: PathBuf,
        /// What would not work without it.
        why: String,
    },
    /// A module depends on one that is not there.
    #[error("the module `{module}` needs the module `{needs}`, which is not below {}", modules.display())]
    NoDependency {
        /// The module.
        module: String,
        /// What it needs.
        needs: String,
        /// Where it was looked for.
        modules: PathBuf,
    },
    /// A module whose file cannot be used.
    #[error("{}: {why}", path.display())]
    Module {
        /// Its file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The workload's executable cannot be packed.
    #[error("{}: {why}", path.display())]
    Program {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// Two files for one place in the initramfs.
    #[error("two different files for {0} in the initramfs")]
    Twice(String),
    /// A path that cannot be in an initramfs.
    #[error("`{0}` cannot be a path in the initramfs: what is wanted is an absolute path without `.` and `..`")]
    BadPath(String),
    /// A file that is too large for an initramfs.
    #[error("{path} has {size} bytes, and a file in an initramfs has at most 4 GiB")]
    TooLarge {
        /// Its path in the guest.
        path: String,
        /// Its size in bytes.
        size: u64,
    },
    /// There is no room for the disks.
    #[error("{}: {free} MB are free, and the guest's disks may take {needed} MB", directory.display())]
    NoSpace {
        /// Where the disks would be.
        directory: PathBuf,
        /// What is free, in 10⁶ bytes.
        free: u64,
        /// What is needed, in 10⁶ bytes.
        needed: u64,
    },
    /// A name that no image has.
    #[error("no image is named `{name}`{}; there are: {}", .suggestion.as_ref().map_or_else(String::new, |name| format!(" (did you mean `{name}`?)")), .known.join(", "))]
    UnknownImage {
        /// The name.
        name: String,
        /// The known name that was probably meant.
        suggestion: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// The file of an image is wrong.
    #[error(transparent)]
    Named(#[from] ScenarioError),
    /// A named image that names files which are not there.
    #[error("the image `{name}` cannot be had\n{problem}")]
    UnusableImage {
        /// The image.
        name: String,
        /// Which files.
        problem: ScenarioError,
    },
    /// A system's tar that holds what it should not.
    #[error("{}: {} {why}", tar.display(), path.display())]
    Tar {
        /// The tar.
        tar: PathBuf,
        /// The place in it.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A program that did not make what it should.
    #[error("{program}: {why}")]
    NotMade {
        /// The program.
        program: &'static str,
        /// What it said, or what is missing.
        why: String,
    },
    /// A name that mkfs.xfs cannot be told.
    #[error(
        "{}: mkfs.xfs cannot be told of a file whose name, or what it leads to, has white space in it or begins with `:`; without the \
         package that has it, or with `filesystem: ext4`, it works", .0.display()
    )]
    NotOnXfs(PathBuf),
    /// A name that debugfs cannot be told.
    #[error("{}: debugfs cannot be told of a file whose name has quotes or is no UTF-8", .0.display())]
    NotOnExt4(PathBuf),
    /// A disk of the user's that cannot be run.
    #[error("{}: {why}", path.display())]
    Disk {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, and what would be right.
        why: String,
    },
    /// A disk of the user's, and no word on its root.
    #[error("{}: a kernel of ours has to be told where the root is; expected `root: {{partition: 1, filesystem: ext4}}` in the image", .0.display())]
    NoRoot(PathBuf),
    /// A file, a program, or the cache.
    #[error(transparent)]
    Host(#[from] crate::kernel::Error),
}

impl From<FileError> for Error {
    fn from(error: FileError) -> Self {
        Self::Host(error.into())
    }
}

impl From<ChildError> for Error {
    fn from(error: ChildError) -> Self {
        Self::Host(error.into())
    }
}

impl From<crate::kernel::job::Cancelled> for Error {
    fn from(cancelled: crate::kernel::job::Cancelled) -> Self {
        Self::Host(cancelled.into())
    }
}
