//! The command line of verbs that make many runs, or compare them.
//! Lives here: what clap needs to know of `matrix`, `bisect`, `validate`, `results compare`.
//! May not live here: what a verb does.

use super::{Accel, age};
use crate::campaign::matrix::Shard;
use crate::campaign::{BadWhen, HUNG};
use clap::{ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// `oomph bisect`.
#[derive(Debug, Args)]
pub struct Bisect {
    /// Scenario file; what it expects does not matter
    pub scenario: PathBuf,
    /// The kernel's git repository
    #[arg(long, value_name = "DIR")]
    pub tree: PathBuf,
    /// A commit, tag or branch that is good
    #[arg(long, value_name = "REF")]
    pub good: String,
    /// One that is bad, a descendant of it
    #[arg(long, value_name = "REF")]
    pub bad: String,
    /// Which runs are bad, e.g. 'outcome==hung && mechanism==oom-deadlock' or 'max_stall>20s'
    #[arg(long, value_name = "CONDITION", default_value = HUNG)]
    pub bad_when: BadWhen,
    /// Kernel from source (a name from kernels.yaml) whose configuration, patches and make variables the commits are built with
    /// [default: the scenario's, where that is built from source, else our base configuration]
    #[arg(long, value_name = "NAME")]
    pub kernel: Option<String>,
    /// Of merges follow only the first parent
    #[arg(long)]
    pub first_parent: bool,
    /// Only commits that change something below this path (may be repeated)
    #[arg(long = "path", visible_alias = "paths", value_name = "PATH")]
    pub paths: Vec<String>,
    /// Stop when a commit is the culprit with this probability
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, value_parser = confidence)]
    pub confidence: f64,
    /// Most runs that count
    #[arg(long, value_name = "N", default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub max_runs: u32,
    /// Start nothing new after this time, e.g. 8h
    #[arg(long, value_name = "TIME", value_parser = age)]
    pub time: Option<Duration>,
    /// Count the runs of this bisection that are in the results folder already
    #[arg(long)]
    pub resume: bool,
    /// Set a value of the scenario, e.g. workload.args.writers=20 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Accelerator
    #[arg(long, value_name = "ACCEL", default_value = "auto")]
    pub accel: Accel,
}

/// The form in which a CI system takes a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// All that is known of each cell.
    Json,
    /// `strategy.matrix` of GitHub Actions, for `fromJSON`.
    Github,
    /// A child pipeline of GitLab.
    Gitlab,
}

/// `oomph matrix`.
#[derive(Debug, Args)]
pub struct Matrix {
    /// Matrix file
    pub file: PathBuf,
    /// Guests at once, as far as memory allows [default: one for each so many cores as it has processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub jobs: Option<u32>,
    /// Count the runs that are in the results folder already, and do those that are missing
    #[arg(long)]
    pub resume: bool,
    /// Only this cell, by its name (may be repeated)
    #[arg(long = "cell", value_name = "NAME")]
    pub cells: Vec<String>,
    /// Only the cells of this part of N; the parts take equally long
    #[arg(long, value_name = "I/N")]
    pub shard: Option<Shard>,
    /// Results to take the runs' times from when the parts are made; the same for all parts, or cells are run twice or never
    #[arg(long, value_name = "DIR", requires = "shard")]
    pub timings: Option<PathBuf>,
    /// Start nothing new after a run that is not as expected
    #[arg(long)]
    pub fail_fast: bool,
    /// Accelerator
    #[arg(long, value_name = "ACCEL", default_value = "auto")]
    pub accel: Accel,
    /// Print the matrix for a CI system, and run nothing
    #[arg(long, value_name = "FORM")]
    pub plan: Option<Form>,
}

/// The answer that a validation is expected to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Expect {
    /// Runs are bad less often with the change.
    Fixes,
    /// No difference that matters.
    Same,
    /// Runs are bad more often with the change.
    Regresses,
}

