//! Whatever a guest says, every format is still read by a reader that is not ours, and holds what was put in and no more.
#![allow(clippy::unwrap_used)]

use super::case::tests::one_of_each;
use super::*;
use crate::report::{Format, Report};
use crate::results::{Broken, RunJson};
use proptest::prelude::*;
use serde_json::Value;

/// What readers give a meaning to.
const EVIL: [&str; 34] = [
    "\0",
    "\u{1b}[31m",
    "\u{1b}]0;x\u{7}",
    "\r\n",
    "\n",
    "\u{9b}",
    "\u{202e}",
    "\u{2028}",
    "\u{fffe}",
    "<script>alert(1)</script>",
    "</pre></details>",
    "]]>",
    "<![CDATA[",
    "&lt;&#0;",
    "\"'>",
    "::error::x",
    "\n::error::x",
    "##[error]x",
    "%0A::error",
    "# SKIP",
    " # SKIP x",
    "\nok 1 x\n",
    "\n    ok 1 run_1\n",
    "\nKTAP version 1\n1..9\n",
    "\n# Subtest: x\n",
    "Kernel panic - not syncing: VFS: x",
    "reboot: System halted",
    "=1+1",
    "@SUM(1)",
    "+x",
    ",;\",\"",
    "| x | y |",
    "[x](javascript:y) ![i](z) `c` @all",
    "日本 – ok",
];

fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(EVIL.as_slice()).prop_map(str::to_owned),
        2 => any::<char>().prop_map(String::from),
        1 => Just("A".repeat(3000)),
    ];
    prop::collection::vec(piece, 1..6).prop_map(|pieces| pieces.concat())
}

/// A report whose runs of every standing say this wherever they say something of others.
fn saying(words: &[String]) -> Report {
    let word = |index: usize| words[index % words.len()].clone();
    let mut report = one_of_each();
    report.title = word(0);
    for run in &mut report.runs {
        run.scenario = word(1);
        run.kernel = format!("{} {}", word(2), run.kernel);
        run.detail = run.detail.take().map(|_| word(3));
        run.differences.iter_mut().for_each(|one| *one = word(4));
        run.kills.iter_mut().for_each(|kill| kill.victim = word(5));
        run.evidence.iter_mut().for_each(|piece| piece.text = format!("oom-deadlock: {}", word(6)));
        run.stalls.iter_mut().for_each(|stall| stall.probes = vec![word(7)]);
        run.ended_by = Some(word(8));
        run.kernel_identity.origin = word(9);
        run.kernel_identity.release = word(10);
        run.kernel_identity.tags = vec![word(11)];
        run.host.qemu = word(12);
        run.host.cpu = word(13);
    }
    report.broken = vec![Broken { folder: word(14).into(), why: word(15) }];
    report
}

fn written(format: &dyn Format, report: &Report) -> String {
    let mut text = Vec::new();
    format.write(report, &mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// How many of the runs fail, are inconclusive, are skipped, pass.
const STANDINGS: (usize, usize, usize, usize) = (3, 1, 1, 3);

fn junit_holds(report: &Report) {
    let text = written(&Junit, report);
    let document = roxmltree::Document::parse(&text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let names =
        ["testsuites", "testsuite", "testcase", "properties", "property", "failure", "error", "skipped", "system-out"];
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        assert!(names.contains(&node.tag_name().name()), "{node:?}");
    }
    let count = |name| document.descendants().filter(|node| node.has_tag_name(name)).count();
    assert_eq!(count("testcase"), report.runs.len() + report.broken.len());
    let (failed, unclear, skipped, _) = STANDINGS;
    assert_eq!((count("failure"), count("error"), count("skipped")), (failed, unclear + report.broken.len(), skipped));
    assert!(text.chars().all(|c| c == '\n' || !c.is_control()), "{text:?}");
}

/// Reads the results at a depth of `indent` spaces, as the specification has them: a version, a plan, so many results, each after the results
/// of its own subtests.
fn ktap_level<'a>(
    lines: &mut std::iter::Peekable<impl Iterator<Item = &'a str>>,
    indent: usize,
    leaves: &mut Vec<&'a str>,
) {
    let pad = " ".repeat(indent);
    assert_eq!(lines.next(), Some(format!("{pad}KTAP version 1").as_str()));
    let diagnostic = |line: &&str| line.trim_start().starts_with("# ");
    while lines.next_if(diagnostic).is_some() {}
    let plan = lines.next().unwrap();
    let count: usize = plan.strip_prefix(&format!("{pad}1..")).unwrap_or_else(|| panic!("{plan}")).parse().unwrap();
    for number in 1..=count {
        while lines.next_if(diagnostic).is_some() {}
        let deeper = lines.peek().is_some_and(|line| line.starts_with(&format!("{pad}  KTAP version")));
        if deeper {
            ktap_level(lines, indent + 2, leaves);
        }
        while lines.next_if(diagnostic).is_some() {}
        let line = lines.next().unwrap();
        let result = line.strip_prefix(&pad).unwrap_or_else(|| panic!("{line}"));
        let rest = result.strip_prefix("not ").unwrap_or(result).strip_prefix(&format!("ok {number} "));
        let rest = rest.unwrap_or_else(|| panic!("{line}: not result {number}"));
        assert!(
            rest.split_once(" # ").is_none_or(|(name, data)| !name.contains('#') && !data.contains(" # ")),
            "{line}"
        );
        if !deeper {
            leaves.push(result);
        }
    }
}

fn ktap_holds(report: &Report) {
    let text = written(&Ktap, report);
    let mut leaves = Vec::new();
    let mut lines = text.lines().peekable();
    ktap_level(&mut lines, 0, &mut leaves);
    assert_eq!(lines.next(), None);
    let count = |of: &dyn Fn(&&&str) -> bool| leaves.iter().filter(|line| of(line)).count();
    let (failed, unclear, skipped, passed) = STANDINGS;
    assert_eq!(count(&|line| line.starts_with("ok ")), passed);
    assert_eq!(count(&|line| line.contains(" # SKIP ")), skipped);
    assert_eq!(count(&|line| line.contains(" # ERROR ")), unclear + report.broken.len());
    assert_eq!(leaves.len(), failed + unclear + skipped + passed + report.broken.len());
    for last in ["Kernel panic - not syncing: VFS:", "reboot: System halted", "List of all partitions:"] {
        assert!(!text.contains(last), "{text}");
    }
}

/// Every text in it, keys too.
fn texts<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text),
        Value::Array(list) => list.iter().for_each(|one| texts(one, found)),
        Value::Object(map) => map.iter().for_each(|(key, one)| {
            found.push(key);
            texts(one, found);
        }),
        _ => {}
    }
}

