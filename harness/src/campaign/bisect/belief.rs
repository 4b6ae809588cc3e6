//! What is believed after some runs.
//! Lives here: Bayes' rule over suspicions and rates together; how much a run would tell.
//! May not live here: which run is made.

use super::graph::Graph;
use super::rates::{Rates, prior};

/// Before the first run, how likely it is that the good end is bad too.
const ENDS_ALIKE: f64 = 0.05;
/// What is learnt of the rates counts so much as what is learnt of the culprit. With 0 a search can stand still at commits that tell
/// nothing as long as the rates are unclear; simulated (`make bench`), 0.5 is as quick as any and errs least.
const OF_RATES: f64 = 0.5;
/// Weights under this, of a total of 1, are 0: they would only be slow.
const NOTHING: f64 = 1e-200;

/// Suspicions less likely than this do not count when the next run is chosen.
const UNLIKELY: f64 = 1e-9;

/// Weights of all suspicions under all rates. The suspicions are the commits, and last that the good end is bad.
#[derive(Clone, Debug)]
pub struct Belief {
    rates: Vec<Rates>,
    /// One row for each pair of rates.
    weights: Vec<Vec<f64>>,
}

/// Where a run was, or would be, as a row of which suspicions make it bad: 1 or 0 for each.
pub type Row = Vec<f64>;

/// What the next run is chosen by: what is believed, the rates left out, but each pair of them counted by its `lean` as well.
pub struct Marginal {
    /// How likely each suspicion is; they add up to 1.
    likely: Vec<f64>,
    /// How likely a run is bad under each, times `likely`: where the suspicion makes it bad, and where not.
    hit: Vec<f64>,
    slip: Vec<f64>,
    /// What is unclear of that run, times `likely`, likewise.
    unclear_hit: Vec<f64>,
    unclear_slip: Vec<f64>,
}

impl Belief {
    /// Before the first run. `suspects` says which commits may be the culprit.
    pub fn new(suspects: &[bool]) -> Self {
        let rates = prior();
        let many = suspects.iter().filter(|suspect| **suspect).count().max(1) as f64;
        let commit = |suspect: &bool| if *suspect { (1.0 - ENDS_ALIKE) / many } else { 0.0 };
        let row: Vec<f64> = suspects.iter().map(commit).chain([ENDS_ALIKE]).collect();
        let weights = rates.iter().map(|rates| row.iter().map(|weight| weight * rates.weight).collect()).collect();
        Self { rates, weights }
    }

    /// Takes in a run.
    pub fn observe(&mut self, row: &Row, bad: bool) {
        let mut total = 0.0;
        for (rates, weights) in self.rates.iter().zip(&mut self.weights) {
            let (hit, slip) = if bad { (rates.hit, rates.slip) } else { (1.0 - rates.hit, 1.0 - rates.slip) };
            for (weight, has) in weights.iter_mut().zip(row) {
                *weight *= slip + has * (hit - slip);
                total += *weight;
            }
        }
        for weight in self.weights.iter_mut().flatten() {
            *weight /= total;
            if *weight < NOTHING {
                *weight = 0.0;
            }
        }
    }

    /// How likely each suspicion is; they add up to 1.
    pub fn likely(&self) -> Vec<f64> {
        let mut likely = vec![0.0; self.weights[0].len()];
        for weights in &self.weights {
            likely.iter_mut().zip(weights).for_each(|(sum, weight)| *sum += weight);
        }
        likely
    }

    /// What the next run is chosen by.
    pub fn marginal(&self) -> Marginal {
        let leaning =
            self.rates.iter().zip(&self.weights).map(|(rates, weights)| rates.lean * weights.iter().sum::<f64>());
        let all: f64 = leaning.sum();
        let zeros = || vec![0.0; self.weights[0].len()];
        let (mut likely, mut hit, mut slip) = (zeros(), zeros(), zeros());
        let (mut unclear_hit, mut unclear_slip) = (zeros(), zeros());
        for (rates, weights) in self.rates.iter().zip(&self.weights) {
            let (of_hit, of_slip, counts) = (entropy(rates.hit), entropy(rates.slip), rates.lean / all);
            for (at, weight) in weights.iter().enumerate() {
                let weight = weight * counts;
                likely[at] += weight;
                hit[at] += weight * rates.hit;
                slip[at] += weight * rates.slip;
                unclear_hit[at] += weight * of_hit;
                unclear_slip[at] += weight * of_slip;
            }
        }
        for at in 0..likely.len() {
            if likely[at] > 0.0 {
                let blend = |sum: f64, rates_known: f64| {
                    (1.0 - OF_RATES) * likely[at] * entropy(sum / likely[at]) + OF_RATES * rates_known
                };
                unclear_hit[at] = blend(hit[at], unclear_hit[at]);
                unclear_slip[at] = blend(slip[at], unclear_slip[at]);
            }
        }
        Marginal { likely, hit, slip, unclear_hit, unclear_slip }
    }

