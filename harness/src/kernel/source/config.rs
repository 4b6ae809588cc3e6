//! The .config of a build: base, fragments, and what came out of them.
//! Lives here: merging, `olddefconfig`, which asked options are missing and why.
//! May not live here: the fragments themselves (`kernel-configs/`), or building.

use super::make::Make;
use super::tree::Tree;
use crate::kernel::job::Job;
use crate::kernel::{Cache, Error};
use crate::scenario::SourceBuild;

/// What came out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Configured {
    /// The final .config's text, with what differs from build to build (paths, dates, compiler text) taken out.
    pub text: String,
    /// For people: options that a fragment asked for and the result lacks, with the cause where that can be told;
    /// options that this tree does not know.
    pub notes: Vec<String>,
}

/// Makes `.config` in the build directory of `make`.
///
/// # Errors
/// Where a fragment is not there or unsound, make fails, or an option in `required` did not come out.
pub fn configure(spec: &SourceBuild, tree: &Tree, make: &Make, cache: &Cache, job: &Job) -> Result<Configured, Error> {
    let _ = (spec, tree, make, cache, job);
    Err(Error::Debian("not there yet".into()))
}
