//! Results for GitLab as a Code Quality report (`artifacts:reports:codequality`).
//! Lives here: its objects.
//! May not live here: test cases, which GitLab reads from JUnit.
//!
//! Code Quality, because of all reports of GitLab's it is the one that a merge request shows as a difference: GitLab compares fingerprints
//! with the target branch, and says which hangs are new and which are gone. It comes with every tier; metrics reports do not.

use super::case::{Finding, broken, findings};
use super::inert;
use super::status::Standing;
use crate::report::{Format, Report};
use serde_json::{Value, json};
use std::io::{self, Write};

/// A list of what did not simply pass: an object for each kind of end of a scenario on a kernel, however many runs came to it.
#[derive(Debug)]
pub struct Gitlab;

impl Format for Gitlab {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let found = findings(report);
        let shown =
            found.iter().filter(|one| !matches!(one.standing, Standing::Passed | Standing::Skipped)).map(object);
        let mut all: Vec<Value> = shown.collect();
        all.extend(report.broken.iter().map(|one| {
            let folder = inert::line(&one.folder.display().to_string(), 300);
            issue("oomph/unreadable", &broken(one), "minor", &folder, &["unreadable", &folder])
        }));
        serde_json::to_writer_pretty(&mut *out, &all)?;
        out.write_all(b"\n")
    }
}

fn object(one: &Finding<'_>) -> Value {
    let severity = match one.standing {
        Standing::Failed
            if one.first.run.outcome.is_some_and(|outcome| matches!(outcome.name(), "hung" | "panicked")) =>
        {
            "critical"
        }
        Standing::Failed => "major",
        Standing::Inconclusive => "minor",
        Standing::ExpectedFailure | Standing::Passed | Standing::Skipped => "info",
    };
    let check = match (one.first.run.outcome, one.first.run.inconclusive) {
        (Some(outcome), _) => outcome.name(),
        (None, Some(reason)) => reason.name(),
        (None, None) => "inconclusive",
    };
    let (runs, of) = (one.runs, one.of);
    let message = one.first.message();
    let text = format!("{} on {}, {runs} of {of} runs: {message}", one.scenario, one.kernel);
    // Where a scenario lies is not recorded; by its name is where ours do.
    let path = format!("scenarios/{}.yaml", inert::name(&one.scenario, "._-"));
    issue(
        &format!("oomph/{check}"),
        &text,
        severity,
        &path,
        &[&one.scenario, &one.kernel, one.standing.name(), &one.headline],
    )
}

/// The fingerprint says neither how often nor when, so that what was there before is known again.
fn issue(check: &str, text: &str, severity: &str, path: &str, fingerprint: &[&str]) -> Value {
    let hash = blake3::hash(fingerprint.join("\n").as_bytes()).to_hex();
    json!({
        "check_name": check,
        "description": text,
        "severity": severity,
        "fingerprint": hash.get(..32),
        "location": {"path": path, "lines": {"begin": 1}},
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    fn written(report: &Report) -> Vec<Value> {
        let mut text = Vec::new();
        Gitlab.write(report, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    #[test]
    fn the_list_is_as_documented() {
        insta::assert_json_snapshot!(written(&one_of_each()));
    }

    #[test]
    fn a_fingerprint_knows_what_was_there_before() {
        let mut report = one_of_each();
        let before = written(&report);
        // Another time, one of two hangs less, the rest as it was.
        report.runs.remove(0);
        for run in &mut report.runs {
            run.started = "2027-01-01T00:00:00Z".parse().unwrap();
            run.result = None;
        }
        let prints = |all: &[Value]| all.iter().map(|one| one["fingerprint"].clone()).collect::<Vec<_>>();
        assert_eq!(prints(&before), prints(&written(&report)));
        let mut all: Vec<String> = prints(&before).iter().map(Value::to_string).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), before.len());
    }
}
