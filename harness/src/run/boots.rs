//! What boots a guest: the scenario's kernel, or one that its image brings; and which image it is.
//! Lives here: that choice, and what is known of both before a run and after it; the runs of both that are stored.
//! May not live here: how a kernel or an image is made (`kernel`, `image`), or the machine (`prepare`).

use super::host::Host;
use crate::image::{self, ImageIdentity, Images, SystemDisk};
use crate::kernel::{self, Cache, Kernel, Names, Progress};
use crate::results::{KernelJson, Recorded, RunJson};
use crate::scenario::{
    DebianImage, DiskImage, ImageKernel, ImageSource, ImageSpec, KernelSpec, Scenario, matching, to_yaml,
};
use anyhow::Context;

/// What boots a scenario's guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Boots {
    /// A kernel, whatever the image.
    Kernel(KernelSpec),
    /// The kernel that this image brings.
    Own(ImageSpec, ImageSource),
}

impl Boots {
    /// A scenario's.
    ///
    /// # Errors
    /// Where no image has the name that it gives, or the image's file is wrong.
    pub fn of(scenario: &Scenario, images: &Images) -> anyhow::Result<Self> {
        let spec = &scenario.guest.image;
        Ok(match images.meaning(spec)? {
            source @ (ImageSource::Debian(DebianImage { kernel: ImageKernel::Own, .. })
            | ImageSource::Disk(DiskImage { kernel: ImageKernel::Own, .. })) => Self::Own(spec.clone(), source),
            _ => Self::Kernel(scenario.kernel.clone()),
        })
    }

    /// The kernel, fetched, built or taken out of its image if need be. Dropping the future calls the work off.
    ///
    /// # Errors
    /// Where it cannot be had.
    pub async fn kernel(&self, names: &Names, cache: &Cache, progress: Progress<'_>) -> anyhow::Result<Kernel> {
        match self {
            Self::Kernel(spec) => Ok(kernel::resolve(spec, names, cache, progress).await?),
            Self::Own(spec, source) => {
                let own = image::own_kernel_of(spec, source, cache, progress).await?;
                own.context("the image brings no kernel of its own any more")
            }
        }
    }
}

/// Which image a scenario's guest boots into with a kernel of this version, made if need be; `None` for the minimal one, which is made for each run.
///
/// # Errors
/// Where the image cannot be had.
pub async fn image_for(
    scenario: &Scenario,
    kernel: (u32, u32, u32),
    host: &Host,
    progress: Progress<'_>,
) -> anyhow::Result<Option<ImageIdentity>> {
    let spec = &scenario.guest.image;
    let source = host.images.meaning(spec)?;
    let disk = SystemDisk::of(&source, kernel, &host.cache, progress).await?;
    Ok(disk.map(|disk| ImageIdentity::new(spec, &source, &disk)))
}

/// What a run's record says of its kernel. Of one that a disk's bootloader started the guest has said what it is, if it came so far:
/// `uname -r` and `uname -v`.
pub(super) fn identity(kernel: &Kernel, said: Option<&(String, String)>) -> KernelJson {
    let mut identity = KernelJson {
        release: kernel.release.clone(),
        hash: kernel.hash.clone(),
        origin: kernel.origin.clone(),
        tags: kernel.tags.clone(),
        build: kernel.build.as_deref().cloned(),
    };
    if let (true, Some((release, version))) = (kernel.release.is_empty(), said) {
        identity.release.clone_from(release);
        identity.origin = format!("{} ({version})", kernel.origin);
    }
    identity
}

/// The version of the kernel that ran; `None` where it has never said it.
pub(super) fn version_that_ran(kernel: &Kernel, ran: &KernelJson) -> Option<(u32, u32, u32)> {
    if kernel.release.is_empty() {
        kernel::version_of(&format!("{} {}", ran.release, ran.origin))
    } else {
        Some(kernel.version)
    }
}

/// The stored runs of a scenario on a kernel and in an image, held against what the scenario expects now.
///
/// # Errors
/// Where the scenario cannot be written as it was stored.
pub fn past(
    recorded: &Recorded,
    scenario: &Scenario,
    kernel: &Kernel,
    image: Option<&ImageIdentity>,
) -> anyhow::Result<Vec<RunJson>> {
    let mut runs = recorded.of(&to_yaml(scenario)?, &kernel.hash, image);
    for run in &mut runs {
        let version = version_that_ran(kernel, &run.kernel_identity);
        run.expect(matching(&scenario.expect, &kernel.name, &kernel.tags, version).cloned());
    }
    Ok(runs)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_kernel_of_a_disks_own_is_known_when_it_has_spoken() {
        let own = Kernel {
            release: String::new(),
            version: (0, 0, 0),
            origin: "the kernel in /d.raw".into(),
            ..Kernel::sample("")
        };
        let silent = identity(&own, None);
        assert_eq!((silent.release.as_str(), version_that_ran(&own, &silent)), ("", None));
        let said = ("6.1.0-31-amd64".to_owned(), "#1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)".to_owned());
        let spoken = identity(&own, Some(&said));
        assert_eq!((spoken.release.as_str(), version_that_ran(&own, &spoken)), ("6.1.0-31-amd64", Some((6, 1, 128))));
        let given = Kernel::sample("/k");
        assert_eq!(identity(&given, Some(&said)).release, given.release, "what is given is known");
        assert_eq!(version_that_ran(&given, &KernelJson::default()), Some((6, 1, 0)));
    }

    #[test]
    fn an_image_may_bring_its_kernel() {
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/xfs-inode-mutex.yaml");
        let scenario = crate::scenario::load(&file, &[]).unwrap();
        let images = Images::find(&[]);
        assert_eq!(Boots::of(&scenario, &images).unwrap(), Boots::Kernel(scenario.kernel.clone()));
        let own = ImageSource::Debian(DebianImage { kernel: ImageKernel::Own, ..DebianImage::of("bookworm") });
        let mut scenario = scenario;
        scenario.guest.image = ImageSpec::Inline(own.clone());
        assert_eq!(Boots::of(&scenario, &images).unwrap(), Boots::Own(scenario.guest.image.clone(), own));
    }
}
