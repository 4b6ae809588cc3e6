//! Which run is next and what all of them come to, with runs that are made up.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::HUNG;
use crate::event::Reason;
use crate::results::sample;
use crate::scenario::Outcome;

pub(super) fn run(outcome: Option<Outcome>) -> RunJson {
    let inconclusive = outcome.is_none().then_some(Reason::NoBoot);
    RunJson { outcome, inconclusive, mechanism: None, ..sample() }
}

fn trials(guards: &[bool]) -> Trials {
    let trial = |&guard: &bool| Trial { scenario: "s".into(), guard, runs: [Vec::new(), Vec::new()] };
    Trials {
        trials: guards.iter().map(trial).collect(),
        rules: Rules::default(),
        max_runs: 20,
        bad_when: HUNG.parse().unwrap(),
    }
}

/// Runs to the end; `hangs` says which trial hangs on which side, `None` gives no outcome.
fn go(trials: &mut Trials, hangs: impl Fn(usize, usize) -> Option<bool>) -> Vec<(usize, usize)> {
    let mut order = Vec::new();
    while let Some((trial, side)) = trials.next() {
        order.push((trial, side));
        let outcome = hangs(trial, side).map(|hangs| if hangs { Outcome::Hung } else { Outcome::OomKilled });
        trials.trials[trial].runs[side].push(run(outcome));
        assert!(order.len() < 1000);
    }
    order
}

#[test]
fn pairs_alternate_and_end_with_the_answer() {
    let mut one = trials(&[false]);
    let order: Vec<usize> = go(&mut one, |_, side| Some(side == 0)).into_iter().map(|(_, side)| side).collect();
    assert_eq!(order, [0, 1, 1, 0, 0, 1, 1, 0, 0, 1]);
    assert_eq!(one.answer(), Answer::Fixes);
}

#[test]
fn several_scenarios_advance_together_each_pair_at_a_stretch() {
    let mut two = trials(&[false, true]);
    let order = go(&mut two, |trial, side| Some(trial == 0 && side == 0));
    assert_eq!(order[..8], [(0, 0), (0, 1), (1, 0), (1, 1), (0, 1), (0, 0), (1, 1), (1, 0)]);
    assert_eq!(two.answer(), Answer::Fixes);
    // Five pairs by a shared alpha of 0.025, and six of the guard.
    assert_eq!((order.len(), two.test(0).pairs(), two.test(1).pairs()), (22, 5, 6));
}

#[test]
fn a_guard_that_gets_worse_outweighs_a_fix_and_ends_all() {
    let mut three = trials(&[false, false, true]);
    let order = go(&mut three, |trial, side| Some(if trial == 2 { side == 1 } else { trial == 0 && side == 0 }));
    assert_eq!((three.answer(), three.test(2).answer()), (Answer::Regresses, Answer::Regresses));
    assert!(order.len() <= 30, "{}", order.len());
}

#[test]
fn a_fixed_guard_makes_no_fix_and_what_is_undecided_is_said() {
    let mut two = trials(&[false, true]);
    go(&mut two, |trial, side| Some(trial == 1 && side == 0));
    assert_eq!(two.answer(), Answer::NoDifference);
    let mut few = Trials { max_runs: 3, ..trials(&[false]) };
    assert_eq!(go(&mut few, |_, side| Some(side == 0)).len(), 6);
    assert_eq!(few.answer(), Answer::Undecided);
}

#[test]
fn a_run_without_an_outcome_is_done_again_and_a_kernel_without_any_is_given_up() {
    let mut one = trials(&[false]);
    one.trials[0].runs[0] = vec![run(Some(Outcome::Hung)), run(None)];
    assert_eq!(one.next(), Some((0, 1)), "the pair is ended by the other kernel");
    one.trials[0].runs = [vec![run(None)], vec![]];
    assert_eq!(one.next(), Some((0, 0)));
    let mut dead = trials(&[false]);
    let order = go(&mut dead, |_, side| (side == 0).then_some(true));
    assert_eq!((order.len(), dead.answer()), (1 + IN_VAIN, Answer::Undecided));
}

#[test]
fn runs_of_before_count_in_order_of_their_start() {
    let mut one = Trials { max_runs: 6, ..trials(&[false]) };
    let of = |outcome, hour: i32| RunJson {
        started: format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap(),
        ..run(Some(outcome))
    };
    one.past(0, 0, (0..9).rev().map(|hour| of(Outcome::Hung, hour)).collect());
    assert_eq!(one.trials[0].runs[0].len(), 6);
    assert!(one.trials[0].runs[0].is_sorted_by_key(|run| run.started));
    one.past(0, 1, (0..4).map(|hour| of(Outcome::Recovered, hour)).collect());
    let order = go(&mut one, |_, _| Some(false));
    assert_eq!((order.as_slice(), one.answer(), one.test(0).pairs()), (&[(0, 1)][..], Answer::Fixes, 5));
}
