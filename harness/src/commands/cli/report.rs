//! The command line of `oomph report`.
//! Lives here: what clap needs to know of it.
//! May not live here: what it does.

use clap::Args;
use std::path::PathBuf;

/// Heading of the options that name a format.
const FORMATS: &str = "Formats (FILE may be - for stdout)";

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
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub jsonl: Option<PathBuf>,
    /// Write JUnit XML, as Jenkins and GitLab read it
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub junit: Option<PathBuf>,
    /// Write KTAP, as the kernel's own tools read it
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub ktap: Option<PathBuf>,
    /// Write KCIDB I/O JSON, for KernelCI's database
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub kcidb: Option<PathBuf>,
    /// Write a Code Quality report of GitLab, which a merge request shows as a difference
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub gitlab: Option<PathBuf>,
    /// Write a table (RFC 4180), one row a run
    #[arg(long, value_name = "FILE", help_heading = FORMATS)]
    pub csv: Option<PathBuf>,
    /// Append a summary in Markdown to the file that $GITHUB_STEP_SUMMARY names (stdout without it), and print annotations for GitHub
    /// Actions on stdout
    #[arg(long, help_heading = FORMATS)]
    pub github: bool,
}
