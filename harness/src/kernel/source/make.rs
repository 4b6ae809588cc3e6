//! Calls of make on a kernel tree.
//! Lives here: quick targets, builds with progress, what a failed make says.
//! May not live here: which targets a build needs.

mod command;
mod error;
mod process;
mod reader;

pub use error::MakeError;

use crate::kernel::Error;
use crate::kernel::error::At;
use crate::kernel::job::{self, Job};
use process::{Ended, Process};
use reader::Reader;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Longest that a quick target may take: `olddefconfig` builds kconfig first, some 20 s on a busy machine.
const QUICK: Duration = Duration::from_secs(20 * 60);
/// Longest that a build may take: a distribution's configuration with modules on two slow processors.
pub(super) const LONG: Duration = Duration::from_secs(6 * 3600);

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

/// What a build did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Built {
    /// Files compiled.
    pub compiled: u64,
    /// Warnings of compiler, linker and modpost.
    pub warnings: u64,
}

impl Make {
    /// Runs quick targets such as `olddefconfig` and returns what they print.
    ///
    /// # Errors
    /// Where make is not there, fails or takes too long: with the lines that say why.
    pub fn quick(&self, targets: &[&str], job: &Job) -> Result<String, Error> {
        let log = tempfile::NamedTempFile::new().at("make a file in", &std::env::temp_dir())?;
        let mut text = String::new();
        let mut keep = |line: &str| {
            text.push_str(line);
            text.push('\n');
        };
        self.run(targets, log.path(), None, QUICK, job, &mut keep)?;
        Ok(text)
    }

    /// Builds targets with one job a processor, says how far it is, and keeps all output in `log`. `expected` is how many
    /// files will be compiled, where that is known. `compiled` hears of every file.
    ///
    /// # Errors
    /// As for [`Make::quick`]. What was built so far stays, and the next call goes on from there.
    pub fn build(
        &self,
        targets: &[&str],
        log: &Path,
        expected: Option<u64>,
        job: &Job,
        compiled: &mut dyn FnMut(u64),
    ) -> Result<Built, Error> {
        let pace = job::pace();
        let mut said = Instant::now();
        let mut progress = |reader: &Reader| {
            compiled(reader.compiled());
            if said.elapsed() >= pace {
                said = Instant::now();
                job.say(reader.progress(expected));
            }
        };
        let reader = self.run(targets, log, Some(&mut progress), LONG, job, &mut |_| {})?;
        Ok(Built { compiled: reader.compiled(), warnings: reader.warnings() })
    }

    fn run(
        &self,
        targets: &[&str],
        log: &Path,
        mut progress: Option<&mut dyn FnMut(&Reader)>,
        deadline: Duration,
        job: &Job,
        keep: &mut dyn FnMut(&str),
    ) -> Result<Reader, Error> {
        job.check()?;
        fs::create_dir_all(&self.output).at("make the directory", &self.output)?;
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let arguments = command::arguments(self, targets, jobs, command::has_ccache());
        let mut process = Process::start(arguments, &command::environment(), log)?;
        let mut reader = Reader::new([&self.output, &self.tree]);
        let end = Instant::now() + deadline;
        let ended = loop {
            let ended = process.step(end, job, &mut |line| {
                reader.line(line);
                keep(line);
            })?;
            if let Some(progress) = &mut progress {
                progress(&reader);
            }
            if let Some(ended) = ended {
                break ended;
            }
        };
        let what = targets.join(" ");
        let keeps = progress.is_some();
        let log = || keeps.then(|| log.to_owned());
        match ended {
            Ended::Exit(status) if status.success() => Ok(reader),
            Ended::Exit(_) if reader.is_disk_full() => {
                let free = super::disk::free(&self.output).unwrap_or_default();
                Err(MakeError::DiskFull { what, directory: self.output.clone(), free, log: log() }.into())
            }
            Ended::Exit(status) => {
                Err(MakeError::Failed { what, status, lines: reader.failure(), hint: None, log: log() }.into())
            }
            Ended::Deadline => Err(MakeError::Deadline { what, seconds: deadline.as_secs(), log: log() }.into()),
            Ended::TooMuch => Err(MakeError::TooMuch { what, log: log() }.into()),
            Ended::Cancelled => Err(Error::Cancelled),
        }
    }
}

/// Opens a log anew.
fn create(path: &Path) -> Result<File, Error> {
    Ok(File::options().create(true).write(true).truncate(true).open(path).at("write", path)?)
}

#[cfg(test)]
mod tests;
