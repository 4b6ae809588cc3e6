//! `oomph replay`: the verdict of a stored run, from its events alone.
//! Lives here: finding the file, printing the verdict.
//! May not live here: judging.

use super::cli::Global;
use super::exit::Status;
use super::output::Output;
use crate::event::{Kind, read_events};
use crate::results::{self, RunJson};
use crate::verdict::judge;
use anyhow::Context;
use jiff::Timestamp;
use std::io::BufReader;
use std::path::Path;

/// Judges the events of a result, or of an events file by itself.
///
/// # Errors
/// Where the file cannot be read or holds no events.
pub fn replay(global: &Global, result: &Path, output: &Output) -> anyhow::Result<Status> {
    let file = results::find_events(&global.results, result)?;
    let name = || file.display().to_string();
    let events = read_events(BufReader::new(std::fs::File::open(&file).with_context(name)?)).with_context(name)?;
    let scenario = match events.first().map(|event| &event.kind) {
        Some(Kind::Plan(plan)) => plan.scenario.as_str(),
        _ => "",
    };
    let mut run = RunJson::of_verdict(scenario, &judge(&events), Timestamp::UNIX_EPOCH);
    // What ran where, and what was expected of it, stands beside the events; the verdict does not depend on it.
    let folder = file.parent().filter(|_| !result.is_file());
    if let Some(stored) = folder.and_then(|folder| results::load(folder).ok()) {
        run.adopt(stored);
    }
    run.assess();
    output.run(&run)
}
