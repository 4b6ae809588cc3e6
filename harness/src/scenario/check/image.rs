//! Rules for what a guest boots into, in a scenario and in images/NAME.yaml.
//! Lives here: which keys go together, least sizes, which filesystems a root can be on.
//! May not live here: making an image, or reading one.

use super::{Checker, MAX_ITEMS};
use crate::scenario::image::{Credential, DebianImage, DiskImage, ImageKernel, ImageSource, ImageSpec, RootPlace, Ssh};
use crate::scenario::model::Filesystem;
use crate::scenario::problem::{Problem, ScenarioError};
use crate::scenario::raw::{RawImage, RawImageSource, RawRoot, RawSsh};
use crate::scenario::scalars::{ImageName, Size};
use crate::scenario::suggest::one_of;
use crate::scenario::text::Text;
use crate::scenario::units::format_size;
use crate::scenario::value::{At, Scalar, Val};
use std::ops::Range;
use std::path::Path;

/// Least size of a Debian system's disk: bookworm's takes 300 MiB, the log of XFS 64 MiB, and the rest is for what is written to it.
const LEAST: u64 = 1 << 30;

/// An image of images/NAME.yaml.
#[derive(Clone, Debug)]
pub struct NamedImage {
    /// What it is.
    pub source: ImageSource,
    /// For people.
    pub note: Option<String>,
    /// Files that it names and that are not there.
    pub problem: Option<ScenarioError>,
}

/// Checks images/NAME.yaml; `folder` is the absolute one that paths in it start from.
///
/// # Errors
/// All rules that it breaks; never an empty list.
pub fn check_image(raw: &RawImageSource, text: &Text, file: &Path, folder: &Path) -> Result<NamedImage, Vec<Problem>> {
    let mut checker = Checker::new(text, folder);
    let source = checker.image_source(raw, &(0..0));
    let note = checker.read_optional(raw.note.as_ref()).flatten().map(|note| note.0);
    let problem = checker.take_missing(file);
    match source {
        Some(source) if checker.problems.is_empty() => Ok(NamedImage { source, note, problem }),
        _ => Err(checker.problems),
    }
}

