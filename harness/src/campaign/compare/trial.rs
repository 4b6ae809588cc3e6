//! Scenarios and guards that are run on two kernels until it is known what a change does to them.
//! Lives here: which run is next, the answer of each and of all (pure).
//! May not live here: running, or printing.

use super::sequential::{Answer, Rules, Sequential};
use crate::campaign::BadWhen;
use crate::results::RunJson;

/// So many runs in a row without an outcome, and a kernel has no more of a scenario: a patch with which nothing boots is told soon.
pub const IN_VAIN: usize = 5;

/// A scenario that is run on both kernels.
#[derive(Clone, Debug)]
pub struct Trial {
    /// Its name.
    pub scenario: String,
    /// Whether it is only to get no worse.
    pub guard: bool,
    /// Its runs without and with the change, in order of their start.
    pub runs: [Vec<RunJson>; 2],
}

/// All that is run on two kernels.
#[derive(Clone, Debug)]
pub struct Trials {
    /// Scenarios, then guards.
    pub trials: Vec<Trial>,
    /// Error rates of the whole.
    pub rules: Rules,
    /// Runs of a scenario on a kernel at most.
    pub max_runs: usize,
    /// Which runs are bad.
    pub bad_when: BadWhen,
}

impl Trials {
    /// The rules of each test: all tests share alpha in equal parts (Bonferroni), so that it holds for all answers together. *No
    /// difference shown* of all needs every single one, so each has the whole beta.
    pub fn shared(&self) -> Rules {
        Rules { alpha: self.rules.alpha / self.trials.len().max(1) as f64, ..self.rules }
    }

    /// The test of a trial as far as it has come. The first run with an outcome on one kernel and the first on the other are a pair, then
    /// the second, and so on.
    pub fn test(&self, trial: usize) -> Sequential {
        let told = |side: usize| self.trials[trial].runs[side].iter().filter_map(|run| self.bad_when.judge(run));
        Sequential::of(self.shared(), told(0).zip(told(1)).map(|(a, b)| [a, b]))
    }

    /// The answer of all: *regresses* where any scenario or guard does; else *undecided* where any is; else *fixes* where any scenario
    /// (not: guard) is fixed; else *no difference shown*.
    pub fn answer(&self) -> Answer {
        let answers: Vec<Answer> = (0..self.trials.len()).map(|trial| self.test(trial).answer()).collect();
        let fixed = |(trial, answer): (&Trial, &Answer)| !trial.guard && *answer == Answer::Fixes;
        if answers.contains(&Answer::Regresses) {
            Answer::Regresses
        } else if answers.contains(&Answer::Undecided) {
            Answer::Undecided
        } else if self.trials.iter().zip(&answers).any(fixed) {
            Answer::Fixes
        } else {
            Answer::NoDifference
        }
    }

    /// The run that is next: trial and side, 0 without and 1 with the change. A pair that was begun is ended first; then the trial with the
    /// fewest runs has its turn. Which kernel begins alternates from pair to pair. `None` where the answer of all is known, or no
    /// undecided trial may have more runs.
    pub fn next(&self) -> Option<(usize, usize)> {
        if self.answer() == Answer::Regresses {
            return None;
        }
        let turns = (0..self.trials.len()).filter_map(|trial| {
            let (side, begun) = self.turn(trial)?;
            let runs: usize = self.trials[trial].runs.iter().map(Vec::len).sum();
            Some(((!begun, runs), (trial, side)))
        });
        turns.min_by_key(|(order, _)| *order).map(|(_, next)| next)
    }

    /// Which side of a trial is next, and whether that ends a pair.
    fn turn(&self, trial: usize) -> Option<(usize, bool)> {
        if self.test(trial).answer() != Answer::Undecided {
            return None;
        }
        let runs = &self.trials[trial].runs;
        let told = [0, 1].map(|side| runs[side].iter().filter(|run| run.outcome.is_some()).count());
        let side = match told[0].cmp(&told[1]) {
            std::cmp::Ordering::Less => 0,
            std::cmp::Ordering::Greater => 1,
            std::cmp::Ordering::Equal => told[0] % 2,
        };
        let in_vain =
            runs[side].len() >= IN_VAIN && runs[side].iter().rev().take(IN_VAIN).all(|run| run.outcome.is_none());
        (runs[side].len() < self.max_runs && !in_vain).then_some((side, told[0] != told[1]))
    }

    /// Takes runs of before in, those of each side in order of their start; no more than there may be.
    pub fn past(&mut self, trial: usize, side: usize, mut runs: Vec<RunJson>) {
        runs.sort_by(|a, b| (a.started, &a.result).cmp(&(b.started, &b.result)));
        runs.truncate(self.max_runs);
        self.trials[trial].runs[side] = runs;
    }
}

#[cfg(test)]
#[path = "trial_tests.rs"]
mod tests;
