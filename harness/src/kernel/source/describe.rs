//! A build from source in a few words.
//! Lives here: its wording.
//! May not live here: what is not in the specification itself.

use crate::scenario::{SourceBuild, SourceTree};
use std::path::Path;

/// Source and patches of a build: `linux-source-6.1 + no-oom-reaper`.
pub fn describe(spec: &SourceBuild) -> String {
    let tree = match &spec.tree {
        SourceTree::Path(path) => path.display().to_string(),
        SourceTree::Git { git, reference } => format!("{reference} of {git}"),
        SourceTree::Tarball { tarball, .. } => tarball.rsplit('/').next().unwrap_or(tarball).to_owned(),
        SourceTree::Debian(package) => package.clone(),
    };
    let names = spec.patches.iter().map(|patch| format!(" + {}", name(patch)));
    names.fold(tree, |text, patch| text + &patch)
}

fn name(patch: &Path) -> String {
    patch.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
