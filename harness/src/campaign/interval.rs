//! How far a share that was seen in a few runs can be trusted.
//! Lives here: Wilson's score interval (pure).
//! May not live here: what is counted.

use serde::Serialize;

/// The 97.5th percentile of the standard normal distribution, for intervals of 95 %.
const Z: f64 = 1.959_963_984_540_054;

/// An interval for a share, both ends in 0..=1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    /// The least share that is compatible with what was seen.
    pub low: f64,
    /// The greatest.
    pub high: f64,
}

/// Wilson's score interval of 95 % for `hits` out of `runs`; 0 to 1 where nothing was run. It stays sound for few runs and
/// for shares near 0 and 1 (E. B. Wilson, Journal of the American Statistical Association 22 (1927), 209–212).
pub fn wilson(hits: u64, runs: u64) -> Interval {
    if runs == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    let (n, share) = (runs as f64, hits.min(runs) as f64 / runs as f64);
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Interval { low: (centre - half).max(0.0), high: (centre + half).min(1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn rounded(hits: u64, runs: u64) -> (f64, f64) {
        let Interval { low, high } = wilson(hits, runs);
        ((low * 1e4).round() / 1e4, (high * 1e4).round() / 1e4)
    }

    #[test]
    fn known_values() {
        // R: binom.confint(x, n, methods = "wilson").
        assert_eq!(rounded(10, 10), (0.7225, 1.0));
        assert_eq!(rounded(0, 10), (0.0, 0.2775));
        assert_eq!(rounded(5, 10), (0.2366, 0.7634));
        assert_eq!(rounded(1, 29), (0.0061, 0.1718));
        assert_eq!(rounded(0, 0), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn the_share_lies_within_and_more_runs_narrow_it(runs in 1_u64..10_000, part in 0.0..=1.0) {
            let hits = (runs as f64 * part) as u64;
            let (few, many) = (wilson(hits, runs), wilson(hits * 4, runs * 4));
            let share = hits as f64 / runs as f64;
            prop_assert!(0.0 <= few.low && few.low <= share + 1e-9 && share <= few.high + 1e-9 && few.high <= 1.0);
            prop_assert!(many.high - many.low < few.high - few.low);
            let other = wilson(runs - hits, runs);
            prop_assert!((other.low - (1.0 - few.high)).abs() < 1e-9, "symmetric");
        }
    }
}
