//! The command line: verbs, options, their help.
//! Lives here: what clap needs to know.
//! May not live here: what a verb does.

use crate::campaign::matrix::Shard;
use crate::campaign::{BadWhen, HUNG};
use crate::scenario;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

/// OOM and memory-pressure harness: boots Linux under QEMU, presses on its memory, says what became of it.
#[derive(Debug, Parser)]
#[command(name = "oomph", version, max_term_width = 100)]
pub struct Cli {
    /// Options of every verb.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// Options of every verb.
#[derive(Debug, Args)]
pub struct Global {
    /// Folder of the result folders
    #[arg(long, global = true, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// File with named kernels [default: kernel-configs/kernels.yaml, found upward from here, else the built-in one]
    #[arg(long, global = true, value_name = "FILE")]
    pub kernels: Option<PathBuf>,
    /// One JSON object a line on stdout in place of text
    #[arg(long, global = true)]
    pub json: bool,
    /// Whether to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// More of what is going on, on stderr
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Which accelerator QEMU uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Accel {
    /// KVM where a boot proves that it works, else TCG.
    Auto,
    /// KVM, or an error.
    Kvm,
    /// Emulation.
    Tcg,
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run scenarios and judge them
    Run(Run),
    /// Run a matrix: scenarios × kernels × values × repeats
    Matrix(Matrix),
    /// Find the commit that made a kernel bad, by a reproducer that hits only sometimes
    Bisect(Bisect),
    /// Judge a stored run anew, from its events.jsonl alone
    Replay {
        /// Result folder, or an events.jsonl
        result: PathBuf,
    },
    /// Go on with a guest that hung and was kept (`run --keep-hung`)
    Attach(Attach),
    /// Stored results
    #[command(subcommand)]
    Results(Results),
    /// Kernels: what there is, and getting them
    #[command(subcommand)]
    Kernel(Kernel),
    /// Whether this host can run scenarios, and how to mend it where it cannot
    Doctor,
    /// Print the JSON Schema of scenario files
    Schema,
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
}

/// `oomph run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Kernel in place of the scenario's: a name from kernels.yaml, or a bzImage
    #[arg(long, value_name = "NAME|FILE")]
    pub kernel: Option<String>,
    /// Modules of a kernel given as a file (a lib/modules/RELEASE directory)
    #[arg(long, value_name = "DIR", requires = "kernel")]
    pub modules: Option<PathBuf>,
    /// Set a value of the scenario, e.g. workload.args.writers=20 (may be repeated)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    pub overrides: Vec<String>,
    /// Runs of each scenario
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub repeat: u32,
    /// Count the runs of the same scenario on the same kernel that are in the results folder already
    #[arg(long)]
    pub resume: bool,
    /// Accelerator
    #[arg(long, value_name = "ACCEL", default_value = "auto")]
    pub accel: Accel,
    /// Take a core of each guest that hangs, for crash and drgn (RESULT/core)
    #[arg(long)]
    pub core: bool,
    /// Keep each guest that hangs as it is, for `oomph attach` (RESULT/kept)
    #[arg(long)]
    pub keep_hung: bool,
    /// Print the resolved plan and the exact QEMU command, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print what the scenarios' reproducers provoke and why, and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Exit codes for `git bisect run`: 0 good, 1 bad (at the first bad run), 125 where no run had an outcome or the kernel does not
    /// build; what is expected does not matter
    #[arg(long)]
    pub bisect_exit: bool,
    /// With --bisect-exit: which runs are bad
    #[arg(long, value_name = "CONDITION", default_value = HUNG, requires = "bisect_exit")]
    pub bad_when: BadWhen,
}

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
    /// Results to take the runs' times from when the parts are made; the same for all parts
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

/// `oomph attach`.
#[derive(Debug, Args)]
pub struct Attach {
    /// Result folder
    pub result: PathBuf,
    /// Have QEMU listen for the console at this socket, and leave the terminal alone
    #[arg(long, value_name = "SOCKET")]
    pub console: Option<PathBuf>,
    /// Leave the guest held; `cont` in the monitor or in gdb lets it go on
    #[arg(long)]
    pub paused: bool,
}

/// `oomph results`.
#[derive(Debug, Subcommand)]
pub enum Results {
    /// Stored results, newest first
    List,
    /// Counts by scenario and kernel, with 95 % intervals
    Summary {
        /// As a table in Markdown
        #[arg(long)]
        markdown: bool,
    },
    /// Copy results of other folders into the one of --results; what is there stays
    Merge {
        /// Folders of results
        #[arg(required = true, value_name = "DIR")]
        from: Vec<PathBuf>,
        /// Where they come together, in place of --results
        #[arg(long, value_name = "DIR")]
        dest: Option<PathBuf>,
    },
    /// One result
    Show {
        /// Result folder
        result: PathBuf,
    },
}

/// `oomph kernel`.
#[derive(Debug, Subcommand)]
pub enum Kernel {
    /// Named kernels, and whether they are fetched or built
    List,
    /// Have kernels here now rather than at their first run: from packages, or built from source
    Fetch {
        /// Names from kernels.yaml
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// Build a kernel from source, or find it in the cache
    Build(Build),
    /// What is known of a kernel that is here
    Show {
        /// Name from kernels.yaml, or a file
        #[arg(value_name = "NAME|FILE")]
        name: String,
    },
    /// Print the path of a kernel's bootable image, and nothing else
    Path {
        /// Name from kernels.yaml, or a file
        #[arg(value_name = "NAME|FILE")]
        name: String,
    },
    /// Remove from the cache what was not used lately: kernels, builds, source trees, disks
    Prune(Prune),
}

/// `oomph kernel build`.
#[derive(Debug, Args)]
pub struct Build {
    /// Name from kernels.yaml, or the directory of a kernel's source (built with our base configuration)
    #[arg(value_name = "NAME|DIR", required_unless_present = "check")]
    pub name: Option<String>,
    /// Write bzImage, vmlinux, System.map, .config, modules and build.json into this directory too
    #[arg(long, value_name = "DIR")]
    pub output: Option<PathBuf>,
    /// Say what is missing on this host for a build, and how to get it; build nothing
    #[arg(long, conflicts_with = "output")]
    pub check: bool,
}

/// `oomph kernel prune`.
#[derive(Debug, Args)]
pub struct Prune {
    /// Remove what was not used for this long, e.g. 30d or 12h
    #[arg(long, value_name = "TIME", default_value = "30d", value_parser = age)]
    pub older_than: Duration,
    /// Then remove what was not used for longest until all is no larger than this, e.g. 10GiB
    #[arg(long, value_name = "SIZE", default_value = "20GiB", value_parser = size)]
    pub max_size: u64,
    /// Say only what would go
    #[arg(long)]
    pub dry_run: bool,
}

/// A scenario's duration, or days.
fn age(text: &str) -> Result<Duration, String> {
    if let Some(days) = text.strip_suffix('d').and_then(|days| days.parse::<u32>().ok()) {
        return Ok(Duration::from_secs(u64::from(days) * 24 * 3600));
    }
    let age = scenario::duration(text).map_err(|wrong| format!("{}; {}; `30d`", wrong.message, wrong.right))?;
    Ok(Duration::from_millis(age))
}

fn confidence(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(share) if (0.5..1.0).contains(&share) => Ok(share),
        _ => Err("a probability of at least 0.5 and below 1 is wanted, such as 0.95".into()),
    }
}

fn size(text: &str) -> Result<u64, String> {
    scenario::size(text).map_err(|wrong| format!("{}; {}", wrong.message, wrong.right))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn ages_have_days() {
        assert_eq!(age("30d"), Ok(Duration::from_secs(30 * 86_400)));
        assert_eq!(age("1h30m"), Ok(Duration::from_secs(5400)));
        assert!(age("30").unwrap_err().contains("has no unit") && age("30").unwrap_err().ends_with("`30d`"));
        assert_eq!(size("10GiB"), Ok(10 << 30));
        assert!(size("10G").unwrap_err().contains("`G` is not a unit of size"));
    }
}
