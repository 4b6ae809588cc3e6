//! The kernels and images that a command knows by name.
//! Lives here: from where they are looked for.
//! May not live here: reading them, or what else is looked at (`kernel::Names`, `image::Images`).

use super::cli::Global;
use crate::image::Images;
use crate::kernel::Names;
use std::path::{Path, PathBuf};

/// Those of the list that `--kernels` names; else of the nearest upward from the first of these files that has one (what is run: scenarios, a
/// matrix), or from the working directory; else of the one that is installed or built in.
///
/// # Errors
/// Where the list cannot be read, or something in it is wrong.
pub(super) fn named<'a>(global: &Global, files: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Names> {
    let here = std::env::current_dir()?;
    Ok(Names::find(global.kernels.as_deref(), &places(files, &here))?)
}

/// Those of the nearest folder `images` upward from the first of these files that has one, or from the working directory; what is not there
/// is installed or built in.
///
/// # Errors
/// Where there is no working directory.
pub(super) fn images<'a>(files: impl IntoIterator<Item = &'a PathBuf>) -> anyhow::Result<Images> {
    let here = std::env::current_dir()?;
    Ok(Images::find(&places(files, &here)))
}

fn places<'h, 'f: 'h>(files: impl IntoIterator<Item = &'f PathBuf>, here: &'h Path) -> Vec<&'h Path> {
    files.into_iter().map(|file| file.as_path()).chain([here]).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::cli::Cli;
    use super::*;
    use clap::Parser;
    use std::fs;

    #[test]
    fn kernels_and_images_lie_beside_what_is_run() {
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
        fs::create_dir_all(place.path().join("tree/images")).unwrap();
        fs::write(place.path().join("tree/images/own.yaml"), "debian: bookworm\n").unwrap();
        let images = images([&PathBuf::from("/nowhere/s.yaml"), &scenario]).unwrap();
        assert!(images.get("own").is_some(), "{:?}", images.names());
        assert!(knows(&["--kernels", other.to_str().unwrap()], "other"));
    }
}
