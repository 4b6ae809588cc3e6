//! Results as KTAP version 1, the kernel's own form (Documentation/dev-tools/ktap.rst).
//! Lives here: the lines, and what a reader of KTAP would take for more than text.
//! May not live here: how a run counts (`status`).

use super::case::{Case, Suite, broken, suites};
use super::inert;
use super::status::Standing;
use crate::report::{Format, Report};
use std::io::{self, Write};

/// Scenario → kernel → run; the account of a run that did not simply pass stands before its line.
#[derive(Debug)]
pub struct Ktap;

impl Format for Ktap {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let suites = suites(report);
        let scenarios: Vec<&[Suite<'_>]> = suites.chunk_by(|a, b| a.scenario == b.scenario).collect();
        let unread = usize::from(!report.broken.is_empty());
        writeln!(out, "KTAP version 1\n1..{}", scenarios.len() + unread)?;
        writeln!(out, "# {}", text(&inert::line(&format!("report: {}", report.title), 200)))?;
        for (index, kernels) in scenarios.iter().enumerate() {
            let Some(first) = kernels.first() else { continue };
            let scenario = name(&first.scenario);
            head(out, 2, &scenario, kernels.len())?;
            for (index, suite) in kernels.iter().enumerate() {
                let kernel = name(&suite.kernel);
                head(out, 4, &kernel, suite.cases.len())?;
                suite.cases.iter().try_for_each(|case| run(out, case))?;
                end(out, 2, index + 1, &kernel, suite.cases.iter())?;
            }
            end(out, 0, index + 1, &scenario, kernels.iter().flat_map(|suite| &suite.cases))?;
        }
        if unread > 0 {
            head(out, 2, "results", report.broken.len())?;
            for (index, one) in report.broken.iter().enumerate() {
                writeln!(out, "  not ok {} unreadable_{} # ERROR {}", index + 1, index + 1, data(&broken(one)))?;
            }
            writeln!(out, "not ok {} results", scenarios.len() + 1)?;
        }
        Ok(())
    }
}

/// The lines that begin the results of a test within another. The name is a diagnostic line of version 1, and KUnit's reader shows it.
fn head(out: &mut dyn Write, indent: usize, name: &str, count: usize) -> io::Result<()> {
    writeln!(out, "{:indent$}KTAP version 1\n{:indent$}# Subtest: {name}\n{:indent$}1..{count}", "", "", "")
}

/// The line that ends them: not ok where one is not, a skip where all are.
fn end<'a>(
    out: &mut dyn Write,
    indent: usize,
    number: usize,
    name: &str,
    mut cases: impl Iterator<Item = &'a Case<'a>> + Clone,
) -> io::Result<()> {
    let bad = cases.clone().any(|case| matches!(case.standing, Standing::Failed | Standing::Inconclusive));
    let skip = cases.all(|case| case.standing == Standing::Skipped);
    let (not, skip) = (if bad || skip { "not " } else { "" }, if skip { " # SKIP no run was finished" } else { "" });
    writeln!(out, "{:indent$}{not}ok {number} {name}{skip}", "")
}

fn run(out: &mut dyn Write, case: &Case<'_>) -> io::Result<()> {
    let number = case.number;
    if case.standing != Standing::Passed {
        // The name in front keeps a line of the guest's from being a `# Subtest:`.
        case.account().iter().try_for_each(|line| writeln!(out, "    # run_{number}: {}", text(line)))?;
    }
    let message = data(&case.message());
    match case.standing {
        Standing::Passed => writeln!(out, "    ok {number} run_{number} # {message}"),
        Standing::ExpectedFailure => writeln!(out, "    ok {number} run_{number} # XFAIL {message}"),
        Standing::Failed => writeln!(out, "    not ok {number} run_{number} # {message}"),
        Standing::Inconclusive => writeln!(out, "    not ok {number} run_{number} # ERROR {message}"),
        Standing::Skipped => writeln!(out, "    not ok {number} run_{number} # SKIP {message}"),
    }
}

/// A name without what a description may not have (#), or what a reader may cut off at its ends.
fn name(text: &str) -> String {
    let name = inert::name(text, "._+~:/-=,");
    name.strip_prefix('-').map_or(name.clone(), |rest| format!("_{rest}"))
}

/// What follows the hash of a result line: another hash could begin a directive (`# SKIP`).
fn data(text: &str) -> String {
    self::text(text).replace('#', "\\#")
}

/// KUnit's reader stops where it sees one of these anywhere in a line, since a kernel says them last. A guest says them too.
fn text(text: &str) -> String {
    ["List of all partitions:", "Kernel panic - not syncing: VFS:", "reboot: System halted"].iter().fold(
        text.to_owned(),
        |text, last| match last.rsplit_once(' ') {
            Some((start, end)) => text.replace(last, &format!("{start}  {end}")),
            None => text,
        },
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    fn written(report: &Report) -> String {
        let mut text = Vec::new();
        Ktap.write(report, &mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    fn the_lines_are_as_documented() {
        insta::assert_snapshot!(written(&one_of_each()));
    }

    #[test]
    fn a_directive_or_an_end_that_a_guest_says_is_none() {
        assert_eq!(data("x # SKIP y"), "x \\# SKIP y");
        let panic = "Kernel panic - not syncing: VFS: Unable to mount root fs";
        assert_eq!(text(panic), "Kernel panic - not syncing:  VFS: Unable to mount root fs");
        assert_eq!(name("- a # b"), "__a___b");
    }

    #[test]
    fn a_parent_is_ok_only_where_all_its_runs_are() {
        let mut report = one_of_each();
        report.broken.clear();
        assert!(written(&report).ends_with("\n  ok 2 debian-sid\nnot ok 1 xfs-inode-mutex\n"));
        report.runs.retain(|run| run.kernel == "debian-sid");
        assert!(written(&report).ends_with("\n  ok 1 debian-sid\nok 1 xfs-inode-mutex\n"));
        let mut report = one_of_each();
        report.broken.clear();
        report.runs.retain(|run| Standing::of(run) == Standing::Skipped);
        assert!(written(&report).ends_with("not ok 1 xfs-inode-mutex # SKIP no run was finished\n"));
    }
}
