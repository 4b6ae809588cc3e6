//! The command line: verbs, options, their help.
//! Lives here: what clap needs to know.
//! May not live here: what a verb does.

use crate::campaign::{BadWhen, HUNG};
use crate::scenario;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;

mod image;
mod list;
mod many;
mod report;

pub use image::{BuildImage, ImageVerb};
pub use list::{List, Order};
pub use many::{Bisect, By, Compare, Expect, Form, Matrix, Validate};
pub use report::Report;

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
#[command(next_help_heading = "Options of every verb")]
pub struct Global {
    /// Folder of the result folders
    #[arg(long, global = true, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// File with named kernels [default: kernel-configs/kernels.yaml, found upward from the scenario or matrix, else from here, else the one installed with oomph, else a built-in one]
    #[arg(long, global = true, value_name = "FILE")]
    pub kernels: Option<PathBuf>,
    /// One JSON object a line on stdout in place of text; of `run` also each event as it comes, as {"event": …} (not with --quiet)
    #[arg(long, global = true)]
    pub json: bool,
    /// Whether to use colour
    #[arg(long, global = true, value_name = "WHEN", default_value = "auto")]
    pub color: Color,
    /// More of what is going on, on stderr
    #[arg(short, long, global = true, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Nothing but results and errors
    #[arg(short, long, global = true)]
    pub quiet: bool,
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
    /// Whether a patch fixes a hang, changes nothing or makes it worse: runs without and with it until that is known
    Validate(Validate),
    /// Judge a stored run anew, from its events.jsonl alone
    Replay {
        /// Result folder, a part of the name of a run below --results that only it has, or an events.jsonl
        result: PathBuf,
    },
    /// Who waits for whom in a guest's memory: of a stored run, a core, or a guest that runs
    Diagnose(Diagnose),
    /// Go on with a guest that hung and was kept (`run --keep-hung`)
    Attach(Attach),
    /// Results in the forms that people and CI systems read
    Report(Report),
    /// Stored results
    #[command(subcommand)]
    Results(Results),
    /// Kernels: what there is, and getting them
    #[command(subcommand)]
    Kernel(Kernel),
    /// Images: what guests boot into, and making them
    #[command(subcommand)]
    Image(ImageVerb),
    /// What a word of a verdict means (an outcome, a mechanism, a reason, a phase, a probe), or what a reproducer can be told
    Explain {
        /// The word, for example oom-deadlock or xfs-inode-mutex [default: all words, in a line each]
        word: Option<String>,
    },
    /// Whether this host can run scenarios, and how to mend it where it cannot
    Doctor,
    /// Print the JSON Schema of scenario files, or of matrices
    Schema {
        /// Of which files
        #[arg(value_enum, default_value_t = SchemaOf::Scenario)]
        of: SchemaOf,
    },
    /// Print a shell's completion script
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write those of all verbs
    Man {
        /// Write oomph.1, oomph-run.1 and so on into this folder, which is made where it is missing
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
    },
}

/// `oomph run`.
#[derive(Debug, Args)]
pub struct Run {
    /// Scenario files
    #[arg(required = true, value_name = "SCENARIO")]
    pub scenarios: Vec<PathBuf>,
    /// Kernel in place of the scenario's: a name from kernels.yaml, a bzImage, or the directory of a kernel's source (built with our base
    /// configuration)
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
    /// Count the runs of the same scenario on the same kernel that are in the results folder already, in the exit code too
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
    /// Look at the guests' tasks from outside, so many times a second all the time and not only while they stall (1 to 4)
    #[arg(long, value_name = "HZ", value_parser = clap::value_parser!(u32).range(1..=4))]
    pub sample: Option<u32>,
    /// Print the resolved plan and the exact QEMU command, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print what the scenarios' reproducers provoke and why, and run nothing
    #[arg(long)]
    pub explain: bool,
    /// Exit codes for `git bisect run`: 0 good, 1 bad (at the first bad run), 125 (git skips the commit) where no run had an outcome or the kernel
    /// does not build, 129 (git stops) where the command line, the scenario or the host is wrong, 130 (git stops) after ^C; what is
    /// expected does not matter
    #[arg(long)]
    pub bisect_exit: bool,
    /// With --bisect-exit: which runs are bad
    #[arg(long, value_name = "CONDITION", default_value = HUNG, requires = "bisect_exit")]
    pub bad_when: BadWhen,
}

/// `oomph diagnose`.
#[derive(Debug, Args)]
pub struct Diagnose {
    /// Result folder, a part of the name of a run below --results that only it has, or an events.jsonl
    pub result: Option<PathBuf>,
    /// An ELF core of a guest, as it is or packed by zstd
    #[arg(long, value_name = "FILE", conflicts_with = "result")]
    pub core: Option<PathBuf>,
    /// A guest of a run that goes on, by the process id of its QEMU, which is not held for it; without PID the only one, or a list of all
    /// with their ids. Registers come from its harness's second QMP; one from before that has none, and then tasks on a processor show no
    /// stack and a kernel that KASLR moved is not found
    #[arg(long, value_name = "PID", num_args = 0..=1, conflicts_with_all = ["result", "core"])]
    pub live: Option<Option<u32>>,
    /// The kernel's vmlinux or bzImage, and files with its types; default: what lies beside the core, or what the run of the live guest
    /// reads it by. Types lie in `types/` beside either where the kernel was built here
    #[arg(long, value_name = "FILE", conflicts_with = "result")]
    pub vmlinux: Vec<PathBuf>,
    /// Every task's stack; of a stored run those of the picture that shows the hang
    #[arg(long)]
    pub stacks: bool,
    /// Of a stored run: folded stacks, for flame graphs
    #[arg(long, conflicts_with_all = ["core", "live"])]
    pub folded: bool,
}

/// `oomph attach`.
#[derive(Debug, Args)]
pub struct Attach {
    /// Result folder, or a part of the name of a run below --results that only it has
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
    List(List),
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
    /// One result: verdict, timeline, longest waits, last console lines, files, and what to do next
    Show {
        /// Result folder, or a part of the name of a run below --results that only it has
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

fn size(text: &str) -> Result<u64, String> {
    scenario::size(text).map_err(|wrong| format!("{}; {}", wrong.message, wrong.right))
}

/// Files that have a schema.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum SchemaOf {
    /// Scenarios
    Scenario,
    /// Matrices
    Matrix,
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

    /// The parser keeps options of a verb and of all verbs in one place, by the names of their fields.
    #[test]
    fn no_option_of_a_verb_has_the_name_of_one_of_all_verbs() {
        fn check(command: &clap::Command, global: &[String]) {
            for verb in command.get_subcommands() {
                let own = verb.get_arguments().map(|arg| arg.get_id().to_string());
                let both: Vec<String> = own.filter(|id| global.contains(id)).collect();
                assert!(both.is_empty(), "{}: {both:?}", verb.get_name());
                check(verb, global);
            }
        }
        let command = Cli::command();
        let global: Vec<String> = command.get_arguments().map(|arg| arg.get_id().to_string()).collect();
        assert!(global.iter().any(|id| id == "kernels"), "{global:?}");
        check(&command, &global);
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
        let none = parse("--kernel k").unwrap_err().to_string();
        assert!(["--patch", "--range", "--against"].iter().all(|option| none.contains(option)), "{none}");
    }
}
