//! Results as KCIDB I/O JSON, version 5.3: what KernelCI's common database takes.
//! Lives here: checkouts, builds, tests, issues; their ids, which are made of what they name and so stay the same.
//! May not live here: sending it.
//!
//! KCIDB's statuses speak of the kernel, not of what a scenario expects of it: a guest that hung is FAIL, expected or not. One that was
//! expected to hang has an incident of an issue beside it, which is how a failure that is known is told there.

use super::case::{Case, Suite, suites};
use super::inert;
use super::status::Standing;
use crate::event::Reason;
use crate::report::{Format, Report};
use crate::results::{KernelJson, RunJson};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// The version of the schema that is written.
const VERSION: (u32, u32) = (5, 3);
/// The name of the system that reports; ids begin with it.
const ORIGIN: &str = "oomph";
/// Longest excerpt that the schema takes, in characters.
const EXCERPT: usize = 16_384;
/// Longest other text, in characters.
const TEXT: usize = 500;

/// One object with all of it.
#[derive(Debug)]
pub struct Kcidb;

/// Objects by id, so that none comes twice.
#[derive(Default)]
struct Objects {
    checkouts: BTreeMap<String, Value>,
    builds: BTreeMap<String, Value>,
    tests: BTreeMap<String, Value>,
    issues: BTreeMap<String, Value>,
    incidents: BTreeMap<String, Value>,
}

impl Format for Kcidb {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut objects = Objects::default();
        for suite in suites(report) {
            for case in &suite.cases {
                objects.add(&suite, case);
            }
        }
        let mut all = Map::new();
        all.insert("version".into(), json!({"major": VERSION.0, "minor": VERSION.1}));
        let lists = [
            ("checkouts", objects.checkouts),
            ("builds", objects.builds),
            ("tests", objects.tests),
            ("issues", objects.issues),
            ("incidents", objects.incidents),
        ];
        for (name, list) in lists {
            all.insert(name.into(), list.into_values().collect());
        }
        serde_json::to_writer_pretty(&mut *out, &all)?;
        out.write_all(b"\n")
    }
}

impl Objects {
    fn add(&mut self, suite: &Suite<'_>, case: &Case<'_>) {
        let run = case.run;
        let source = source(&run.kernel_identity);
        let checkout = id(&["checkout", &source.0]);
        let build = id(&["build", &run.kernel, &run.kernel_identity.hash, &run.kernel_identity.origin]);
        // A result keeps its folder's name wherever it is copied to.
        let folder = run.result.as_ref().and_then(|folder| folder.file_name()).unwrap_or_default().to_string_lossy();
        let test = id(&["test", &run.scenario, &run.kernel, &run.started.to_string(), &run.host.hostname, &folder]);
        self.checkouts.entry(checkout.clone()).or_insert_with(|| source.1.with_id(&checkout));
        self.builds.entry(build.clone()).or_insert_with(|| build_object(run, &build, &checkout));
        self.tests.entry(test.clone()).or_insert_with(|| test_object(suite, case, &test, &build));
        if case.standing == Standing::ExpectedFailure {
            let headline = case.headline();
            let issue = id(&["issue", &run.scenario, &headline]);
            let comment = format!("{}: {headline}", suite.scenario);
            let new = || {
                json!({"id": issue, "origin": ORIGIN, "version": 1, "comment": comment, "culprit": {"code": true},
                    "misc": {"why": "the scenario expects it of kernels like this one"}})
            };
            self.issues.entry(issue.clone()).or_insert_with(new);
            let incident = id(&["incident", &issue, &test]);
            let new = json!({"id": incident, "origin": ORIGIN, "issue_id": issue, "issue_version": 1, "test_id": test,
                "present": true});
            self.incidents.insert(incident, new);
        }
    }
}

/// The source of a kernel.
struct Checkout(Map<String, Value>);

impl Checkout {
    fn with_id(self, id: &str) -> Value {
        let mut object = self.0;
        object.insert("id".into(), json!(id));
        object.insert("origin".into(), json!(ORIGIN));
        object.insert("valid".into(), json!(true));
        Value::Object(object)
    }
}

