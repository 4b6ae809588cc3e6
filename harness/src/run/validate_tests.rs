//! The loop over two kernels, without guests.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::HUNG;
use crate::campaign::compare::{Answer, Rules, Trial};
use crate::results::sample;
use crate::scenario::Outcome;

/// Kernels of which one hangs.
#[derive(Default)]
struct Fake {
    /// The side that hangs.
    hangs: Option<usize>,
    /// A side that cannot be had.
    broken: Option<usize>,
    /// The user ends this run.
    ended: Option<usize>,
    /// The user ends this run when its outcome is known.
    ended_late: Option<usize>,
    /// The user ends it while this kernel is made.
    ended_at: Option<usize>,
    /// Runs of each trial on each side that are there already.
    past: usize,
    prepared: Vec<usize>,
    runs: Vec<(usize, usize)>,
    told: usize,
}

impl Fake {
    fn result(&self, side: usize) -> RunJson {
        let outcome = Some(if self.hangs == Some(side) { Outcome::Hung } else { Outcome::OomKilled });
        RunJson { outcome, mechanism: None, ..sample() }
    }
}

impl Work for Fake {
    async fn prepare(&mut self, side: usize) -> anyhow::Result<Option<Vec<Vec<RunJson>>>> {
        anyhow::ensure!(self.broken != Some(side), "it does not build");
        self.prepared.push(side);
        Ok((self.ended_at != Some(side)).then(|| vec![vec![self.result(side); self.past]; 2]))
    }

    async fn run(&mut self, trial: usize, side: usize) -> anyhow::Result<RunJson> {
        self.runs.push((trial, side));
        let run = self.result(side);
        Ok(match self.ended == Some(self.runs.len()) {
            true => RunJson { outcome: None, inconclusive: Some(Reason::Cancelled), ..run },
            false => RunJson { cancelled: self.ended_late == Some(self.runs.len()), ..run },
        })
    }

    fn finished(&mut self, trial: usize, side: usize, _: &RunJson, trials: &Trials) {
        assert!(!trials.trials[trial].runs[side].is_empty(), "the run is taken in before it is told");
        self.told += 1;
    }
}

fn trials() -> Trials {
    let trial = |guard| Trial { scenario: "s".into(), guard, runs: [Vec::new(), Vec::new()] };
    Trials {
        trials: vec![trial(false), trial(true)],
        rules: Rules::default(),
        max_runs: 20,
        bad_when: HUNG.parse().unwrap(),
    }
}

async fn go(mut fake: Fake) -> (Fake, Trials, anyhow::Result<bool>) {
    let mut trials = trials();
    let ended = validate(&mut fake, &mut trials).await;
    (fake, trials, ended)
}

#[tokio::test]
async fn it_ends_when_all_is_known() {
    for (hangs, answer) in [(Some(0), Answer::Fixes), (Some(1), Answer::Regresses), (None, Answer::NoDifference)] {
        let (fake, trials, ended) = go(Fake { hangs, ..Fake::default() }).await;
        assert_eq!((trials.answer(), ended.unwrap(), fake.told), (answer, false, fake.runs.len()));
        assert!(fake.runs.len() <= 24, "{}", fake.runs.len());
        assert_eq!(fake.prepared, [0, 1]);
    }
}

#[tokio::test]
async fn what_is_there_is_not_run_again() {
    let (fake, trials, _) = go(Fake { hangs: Some(0), past: 4, ..Fake::default() }).await;
    assert_eq!((fake.runs.len(), trials.answer()), (4, Answer::Fixes), "the fifth pair of each");
    let (fake, trials, _) = go(Fake { hangs: Some(0), past: 9, ..Fake::default() }).await;
    assert_eq!((fake.runs.len(), trials.answer()), (0, Answer::Fixes));
}

#[tokio::test]
async fn a_kernel_that_cannot_be_had_is_told_before_anything_has_run() {
    let (fake, _, ended) = go(Fake { broken: Some(1), ..Fake::default() }).await;
    assert_eq!((fake.runs.len(), ended.unwrap_err().to_string()), (0, "it does not build".to_owned()));
}

#[tokio::test]
async fn the_users_end_keeps_what_was_run() {
    let (fake, trials, ended) = go(Fake { ended: Some(4), ..Fake::default() }).await;
    assert!(ended.unwrap() && fake.runs.len() == 4 && fake.told == 3);
    assert_eq!((trials.answer(), trials.trials[0].runs[0].len()), (Answer::Undecided, 1));
    let (fake, trials, ended) = go(Fake { ended_late: Some(4), ..Fake::default() }).await;
    assert!(ended.unwrap() && fake.runs.len() == 4 && fake.told == 4, "a run with an outcome counts");
    assert_eq!(trials.trials.iter().flat_map(|trial| &trial.runs).map(Vec::len).sum::<usize>(), 4);
    let (fake, _, ended) = go(Fake { ended_at: Some(0), ..Fake::default() }).await;
    assert!(ended.unwrap() && fake.runs.is_empty() && fake.prepared == [0]);
}
