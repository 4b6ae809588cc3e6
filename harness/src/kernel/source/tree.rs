//! The source of a kernel, here and patched.
//! Lives here: from a `SourceTree` and patches to a directory that make can read.
//! May not live here: configs, or building.

use super::patch::Patch;
use crate::kernel::job::Job;
use crate::kernel::{Cache, Error};
use crate::scenario::SourceTree;
use std::fs::File;
use std::path::{Path, PathBuf};

/// A source tree with its patches in it, ours alone for as long as the value lives.
#[derive(Debug)]
pub struct Tree {
    /// Where it is. Only files whose content differs from the tree before are ever rewritten in it, so that make rebuilds
    /// no more than what changed.
    pub directory: PathBuf,
    /// Names the source location, not its content: what stays the same from one ref or patch to the next. Path-safe.
    pub name: String,
    /// Says the content before patches: a git tree id, a tarball's SHA-256, a hash over a directory.
    pub id: String,
    /// `git describe`, a package with its version, or a tarball's name.
    pub describe: String,
    /// From the Makefile.
    pub version: (u32, u32, u32),
    /// The patches that are in it, in order.
    pub patches: Vec<Patch>,
    /// Held while somebody works in the directory.
    pub lock: Option<File>,
}

/// Has the tree here with exactly these patches in it.
///
/// # Errors
/// Where the source cannot be had, is no kernel, or a patch does not apply: the error names file and hunk.
pub fn prepare(source: &SourceTree, patches: &[PathBuf], fuzz: u8, cache: &Cache, job: &Job) -> Result<Tree, Error> {
    let _ = (source, patches, fuzz, cache, job, Path::new(""));
    Err(Error::Debian("not there yet".into()))
}

/// What [`Tree::id`] will be, where that can be told without having the source here.
///
/// # Errors
/// Where the source cannot be had.
pub fn identify(source: &SourceTree, cache: &Cache, job: &Job) -> Result<Option<String>, Error> {
    let _ = (source, cache, job);
    Ok(None)
}
