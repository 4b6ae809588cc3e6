//! Calls of make on a kernel tree.
//! Lives here: its command line and environment, its output read as progress and errors, its log.
//! May not live here: which targets a build needs.

use crate::kernel::Error;
use crate::kernel::job::Job;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// make for a tree and a build directory.
#[derive(Clone, Debug)]
pub struct Make {
    /// The source.
    pub tree: PathBuf,
    /// The build directory (`O=`).
    pub output: PathBuf,
    /// Variables.
    pub variables: BTreeMap<String, String>,
}

impl Make {
    /// Runs quick targets such as `olddefconfig` and returns what they print.
    ///
    /// # Errors
    /// Where make is not there, fails or takes too long: with the lines that say why.
    pub fn quick(&self, targets: &[&str], job: &Job) -> Result<String, Error> {
        let _ = (targets, job);
        Err(Error::Debian("not there yet".into()))
    }
}
