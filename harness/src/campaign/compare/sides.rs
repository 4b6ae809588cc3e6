//! Runs of one scenario on two sides, next to each other.
//! Lives here: the table of their outcomes, the rates and the tests of it (pure).
//! May not live here: the sequential test, or which runs belong together.

use super::fisher::fisher;
use super::ranks::{Ranks, mann_whitney};
use crate::campaign::{BadWhen, Interval, wilson};
use crate::results::RunJson;
use serde::Serialize;
use std::collections::BTreeMap;

/// Two sides in numbers; each pair of values is first side, second side.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sides {
    /// All runs.
    pub runs: [u64; 2],
    /// Runs by outcome, by its name.
    pub outcomes: BTreeMap<&'static str, [u64; 2]>,
    /// Runs without an outcome, by reason; no rate and no test counts them.
    pub inconclusive: BTreeMap<&'static str, [u64; 2]>,
    /// How often runs with an outcome are bad.
    pub bad: [Rate; 2],
    /// Fisher's exact test, two-sided, of bad runs and others.
    pub fisher_bad_p: Option<f64>,
    /// The same of all outcomes; null where there are too many tables to go through.
    pub fisher_outcomes_p: Option<f64>,
    /// The middle of the longest stalls of the runs with an outcome, in seconds of fair time; of an even number the mean of two.
    pub max_stall_median_s: [Option<f64>; 2],
    /// Mann-Whitney's test of these stalls; null where a side has no runs.
    pub max_stall: Option<Ranks>,
}

/// How often something was so.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Runs in which it was.
    pub bad: u64,
    /// Runs that could show it.
    pub of: u64,
    /// Wilson's interval of 95 % of its share.
    pub interval: Interval,
}

impl Sides {
    /// Counts the runs of both sides. A run is bad by `bad_when`.
    pub fn of(sides: [&[RunJson]; 2], bad_when: &BadWhen) -> Self {
        let mut outcomes: BTreeMap<&'static str, [u64; 2]> = BTreeMap::new();
        let mut inconclusive: BTreeMap<&'static str, [u64; 2]> = BTreeMap::new();
        for (side, runs) in sides.iter().enumerate() {
            for run in *runs {
                let row = match (run.outcome, run.inconclusive) {
                    (Some(outcome), _) => outcomes.entry(outcome.name()),
                    (None, Some(reason)) => inconclusive.entry(reason.name()),
                    (None, None) => inconclusive.entry("no reason given"),
                };
                row.or_default()[side] += 1;
            }
        }
        let bad = sides.map(|runs| {
            let told: Vec<bool> = runs.iter().filter_map(|run| bad_when.judge(run)).collect();
            let (bad, of) = (told.iter().filter(|bad| **bad).count() as u64, told.len() as u64);
            Rate { bad, of, interval: wilson(bad, of) }
        });
        let of = |runs: &[RunJson], stall: fn(&RunJson) -> f64| {
            runs.iter().filter(|run| run.outcome.is_some()).map(stall).collect::<Vec<f64>>()
        };
        // In the order of ranks a stall without end comes last; the median tells how long each was watched.
        let ranked = sides.map(|runs| of(runs, RunJson::stall_s));
        let stalls = sides.map(|runs| of(runs, |run| run.max_stall_s));
        let good = bad.map(|rate| rate.of - rate.bad);
        let rows: Vec<[u64; 2]> = outcomes.values().copied().collect();
        Self {
            runs: sides.map(|runs| runs.len() as u64),
            fisher_bad_p: fisher(&[bad.map(|rate| rate.bad), good]),
            fisher_outcomes_p: fisher(&rows),
            max_stall: mann_whitney(&ranked[0], &ranked[1]),
            max_stall_median_s: stalls.map(median),
            outcomes,
            inconclusive,
            bad,
        }
    }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (low, high) = (values.get(values.len().checked_sub(1)? / 2)?, values.get(values.len() / 2)?);
    Some(f64::midpoint(*low, *high))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::campaign::HUNG;
    use crate::event::Reason;
    use crate::results::sample;
    use crate::scenario::Outcome;

    #[test]
    fn what_is_inconclusive_is_in_the_table_and_in_no_rate() {
        let run = |outcome, max_stall_s| RunJson { outcome, mechanism: None, max_stall_s, ..sample() };
        let lost = RunJson { inconclusive: Some(Reason::QemuDied), ..run(None, 500.0) };
        let hung = run(Some(Outcome::Hung), 120.0);
        let killed = run(Some(Outcome::OomKilled), 3.0);
        let a = [hung.clone(), hung.clone(), hung.clone(), hung.clone(), lost.clone()];
        let b =
            [killed.clone(), killed.clone(), run(Some(Outcome::Recovered), 2.0), run(Some(Outcome::Recovered), 1.0)];
        let sides = Sides::of([&a, &b], &HUNG.parse().unwrap());
        assert_eq!((sides.runs, sides.outcomes["hung"], sides.outcomes["oom-killed"]), ([5, 4], [4, 0], [0, 2]));
        assert_eq!((sides.outcomes["recovered"], sides.inconclusive["qemu-died"]), ([0, 2], [1, 0]));
        assert_eq!(sides.bad.map(|rate| (rate.bad, rate.of)), [(4, 4), (0, 4)]);
        assert_eq!(sides.bad[0].interval, wilson(4, 4));
        // 2 of choose(8, 4) tables, both times.
        let rounded = |p: f64| (p * 70.0).round();
        assert_eq!(sides.fisher_bad_p.map(rounded), Some(2.0));
        assert_eq!(sides.fisher_outcomes_p.map(rounded), Some(2.0));
        assert_eq!(sides.max_stall.map(|ranks| (ranks.u, rounded(ranks.p))), Some((16.0, 2.0)));
        assert_eq!(sides.max_stall_median_s, [Some(120.0), Some(2.5)]);
        let none = Sides::of([&[lost], &[]], &HUNG.parse().unwrap());
        assert_eq!((none.fisher_bad_p, none.max_stall, none.max_stall_median_s), (Some(1.0), None, [None, None]));
    }
}