/// What names a kernel's source, and what is known of it. Of a package, its name and version; the commit is never known, since a build's
/// `tree_id` names content.
fn source(kernel: &KernelJson) -> (String, Checkout) {
    let mut object = Map::new();
    let Some(build) = &kernel.build else {
        object.insert("comment".into(), json!(text(&kernel.origin)));
        return (format!("{} {}", kernel.origin, kernel.release), Checkout(object));
    };
    let patches: Vec<Value> =
        build.patches.iter().map(|patch| json!({"name": text(&patch.name), "hash": text(&patch.hash)})).collect();
    let names = build.patches.iter().map(|patch| format!(" + {}", patch.name)).collect::<String>();
    object.insert("comment".into(), json!(text(&format!("{}{names}", build.tree))));
    object.insert("git_commit_name".into(), json!(text(&build.tree)));
    if patches.is_empty() {
        object.insert("patchset_hash".into(), json!(""));
    }
    object.insert("misc".into(), json!({"tree_id": text(&build.tree_id), "patches": patches}));
    let hashes: Vec<&str> = build.patches.iter().map(|patch| patch.hash.as_str()).collect();
    (format!("{} {} {}", build.tree, build.tree_id, hashes.join(" ")), Checkout(object))
}

fn build_object(run: &RunJson, id: &str, checkout: &str) -> Value {
    let kernel = &run.kernel_identity;
    let mut object = json!({
        "id": id,
        "checkout_id": checkout,
        "origin": ORIGIN,
        "architecture": "x86_64",
        "comment": text(&format!("{} {}", run.kernel, kernel.release)),
        "config_name": text(&run.kernel),
        "status": "PASS",
        "misc": {
            "release": text(&kernel.release),
            "image_blake3": text(&kernel.hash),
            "tags": kernel.tags.iter().map(|tag| text(tag)).collect::<Vec<_>>(),
        },
    });
    if let (Some(build), Some(fields)) = (&kernel.build, object.as_object_mut()) {
        fields.insert("compiler".into(), json!(text(&build.compiler)));
        if let Some(misc) = fields.get_mut("misc").and_then(Value::as_object_mut) {
            misc.insert("config_blake3".into(), json!(text(&build.config_hash)));
            misc.insert("linker".into(), json!(text(&build.linker)));
        }
    }
    object
}

fn test_object(suite: &Suite<'_>, case: &Case<'_>, id: &str, build: &str) -> Value {
    let run = case.run;
    let host = &run.host;
    let evidence: Vec<Value> = run
        .evidence
        .iter()
        .take(50)
        .map(|piece| json!({"seq": piece.seq, "time_s": piece.time_s, "text": text(&piece.text)}))
        .collect();
    json!({
        "id": id,
        "build_id": build,
        "origin": ORIGIN,
        "path": format!("oomph.{}", inert::name(&suite.scenario, "_-")),
        "comment": case.message(),
        "status": status(case),
        "start_time": run.started.to_string(),
        "duration": run.duration_s,
        "log_excerpt": excerpt(&case.account()),
        "number": {"value": run.max_stall_s, "unit": "s"},
        "environment": {
            "comment": text(&format!("{}, {}, on {}", host.qemu, host.accelerator, host.cpu)),
            "misc": {"qemu": text(&host.qemu), "accelerator": text(&host.accelerator), "host_kernel": text(&host.kernel),
                "cpu": text(&host.cpu), "oomph": text(&host.oomph)},
        },
        "misc": misc(case, evidence),
    })
}

/// What KCIDB has no place for. There are no nulls in its data: what is not known is left out.
fn misc(case: &Case<'_>, evidence: Vec<Value>) -> Value {
    let run = case.run;
    let mut misc = json!({
        "outcome": run.outcome.map(|outcome| outcome.name()),
        "mechanism": run.mechanism.map(|mechanism| mechanism.name()),
        "inconclusive": run.inconclusive.map(|reason| reason.name()),
        "standing": case.standing.name(),
        "number_is": "longest stall, in seconds of the guest's fair time",
        "counted_kills": run.counted_kills(),
        "evidence": evidence,
    });
    if let Some(fields) = misc.as_object_mut() {
        fields.retain(|_, value| !value.is_null());
    }
    misc
}

