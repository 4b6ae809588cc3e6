//! The one form of all that results are handed on in.
//! Lives here: what goes into a report, and the trait of everything that writes one.
//! May not live here: a format; reading results.

use crate::results::{Broken, RunJson};
use std::io::{self, Write};

/// What a report is made of.
#[derive(Debug)]
pub struct Report {
    /// Its title.
    pub title: String,
    /// The runs, by scenario, kernel and start; each knows its folder.
    pub runs: Vec<RunJson>,
    /// Folders that should be results and are not. Whoever reads a report is told of them.
    pub broken: Vec<Broken>,
}

/// Writes a report in one form. How a run counts is said by [`super::Standing`] for all of them: as the scenario expects it, a hang that
/// nobody expects is a failure, and a run without an outcome is never a pass.
pub trait Format {
    /// Writes all of it.
    ///
    /// # Errors
    /// Where `out` cannot be written.
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()>;
}
