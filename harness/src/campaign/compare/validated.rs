//! What came of a validation, whole.
//! Lives here: the record that `oomph validate --json` prints and Markdown is made of (pure).
//! May not live here: text for people (`report`).

use super::sequential::{Answer, Rules};
use super::sides::Sides;
use super::trial::{Trial, Trials};
use crate::results::{HostJson, KernelJson, RunJson};
use serde::Serialize;
use std::path::PathBuf;

/// Version of the fields below.
const SCHEMA: u32 = 1;

/// A validation. Pairs of values are without and with the change. Fields may be added within a schema version, never renamed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Validated {
    /// 1.
    pub schema: u32,
    /// The answer of all.
    pub answer: Answer,
    /// The answer that was expected.
    pub expect: Answer,
    /// The user ended it before it was known.
    pub interrupted: bool,
    /// The kernels.
    pub kernels: [Side; 2],
    /// Both kernels are one image, byte for byte.
    pub same_image: bool,
    /// Which runs are bad.
    pub bad_when: String,
    /// The error rates of the whole.
    pub rules: Rules,
    /// Those of each test: they share alpha.
    pub rules_of_each: Rules,
    /// Runs of a scenario on a kernel at most.
    pub max_runs: usize,
    /// Scenarios, then guards.
    pub scenarios: Vec<Judged>,
    /// Where the last run took place; null without any.
    pub host: Option<HostJson>,
    /// The command line.
    pub command: String,
}

/// A kernel.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Side {
    /// Its name.
    pub name: String,
    /// Which it was; null where it had no run.
    pub identity: Option<KernelJson>,
}

/// A scenario or guard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub scenario: String,
    /// Whether it was only to get no worse.
    pub guard: bool,
    /// Its answer.
    pub answer: Answer,
    /// Pairs of runs that the answer rests on.
    pub pairs: u32,
    /// All runs in numbers.
    pub sides: Sides,
    /// Their folders.
    pub results: [Vec<PathBuf>; 2],
}

impl Validated {
    /// What trials came to. `kernels` are the names of the two.
    pub fn of(trials: &Trials, kernels: [String; 2], expect: Answer, interrupted: bool, command: String) -> Self {
        let last = |side: usize| trials.trials.iter().rev().find_map(|trial| trial.runs[side].last());
        let mut side = 0;
        let kernels = kernels.map(|name| {
            let identity = last(side).map(|run| run.kernel_identity.clone());
            side += 1;
            Side { name, identity }
        });
        let hash = |side: &Side| side.identity.as_ref().map(|identity| identity.hash.clone());
        let judged = |(index, trial): (usize, &Trial)| {
            let test = trials.test(index);
            let folders = |runs: &Vec<RunJson>| runs.iter().filter_map(|run| run.result.clone()).collect();
            Judged {
                scenario: trial.scenario.clone(),
                guard: trial.guard,
                answer: test.answer(),
                pairs: test.pairs(),
                sides: Sides::of([&trial.runs[0], &trial.runs[1]], &trials.bad_when),
                results: [folders(&trial.runs[0]), folders(&trial.runs[1])],
            }
        };
        Self {
            schema: SCHEMA,
            answer: trials.answer(),
            expect,
            interrupted,
            same_image: hash(&kernels[0]).is_some() && hash(&kernels[0]) == hash(&kernels[1]),
            host: [0, 1].into_iter().filter_map(last).max_by_key(|run| run.started).map(|run| run.host.clone()),
            kernels,
            bad_when: trials.bad_when.to_string(),
            rules: trials.rules,
            rules_of_each: trials.shared(),
            max_runs: trials.max_runs,
            scenarios: trials.trials.iter().enumerate().map(judged).collect(),
            command,
        }
    }
}
