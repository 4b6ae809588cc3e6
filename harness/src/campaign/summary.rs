//! Counts of outcomes by scenario and kernel.
//! Lives here: the rows of `oomph results summary` (pure).
//! May not live here: reading results, or printing.

use super::interval::{Interval, wilson};
use crate::results::RunJson;
use serde::Serialize;
use std::collections::BTreeMap;

/// What the runs of a scenario on a kernel came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The scenario.
    pub scenario: String,
    /// The kernel's name.
    pub kernel: String,
    /// The exact kernel: where it came from and with which version. Two of one name are two rows.
    pub origin: String,
    /// All runs.
    pub runs: u64,
    /// Those with an outcome that was as expected.
    pub expected: u64,
    /// Outcomes, by name, as shares of the runs that have one.
    pub outcomes: BTreeMap<String, Share>,
    /// Runs without an outcome, by reason.
    pub inconclusive: BTreeMap<String, u64>,
    /// Fewest and most kills that count in a run.
    pub kills: (u64, u64),
    /// Shortest and longest of the runs' longest stalls, in seconds of fair time.
    pub max_stall_s: (f64, f64),
}

/// How often an outcome was seen.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Share {
    /// Runs with it.
    pub runs: u64,
    /// Wilson's interval of 95 % for its share.
    pub interval: Interval,
}

/// Counts runs; rows are sorted by scenario, kernel and origin.
pub fn summarise<'a>(runs: impl IntoIterator<Item = &'a RunJson>) -> Vec<Row> {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&RunJson>> = BTreeMap::new();
    for run in runs {
        groups.entry((&run.scenario, &run.kernel, &run.kernel_identity.origin)).or_default().push(run);
    }
    groups.into_iter().map(|((scenario, kernel, origin), runs)| row(scenario, kernel, origin, &runs)).collect()
}

fn row(scenario: &str, kernel: &str, origin: &str, runs: &[&RunJson]) -> Row {
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    let mut inconclusive: BTreeMap<String, u64> = BTreeMap::new();
    for run in runs {
        match (run.outcome, run.inconclusive) {
            (Some(outcome), _) => *outcomes.entry(outcome.name().to_owned()).or_default() += 1,
            (None, Some(reason)) => *inconclusive.entry(reason.name().to_owned()).or_default() += 1,
            (None, None) => *inconclusive.entry("no reason given".to_owned()).or_default() += 1,
        }
    }
    let conclusive: u64 = outcomes.values().sum();
    let share = |(name, runs): (String, u64)| (name, Share { runs, interval: wilson(runs, conclusive) });
    let kills = |run: &&RunJson| run.kills.iter().filter(|kill| kill.counts).count() as u64;
    let stalls = runs.iter().map(|run| run.max_stall_s);
    Row {
        scenario: scenario.to_owned(),
        kernel: kernel.to_owned(),
        origin: origin.to_owned(),
        runs: runs.len() as u64,
        expected: runs.iter().filter(|run| run.expected).count() as u64,
        outcomes: outcomes.into_iter().map(share).collect(),
        inconclusive,
        kills: (runs.iter().map(kills).min().unwrap_or(0), runs.iter().map(kills).max().unwrap_or(0)),
        max_stall_s: (stalls.clone().fold(f64::INFINITY, f64::min), stalls.fold(0.0, f64::max)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::sample;
    use crate::scenario::Outcome;

    #[test]
    fn runs_are_counted_by_scenario_and_exact_kernel() {
        let hung = RunJson { outcome: Some(Outcome::Hung), max_stall_s: 70.0, expected: false, ..sample() };
        let killed = RunJson { outcome: Some(Outcome::OomKilled), max_stall_s: 2.0, expected: true, ..sample() };
        let lost = RunJson { outcome: None, inconclusive: Some(Reason::QemuDied), ..hung.clone() };
        let mut newer = killed.clone();
        newer.kernel_identity.origin.push_str("-2");
        let runs = [killed.clone(), hung, newer, lost, killed];
        let rows = summarise(&runs);
        assert_eq!(rows.iter().map(|row| row.runs).collect::<Vec<_>>(), [4, 1]);
        let row = &rows[0];
        assert_eq!((row.expected, row.max_stall_s), (2, (2.0, 70.0)));
        let shares: Vec<_> = row.outcomes.iter().map(|(name, share)| (name.as_str(), share.runs)).collect();
        assert_eq!(shares, [("hung", 1), ("oom-killed", 2)]);
        assert_eq!(row.outcomes["hung"].interval, wilson(1, 3), "of the runs with an outcome");
        assert_eq!(row.inconclusive["qemu-died"], 1);
    }
}
