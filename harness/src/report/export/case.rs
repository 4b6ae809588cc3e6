//! Runs as the cases of test suites, in words that every format uses.
//! Lives here: grouping, names that stay the same from one report to the next, the message of a run, its account.
//! May not live here: a format's own signs.

use super::inert;
use super::status::Standing;
use crate::report::{Report, text};
use crate::results::{Broken, RunJson};
use crate::scenario::Outcome;
use crate::verdict::Weight;
use std::collections::BTreeMap;

/// Longest message, in characters.
const MESSAGE: usize = 600;
/// Longest line of an account, in characters.
const LINE: usize = 400;
/// Most lines of an account.
const LINES: usize = 60;
/// Longest name of a scenario or kernel, in characters.
const NAME: usize = 100;

/// The runs of a scenario on a kernel.
pub struct Suite<'a> {
    /// The scenario's name, one line.
    pub scenario: String,
    /// The kernel's name, one line.
    pub kernel: String,
    /// The runs in the order in which they began.
    pub cases: Vec<Case<'a>>,
}

/// A run.
pub struct Case<'a> {
    /// All that is known of it; its texts are those of a guest.
    pub run: &'a RunJson,
    /// Which of its suite, from 1. The name of a case is made of this: a folder's name has the time in it, and a CI system that
    /// compares with an earlier report would find every case new.
    pub number: usize,
    /// How it counts.
    pub standing: Standing,
}

/// Groups runs by scenario and kernel, in the order of their names.
pub fn suites(report: &Report) -> Vec<Suite<'_>> {
    let mut groups: BTreeMap<(&str, &str), Vec<&RunJson>> = BTreeMap::new();
    for run in &report.runs {
        groups.entry((&run.scenario, &run.kernel)).or_default().push(run);
    }
    groups.into_iter().map(|((scenario, kernel), runs)| suite(scenario, kernel, runs)).collect()
}

fn suite<'a>(scenario: &str, kernel: &str, mut runs: Vec<&'a RunJson>) -> Suite<'a> {
    runs.sort_by(|a, b| (a.started, &a.result).cmp(&(b.started, &b.result)));
    let case = |(index, run)| Case { run, number: index + 1, standing: Standing::of(run) };
    let cases = runs.into_iter().enumerate().map(case).collect();
    Suite { scenario: inert::line(scenario, NAME), kernel: inert::line(kernel, NAME), cases }
}

impl Case<'_> {
    /// What became of the guest: `hung (oom-deadlock)`, `inconclusive (no-boot)`.
    pub fn headline(&self) -> String {
        text::headline(self.run)
    }

    /// What there is to say of a run in one line: what became of the guest, what was expected, on what it rests.
    pub fn message(&self) -> String {
        let mut parts = vec![self.headline()];
        match self.standing {
            Standing::Failed if self.run.expectation.is_none() && self.run.differences.is_empty() => {
                parts.push("the scenario expects nothing of this kernel, so that this is a failure".to_owned());
            }
            Standing::Failed => parts.extend(self.run.differences.iter().cloned()),
            Standing::ExpectedFailure => parts.push("as the scenario expects of this kernel".to_owned()),
            Standing::Inconclusive | Standing::Skipped => parts.extend(self.run.detail.clone()),
            Standing::Passed => {}
        }
        if self.run.outcome.is_some() {
            parts.extend(self.because());
        }
        inert::line(&parts.join("; "), MESSAGE)
    }

    /// The first piece of a mechanism's evidence, without its name; of a panic, what decided it.
    fn because(&self) -> Option<String> {
        let run = self.run;
        match run.outcome? {
            Outcome::Hung => {
                let silent = run.stalls.last().map(|stall| stall.probes.join(", ")).unwrap_or_default();
                let still = format!("nothing moved for {:.1} s, silent: {silent}", run.longest_frozen_s);
                Some(text::because(run).map_or(still.clone(), |named| format!("{named}; {still}")))
            }
            Outcome::Panicked => {
                let decided = run.evidence.iter().find(|piece| piece.weight == Weight::Decided);
                // Older records do not say which it is.
                decided.or(run.evidence.last()).map(|piece| piece.text.clone())
            }
            Outcome::Recovered | Outcome::OomKilled => None,
        }
    }

    /// The verdict block with its evidence, and how to do it again: lines without control characters, as many as a page holds.
    pub fn account(&self) -> Vec<String> {
        let block = text::block(&inert::run(self.run, LINE));
        let plain = anstream::adapter::strip_str(&block).to_string();
        let mut lines: Vec<String> = plain.lines().map(|line| inert::line(line.trim_end(), LINE)).collect();
        if lines.len() > LINES {
            let left = lines.len() - LINES;
            lines.truncate(LINES);
            lines.push(format!("  and {left} more lines"));
        }
        if let Some(folder) = &self.run.result {
            lines.push(inert::line(
                &format!("  again       oomph run {}", folder.join("scenario.yaml").display()),
                LINE,
            ));
        }
        lines
    }
}

