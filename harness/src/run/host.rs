//! The host on which runs take place: its QEMU, its cache, what is wanted of its accelerators; the images that have a name.
//! Lives here: what is looked up once for all runs of a command.
//! May not live here: anything of a scenario's.

use crate::image::Images;
use crate::kernel::Cache;
use crate::results::HostJson;
use crate::vm::{Error, PROGRAM, Qemu, Wanted, cpu_model};
use std::path::Path;

/// The host, looked at once.
#[derive(Debug)]
pub struct Host {
    pub(super) qemu: Qemu,
    pub(super) wanted: Wanted,
    pub(super) cache: Cache,
    pub(super) images: Images,
}

impl Host {
    /// Looks for QEMU.
    ///
    /// # Errors
    /// Where there is no usable QEMU.
    pub async fn look(cache: Cache, images: Images, wanted: Wanted) -> Result<Self, Error> {
        Ok(Self { qemu: Qemu::find(Path::new(PROGRAM)).await?, wanted, cache, images })
    }

    /// The cache of kernels and images.
    pub fn cache(&self) -> &Cache {
        &self.cache
    }

    /// The images that have a name.
    pub fn images(&self) -> &Images {
        &self.images
    }

    /// The host as run.json names it.
    pub(super) fn describe(&self, accelerator: &str, reason: &str) -> HostJson {
        let uname = rustix::system::uname();
        HostJson {
            qemu: self.qemu.version.clone(),
            accelerator: accelerator.to_owned(),
            accelerator_reason: reason.to_owned(),
            hostname: uname.nodename().to_string_lossy().into_owned(),
            kernel: uname.release().to_string_lossy().into_owned(),
            cpu: cpu_model().unwrap_or_default(),
            oomph: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }
}