/// Of a run without an outcome: MISS where harness or host failed, ERROR where the test did.
fn status(case: &Case<'_>) -> &'static str {
    match (case.standing, case.run.inconclusive) {
        (Standing::Passed, _) => "PASS",
        (Standing::Failed | Standing::ExpectedFailure, _) => "FAIL",
        (Standing::Skipped, _) => "MISS",
        (
            Standing::Inconclusive,
            Some(
                Reason::NoBoot
                | Reason::SetupFailed
                | Reason::NotSettled
                | Reason::WorkloadFailed
                | Reason::NoPressure
                | Reason::ProbeFailing
                | Reason::KillsLost
                | Reason::ProbeKilled
                | Reason::StillThrashing,
            ),
        ) => "ERROR",
        (Standing::Inconclusive, _) => "MISS",
    }
}

/// An id of what it is made of, the same in every report.
fn id(parts: &[&str]) -> String {
    let mut hasher = blake3::Hasher::new();
    for part in parts {
        // The length keeps `a b` + `c` from being `a` + `b c`.
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    let hex = hasher.finalize().to_hex();
    format!("{ORIGIN}:{}", hex.get(..32).unwrap_or_default())
}

fn text(text: &str) -> String {
    inert::line(text, TEXT)
}

/// Lines, as many whole ones as the schema takes.
fn excerpt(lines: &[String]) -> String {
    let mut out = String::new();
    let mut length = 0;
    for line in lines {
        length += line.chars().count() + 1;
        if length > EXCERPT {
            break;
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    fn written(report: &Report) -> Value {
        let mut text = Vec::new();
        Kcidb.write(report, &mut text).unwrap();
        serde_json::from_slice(&text).unwrap()
    }

    fn list<'a>(all: &'a Value, name: &str) -> &'a Vec<Value> {
        all[name].as_array().unwrap()
    }

    #[test]
    fn the_object_is_as_documented() {
        let mut report = one_of_each();
        report.runs.truncate(4);
        report.runs.drain(..2);
        insta::assert_json_snapshot!(written(&report));
    }

    #[test]
    fn statuses_speak_of_the_kernel_and_a_known_failure_has_an_incident() {
        let all = written(&one_of_each());
        let mut seen: Vec<(&str, &str)> = list(&all, "tests")
            .iter()
            .map(|test| (test["misc"]["standing"].as_str().unwrap(), test["status"].as_str().unwrap()))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        let wanted = [
            ("expected-failure", "FAIL"),
            ("failed", "FAIL"),
            ("inconclusive", "MISS"),
            ("passed", "PASS"),
            ("skipped", "MISS"),
        ];
        assert_eq!(seen, wanted);
        let known: Vec<&Value> =
            list(&all, "tests").iter().filter(|test| test["misc"]["standing"] == "expected-failure").collect();
        assert_eq!(list(&all, "incidents").len(), known.len());
        assert_eq!(list(&all, "incidents")[0]["test_id"], known[0]["id"]);
        assert_eq!(list(&all, "incidents")[0]["issue_id"], list(&all, "issues")[0]["id"]);
    }

    #[test]
    fn ids_stay_and_everything_that_is_named_is_there() {
        let report = one_of_each();
        let all = written(&report);
        assert_eq!(all, written(&report));
        assert_eq!(list(&all, "tests").len(), report.runs.len());
        let ids = |name: &str| -> Vec<&Value> { list(&all, name).iter().map(|object| &object["id"]).collect() };
        assert!(list(&all, "tests").iter().all(|test| ids("builds").contains(&&test["build_id"])));
        assert!(list(&all, "builds").iter().all(|build| ids("checkouts").contains(&&build["checkout_id"])));
        // Copied elsewhere, a run is the same.
        let mut moved = one_of_each();
        for run in &mut moved.runs {
            run.result = run.result.take().map(|folder| std::path::Path::new("/elsewhere").join(folder));
        }
        let id = |all: &Value| list(all, "tests").iter().map(|test| test["id"].clone()).collect::<Vec<_>>();
        assert_eq!(id(&all), id(&written(&moved)));
        assert_ne!(super::id(&["ab", "c"]), super::id(&["a", "bc"]));
    }

    #[test]
    fn an_excerpt_is_no_longer_than_the_schema_takes() {
        let lines = vec!["é".repeat(400); 100];
        let excerpt = excerpt(&lines);
        assert!(excerpt.chars().count() <= EXCERPT && excerpt.chars().count() > EXCERPT - 402);
    }
}
