//! How often a bad kernel hits, and how often a good one is called bad.
//! Lives here: what is thought of the two rates before the first run.
//! May not live here: what runs say of them.

/// One pair of rates that is thought possible.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rates {
    /// The share of runs of a bad kernel that are bad, in 0..1.
    pub hit: f64,
    /// The share of runs of a good kernel that are called bad, in 0..1; always below `hit`.
    pub slip: f64,
    /// How likely the pair is; all add up to 1.
    pub weight: f64,
    /// How much more than others it counts, beside its weight, when the next run is chosen; above 0. What is believed is not touched.
    pub lean: f64,
}

/// Rates of hits: from one in 25 to nearly always, in equal steps of their log odds. A reproducer that hits more rarely asks for more
/// than 1,000 runs, and a bad end that is bad in fewer than 5 % of runs is mostly given up.
const HITS: (f64, f64, usize) = (0.04, 0.99, 20);
/// Their weights are those of a beta distribution with these parameters: all rates about as likely, the lowest and the highest a little
/// more. With less weight on low rates too many culprits are named that are too late: their parents were good by luck.
const BETA: (f64, f64) = (0.8, 0.7);
/// The next run is chosen as if high rates were less likely than they are believed: times hit × (1 − hit)³. After a few lucky hits a search
/// that trusts them asks each commit once, takes luck for good commits, and comes back late from the wrong end. Simulated
/// (`make bench`), a reproducer that hits in 30 % of runs is searched in 90 runs and not in 95, and in 121 and not in 129 where
/// 2 % of good runs are bad, with fewer wrong names (5 % and not 7 %). It costs one that hits in 10 % 9 runs of 314.
const LEAN: (f64, f64) = (1.0, 3.0);
/// From this rate on the last factor does not fall any more: a reproducer that hits in 90 % of runs would take 24 and not 21.
const LEAN_TO: f64 = 0.65;
/// How often a good kernel is called bad, as a part of how often a bad one is, and how likely that is. In most uses it never happens
/// (no wrong verdict was seen in the runs of this repository's soak); where it does, what makes it happen is the same stall that was
/// waited for. Tied to the rate of hits, since one bad run is to say as much at one in ten as at nine in ten.
const SLIPS: [(f64, f64); 2] = [(0.0005, 0.6), (0.1, 0.4)];
/// The highest rate of slips: a reproducer that nearly always hits does not, for that, hang a good kernel one time in ten.
const MOST_SLIP: f64 = 0.05;
/// The least rate of slips: no run proves anything for good.
const LEAST_SLIP: f64 = 1e-4;

/// All pairs.
pub fn prior() -> Vec<Rates> {
    let (low, high, steps) = HITS;
    let log_odds = |rate: f64| (rate / (1.0 - rate)).ln();
    let hits = (0..steps).map(|step| {
        let at = log_odds(low) + (log_odds(high) - log_odds(low)) * step as f64 / (steps - 1) as f64;
        1.0 / (1.0 + (-at).exp())
    });
    // The density in log odds is that in the rate times rate × (1 − rate).
    let pairs = hits.flat_map(|hit: f64| {
        let density = hit.powf(BETA.0) * (1.0 - hit).powf(BETA.1);
        let lean = hit.powf(LEAN.0) * (1.0 - hit.min(LEAN_TO)).powf(LEAN.1);
        SLIPS.iter().map(move |(part, likely)| Rates {
            hit,
            slip: (hit * part).clamp(LEAST_SLIP, MOST_SLIP),
            weight: density * likely,
            lean,
        })
    });
    let mut pairs: Vec<Rates> = pairs.collect();
    let all: f64 = pairs.iter().map(|pair| pair.weight).sum();
    pairs.iter_mut().for_each(|pair| pair.weight /= all);
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prior_is_a_distribution_in_which_bad_kernels_hit_more_often() {
        let pairs = prior();
        assert!((pairs.iter().map(|pair| pair.weight).sum::<f64>() - 1.0).abs() < 1e-12);
        assert!(
            pairs.iter().all(|pair| 0.0 < pair.slip && pair.slip < pair.hit && pair.hit < 1.0 && pair.weight > 0.0)
        );
        let mean: f64 = pairs.iter().map(|pair| pair.weight * pair.hit).sum();
        assert!((0.4..0.7).contains(&mean), "{mean}");
    }

    #[test]
    fn runs_are_chosen_as_if_high_rates_were_less_likely() {
        let pairs = prior();
        assert!(pairs.iter().all(|pair| pair.lean > 0.0));
        let mean = |lean: fn(&Rates) -> f64| {
            let sum = |of: fn(&Rates) -> f64| pairs.iter().map(|pair| pair.weight * lean(pair) * of(pair)).sum::<f64>();
            sum(|pair| pair.hit) / sum(|_| 1.0)
        };
        assert!(mean(|pair| pair.lean) < mean(|_| 1.0));
    }
}
