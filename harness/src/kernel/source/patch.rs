//! Patches: unified diffs and mailboxes of them.
//! Lives here: reading them, applying them, their errors.
//! May not live here: where the tree is from.

use serde::{Deserialize, Serialize};

/// A patch that is in a tree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Patch {
    /// Its file's name without `.patch`, `.diff` or `.mbox`; a tag of the kernel.
    pub name: String,
    /// BLAKE3 of the file, in hex.
    pub hash: String,
}

/// A patch's name and hash.
///
/// # Errors
/// Where it cannot be read.
pub fn identify(path: &std::path::Path) -> Result<Patch, crate::kernel::Error> {
    Ok(Patch { name: crate::scenario::patch_name(path), hash: crate::kernel::manifest::hash(path)? })
}
