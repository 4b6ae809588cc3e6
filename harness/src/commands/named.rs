//! The named kernels that a command knows.
//! Lives here: from where their list is looked for.
//! May not live here: reading it, or what else is looked at (`kernel::Names`).

use super::cli::Global;
use crate::kernel::Names;
use std::path::{Path, PathBuf};

/// Those of the list that `--kernels` names; else of the nearest upward from the first of these files that has one (what is run: scenarios, a
/// matrix), or from the working directory; else of the one that is installed or built in.
///
/// # Errors
/// Where the list cannot be read, or something in it is wrong.
pub(super) fn named<'a>(global: &Global, files: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Names> {
    let here = std::env::current_dir()?;
    let mut places: Vec<&Path> = files.into_iter().map(|file| file.as_path()).collect();
    places.push(&here);
    Ok(Names::find(global.kernels.as_deref(), &places)?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::cli::Cli;
    use super::*;
    use clap::Parser;
    use std::fs;

    #[test]
    fn kernels_lie_beside_what_is_run() {
        let place = tempfile::tempdir().unwrap();
        let list = |folder: &str, name: &str| {
            let folder = place.path().join(folder).join("kernel-configs");
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("kernels.yaml"), format!("{name}: {{debian: sid}}\n")).unwrap();
            folder.join("kernels.yaml")
        };
        let (_, other) = (list("tree", "mine"), list("other", "other"));
        let scenario = place.path().join("tree/scenarios/deep/s.yaml");
        let knows = |words: &[&str], name: &str| {
            let cli = Cli::try_parse_from([&["oomph", "kernel", "list"], words].concat()).unwrap();
            named(&cli.global, [&PathBuf::from("/nowhere/s.yaml"), &scenario]).unwrap().kernels.contains_key(name)
        };
        assert!(knows(&[], "mine"), "though the working directory has a list, too");
        assert!(knows(&["--kernels", other.to_str().unwrap()], "other"));
    }
}
