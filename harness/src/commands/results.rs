//! `oomph results`: what is stored.
//! Lives here: the table, and one result shown.
//! May not live here: walking folders (`results`).

use super::cli::{Global, Results};
use super::exit::Status;
use super::output::Output;
use super::terminal;
use crate::results::Merged;
use crate::{campaign, report, results};
use anyhow::Context;
use std::path::{Path, PathBuf};

/// Lists results, or shows one.
///
/// # Errors
/// Where the results folder or the result cannot be read.
pub fn results(global: &Global, verb: &Results, output: &Output) -> anyhow::Result<Status> {
    match verb {
        Results::List => list(global, output),
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
        return output.line(&serde_json::to_string(&run)?);
    }
    let shown = results::show(folder).with_context(|| folder.display().to_string())?;
    let timeline = results::timeline(folder);
    let console = results::last_words(folder, report::CONSOLE_LINES);
    let page = report::Page { shown: &shown, timeline: timeline.as_ref(), console: console.as_ref() };
    output.line(&report::page(&page, terminal::width()))
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

fn list(global: &Global, output: &Output) -> anyhow::Result<Status> {
    let listing = results::list(&global.results).with_context(|| global.results.display().to_string())?;
    for broken in &listing.broken {
        eprintln!("oomph: {}: {}", broken.folder.display(), broken.why);
    }
    for run in &listing.runs {
        if output.json() {
            output.line(&serde_json::to_string(run)?)?;
        } else {
            let mark = if run.expected { " " } else { "!" };
            let outcome = run.outcome_name();
            let kills = run.counted_kills();
            let (started, stall) = (run.started.strftime("%Y-%m-%d %H:%M:%S"), run.max_stall_s);
            let result = run.result.as_deref().unwrap_or(Path::new("")).display();
            let name = format!("{} on {}", run.scenario, run.kernel);
            output
                .line(&format!("{started}  {mark}{outcome:<12} {kills:3} kills {stall:6.1} s  {name:<40} {result}"))?;
        }
    }
    Ok(Status::AsExpected)
}
