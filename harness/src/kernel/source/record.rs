//! What a built kernel was made of.
//! Lives here: the record that goes into the cache's entry and into run.json.
//! May not live here: how it was built.

use super::patch::Patch;
use crate::kernel::Error;
use crate::kernel::error::At;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

/// The record's file in an entry.
pub(super) const NAME: &str = "build.json";

/// What a built kernel was made of. Fields may be added, never renamed or given another meaning.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// `git describe`, a package with its version, or a tarball's name.
    pub tree: String,
    /// Says the content before patches: a git tree id, a tarball's SHA-256, a hash over a directory.
    pub tree_id: String,
    /// The patches, in their order.
    pub patches: Vec<Patch>,
    /// Names of the patches that an old tree needs with these tools, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub compat: Vec<String>,
    /// BLAKE3 of the final .config, in hex, with what differs from build to build taken out.
    pub config_hash: String,
    /// First line of the compiler's `--version`.
    pub compiler: String,
    /// First line of the linker's `--version`.
    pub linker: String,
    /// Variables of make.
    pub make: BTreeMap<String, String>,
    /// For people: options that did not come out as asked, what an old tree needed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Key of the entry in the cache.
    pub key: String,
}

impl Build {
    /// Reads the record of an entry.
    pub(super) fn read(entry: &Path) -> Result<Self, Error> {
        let path = entry.join(NAME);
        let text = fs::read(&path).at("read", &path)?;
        Ok(serde_json::from_slice(&text).map_err(io::Error::from).at("read", &path)?)
    }

    /// Writes it into an entry.
    pub(super) fn write(&self, entry: &Path) -> Result<(), Error> {
        let path = entry.join(NAME);
        let text = serde_json::to_vec_pretty(self).map_err(io::Error::from).at("write", &path)?;
        Ok(fs::write(&path, text).at("write", &path)?)
    }

    /// What it is, in a line: `linux-source-6.1 6.1.192-2 + no-oom-reaper, gcc (Debian 12.2.0-14) 12.2.0`.
    pub fn summary(&self) -> String {
        let patches = self.patches.iter().map(|patch| format!(" + {}", patch.name)).collect::<String>();
        format!("{}{patches}, config {}, {}", self.tree, self.config_hash.get(..12).unwrap_or_default(), self.compiler)
    }
}
