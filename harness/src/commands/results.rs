//! `oomph results`: what is stored.
//! Lives here: the table, and one result shown.
//! May not live here: walking folders (`results`).

use super::cli::{Global, List, Order, Results};
use super::exit::Status;
use super::output::Output;
use crate::results::{Merged, Pattern, Query, Sort};
use crate::{campaign, report, results};
use anyhow::Context;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// Lists results, or shows one.
///
/// # Errors
/// Where the results folder or the result cannot be read.
pub fn results(global: &Global, verb: &Results, output: &Output) -> anyhow::Result<Status> {
    match verb {
        Results::List(options) => list(global, options, output),
        Results::Summary { markdown } => summary(global, *markdown, output),
        Results::Compare(options) => super::compare::compare(options, output),
        Results::Merge { from, dest } => {
            let from: Vec<&Path> = from.iter().map(PathBuf::as_path).collect();
            let into = dest.as_deref().unwrap_or(&global.results);
            std::fs::create_dir_all(into).with_context(|| into.display().to_string())?;
            let Merged { copied, there } = results::merge(&from, into)?;
            eprintln!("{copied} results copied into {}, {there} were there already", into.display());
            Ok(Status::AsExpected)
        }
        Results::Show { result } => show(&results::find(&global.results, result)?, output),
    }
}

/// The page of one result; with --json its record.
fn show(folder: &Path, output: &Output) -> anyhow::Result<Status> {
    if output.json() {
        let run = results::load(folder).with_context(|| folder.display().to_string())?;
        return output.line(&report::inert_json(serde_json::to_string(&run)?));
    }
    let shown = results::show(folder).with_context(|| folder.display().to_string())?;
    let timeline = results::timeline(folder);
    let console = results::last_words(folder, report::CONSOLE_LINES);
    let page = report::Page { shown: &shown, timeline: timeline.as_ref(), console: console.as_ref() };
    output.line(&report::page(&page, output.width()))
}

fn summary(global: &Global, markdown: bool, output: &Output) -> anyhow::Result<Status> {
    let listing = results::list(&global.results).with_context(|| global.results.display().to_string())?;
    let rows = campaign::summarise(&listing.runs);
    if markdown {
        output.line(report::table(&rows).trim_end())?;
        return Ok(Status::AsExpected);
    }
    for row in rows {
        if output.json() {
            output.line(&serde_json::to_string(&row)?)?
        } else {
            output.line(&report::row(&row))?
        };
    }
    Ok(Status::AsExpected)
}

fn list(global: &Global, options: &List, output: &Output) -> anyhow::Result<Status> {
    let results::Rows { runs, broken } =
        results::rows(&global.results).with_context(|| global.results.display().to_string())?;
    for broken in &broken {
        eprintln!("oomph: {}: {}", broken.folder.display(), broken.why);
    }
    let all = runs.len();
    let runs = query(options).select(runs);
    if output.json() {
        return records(&runs, output);
    }
    let text = match output.width() {
        Some(_) if runs.is_empty() => {
            // To a person, an empty screen says less than a word; a program counts lines.
            let root = global.results.display();
            eprintln!(
                "{}",
                if all == 0 {
                    format!("{root} holds no results")
                } else {
                    format!("none of {all} results in {root} is like that")
                }
            );
            return Ok(Status::AsExpected);
        }
        Some(width) => report::listing(&runs, width),
        None => runs.iter().map(|run| report::listing_line(run) + "\n").collect(),
    };
    // All at once: line by line it would take as long as reading them.
    if text.is_empty() { Ok(Status::AsExpected) } else { output.line(&text) }
}

/// What the options ask for.
fn query(options: &List) -> Query {
    let patterns = |texts: &[String]| texts.iter().map(|text| Pattern::new(text)).collect();
    Query {
        outcomes: options.outcomes.clone(),
        mechanisms: options.mechanisms.clone(),
        kernels: patterns(&options.on_kernels),
        scenarios: patterns(&options.of_scenarios),
        since: options.since,
        until: options.until,
        unexpected: options.unexpected,
        sort: match options.sort {
            Order::Start => Sort::Start,
            Order::Stall => Sort::Stall,
            Order::Kills => Sort::Kills,
            Order::Duration => Sort::Duration,
            Order::Kernel => Sort::Kernel,
            Order::Scenario => Sort::Scenario,
        },
        reverse: options.reverse,
        limit: options.limit,
    }
}

/// Each run's record in a line. One that went a moment ago is told of and passed over.
fn records(runs: &[results::Listed], output: &Output) -> anyhow::Result<Status> {
    let mut out = std::io::BufWriter::with_capacity(1 << 20, std::io::stdout().lock());
    for run in runs {
        let line = match results::line(run) {
            Ok(line) => report::inert_json(line),
            Err(error) => {
                output.error(&anyhow::Error::from(error).context(run.folder.display().to_string()));
                continue;
            }
        };
        match writeln!(out, "{line}") {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(Status::AsExpected),
            other => other?,
        }
    }
    match out.flush() {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(Status::AsExpected),
    }
}
