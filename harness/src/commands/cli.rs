//! The command line: verbs, options, their help.
//! Lives here: what clap needs to know.
//! May not live here: what a verb does.

use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

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
    /// Judge a stored run anew, from its events.jsonl alone
    Replay {
        /// Result folder, or an events.jsonl
        result: PathBuf,
    },
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
    /// Print the resolved plan and the exact QEMU command, and run nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Print what the scenarios' reproducers provoke and why, and run nothing
    #[arg(long)]
    pub explain: bool,
}

/// `oomph results`.
#[derive(Debug, Subcommand)]
pub enum Results {
    /// Stored results, newest first
    List,
    /// Counts by scenario and kernel, with 95 % intervals
    Summary,
    /// One result
    Show {
        /// Result folder
        result: PathBuf,
    },
}

/// `oomph kernel`.
#[derive(Debug, Subcommand)]
pub enum Kernel {
    /// Named kernels, and whether they are fetched
    List,
    /// Fetch kernels now rather than at their first run
    Fetch {
        /// Names from kernels.yaml
        #[arg(required = true)]
        names: Vec<String>,
    },
}