/// `oomph validate`.
#[derive(Debug, Args)]
#[command(after_help = VALIDATE_EXIT, group = ArgGroup::new("change").required(true).multiple(true).args(["patches", "range", "against"]))]
pub struct Validate {
    /// Scenario files that show what the change is to fix
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Kernel without the change: a name from kernels.yaml, a bzImage, or the directory of a kernel's source
    #[arg(long, value_name = "NAME|FILE")]
    pub kernel: String,
    /// The change: a unified diff or a mailbox, put into the kernel after its own patches (may be repeated, in order)
    #[arg(long = "patch", value_name = "FILE")]
    pub patches: Vec<PathBuf>,
    /// The change: commits of the git repository that the kernel's source is; after those of --patch
    #[arg(long, value_name = "A..B")]
    pub range: Option<String>,
    /// Kernel with the change, as --kernel has it
    #[arg(long, value_name = "NAME|FILE", conflicts_with_all = ["patches", "range"])]
    pub against: Option<String>,
    /// Scenario file that must not get worse; run as the others are, and one that regresses outweighs every fix (may be repeated)
    #[arg(long = "guard", value_name = "SCENARIO")]
    pub guards: Vec<PathBuf>,
    /// Which runs are bad, whatever the scenario expects
    #[arg(long, value_name = "CONDITION", default_value = HUNG)]
    pub bad_when: BadWhen,
    /// The answer for exit code 0
    #[arg(long, value_name = "ANSWER", default_value = "fixes")]
    pub expect: Expect,
    /// Probability of a false `fixes` or `regresses`, at most; all scenarios and guards share it
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = share)]
    pub alpha: f64,
    /// Probability of a false `no difference shown`, at most
    #[arg(long, value_name = "P", default_value_t = 0.05, value_parser = share)]
    pub beta: f64,
    /// Difference between the shares of bad runs that would matter; a smaller one takes more runs to be excluded
    #[arg(long, value_name = "SHARE", default_value_t = 0.5, value_parser = share)]
    pub difference: f64,
    /// Runs of a scenario on a kernel at most; then it is undecided
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = count)]
    pub max_runs: usize,
    /// Count the runs of the same scenarios on the same kernels that are in the results folder already, the oldest first
    #[arg(long)]
    pub resume: bool,
    /// Set a value of all scenarios, e.g. workload.args.writers=20 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Accelerator
    #[arg(long, value_name = "ACCEL", default_value = "auto")]
    pub accel: Accel,
    /// Write a page to read too, with the runs on both kernels
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// What ends a validation with which code.
const VALIDATE_EXIT: &str = "\
All: `regresses` where any scenario or guard does; else `undecided` where any is; else `fixes` where a scenario is fixed; else `no \
difference shown`.

Exit codes: 0 the answer is that of --expect; 1 it is another, or a regression; 2 the command line, a scenario, a kernel or the host is wrong; \
3 undecided; 130 interrupted.";

/// A share between 0 and 1, both left out.
fn share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share < 1.0 => Ok(share),
        _ => Err("it lies between 0 and 1, and is neither: `0.05`".into()),
    }
}

/// A number of runs.
fn count(text: &str) -> Result<usize, String> {
    match text.parse::<usize>() {
        Ok(count) if (1..=1000).contains(&count) => Ok(count),
        _ => Err("it is a whole number from 1 to 1000".into()),
    }
}

/// What compared runs have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum By {
    /// The scenario.
    Scenario,
    /// The kernel's name.
    Kernel,
    /// Values of the scenario that are not the same in all its runs.
    Parameter,
}

/// `oomph results compare`.
#[derive(Debug, Args)]
pub struct Compare {
    /// Folder of results
    pub a: PathBuf,
    /// Folder of results to compare with; the same one if two kernels are given
    #[arg(required_unless_present = "between")]
    pub b: Option<PathBuf>,
    /// Of A only the runs of the first kernel, of B only those of the second
    #[arg(long, value_name = "K1,K2", value_delimiter = ',', num_args = 1)]
    pub between: Vec<String>,
    /// What the runs of a group have in common [default: scenario,kernel,parameter; without kernel where A and B have none in common]
    #[arg(long, value_name = "WHAT,…", value_delimiter = ',')]
    pub by: Vec<By>,
    /// Which runs are bad
    #[arg(long, value_name = "CONDITION", default_value = HUNG)]
    pub bad_when: BadWhen,
    /// As tables in Markdown
    #[arg(long)]
    pub markdown: bool,
    /// Write a page to read too, with the runs of both sides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

fn confidence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.5..1.0).contains(&share) => Ok(share),
        _ => Err("a probability of at least 0.5 and below 1 is wanted, such as 0.95".into()),
    }
}
