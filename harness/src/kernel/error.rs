//! What can go wrong on the way to a kernel.
//! Lives here: the error type, and the one for files that the rest of kernel/ and image/ share.
//! May not live here: printing them, or deciding what comes of them.

use super::child::ChildError;
use super::job::Cancelled;
use super::source::MakeError;
use crate::scenario::ScenarioError;
use indicatif::HumanBytes;
use std::io;
use std::path::{Path, PathBuf};

/// Something that could not be done with a file.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {}: {cause}", path.display())]
pub struct FileError {
    /// What was tried, as a verb.
    pub action: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// Why it failed.
    #[source]
    pub cause: io::Error,
}

/// Adds to an I/O error what was tried, with which file.
pub(crate) trait At<T> {
    /// `action` is a verb: "read".
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, action: &'static str, path: &Path) -> Result<T, FileError> {
        self.map_err(|cause| FileError { action, path: path.to_owned(), cause })
    }
}

/// Why there is no kernel.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A name that kernels.yaml does not have.
    #[error("no kernel is named `{name}` in {source_file}{}; there are: {}", suggest(.suggestion.as_deref()), .known.join(", "))]
    UnknownName {
        /// The name.
        name: String,
        /// Where names come from.
        source_file: String,
        /// The known name that was probably meant.
        suggestion: Option<String>,
        /// All known names.
        known: Vec<String>,
    },
    /// kernels.yaml cannot be used.
    #[error(transparent)]
    Names(#[from] ScenarioError),
    /// A named kernel that names files which are not there.
    #[error("the kernel `{name}` cannot be had\n{problem}")]
    Unusable {
        /// The kernel.
        name: String,
        /// Which files.
        problem: ScenarioError,
    },
    /// A file that is no kernel this harness can boot.
    #[error("{}: {why}; what is wanted is an x86-64 bzImage (boot protocol 2.12, so Linux 3.8 or later) or a vmlinux with a PVH note", path.display())]
    NotAKernel {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A modules directory that is none.
    #[error("{}: {why}; what is wanted is a directory such as lib/modules/RELEASE, with .ko files below it", path.display())]
    NotModules {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// No way to Debian's packages.
    #[error("{0}")]
    Debian(String),
    /// A package that is not what it should be.
    #[error("{}: {why}", package.display())]
    Package {
        /// The .deb.
        package: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// A config fragment, or what came of it.
    #[error("{0}")]
    Config(String),
    /// A kernel's source that cannot be had, or is none.
    #[error("{place}: {why}")]
    Tree {
        /// The directory, repository, archive or package.
        place: String,
        /// What is wrong with it.
        why: String,
    },
    /// A patch that cannot be applied.
    #[error("{patch}: {why}")]
    Patch {
        /// Its file.
        patch: String,
        /// What is wrong.
        why: String,
    },
    /// A file that could not be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// Another process holds a cache entry for too long.
    #[error("waited {seconds} s for another process that is making {what}; if none is running, remove {}", lock.display())]
    Locked {
        /// What is being made.
        what: String,
        /// Its lock file.
        lock: PathBuf,
        /// How long was waited.
        seconds: u64,
    },
    /// There is no place for the cache.
    #[error("no place for the cache: set XDG_CACHE_HOME or HOME to an absolute path, or name a directory")]
    NoCache,
    /// A program that was called.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// A build.
    #[error(transparent)]
    Make(#[from] MakeError),
    /// Only a kernel from source can be built and written out.
    #[error("{name} is no kernel from source: there is nothing to build")]
    NotBuilt {
        /// The kernel.
        name: String,
    },
    /// Patches for a kernel that is not built here.
    #[error(
        "`{name}` is not built from source, so no patch can be put into it; built from source are: {}; or name a kernel \
         that has the patch with --against",
        .known.join(", ")
    )]
    NotPatched {
        /// The kernel.
        name: String,
        /// Kernels that can be patched.
        known: Vec<String>,
    },
    /// A directory for a kernel that holds something else.
    #[error("{} is not empty and holds no kernel of oomph's; name a new or an empty directory", .0.display())]
    NotEmpty(PathBuf),
    /// A mistake of this program.
    #[error("internal error: {0}")]
    Internal(String),
    /// No room for a build.
    #[error(
        "{what} needs about {} of room in {}, where {} are free; `oomph kernel prune` frees some, and XDG_CACHE_HOME \
         names another place",
        HumanBytes(*need), directory.display(), HumanBytes(*free)
    )]
    NoRoom {
        /// What is to be built.
        what: String,
        /// Where.
        directory: PathBuf,
        /// Bytes that it takes.
        need: u64,
        /// Bytes that are free.
        free: u64,
    },
    /// The caller went away.
    #[error("cancelled")]
    Cancelled,
}

impl Error {
    /// Whether it lies in the source that was to be built, and another commit of it may well build: it does not compile, a patch does
    /// not apply, an option that must be there is not. All else lies in this host, or in what was asked for.
    pub fn is_of_source(&self) -> bool {
        matches!(
            self,
            Self::Make(MakeError::Failed { .. } | MakeError::TooMuch { .. }) | Self::Patch { .. } | Self::Config(_)
        )
    }
}

impl From<Cancelled> for Error {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

fn suggest(name: Option<&str>) -> String {
    name.map_or_else(String::new, |name| format!(" (did you mean `{name}`?)"))
}