impl Checker<'_> {
    pub(super) fn image(&mut self, image: &At<RawImage>) -> Option<ImageSpec> {
        match &image.value {
            RawImage::Name(name) => match ImageName::read(name) {
                Ok(name) => Some(ImageSpec::Named(name.0)),
                Err(wrong) => {
                    self.report(Problem::of(wrong, &image.at));
                    None
                }
            },
            RawImage::Source(source) => {
                if let Some(note) = &source.note {
                    let problem = Problem::new(&note.at, "`note` is for an image with a name", "leave it out");
                    self.report(problem.help("an image has its name by its file, images/NAME.yaml"));
                }
                self.image_source(source, &image.at).map(ImageSpec::Inline)
            }
        }
    }

    /// What an image is; `at` is where that is written.
    fn image_source(&mut self, raw: &RawImageSource, at: &Range<usize>) -> Option<ImageSource> {
        let initramfs = raw.initramfs.as_ref().map(|word| ("initramfs", word.at.clone()));
        let debian = raw.debian.as_ref().map(|release| ("debian", release.at.clone()));
        let disk = raw.disk.as_ref().map(|disk| ("disk", disk.at.clone()));
        let places: Vec<(&str, Range<usize>)> = [initramfs, debian, disk].into_iter().flatten().collect();
        if let [(first, first_at), (_, second_at), ..] = &places[..] {
            let right = format!("this cannot stand beside `{first}`");
            self.report(Problem::new(second_at, "the image is two things at once", right).other(first_at, *first));
            return None;
        }
        let Some((kind, kind_at)) = places.first() else {
            let right = "expected `initramfs: minimal`, `debian: RELEASE`, or `disk: PATH` with `ssh: {…}`";
            self.report(Problem::new(at, "it is not said what the image is", right));
            return None;
        };
        let stray: Vec<_> = other_keys(raw).into_iter().filter(|(_, of, _)| !of.contains(kind)).collect();
        let is_stray = !stray.is_empty();
        for (key, of, at) in stray {
            let message = format!("`{key}` does not go with `{kind}`");
            let problem = Problem::new(at, message, "leave it out").other(kind_at, *kind);
            self.report(problem.help(format!(
                "only {} has this",
                of.iter().map(|one| format!("`{one}`")).collect::<Vec<_>>().join(" or ")
            )));
        }
        let found = if let Some(word) = &raw.initramfs {
            self.read(word).map(|_| ImageSource::Minimal)
        } else if raw.debian.is_some() {
            self.debian_image(raw).map(ImageSource::Debian)
        } else {
            self.disk_image(raw, kind_at).map(ImageSource::Disk)
        };
        found.filter(|_| !is_stray)
    }

    fn debian_image(&mut self, raw: &RawImageSource) -> Option<DebianImage> {
        let release = self.read(raw.debian.as_ref()?);
        let filesystem = raw
            .filesystem
            .as_ref()
            .map_or(Some(Filesystem::Xfs), |val| self.root_filesystem(val, &[Filesystem::Xfs, Filesystem::Ext4]));
        let packages = raw.packages.as_ref().map_or(Some(Vec::new()), |list| {
            self.few(list.value.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "packages");
            self.all(list.value.get(..MAX_ITEMS).unwrap_or(&list.value))
        });
        let size = raw.size.as_ref().map_or(Some(DebianImage::SIZE), |val| self.image_size(val));
        let kernel = self.read_optional(raw.kernel.as_ref());
        let mut packages: Vec<String> = packages?.into_iter().map(|package| package.0).collect();
        // The order means nothing, so it makes no other image.
        packages.sort();
        packages.dedup();
        Some(DebianImage {
            release: release?.0,
            filesystem: filesystem?,
            packages,
            size: size?,
            kernel: kernel?.unwrap_or(ImageKernel::Ours),
        })
    }

    fn disk_image(&mut self, raw: &RawImageSource, at: &Range<usize>) -> Option<DiskImage> {
        let disk = self.path(raw.disk.as_ref()?, Path::is_file, "file");
        let ssh = match &raw.ssh {
            Some(ssh) => self.ssh(ssh),
            None => {
                let right = "expected `ssh: {user: root, key: PATH}` beside it";
                let problem = Problem::new(at, "it is not said how to log in to the disk's system", right);
                self.report(problem.help("the agent and the workload are brought into it over ssh"));
                None
            }
        };
        let root = raw.root.as_ref().map_or(Some(None), |root| self.root(&root.value).map(Some));
        let kernel = self.read_optional(raw.kernel.as_ref())?.unwrap_or(ImageKernel::Own);
        match (kernel, &raw.root, &raw.kernel) {
            (ImageKernel::Own, Some(root), _) => {
                let problem = Problem::new(&root.at, "the image's own kernel finds its root itself", "leave it out");
                self.report(problem.help("`root` is for `kernel: ours`, where the scenario's kernel boots the disk"));
            }
            (ImageKernel::Ours, None, Some(kernel)) => {
                let right = "expected `root: {partition: 1, filesystem: ext4}` beside it";
                self.report(Problem::new(&kernel.at, "a kernel of ours has to be told where the root is", right));
            }
            _ => {}
        }
        Some(DiskImage { disk: disk?, ssh: ssh?, root: root?, kernel })
    }

    fn ssh(&mut self, raw: &At<RawSsh>) -> Option<Ssh> {
        let user = self.read(&raw.value.user);
        let with = match (&raw.value.key, &raw.value.password) {
            (Some(key), None) => self.path(key, Path::is_file, "file").map(Credential::Key),
            (None, Some(password)) => self.read(password).map(|password| Credential::Password(password.0)),
            (Some(key), Some(password)) => {
                let problem = Problem::new(&password.at, "there are two ways to log in", "leave one of them out");
                self.report(problem.other(&key.at, "key"));
                None
            }
            (None, None) => {
                let right = "expected `key: PATH` or `password: TEXT`";
                self.report(Problem::new(&raw.value.user.at, "it is not said how the user logs in", right));
                None
            }
        };
        Some(Ssh { user: user?.0, with: with? })
    }

    fn root(&mut self, raw: &RawRoot) -> Option<RootPlace> {
        let partition = self.read_optional(raw.partition.as_ref());
        let filesystem = self.root_filesystem(&raw.filesystem, &[Filesystem::Xfs, Filesystem::Ext4, Filesystem::Btrfs]);
        let partition = partition?.and_then(|number| u8::try_from(number.0).ok());
        Some(RootPlace { partition, filesystem: filesystem? })
    }

    fn root_filesystem(&mut self, val: &Val<Filesystem>, can: &[Filesystem]) -> Option<Filesystem> {
        let filesystem = self.read(val)?;
        if can.contains(&filesystem) {
            return Some(filesystem);
        }
        let names: Vec<&str> = can.iter().map(|one| one.name()).collect();
        let message = format!("the root cannot be on {} here", filesystem.name());
        self.report(Problem::new(&val.at, message, format!("expected {}", one_of(&names))));
        None
    }

    fn image_size(&mut self, val: &Val<Size>) -> Option<u64> {
        let size = self.size(val, "disk")?;
        if size < LEAST {
            let message = format!("{} is too small for a system", format_size(size));
            let problem = Problem::new(&val.at, message, format!("expected at least {}", format_size(LEAST)));
            self.report(problem.help("the file takes no more room on this machine than what is in it"));
            return None;
        }
        Some(size)
    }
}

/// The keys that are there besides what the image is, what they belong to, and their places.
fn other_keys(raw: &RawImageSource) -> Vec<(&'static str, Vec<&'static str>, &Range<usize>)> {
    let keys = [
        ("filesystem", vec!["debian"], raw.filesystem.as_ref().map(|val| &val.at)),
        ("packages", vec!["debian"], raw.packages.as_ref().map(|val| &val.at)),
        ("size", vec!["debian"], raw.size.as_ref().map(|val| &val.at)),
        ("ssh", vec!["disk"], raw.ssh.as_ref().map(|val| &val.at)),
        ("root", vec!["disk"], raw.root.as_ref().map(|val| &val.at)),
        ("kernel", vec!["debian", "disk"], raw.kernel.as_ref().map(|val| &val.at)),
    ];
    keys.into_iter().filter_map(|(key, of, at)| Some((key, of, at?))).collect()
}
