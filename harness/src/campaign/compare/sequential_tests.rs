//! The test against simulated kernels whose rates are known, with fixed seeds: its error rates and its cost.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::dice::Dice;
use proptest::prelude::*;

/// Trials for each pair of rates. An error rate of 5 % is then seen with a standard error of 0.5 %.
const TRIALS: u32 = 2000;
/// Pairs at most, as `oomph validate` has it.
const MAX: u32 = 20;

/// Shares of the answers, and the mean number of pairs.
#[derive(Debug)]
struct Seen {
    fixes: f64,
    same: f64,
    regresses: f64,
    pairs: f64,
}

fn simulate(rules: Rules, a: f64, b: f64, max: u32) -> Seen {
    let mut dice = Dice(1);
    let (mut answers, mut pairs) = ([0_u32; 4], 0);
    for _ in 0..TRIALS {
        let mut test = Sequential::new(rules);
        while test.answer() == Answer::Undecided && test.pairs() < max {
            test.pair([dice.falls(a), dice.falls(b)]);
        }
        answers[test.answer() as usize] += 1;
        pairs += test.pairs();
    }
    let share = |count: u32| f64::from(count) / f64::from(TRIALS);
    let [fixes, same, regresses, _] = answers.map(share);
    let seen = Seen { fixes, same, regresses, pairs: share(pairs) };
    // `cargo test sequential -- --nocapture` prints what ARCHITECTURE.md and the README say of it.
    println!("rates {a} and {b}: {seen:?}");
    seen
}

#[test]
fn equal_kernels_are_seldom_told_apart() {
    for (rate, most_pairs) in [(0.0, 6.0), (0.02, 7.3), (0.1, 10.6), (0.3, 15.6), (0.5, 16.9), (0.8, 13.7), (1.0, 6.0)]
    {
        let seen = simulate(Rules::default(), rate, rate, MAX);
        assert!(seen.fixes + seen.regresses <= 0.05, "{rate}: {seen:?}");
        assert!(seen.pairs <= most_pairs, "{rate}: {seen:?}");
    }
}

#[test]
fn a_difference_that_matters_is_seldom_denied_and_never_turned_round() {
    let rates = [(1.0, 0.0, 5.0), (0.95, 0.05, 6.0), (0.9, 0.1, 7.3), (0.8, 0.2, 12.0), (0.75, 0.25, 14.7)];
    let far = [(0.5, 0.0, 12.0), (1.0, 0.5, 12.1), (0.6, 0.1, 14.0)];
    for (high, low, most_pairs) in rates.into_iter().chain(far) {
        let (fix, regression) =
            (simulate(Rules::default(), high, low, MAX), simulate(Rules::default(), low, high, MAX));
        for seen in [&fix, &regression] {
            assert!(seen.same <= 0.05 && seen.pairs <= most_pairs, "{high} {low}: {seen:?}");
        }
        assert!(fix.regresses <= 0.005 && regression.fixes <= 0.005, "{high} {low}: {fix:?} {regression:?}");
    }
}

#[test]
fn the_error_rates_hold_however_long_one_goes_on() {
    let strict = Rules { alpha: 0.01, beta: 0.02, difference: 0.3 };
    let same = simulate(strict, 0.5, 0.5, 60);
    assert!(same.fixes + same.regresses <= 0.01, "{same:?}");
    let apart = simulate(strict, 0.6, 0.3, 60);
    assert!(apart.same <= 0.02, "{apart:?}");
}

#[test]
fn the_clear_cases_take_as_many_pairs_as_is_written() {
    let of = |pair| {
        let test = Sequential::of(Rules::default(), std::iter::repeat_n(pair, 20));
        (test.answer(), test.pairs())
    };
    assert_eq!(of([true, false]), (Answer::Fixes, 5));
    assert_eq!(of([false, true]), (Answer::Regresses, 5));
    assert_eq!(of([false, false]), (Answer::NoDifference, 6));
    assert_eq!(of([true, true]), (Answer::NoDifference, 6));
    // Three scenarios or guards that share the error rate.
    let shared = Rules { alpha: 0.05 / 3.0, ..Rules::default() };
    assert_eq!(Sequential::of(shared, std::iter::repeat_n([true, false], 20)).pairs(), 5);
}

/// The mean of a factor under rates (x, y): for a guess (s, t) against a claim whose nearest rates are (p, q).
fn mean(x: f64, y: f64, [s, t]: [f64; 2], [p, q]: [f64; 2]) -> f64 {
    let one = |rate: f64, guess, claim: f64| {
        rate * ln_factor(true, guess, claim).exp() + (1.0 - rate) * ln_factor(false, guess, claim).exp()
    };
    one(x, s, p) * one(y, t, q)
}

proptest! {
    #[test]
    fn no_bet_gains_where_its_claim_holds(s in 0.01..0.99, t in 0.01..0.99, x in 0.0..=1.0, y in 0.0..=1.0, d in 0.05..0.95) {
        let middle = f64::midpoint(s, t);
        // "The rates are equal."
        prop_assert!(mean(x, x, [s, t], [middle; 2]) <= 1.0 + 1e-9);
        // "That with the lower guess is at least as high."
        let (low, high) = (f64::min(x, y), f64::max(x, y));
        let (right, wrong) = if s > t { (low, high) } else { (high, low) };
        prop_assert!(mean(right, wrong, [s, t], [middle; 2]) <= 1.0 + 1e-9);
        // "They are at least d apart."
        let (p, q) = nearest(s, d);
        prop_assert!((0.0..1.0).contains(&q) && 0.0 < p && p < 1.0 && (p - q - d).abs() < 1e-9);
        let (x, y) = (d + (1.0 - d) * high, (d + (1.0 - d) * high - d) * low);
        prop_assert!(mean(x, y, [s, s], [p, q]) <= 1.0 + 1e-6, "{} {}", x, y);
    }

    #[test]
    fn an_answer_stays(pairs in prop::collection::vec(any::<[bool; 2]>(), 0..40)) {
        let mut test = Sequential::new(Rules::default());
        let mut answer = Answer::Undecided;
        for pair in pairs {
            test.pair(pair);
            prop_assert!(answer == Answer::Undecided || answer == test.answer());
            answer = test.answer();
        }
    }
}
