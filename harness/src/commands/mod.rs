//! The verbs of the command line.
//! Lives here: one file a verb, each thin: it reads options, calls the library, prints.
//! May not live here: logic that a test would want to reach without a process.

mod attach;
mod bisect;
mod cli;
mod compare;
mod diagnose;
mod doctor;
mod exit;
mod explain;
mod image;
mod interrupt;
mod kernel;
mod man;
mod matrix;
mod named;
mod output;
mod page;
mod paths;
mod replay;
mod report;
mod results;
mod run;
mod terminal;
mod validate;

pub use cli::Cli;
pub use exit::Status;

use crate::scenario::{json_schema, matrix_schema};
use clap::{CommandFactory, Parser};
use cli::{SchemaOf, Verb};
use output::Output;
use std::ffi::OsString;
use std::panic::AssertUnwindSafe;

/// A whole process: reads its command line and does what that says. What is wrong with the command line is told here, as is what it asks for
/// (`--help`).
pub fn process(args: Vec<OsString>) -> Status {
    // Of a command line that cannot be read this is all that is known. No other option begins so, and a slip in its end is one in it.
    let for_git = args.iter().any(|arg| arg.to_string_lossy().starts_with("--bisect"));
    or_abort(for_git, move || match Cli::try_parse_from(args) {
        Ok(cli) => dispatch(cli),
        Err(told) => {
            // If nobody reads it there is nobody to tell.
            let _ = told.print();
            match told.use_stderr() {
                _ if for_git => Status::Abort,
                true => Status::Usage,
                false => Status::AsExpected,
            }
        }
    })
}

/// Does work for git bisect such that a bug of ours is no bad commit: the exit code of a panic, 101, would say so.
fn or_abort(for_git: bool, work: impl FnOnce() -> Status) -> Status {
    match std::panic::catch_unwind(AssertUnwindSafe(work)) {
        Ok(status) => status,
        Err(_) if for_git => Status::Abort,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

/// Does what the command line says; every error ends here, as one message on stderr.
fn dispatch(cli: Cli) -> Status {
    let output = Output::new(&cli.global);
    let done = match &cli.verb {
        Verb::Run(options) => run::run(&cli.global, options, &output),
        Verb::Matrix(options) => matrix::matrix(&cli.global, options, &output),
        Verb::Bisect(options) => bisect::bisect(&cli.global, options, &output),
        Verb::Validate(options) => validate::validate(&cli.global, options, &output),
        Verb::Diagnose(options) => diagnose::diagnose(&cli.global, options, &output),
        Verb::Replay { result } => replay::replay(&cli.global, result, &output),
        Verb::Attach(options) => attach::attach(&cli.global, options, &output),
        Verb::Report(options) => report::report(&cli.global, options),
        Verb::Results(verb) => results::results(&cli.global, verb, &output),
        Verb::Kernel(verb) => kernel::kernel(&cli.global, verb, &output),
        Verb::Image(verb) => image::image(&cli.global, verb, &output),
        Verb::Explain { word } => explain::explain(word.as_deref(), &output),
        Verb::Doctor => doctor::doctor(&cli.global, &output),
        Verb::Schema { of } => {
            let schema = match of {
                SchemaOf::Scenario => json_schema(),
                SchemaOf::Matrix => matrix_schema(),
            };
            output.line(&format!("{schema:#}"))
        }
        Verb::Completions { shell } => {
            clap_complete::generate(*shell, &mut Cli::command(), "oomph", &mut std::io::stdout());
            Ok(Status::AsExpected)
        }
        Verb::Man { dir } => man::man(dir.as_deref(), &output),
    };
    let status = done.unwrap_or_else(|error| {
        output.error(&error);
        Status::Usage
    });
    match &cli.verb {
        Verb::Run(options) if options.bisect_exit => status.for_git_bisect(),
        _ => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(words: &str) -> Status {
        process(words.split_whitespace().map(Into::into).collect())
    }

    #[test]
    fn to_git_no_mistake_in_the_command_line_is_a_bad_commit() {
        for wrong in [
            "oomph run s.yaml --bisect-exit --repeat many",
            "oomph run --bisect-exit",
            "oomph run s.yaml --bisect-exit --wombat",
            "oomph run s.yaml --bisect-exit=yes",
            "oomph run s.yaml --bisect-exit --bad-when wombat",
            "oomph wombat --bisect-exit",
            "oomph run s.yaml --bisect-exitt",
            "oomph run --help --bisect-exit",
            "oomph run /nowhere/s.yaml --bisect-exit",
        ] {
            assert_eq!(code(wrong), Status::Abort, "{wrong}");
        }
        assert_eq!(code("oomph run s.yaml --repeat many"), Status::Usage);
        assert_eq!(code("oomph run /nowhere/s.yaml"), Status::Usage);
        assert_eq!(code("oomph run --help"), Status::AsExpected);
    }

    #[test]
    fn to_git_no_bug_of_ours_is_a_bad_commit() {
        assert_eq!(or_abort(true, || panic!("a bug")), Status::Abort);
        assert_eq!(or_abort(true, || Status::Unexpected), Status::Unexpected);
        assert!(std::panic::catch_unwind(|| or_abort(false, || panic!("a bug"))).is_err());
    }
}
