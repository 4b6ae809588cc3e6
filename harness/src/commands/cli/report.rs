//! The command line of `oomph report`.
//! Lives here: what clap needs to know of it.
//! May not live here: what it does.

use clap::Args;
use std::path::PathBuf;

/// `oomph report`.
#[derive(Debug, Args)]
pub struct Report {
    /// Result folders, or folders of them [default: the folder of --results]
    #[arg(value_name = "RESULTS")]
    pub from: Vec<PathBuf>,
    /// Title of the report
    #[arg(long, value_name = "TEXT", default_value = "oomph")]
    pub title: String,
    /// Write one page to read: verdicts with their evidence, a grid of scenarios and kernels, how to run each again
    #[arg(long, value_name = "FILE", help_heading = "Formats (FILE may be - for stdout)")]
    pub html: Option<PathBuf>,
    /// Write JSON lines: run.json of each run, one a line
    #[arg(long, value_name = "FILE", help_heading = "Formats (FILE may be - for stdout)")]
    pub jsonl: Option<PathBuf>,
}