/// Runs of one suite that came to the same end.
pub struct Finding<'a> {
    /// The scenario's name, one line.
    pub scenario: String,
    /// The kernel's name, one line.
    pub kernel: String,
    /// How they count.
    pub standing: Standing,
    /// What became of the guests.
    pub headline: String,
    /// The first of them.
    pub first: Case<'a>,
    /// How many they are.
    pub runs: usize,
    /// Of how many.
    pub of: usize,
}

/// What was found, failures first. Repeats come together, so that ten hangs of one kind are one line.
pub fn findings(report: &Report) -> Vec<Finding<'_>> {
    let mut all: Vec<Finding<'_>> = Vec::new();
    for Suite { scenario, kernel, cases } in suites(report) {
        let of = cases.len();
        let start = all.len();
        for case in cases {
            let headline = case.headline();
            match all.iter_mut().skip(start).find(|one| one.standing == case.standing && one.headline == headline) {
                Some(one) => one.runs += 1,
                None => all.push(Finding {
                    scenario: scenario.clone(),
                    kernel: kernel.clone(),
                    standing: case.standing,
                    headline,
                    first: case,
                    runs: 1,
                    of,
                }),
            }
        }
    }
    // Stable: within a standing they stay as they were.
    all.sort_by_key(|one| one.standing);
    all
}

/// A folder that is no result, in one line.
pub fn broken(one: &Broken) -> String {
    inert::line(&format!("{}: {}", one.folder.display(), one.why), MESSAGE)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Reason;
    use crate::results::sample;
    use crate::scenario::Mechanism;
    pub(crate) use crate::scenario::expecting;
    use std::path::PathBuf;
    use std::sync::LazyLock;

    /// A run of each standing, on two kernels, and a folder that is none.
    pub(crate) fn one_of_each() -> Report {
        let at = |name: &str, run: RunJson| RunJson { result: Some(PathBuf::from(format!("results/x/{name}"))), ..run };
        // Made once: it takes a simulated run.
        static SAMPLE: LazyLock<RunJson> = LazyLock::new(sample);
        let mut hung =
            RunJson { kernel: "debian-6.1".into(), mechanism: Some(Mechanism::OomDeadlock), ..SAMPLE.clone() };
        hung.kernel_identity.hash = "ab12".into();
        hung.kernel_identity.release = "6.1.0".into();
        hung.kernel_identity.origin = "linux-image 6.1.192-2".into();
        hung.host.qemu = "QEMU emulator version 7.2".into();
        hung.host.accelerator = "tcg".into();
        let expected = RunJson { expectation: Some(expecting(Outcome::Hung)), ..hung.clone() };
        let mut wrong = RunJson { expectation: Some(expecting(Outcome::OomKilled)), expected: false, ..hung.clone() };
        wrong.differences = vec!["outcome: expected oom-killed, saw hung".into()];
        let killed = RunJson { outcome: Some(Outcome::OomKilled), mechanism: None, ..hung.clone() };
        let lost = RunJson { outcome: None, mechanism: None, expected: false, ..hung.clone() };
        let starved = RunJson {
            inconclusive: Some(Reason::HostStarved),
            detail: Some("the host gave 12 % of the time".into()),
            ..lost.clone()
        };
        let ended = RunJson { inconclusive: Some(Reason::Cancelled), ..lost };
        let other = RunJson { kernel: "debian-sid".into(), ..killed.clone() };
        let runs = vec![
            at("a", wrong.clone()),
            at("b", wrong),
            at("c", killed),
            at("d", expected),
            at("e", starved),
            at("f", ended),
            at("g", hung),
            at("h", other),
        ];
        let broken = vec![Broken { folder: "results/x/torn".into(), why: "run.json is no record of a run".into() }];
        Report { title: "nightly".into(), runs, broken }
    }

    #[test]
    fn runs_have_names_that_stay_and_findings_come_together() {
        let report = one_of_each();
        let suites = suites(&report);
        let shape: Vec<_> = suites.iter().map(|suite| (suite.kernel.as_str(), suite.cases.len())).collect();
        assert_eq!(shape, [("debian-6.1", 7), ("debian-sid", 1)]);
        let found: Vec<_> =
            findings(&report).iter().map(|one| (one.standing.name(), one.headline.clone(), one.runs, one.of)).collect();
        insta::assert_debug_snapshot!(found);
    }

    #[test]
    fn a_message_says_what_happened_what_was_expected_and_why() {
        let report = one_of_each();
        let messages: Vec<String> =
            suites(&report).iter().flat_map(|suite| suite.cases.iter().map(Case::message)).collect();
        insta::assert_debug_snapshot!(messages);
    }
}
