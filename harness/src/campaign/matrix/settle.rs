//! When a cell's answer is known.
//! Lives here: the rule that ends a cell before all its runs are done.
//! May not live here: what a run's answer is.

/// Whether it is known, with probability `confidence`, that most runs of a cell are as expected, or that most are not:
/// `hits` of `runs` were. The share of runs as expected is thought to be anything at first (a uniform prior), so after the
/// runs it has the distribution Beta(hits + 1, misses + 1), and the weight of that above one half is the probability of at most `hits`
/// heads in runs + 1 throws of a fair coin.
///
/// Whoever looks after each run stops too early now and then: with 0.95 and a share of exactly one half, a cell is called
/// settled in most series in the end, as there is nothing to settle. The answer is one of a bet, not of a test.
pub fn settled(hits: u64, runs: u64, confidence: f64) -> bool {
    let above = at_most(hits, runs + 1);
    above >= confidence || 1.0 - above >= confidence
}

/// The probability of at most `k` heads in `n` throws of a fair coin.
fn at_most(k: u64, n: u64) -> f64 {
    let ln_all = -(n as f64) * std::f64::consts::LN_2;
    let mut ln_ways = 0.0;
    let mut sum = 0.0;
    for i in 0..=k.min(n) {
        if i > 0 {
            ln_ways += ((n - i + 1) as f64).ln() - (i as f64).ln();
        }
        sum += f64::exp(ln_ways + ln_all);
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // R: pbeta(0.5, hits + 1, runs - hits + 1, lower.tail = FALSE) is 0.9375, 0.96875, 0.890625, 0.9453125, 0.03125.
        let above = |hits: u64, runs: u64| (at_most(hits, runs + 1) * 1e7).round() / 1e7;
        assert_eq!((above(3, 3), above(4, 4)), (0.9375, 0.968_75));
        assert_eq!((above(4, 5), above(0, 4)), (0.890_625, 0.031_25));
        assert!(!settled(3, 3, 0.95) && settled(4, 4, 0.95) && settled(0, 4, 0.95) && !settled(4, 5, 0.95));
    }

    proptest! {
        #[test]
        fn as_expected_and_not_are_alike(runs in 0_u64..500, part in 0.0..=1.0, confidence in 0.51..0.999) {
            let hits = (runs as f64 * part) as u64;
            prop_assert_eq!(settled(hits, runs, confidence), settled(runs - hits, runs, confidence));
            prop_assert!(!settled(hits, 2 * hits, confidence) || hits == 0 && confidence <= 0.5);
        }
    }
}
