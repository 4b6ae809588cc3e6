//! Why make did not do what it was called for.
//! Lives here: the error and its words.
//! May not live here: finding the lines that say why (`reader`).

use indicatif::HumanBytes;
use std::path::PathBuf;
use std::process::ExitStatus;

/// Why make did not do what it was called for.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// It failed.
    #[error("make {what} failed ({status})\n{}{}{}", indented(lines), on_a_line(hint.as_ref()), where_log_is(log.as_ref()))]
    Failed {
        /// The targets.
        what: String,
        /// How it ended.
        status: ExitStatus,
        /// What it said of the reason.
        lines: Vec<String>,
        /// What else may help.
        hint: Option<String>,
        /// All that it said.
        log: Option<PathBuf>,
    },
    /// It filled the disk.
    #[error(
        "make {what}: no space left on the filesystem of {} ({} are free now); `oomph kernel prune` frees some\n{}",
        directory.display(), HumanBytes(*free), where_log_is(log.as_ref())
    )]
    DiskFull {
        /// The targets.
        what: String,
        /// The build directory.
        directory: PathBuf,
        /// What is free there, in bytes.
        free: u64,
        /// All that it said.
        log: Option<PathBuf>,
    },
    /// It took too long and was ended.
    #[error("make {what} did not end within {seconds} s and was ended\n{}", where_log_is(log.as_ref()))]
    Deadline {
        /// The targets.
        what: String,
        /// Its time.
        seconds: u64,
        /// All that it said.
        log: Option<PathBuf>,
    },
    /// It wrote without end and was ended.
    #[error("make {what} wrote more than a build ever does and was ended\n{}", where_log_is(log.as_ref()))]
    TooMuch {
        /// The targets.
        what: String,
        /// All that it said.
        log: Option<PathBuf>,
    },
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("  {line}\n")).collect()
}

fn on_a_line(hint: Option<&String>) -> String {
    hint.map_or_else(String::new, |hint| format!("{hint}\n"))
}

fn where_log_is(log: Option<&PathBuf>) -> String {
    log.map_or_else(String::new, |log| format!("the whole log: {}", log.display()))
}
