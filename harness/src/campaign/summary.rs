//! Counts of outcomes by scenario and kernel.
//! Lives here: the rows of `oomph results summary` (pure).
//! May not live here: reading results, or printing.

use super::interval::{Interval, wilson};
use crate::event::Phase;
use crate::results::{CyclesJson, RunJson, StallJson};
use crate::scenario::{Mechanism, Outcome};
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
    /// Mechanisms of those that hung, by name.
    pub mechanisms: BTreeMap<String, u64>,
    /// Runs without an outcome, by reason.
    pub inconclusive: BTreeMap<String, u64>,
    /// Fewest and most kills that count in a run.
    pub kills: (u64, u64),
    /// Shortest and longest of the runs' longest stalls, in seconds of fair time.
    pub max_stall_s: (f64, f64),
    /// Stalls that ended by themselves, and the longest time for which nothing moved in one, in seconds of fair
    /// time: what a hang must exceed by far.
    pub ended_stalls: (u64, f64),
    /// Of the runs that did not hang, where pictures of the guest's memory were taken.
    pub cycles: Option<Cycles>,
    /// Of the hangs: from the start of pressure to the last sign of the probe that fell silent, in seconds of fair time.
    pub stall_after_s: Option<Spread>,
    /// Of the hangs: from there to the verdict.
    pub verdict_after_s: Option<Spread>,
}

/// Closed cycles that opened again: what a proof of a hang must exceed by far.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Cycles {
    /// Runs with pictures.
    pub runs: u64,
    /// Those of them in which a cycle was closed.
    pub with: u64,
    /// The longest time for which one stood, in seconds of fair time.
    pub longest_s: f64,
}

impl Cycles {
    fn of(runs: &[&RunJson]) -> Option<Self> {
        let sound = runs.iter().filter(|run| run.outcome.is_some_and(|outcome| outcome != Outcome::Hung));
        let seen: Vec<CyclesJson> = sound.filter_map(|run| run.cycles).collect();
        (!seen.is_empty()).then(|| Self {
            runs: seen.len() as u64,
            with: seen.iter().filter(|one| one.closed > 0).count() as u64,
            longest_s: seen.iter().map(|one| one.longest_s).fold(0.0, f64::max),
        })
    }
}

/// How a number is spread over runs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Spread {
    /// The middle one; of an even number of runs the lower of the two.
    pub median: f64,
    /// The largest.
    pub worst: f64,
}

impl Spread {
    fn of(mut values: Vec<f64>) -> Option<Self> {
        values.sort_by(f64::total_cmp);
        let worst = *values.last()?;
        Some(Self { median: values[(values.len() - 1) / 2], worst })
    }
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
    let hangs = || runs.iter().filter(|run| run.outcome == Some(Outcome::Hung));
    let mut mechanisms: BTreeMap<String, u64> = BTreeMap::new();
    for run in hangs() {
        *mechanisms.entry(run.mechanism.unwrap_or(Mechanism::Unknown).name().to_owned()).or_default() += 1;
    }
    let times: Vec<(f64, f64)> = hangs().filter_map(|run| hang(run)).collect();
    let ended = || runs.iter().flat_map(|run| ended_stalls(run));
    let conclusive: u64 = outcomes.values().sum();
    let share = |(name, runs): (String, u64)| (name, Share { runs, interval: wilson(runs, conclusive) });
    let kills = |run: &&RunJson| run.counted_kills() as u64;
    let stalls = runs.iter().map(|run| run.max_stall_s);
    Row {
        scenario: scenario.to_owned(),
        kernel: kernel.to_owned(),
        origin: origin.to_owned(),
        runs: runs.len() as u64,
        expected: runs.iter().filter(|run| run.expected).count() as u64,
        outcomes: outcomes.into_iter().map(share).collect(),
        mechanisms,
        inconclusive,
        kills: (runs.iter().map(kills).min().unwrap_or(0), runs.iter().map(kills).max().unwrap_or(0)),
        max_stall_s: (stalls.clone().fold(f64::INFINITY, f64::min), stalls.fold(0.0, f64::max)),
        ended_stalls: (ended().count() as u64, ended().map(|stall| stall.longest_frozen_s).fold(0.0, f64::max)),
        cycles: Cycles::of(runs),
        stall_after_s: Spread::of(times.iter().map(|(stall, _)| *stall).collect()),
        verdict_after_s: Spread::of(times.iter().map(|(_, verdict)| *verdict).collect()),
    }
}

/// When, in seconds of fair time since the run's start, a phase began.
fn begin(run: &RunJson, phase: Phase) -> Option<f64> {
    let place = run.phases.iter().position(|one| one.phase == phase)?;
    Some(run.phases[..place].iter().map(|one| one.fair_s).sum())
}

/// Of a hung run: from the start of pressure to the stall, and from there to the verdict.
fn hang(run: &RunJson) -> Option<(f64, f64)> {
    let (pressure, verdict) = (begin(run, Phase::Pressure)?, begin(run, Phase::Escapes)?);
    let stall = run.stalls.iter().rev().find(|stall| stall.since_s < verdict)?;
    Some((stall.since_s - pressure, verdict - stall.since_s))
}

/// A run's stalls that no escape ended.
fn ended_stalls(run: &RunJson) -> impl Iterator<Item = &StallJson> {
    let verdict = begin(run, Phase::Escapes).unwrap_or(f64::INFINITY);
    run.stalls.iter().filter(move |stall| stall.length_s.is_some_and(|length| stall.since_s + length < verdict))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::{PhaseJson, sample};

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

    #[test]
    fn a_hang_is_timed_from_its_stall_and_a_stall_that_ended_is_told_apart() {
        let phase = |phase, fair_s| PhaseJson { phase, fair_s, wall_s: fair_s };
        let stall = |since_s, length_s, longest_frozen_s| StallJson {
            since_s,
            length_s,
            probes: vec![],
            movements: 0,
            longest_frozen_s,
        };
        let hung = |since_s: f64| RunJson {
            outcome: Some(Outcome::Hung),
            mechanism: Some(Mechanism::OomDeadlock),
            phases: vec![
                phase(Phase::Boot, 10.0),
                phase(Phase::Pressure, 60.0),
                phase(Phase::Lift, 20.0),
                phase(Phase::Escapes, 5.0),
            ],
            // The first ended by itself, the second by an escape.
            stalls: vec![stall(15.0, Some(4.0), 3.0), stall(since_s, Some(95.0 - since_s), 60.0)],
            ..sample()
        };
        let runs = [hung(20.0), hung(22.0), hung(30.0)];
        let row = summarise(&runs).remove(0);
        assert_eq!(row.stall_after_s, Some(Spread { median: 12.0, worst: 20.0 }));
        assert_eq!(row.verdict_after_s, Some(Spread { median: 68.0, worst: 70.0 }));
        assert_eq!((row.ended_stalls, row.mechanisms["oom-deadlock"]), ((3, 3.0), 3));
    }
}
