//! A build from source in a few words.
//! Lives here: its wording.
//! May not live here: what is not in the specification itself.

use crate::scenario::{SourceBuild, SourceTree, patch_name};

/// Source and patches of a build: `linux-source-6.1 + no-oom-reaper`.
pub fn describe(spec: &SourceBuild) -> String {
    let tree = match &spec.tree {
        SourceTree::Path(path) => path.display().to_string(),
        SourceTree::Git { git, reference } => format!("{reference} of {git}"),
        SourceTree::Tarball { tarball, .. } => tarball.rsplit('/').next().unwrap_or(tarball).to_owned(),
        SourceTree::Debian(package) => package.clone(),
    };
    spec.patches.iter().map(|patch| format!(" + {}", patch_name(patch))).fold(tree, |text, patch| text + &patch)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn source_and_patches_are_named() {
        let text = |tree: SourceTree, patches: &[&str]| {
            let patches = patches.iter().map(Into::into).collect();
            describe(&SourceBuild { patches, ..SourceBuild::of(tree) })
        };
        let debian = SourceTree::Debian("linux-source-6.1".into());
        assert_eq!(
            text(debian, &["/p/no-oom-reaper.patch", "series.mbx"]),
            "linux-source-6.1 + no-oom-reaper + series"
        );
        let git = SourceTree::Git { git: "/src/linux".into(), reference: "v6.1".into() };
        assert_eq!(text(git, &[]), "v6.1 of /src/linux");
        let tarball = SourceTree::Tarball { tarball: "https://x/y/linux-6.1.tar.xz".into(), sha256: None };
        assert_eq!(text(tarball, &[]), "linux-6.1.tar.xz");
    }
}
