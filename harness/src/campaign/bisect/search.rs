//! The search for the culprit.
//! Lives here: which run comes next, and when the search ends.
//! May not live here: how a run is made, or what is printed.

use super::belief::{Belief, Row};
use super::broken::Broken;
use super::graph::Graph;
use super::report::{Count, Report};
use std::collections::BTreeSet;

/// Where a run is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum At {
    /// The good end, which is no suspect.
    Good,
    /// A commit; the last is the bad end.
    Commit(usize),
}

/// When a search ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How likely a suspect must be to be named, in 0.5..1.
    pub confidence: f64,
    /// Most runs that count.
    pub max_runs: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { confidence: 0.95, max_runs: 2000 }
    }
}

/// What a run costs, in any unit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Costs {
    /// The run itself; above 0.
    pub run: f64,
    /// What comes before the first run of a commit that is not built.
    pub build: f64,
}

/// What to do now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Step {
    /// Run this, and record what was seen.
    Run(At),
    /// Nothing.
    Done(End),
}

/// How a search ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// One suspect is likely enough.
    Found(usize),
    /// Several together are, and no commit that can be run tells them apart.
    Among,
    /// The good end is bad as well: the ends do not differ.
    Alike,
    /// The bad end was never bad, in so many runs that a rate above 5 % is unlikely.
    NeverBad,
    /// An end cannot be run.
    Broken(At),
    /// All runs that were allowed were made.
    MaxRuns,
}

/// Runs of the bad end, none of them bad, after which the search is given up: at a rate of 5 % that happens once in 20 times
/// (0.95⁵⁹ = 0.048).
const GIVE_UP: u32 = 59;

/// A search.
#[derive(Clone, Debug)]
pub struct Search {
    graph: Graph,
    options: Options,
    costs: Costs,
    belief: Belief,
    broken: Broken,
    good_end_broken: bool,
    built: BTreeSet<At>,
    /// In the order of their first runs.
    counts: Vec<Count>,
}

impl Search {
    /// Before the first run. `suspects` says which commits may be the culprit: those that touch what is looked at.
    pub fn new(graph: Graph, suspects: &[bool], costs: Costs, options: Options) -> Self {
        let belief = Belief::new(suspects);
        Self {
            graph,
            options,
            costs,
            belief,
            broken: Broken::default(),
            good_end_broken: false,
            built: BTreeSet::new(),
            counts: Vec::new(),
        }
    }

    /// What to do now. Asking changes nothing.
    pub fn next(&self) -> Step {
        let bad_end = self.graph.bad_end();
        if self.broken.runs(bad_end) == 0.0 {
            return Step::Done(End::Broken(At::Commit(bad_end)));
        } else if self.good_end_broken {
            return Step::Done(End::Broken(At::Good));
        }
        let runs = self.runs();
        if self.counts.iter().all(|count| count.bad == 0) {
            return match self.counts.iter().find(|count| count.at == At::Commit(bad_end)) {
                Some(count) if count.good >= GIVE_UP => Step::Done(End::NeverBad),
                _ if runs >= self.options.max_runs => Step::Done(End::MaxRuns),
                _ => Step::Run(At::Commit(bad_end)),
            };
        }
        if let Some(end) = self.settled(&self.belief.likely()) {
            Step::Done(end)
        } else if runs >= self.options.max_runs {
            Step::Done(End::MaxRuns)
        } else if self.counts.iter().all(|count| count.at != At::Good) {
            // Once, and from then on only where it tells most: at a low rate of hits it could be run for ever without being believed.
            Step::Run(At::Good)
        } else {
            Step::Run(self.best())
        }
    }

    /// Takes in a run that was made.
    pub fn record(&mut self, at: At, bad: bool) {
        self.sound(at);
        self.belief.observe(&self.row(at), bad);
        let place = self.counts.iter().position(|count| count.at == at).unwrap_or_else(|| {
            self.counts.push(Count { at, bad: 0, good: 0 });
            self.counts.len() - 1
        });
        let count = &mut self.counts[place];
        *(if bad { &mut count.bad } else { &mut count.good }) += 1;
    }

    /// Takes in that a commit is built: its runs cost no build any more.
    pub fn built(&mut self, at: At) {
        self.built.insert(at);
    }

    /// Takes in that a commit cannot be run: it does not build, or does not boot.
    pub fn skip(&mut self, at: At) {
        match at {
            At::Good => self.good_end_broken = true,
            At::Commit(commit) => self.broken.note(commit, true),
        }
    }

    /// What runs cost from now on.
    pub fn set_costs(&mut self, costs: Costs) {
        self.costs = costs;
    }

    /// Runs that count, so far.
    pub fn runs(&self) -> u32 {
        self.counts.iter().map(|count| count.bad + count.good).sum()
    }

    /// What is believed now, and why.
    pub fn report(&self) -> Report {
        let likely = self.belief.likely();
        let bad = |count: &Count| self.row(count.at).iter().zip(&likely).map(|(has, likely)| has * likely).sum();
        Report::new(&self.belief, &likely, self.counts.clone(), self.counts.iter().map(bad).collect())
    }

    fn sound(&mut self, at: At) {
        self.built(at);
        if let At::Commit(commit) = at {
            self.broken.note(commit, false);
        }
    }

    fn row(&self, at: At) -> Row {
        let has = |suspect| match at {
            At::Good => 0.0,
            At::Commit(commit) => f64::from(u8::from(self.graph.has(commit, suspect))),
        };
        (0..self.graph.len()).map(has).chain([1.0]).collect()
    }

    fn settled(&self, likely: &[f64]) -> Option<End> {
        let (likely, alike) = likely.split_at(self.graph.len());
        if alike[0] >= self.options.confidence {
            return Some(End::Alike);
        }
        let mut order: Vec<usize> = (0..likely.len()).collect();
        order.sort_by(|a, b| likely[*b].total_cmp(&likely[*a]));
        if likely[order[0]] >= self.options.confidence {
            return Some(End::Found(order[0]));
        }
        let mut sum = 0.0;
        let enough = order.iter().position(|suspect| {
            sum += likely[*suspect];
            sum >= self.options.confidence
        })?;
        let together = self.broken.all().next().is_some()
            && order[1..=enough].iter().all(|suspect| !self.can_tell_apart(order[0], *suspect));
        together.then_some(End::Among)
    }

    /// Whether a commit that can be run has the change of one of two suspects and not that of the other.
    fn can_tell_apart(&self, a: usize, b: usize) -> bool {
        (0..self.graph.len())
            .any(|commit| self.broken.runs(commit) > 0.0 && self.graph.has(commit, a) != self.graph.has(commit, b))
    }

    /// Where most is learnt for its cost.
    fn best(&self) -> At {
        let information = self.belief.marginal().information(&self.graph);
        let places = (0..self.graph.len()).map(At::Commit).chain([At::Good]);
        let mut best = (At::Good, -1.0);
        for (at, nats) in places.zip(information) {
            let runs = match at {
                At::Good => 1.0,
                At::Commit(commit) => self.broken.runs(commit),
            };
            let build = if self.built.contains(&at) { 0.0 } else { self.costs.build };
            let worth = nats * runs / (self.costs.run + build);
            if worth > best.1 {
                best = (at, worth);
            }
        }
        best.0
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
