//! Calls of make on a kernel tree.
//! Lives here: its command line and environment, its output read as progress and errors, its log.
//! May not live here: which targets a build needs.

use crate::kernel::Error;
use crate::kernel::child::Call;
use crate::kernel::job::Job;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For targets that compile no more than make's own tools.
const QUICK: Duration = Duration::from_secs(300);

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
        let equals = |name: &str, path: &Path| {
            let mut word = OsString::from(format!("{name}="));
            word.push(path);
            word
        };
        let mut args: Vec<OsString> = vec!["-C".into(), self.tree.clone().into(), equals("O", &self.output)];
        args.extend(self.variables.iter().map(|(name, value)| format!("{name}={value}").into()));
        args.extend(targets.iter().map(OsString::from));
        let call = Call { program: "make", package: "make", args, directory: None, deadline: QUICK };
        Ok(call.run(job)?.stdout)
    }
}
