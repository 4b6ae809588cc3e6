//! When enough pairs of runs have been seen to say which kernel is bad more often.
//! Lives here: the sequential test, its rules and its error rates (pure).
//! May not live here: what a bad run is, or which run is next.
//!
//! A pair is one run on each kernel, `a` without the change and `b` with it. Both are bad or not, independently, with rates that may be
//! others in every pair (a host that grows slow changes both). Three quantities are kept, each a product with a factor a pair. Each bets
//! against a claim: a factor's mean is at most 1 where the claim holds, so the product ever comes to 1/ε with a probability of at most ε,
//! however long one goes on and whenever one stops (Ville's inequality). No number of runs needs to be fixed before, and a test that
//! ended undecided may be gone on with.
//!
//! The factor against the claim "the rate on `a` is at least `d` higher than on `b`" is, for a guess (s, t) of the two rates that denies it,
//! the likelihood of the pair by the guess over its likelihood by the (p, q) of the claim that is nearest to the guess in relative entropy,
//! which has p − q = d (R. Turner, A. Ly, P. Grünwald, "Generic E-variables for exact sequential k-sample tests that allow for optional
//! stopping", Journal of Statistical Planning and Inference 230 (2024); R. Turner, P. Grünwald, "Exact anytime-valid confidence intervals
//! for contingency tables and beyond", Statistics & Probability Letters 198 (2023)). Why its mean is at most 1: by rates (x, y) it is
//! f(x)·g(y), with f(x) = x·s/p + (1−x)·(1−s)/(1−p), g alike; both are linear, f(p) = g(q) = 1, and p, q being nearest means that
//! f′ + g′ = 0 with f′ ≤ 0. So f·g ≤ ((f + g)/2)² = (1 + f′·(x − y − d)/2)² ≤ 1 wherever x − y ≥ d and f + g ≥ 0, which it is.

use serde::Serialize;

/// Error rates, and what difference matters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rules {
    /// Where neither kernel is worse than the other, the answers *fixes* and *regresses* together come with at most this probability; and
    /// so does either of them where the other is true. Above 0, below 1.
    pub alpha: f64,
    /// *No difference shown* comes with at most this probability where the rates are `difference` or more apart. Above 0, below 1.
    pub beta: f64,
    /// A difference of the rates of bad runs that would matter. Above 0, below 1.
    pub difference: f64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { alpha: 0.05, beta: 0.05, difference: 0.5 }
    }
}

/// What pairs of runs say of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// Runs are bad less often with it.
    Fixes,
    /// A difference that would matter is not there.
    NoDifference,
    /// Runs are bad more often with it.
    Regresses,
    /// More runs would be needed.
    Undecided,
}

impl Answer {
    /// For people.
    pub fn text(self) -> &'static str {
        match self {
            Self::Fixes => "fixes",
            Self::NoDifference => "no difference shown",
            Self::Regresses => "regresses",
            Self::Undecided => "undecided",
        }
    }
}

/// The test, as far as it has come. The products are kept as logarithms.
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    rules: Rules,
    /// Pairs so far.
    pairs: u32,
    /// Bad runs of each side.
    bad: [u32; 2],
    /// Against "`a` is bad no more often than `b`": high where the change fixes.
    fixes: f64,
    /// Against "`b` is bad no more often than `a`".
    regresses: f64,
    /// Against "`a` is bad more often by the difference or more".
    no_fix: f64,
    /// Against "`b` is bad more often by the difference or more".
    no_regression: f64,
    answer: Answer,
}

impl Sequential {
    /// No pair has been seen.
    pub fn new(rules: Rules) -> Self {
        let (fixes, regresses, no_fix, no_regression) = (0.0, 0.0, 0.0, 0.0);
        Self { rules, pairs: 0, bad: [0; 2], fixes, regresses, no_fix, no_regression, answer: Answer::Undecided }
    }

    /// The test of these pairs, in order; those after the answer are left out.
    pub fn of(rules: Rules, pairs: impl IntoIterator<Item = [bool; 2]>) -> Self {
        let mut test = Self::new(rules);
        for pair in pairs {
            test.pair(pair);
        }
        test
    }

    /// Takes a pair in: whether the run without and the run with the change is bad. After an answer it changes nothing.
    pub fn pair(&mut self, [a, b]: [bool; 2]) {
        if self.answer != Answer::Undecided {
            return;
        }
        // The guesses rest on the pairs before, and on half a bad and half a good run of each side (H. Jeffreys' prior, with which
        // R. Krichevsky and V. Trofimov guess a rate from few trials).
        let guess = |bad: u32| (f64::from(bad) + 0.5) / (f64::from(self.pairs) + 1.0);
        let (s, t) = (guess(self.bad[0]), guess(self.bad[1]));
        // A difference: the nearest equal rates are the mean.
        let mean = f64::midpoint(s, t);
        let bet = ln_factor(a, s, mean) + ln_factor(b, t, mean);
        match s > t {
            true => self.fixes += bet,
            false => self.regresses += bet,
        }
        // None: both kernels at the rate that they have together. One search serves both ways.
        let (p, q) = nearest(mean, self.rules.difference);
        self.no_fix += ln_factor(a, mean, p) + ln_factor(b, mean, q);
        self.no_regression += ln_factor(a, mean, q) + ln_factor(b, mean, p);
        self.bad[0] += u32::from(a);
        self.bad[1] += u32::from(b);
        self.pairs += 1;
        // A pair bets one way or the other, so both products together are one against "the rates are equal": that bounds both false
        // answers together. The way's own bounds it where the truth lies the other way.
        let enough = -self.rules.alpha.ln();
        let differ = self.fixes + self.regresses >= enough;
        self.answer = if differ && self.fixes >= enough {
            Answer::Fixes
        } else if differ && self.regresses >= enough {
            Answer::Regresses
        } else if self.no_fix.min(self.no_regression) >= -self.rules.beta.ln() {
            Answer::NoDifference
        } else {
            Answer::Undecided
        };
    }

    /// The answer of the pairs so far.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Pairs that it rests on.
    pub fn pairs(&self) -> u32 {
        self.pairs
    }
}

/// The logarithm of a run's likelihood by one rate over that by another.
fn ln_factor(bad: bool, guess: f64, claim: f64) -> f64 {
    if bad { (guess / claim).ln() } else { ((1.0 - guess) / (1.0 - claim)).ln() }
}

/// Of all rates that are `difference` apart the two that are nearest, in relative entropy, to both being `rate`; the higher first.
fn nearest(rate: f64, difference: f64) -> (f64, f64) {
    // The derivative of the relative entropy along the line grows from −∞ to +∞.
    let slope = |p: f64| (1.0 - rate) / (1.0 - p) - rate / p;
    let (mut low, mut high) = (difference, 1.0);
    for _ in 0..52 {
        let middle = f64::midpoint(low, high);
        if middle <= low || middle >= high {
            break;
        }
        match slope(middle) + slope(middle - difference) > 0.0 {
            true => high = middle,
            false => low = middle,
        }
    }
    let p = f64::midpoint(low, high);
    (p, p - difference)
}

#[cfg(test)]
#[path = "sequential_tests.rs"]
mod tests;
