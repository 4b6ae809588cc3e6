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
mod output;
mod page;
mod replay;
mod report;
mod results;
mod run;
mod terminal;
mod validate;

pub use cli::Cli;
pub use exit::Status;

use crate::scenario::{json_schema, matrix_schema};
use clap::CommandFactory;
use cli::{SchemaOf, Verb};
use output::Output;

/// Does what the command line says; every error ends here, as one message on stderr.
pub fn dispatch(cli: Cli) -> Status {
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