fn json_holds(report: &Report) {
    let kcidb: Value = serde_json::from_str(&written(&Kcidb, report)).unwrap();
    assert_eq!(kcidb["tests"].as_array().unwrap().len(), report.runs.len());
    for test in kcidb["tests"].as_array().unwrap() {
        let path = test["path"].as_str().unwrap().strip_prefix("oomph.").unwrap();
        assert!(!path.is_empty() && path.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)), "{path}");
    }
    let gitlab: Value = serde_json::from_str(&written(&Gitlab, report)).unwrap();
    for value in [&kcidb, &gitlab] {
        let mut found = Vec::new();
        texts(value, &mut found);
        assert!(found.iter().all(|text| text.chars().all(|c| c == '\n' || !c.is_control())), "{found:?}");
    }
    let lines = written(&JsonLines, report);
    assert_eq!(lines.lines().map(|line| RunJson::parse(line).unwrap()).collect::<Vec<_>>(), report.runs);
}

fn csv_holds(report: &Report) {
    let text = written(&Csv, report);
    let mut reader = ::csv::ReaderBuilder::new().flexible(false).from_reader(text.as_bytes());
    assert_eq!(reader.headers().unwrap(), COLUMNS.as_slice());
    let rows: Vec<::csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), report.runs.len());
    for cell in rows.iter().flat_map(::csv::StringRecord::iter) {
        assert!(!cell.trim_start().starts_with(['=', '+', '-', '@']), "{cell}");
        assert!(!cell.chars().any(char::is_control), "{cell:?}");
    }
}

fn github_holds(report: &Report) {
    let summary = written(&GithubSummary, report);
    let mut bare = summary.clone();
    for ours in ["<details><summary>", "</summary>", "<pre>", "</pre>", "</details>"] {
        bare = bare.replace(ours, "");
    }
    assert!(!bare.contains(['<', '>']), "{summary}");
    assert!(!summary.contains("##[") && !summary.lines().any(|line| line.trim_start().starts_with("::")), "{summary}");
    assert_eq!(summary.matches("<details>").count(), 4);
    let rows: Vec<&str> = summary.lines().filter(|line| line.starts_with('|')).collect();
    assert!(rows.len() > 5 && rows.iter().all(|row| row.matches('|').count() == 7), "{rows:#?}");
    let annotations = written(&GithubAnnotations, report);
    for line in annotations.lines() {
        let rest = line.strip_prefix("::error title=").or(line.strip_prefix("::warning title=")).unwrap();
        let (title, _) = rest.split_once("::").unwrap();
        assert!(!title.contains([':', ',']), "{line}");
    }
    assert!(annotations.lines().count() >= 3 && !annotations.contains('\r'), "{annotations}");
}

fn all_hold(report: &Report) {
    junit_holds(report);
    ktap_holds(report);
    json_holds(report);
    csv_holds(report);
    github_holds(report);
}

#[test]
fn a_report_of_harmless_words_holds() {
    all_hold(&saying(&["xfs".to_owned()]));
}

#[test]
fn each_evil_word_by_itself_is_inert() {
    EVIL.iter().for_each(|word| all_hold(&saying(&[(*word).to_owned()])));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn whatever_a_guest_says_is_inert(words in prop::collection::vec(hostile(), 16)) {
        all_hold(&saying(&words));
    }
}