    /// One of the two rates: its values in ascending order, and how likely each is.
    pub fn rate(&self, of: fn(&Rates) -> f64) -> Vec<(f64, f64)> {
        let each = self.rates.iter().zip(&self.weights);
        let mut all: Vec<(f64, f64)> = each.map(|(rates, weights)| (of(rates), weights.iter().sum())).collect();
        all.sort_by(|a, b| a.0.total_cmp(&b.0));
        all
    }
}

impl Marginal {
    /// What a run of each commit, and last of the good end, would tell: nats of mutual information between whether it is bad and
    /// what is looked for.
    pub fn information(&self, graph: &Graph) -> Vec<f64> {
        let commits = graph.len();
        let more = |bad: &[f64], good: &[f64]| -> Vec<f64> {
            let each = bad.iter().zip(good).zip(&self.likely);
            each.map(|((bad, good), likely)| if *likely < UNLIKELY { 0.0 } else { bad - good }).collect()
        };
        let more_bad = more(&self.hit, &self.slip);
        let more_unclear = more(&self.unclear_hit, &self.unclear_slip);
        // The good end is bad only under the last suspicion, and a commit under that one too.
        let bad = self.slip.iter().sum::<f64>() + more_bad[commits];
        let unclear = self.unclear_slip.iter().sum::<f64>() + more_unclear[commits];
        let commit = graph.sums(&more_bad[..commits]).into_iter().zip(graph.sums(&more_unclear[..commits]));
        commit.chain([(0.0, 0.0)]).map(|(more_bad, more)| (entropy(bad + more_bad) - unclear - more).max(0.0)).collect()
    }
}

/// The entropy of something that happens with this probability, in nats.
fn entropy(p: f64) -> f64 {
    if p <= 0.0 || p >= 1.0 { 0.0 } else { -(p * p.ln() + (1.0 - p) * (1.0 - p).ln()) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::graph::tests::graphs;
    use super::*;
    use proptest::prelude::*;

    fn row(graph: &Graph, commit: usize) -> Row {
        (0..graph.len()).map(|suspect| f64::from(u8::from(graph.has(commit, suspect)))).chain([1.0]).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn belief_stays_a_distribution_and_does_not_depend_on_the_order_of_runs(
            parents in graphs(40),
            runs in proptest::collection::vec((any::<usize>(), any::<bool>()), 0..40),
        ) {
            let graph = Graph::new(&parents).unwrap();
            let run = |belief: &mut Belief, (at, bad): &(usize, bool)| belief.observe(&row(&graph, at % graph.len()), *bad);
            let (mut there, mut back) = (Belief::new(&vec![true; graph.len()]), Belief::new(&vec![true; graph.len()]));
            runs.iter().for_each(|one| run(&mut there, one));
            runs.iter().rev().for_each(|one| run(&mut back, one));
            prop_assert!((there.likely().iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(there.likely().iter().zip(&back.likely()).all(|(a, b)| (a - b).abs() < 1e-9));
            let marginal = there.marginal();
            prop_assert!((marginal.likely.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            prop_assert!(marginal.information(&graph).iter().all(|nats| (0.0..=std::f64::consts::LN_2 + 1e-9).contains(nats)));
        }
    }

    #[test]
    fn a_bad_run_accuses_ancestors_and_a_good_one_acquits_them() {
        let graph = Graph::new(&[vec![], vec![0], vec![0], vec![1, 2]]).unwrap();
        let mut belief = Belief::new(&[true; 4]);
        belief.observe(&row(&graph, 1), true);
        let likely = belief.likely();
        assert!(likely[0] > 10.0 * likely[2] && (likely[0] - likely[1]).abs() < 1e-9, "{likely:?}");
        for _ in 0..4 {
            belief.observe(&row(&graph, 0), false);
        }
        let likely = belief.likely();
        assert!(likely[1] > 5.0 * likely[0], "{likely:?}");
    }

    #[test]
    fn nothing_is_learnt_from_a_run_whose_end_is_known() {
        let graph = Graph::line(2).unwrap();
        let mut belief = Belief::new(&[false, true]);
        for _ in 0..40 {
            belief.observe(&vec![0.0, 0.0, 1.0], false);
            belief.observe(&vec![1.0, 1.0, 1.0], true);
        }
        let told = belief.marginal().information(&graph);
        assert!(told.iter().all(|nats| *nats < 0.02), "{told:?}");
    }
}
