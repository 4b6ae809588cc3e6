//! `oomph results compare`: two folders of results, or two kernels of one.
//! Lives here: which runs are on which side, what is printed.
//! May not live here: groups and tests (`campaign::compare`).

use super::cli::{By, Compare};
use super::exit::Status;
use super::output::Output;
use super::page;
use crate::campaign::compare::{self, Stored};
use crate::{report, results, scenario};
use anyhow::{Context, bail, ensure};
use std::collections::BTreeSet;
use std::path::Path;

/// Compares stored runs.
///
/// # Errors
/// Where a folder cannot be read, or a side has no runs.
pub fn compare(options: &Compare, output: &Output) -> anyhow::Result<Status> {
    let [first, second] = match options.between.as_slice() {
        [] => [None, None],
        [first, second] => [Some(first.as_str()), Some(second.as_str())],
        other => bail!("--between takes two kernels, `OLD,NEW`, and got {}", other.len()),
    };
    let b = options.b.as_deref().unwrap_or(&options.a);
    let sides = [read(&options.a, first)?, read(b, second)?];
    let sides = sides.each_ref().map(Vec::as_slice);
    let by: Vec<compare::By> = match options.by.as_slice() {
        [] => compare::usual(sides),
        some => some.iter().copied().map(by).collect(),
    };
    let groups = compare::groups(sides, &by, &options.bad_when);
    let name = |root: &Path, kernel: Option<&str>| match kernel {
        Some(kernel) => format!("{kernel}, {}", root.display()),
        None => root.display().to_string(),
    };
    let names = [name(&options.a, first), name(b, second)];
    let (names, bad_when) = (names.each_ref().map(String::as_str), options.bad_when.to_string());
    if let Some(file) = &options.html {
        let records = sides.map(|side| side.iter().map(|one| one.run.clone()).collect::<Vec<_>>());
        let both = records.each_ref().map(Vec::as_slice);
        let html = report::compared(&page::html(), &groups, names, &bad_when, both);
        super::report::write(file, |out| out.write_all(html.as_bytes())).with_context(|| file.display().to_string())?;
    }
    if options.html.as_deref() == Some(Path::new("-")) {
        // The page has stdout to itself.
    } else if output.json() {
        for group in &groups {
            output.line(&serde_json::to_string(group)?)?;
        }
    } else if options.markdown {
        output.line(&report::groups(&groups, names, &bad_when))?;
    } else {
        for group in &groups {
            output.line(&report::group(group))?;
        }
    }
    if groups.iter().all(|group| group.sides.runs.contains(&0)) {
        eprintln!("oomph: the sides have no group in common; `--by scenario` makes larger ones");
    }
    Ok(Status::AsExpected)
}

fn by(by: By) -> compare::By {
    match by {
        By::Scenario => compare::By::Scenario,
        By::Kernel => compare::By::Kernel,
        By::Parameter => compare::By::Parameter,
    }
}

/// The runs of a side, with what their scenarios were set to.
fn read(root: &Path, kernel: Option<&str>) -> anyhow::Result<Vec<Stored>> {
    ensure!(root.is_dir(), "{} is no folder of results", root.display());
    let listing = results::list(root).with_context(|| root.display().to_string())?;
    for broken in &listing.broken {
        eprintln!("oomph: {}: {}", broken.folder.display(), broken.why);
    }
    let known: BTreeSet<String> = listing.runs.iter().map(|run| run.kernel.clone()).collect();
    let wanted = listing.runs.into_iter().filter(|run| kernel.is_none_or(|kernel| run.kernel == kernel));
    let stored =
        wanted.map(|run| Stored { values: run.result.as_deref().map(results::values).unwrap_or_default(), run });
    let stored: Vec<Stored> = stored.collect();
    match kernel {
        _ if !stored.is_empty() => Ok(stored),
        Some(kernel) if !known.is_empty() => {
            let known: Vec<&str> = known.iter().map(String::as_str).collect();
            bail!("{} has no run of `{kernel}`; it would be {}", root.display(), scenario::one_of(&known))
        }
        _ => bail!("{} holds no results", root.display()),
    }
}
