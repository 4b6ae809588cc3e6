//! What a search says.
//! Lives here: suspects by likelihood, rates with intervals, counts.
//! May not live here: names of commits, or printing.

use super::belief::Belief;
use super::search::At;

/// Suspects that are told at most.
const MOST: usize = 10;
/// And no less likely than this.
const LEAST: f64 = 0.001;

/// What is believed, and why.
#[derive(Clone, Debug, PartialEq)]
pub struct Report {
    /// The likeliest suspects, likeliest first.
    pub suspects: Vec<Suspect>,
    /// How likely it is that the good end is bad too.
    pub alike: f64,
    /// The share of runs that are bad with the culprit in.
    pub hit: Estimate,
    /// The share that are without it.
    pub slip: Estimate,
    /// Runs by where they were, in the order of the first of each.
    pub counts: Vec<Count>,
    /// Of each of these places, how likely it is that it has the culprit.
    pub likely_bad: Vec<f64>,
}

/// A commit that may be the culprit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Suspect {
    /// Which.
    pub commit: usize,
    /// How likely it is, in 0..=1.
    pub likely: f64,
}

/// A share that is not known exactly.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize)]
pub struct Estimate {
    /// Its mean.
    pub mean: f64,
    /// It is less with 2.5 %.
    pub low: f64,
    /// It is more with 2.5 %.
    pub high: f64,
}

/// Runs at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Count {
    /// The place.
    pub at: At,
    /// Bad ones.
    pub bad: u32,
    /// Good ones.
    pub good: u32,
}

impl Report {
    pub(super) fn new(belief: &Belief, likely: &[f64], counts: Vec<Count>, likely_bad: Vec<f64>) -> Self {
        let (alike, commits) = likely.split_last().map_or((0.0, &[][..]), |(alike, commits)| (*alike, commits));
        let mut suspects: Vec<Suspect> =
            commits.iter().enumerate().map(|(commit, likely)| Suspect { commit, likely: *likely }).collect();
        suspects.sort_by(|a, b| b.likely.total_cmp(&a.likely));
        let told = suspects.iter().take(MOST).take_while(|suspect| suspect.likely >= LEAST).count();
        suspects.truncate(told);
        let hit = Estimate::of(&belief.rate(|rates| rates.hit));
        let slip = Estimate::of(&belief.rate(|rates| rates.slip));
        Self { suspects, alike, hit, slip, counts, likely_bad }
    }
}

impl Estimate {
    /// From values in ascending order, each with its probability.
    fn of(values: &[(f64, f64)]) -> Self {
        let quantile = |share: f64| {
            let mut sum = 0.0;
            let at = values.iter().find(|(_, likely)| {
                sum += likely;
                sum >= share
            });
            at.or(values.last()).map_or(0.0, |(value, _)| *value)
        };
        let mean = values.iter().map(|(value, likely)| value * likely).sum();
        Self { mean, low: quantile(0.025), high: quantile(0.975) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_has_its_mean_within() {
        let known = [(0.1, 0.01), (0.3, 0.49), (0.5, 0.49), (0.9, 0.01)];
        let estimate = Estimate::of(&known);
        assert_eq!((estimate.low, estimate.high), (0.3, 0.5));
        assert!((estimate.mean - 0.402).abs() < 1e-12);
    }
}
