//! One build from source.
//! Lives here: the order of tree, config, make and cache.
//! May not live here: how any of these is done.

use crate::kernel::job::Job;
use crate::kernel::{Cache, Error, Kernel};
use crate::scenario::SourceBuild;

/// The kernel that `spec` describes, built if it is not in the cache.
pub(in crate::kernel) fn kernel(name: String, spec: &SourceBuild, cache: &Cache, job: &Job) -> Result<Kernel, Error> {
    let _ = (name, spec, cache, job);
    Err(Error::Debian("kernels from source are not there yet".into()))
}
