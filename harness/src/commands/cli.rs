//! The command line: verbs, options, their help.
//! Lives here: what clap needs to know.
//! May not live here: what a verb does.

use crate::campaign::BadWhen;
use crate::campaign::matrix::Shard;
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
    /// Whether a patch fixes a hang, changes nothing or makes it worse: runs without and with it until that is known
    Validate(Validate),
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
#[command(after_help = VALIDATE_EXIT)]
pub struct Validate {
    /// Scenario files that show what the change is to fix
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Kernel without the change: a name from kernels.yaml, a bzImage, or the directory of a kernel's source
    #[arg(long, value_name = "NAME|FILE")]
    pub kernel: String,
    /// The change: a unified diff or a mailbox, put into the kernel after its own patches (may be repeated, in order)
    #[arg(long = "patch", value_name = "FILE", required_unless_present_any = ["against", "range"])]
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
    #[arg(long, value_name = "CONDITION", default_value = crate::campaign::HUNG)]
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
    /// Compare two folders of results, or two kernels of one: outcomes, rates, Fisher's exact test, stalls
    Compare(Compare),
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
    #[arg(long, value_name = "CONDITION", default_value = crate::campaign::HUNG)]
    pub bad_when: BadWhen,
    /// As tables in Markdown
    #[arg(long)]
    pub markdown: bool,
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

    #[test]
    fn a_comparison_is_of_two_folders_or_two_kernels() {
        let parse = |words: &str| {
            let cli = Cli::try_parse_from(format!("oomph results compare {words} --kernels k.yaml").split_whitespace());
            cli.map(|cli| match cli.verb {
                Verb::Results(Results::Compare(options)) => (options.between, options.by, cli.global.kernels),
                other => panic!("{other:?}"),
            })
        };
        let list = Some(PathBuf::from("k.yaml"));
        assert_eq!(parse("a b --by scenario,kernel").unwrap(), (vec![], vec![By::Scenario, By::Kernel], list.clone()));
        assert_eq!(parse("a --between k,l").unwrap(), (vec!["k".to_owned(), "l".to_owned()], vec![], list));
        assert!(parse("a").is_err() && parse("a b --by wombat").is_err());
    }

    #[test]
    fn a_validation_has_one_change() {
        let parse = |words: &str| Cli::try_parse_from(format!("oomph validate s.yaml {words}").split_whitespace());
        for good in [
            "--kernel k --patch a --patch b",
            "--kernel k --against l",
            "--kernel k --range A..B --patch a --alpha 0.01",
        ] {
            assert!(parse(good).is_ok(), "{good}");
        }
        for wrong in [
            "--patch a",
            "--kernel k",
            "--kernel k --patch a --against l",
            "--kernel k --range A..B --against l",
            "--kernel k --against l --alpha 0",
            "--kernel k --against l --difference 1",
            "--kernel k --against l --max-runs 0",
            "--kernel k --against l --bad-when wombat",
        ] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }
}
