//! What `oomph image list` and `show` tell.
//! Lives here: the state of each named image, without a network.
//! May not live here: printing.

use super::debian::{self, System};
use super::disk_file::DiskFormat;
use super::error::Error;
use super::names::{Images, Named};
use crate::kernel::Cache;
use crate::scenario::{DebianImage, DiskImage, ImageKernel, ImageSource};
use serde::Serialize;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A named image and whether it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ListedImage {
    /// Its name.
    pub name: String,
    /// Its file, or "built in".
    pub file: String,
    /// What it is: `minimal`, `Debian bookworm on xfs`, or a path.
    pub what: String,
    /// Its note.
    pub note: Option<String>,
    /// What is here; `None` for what would have to be built.
    pub here: Option<HereImage>,
    /// Why it cannot be used, where it cannot.
    pub problem: Option<String>,
}

/// An image that is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HereImage {
    /// Its key in the cache; `None` for what is not in it.
    pub key: Option<String>,
    /// The bytes that it takes on this machine; 0 for what is made for each run.
    pub size: u64,
    /// When the mirrors were asked last for something newer, in seconds since 1970.
    pub checked: Option<u64>,
}

/// All named images, by name. Blocks for as long as it takes to look at the cached ones: a few milliseconds each.
pub fn list_images(images: &Images, cache: &Cache) -> Vec<ListedImage> {
    images.names().iter().filter_map(|name| images.get(name)).map(|named| listed(named, cache)).collect()
}

fn listed(named: Named, cache: &Cache) -> ListedImage {
    let (name, file) = (named.name, named.file);
    let (source, note, problem) = match named.image {
        Ok(image) => (image.source, image.note, image.problem.map(|problem| problem.to_string())),
        Err(error) => {
            let (what, problem) = (String::new(), Some(error.to_string()));
            return ListedImage { name, file, what, note: None, here: None, problem };
        }
    };
    let here = if problem.is_some() { None } else { state(&source, cache) };
    ListedImage { name, file, what: describe_image(&source), note, here, problem }
}

fn state(source: &ImageSource, cache: &Cache) -> Option<HereImage> {
    match source {
        ImageSource::Minimal => Some(HereImage { key: None, size: 0, checked: None }),
        ImageSource::Debian(image) => {
            let (system, checked) = debian::here(image, cache)?;
            Some(HereImage { size: taken(&system.disk), key: Some(system.key), checked: Some(checked) })
        }
        ImageSource::Disk(image) => Some(HereImage { key: None, size: taken(&image.disk), checked: None }),
    }
}

/// The bytes that a file takes on its disk; holes in it take none.
pub fn taken(path: &Path) -> u64 {
    path.metadata().map_or(0, |file| file.blocks() * 512)
}

/// An image in a few words.
pub fn describe_image(source: &ImageSource) -> String {
    match source {
        ImageSource::Minimal => "minimal".to_owned(),
        ImageSource::Debian(DebianImage { release, filesystem, packages, kernel, .. }) => {
            let more = if packages.is_empty() { String::new() } else { format!(" with {}", packages.join(", ")) };
            let own = if *kernel == ImageKernel::Own { ", its own kernel" } else { "" };
            format!("Debian {release} on {}{more}{own}", filesystem.name())
        }
        ImageSource::Disk(DiskImage { disk, .. }) => disk.display().to_string(),
    }
}

/// What `show` tells of an image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ShownImage {
    /// It is made for each run.
    Minimal,
    /// A system that was made here.
    Debian(Box<System>),
    /// A file of the user's.
    Disk {
        /// What the user says of it.
        image: DiskImage,
        /// How it is written.
        format: DiskFormat,
    },
}

/// What is known of an image that is here; `None` for one that is not built.
///
/// # Errors
/// Where a disk cannot be read, or is none that can be run.
pub fn show_image(source: &ImageSource, cache: &Cache) -> Result<Option<ShownImage>, Error> {
    Ok(match source {
        ImageSource::Minimal => Some(ShownImage::Minimal),
        ImageSource::Debian(image) => {
            debian::here(image, cache).map(|(system, _)| ShownImage::Debian(Box::new(system)))
        }
        ImageSource::Disk(image) => {
            Some(ShownImage::Disk { format: DiskFormat::of(&image.disk)?, image: image.clone() })
        }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_there_is_listed_and_what_is_wrong_is_said() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("images");
        std::fs::create_dir(&folder).unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        // Version 3, and nothing else.
        let header = [b"QFI\xfb".to_vec(), 3_u32.to_be_bytes().to_vec(), vec![0; 96]].concat();
        std::fs::write(folder.join("cloud.qcow2"), header).unwrap();
        let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
        write("mine.yaml", "disk: cloud.qcow2\nssh: {user: root, password: x}\nnote: N\n");
        write("gone.yaml", "disk: gone.raw\nssh: {user: root, password: x}\n");
        write("bad.yaml", "debian: [x]\n");
        let images = Images::find(&[place.path()]);
        let list = list_images(&images, &cache);
        let one = |name: &str| list.iter().find(|image| image.name == name).unwrap();
        assert_eq!(list.len(), 6);
        assert_eq!((one("debian").what.as_str(), &one("debian").here), ("Debian bookworm on xfs", &None));
        assert!(one("minimal").here.is_some() && one("mine").here.as_ref().unwrap().size > 0);
        assert_eq!(one("mine").note.as_deref(), Some("N"));
        assert!(one("gone").problem.as_ref().unwrap().contains("`gone.raw` does not exist"));
        assert!(one("bad").problem.as_ref().unwrap().contains("bad.yaml:1:9"));
        let (_, source) = images.from_argument("mine").unwrap();
        let Some(ShownImage::Disk { format, .. }) = show_image(&source, &cache).unwrap() else { panic!("{source:?}") };
        assert_eq!(format, DiskFormat::Qcow2);
        std::fs::write(folder.join("plain.raw"), [0; 512]).unwrap();
        assert_eq!(DiskFormat::of(&folder.join("plain.raw")).unwrap(), DiskFormat::Raw);
        assert_eq!(show_image(&ImageSource::Debian(DebianImage::of("x")), &cache).unwrap(), None);
    }
}
