//! The search, in worlds that are made up.
#![allow(clippy::unwrap_used)]
use super::super::graph::tests::graphs;
use super::*;
use crate::campaign::dice::Dice;
use proptest::prelude::*;

const COSTS: Costs = Costs { run: 1.0, build: 0.0 };

/// A search in a world where `culprit` makes bad, and `broken` cannot be run; `None` as the culprit makes the good end bad too.
struct World {
    graph: Graph,
    culprit: Option<usize>,
    rates: (f64, f64),
    broken: Vec<usize>,
    dice: Dice,
}

impl World {
    fn new(graph: Graph, culprit: usize, hit: f64) -> Self {
        Self { graph, culprit: Some(culprit), rates: (hit, 0.0), broken: vec![], dice: Dice(1) }
    }

    fn search(&mut self, options: Options) -> (End, Search) {
        let suspects = vec![true; self.graph.len()];
        let mut search = Search::new(self.graph.clone(), &suspects, COSTS, options);
        loop {
            match search.next() {
                Step::Done(end) => return (end, search),
                Step::Run(At::Commit(commit)) if self.broken.contains(&commit) => search.skip(At::Commit(commit)),
                Step::Run(at) => {
                    let bad = match (at, self.culprit) {
                        (_, None) => true,
                        (At::Good, _) => false,
                        (At::Commit(commit), Some(culprit)) => self.graph.has(commit, culprit),
                    };
                    let rate = if bad { self.rates.0 } else { self.rates.1 };
                    search.record(at, self.dice.falls(rate));
                }
            }
        }
    }
}

#[test]
fn a_culprit_that_always_hits_is_found_in_little_more_than_halving() {
    for culprit in [0, 1, 300, 511] {
        let (end, search) = World::new(Graph::line(512).unwrap(), culprit, 1.0).search(Options::default());
        assert_eq!(end, End::Found(culprit));
        assert!(search.runs() <= 24, "{}", search.runs());
        assert_eq!(search.report().suspects[0].commit, culprit);
        assert!(search.report().suspects[0].likely >= 0.95);
    }
}

#[test]
fn the_ends_are_measured_first() {
    let mut search = Search::new(Graph::line(8).unwrap(), &[true; 8], COSTS, Options::default());
    for _ in 0..3 {
        assert_eq!(search.next(), Step::Run(At::Commit(7)), "until it is bad");
        search.record(At::Commit(7), false);
    }
    search.record(At::Commit(7), true);
    assert_eq!(search.next(), Step::Run(At::Good));
}

#[test]
fn ends_that_do_not_differ_are_told() {
    for hit in [1.0, 0.5] {
        let mut world = World { culprit: None, ..World::new(Graph::line(100).unwrap(), 0, hit) };
        let (end, search) = world.search(Options::default());
        assert_eq!(end, End::Alike);
        assert!(search.report().alike >= 0.95);
        assert!(search.runs() < 60, "{}", search.runs());
    }
    let (end, search) = World::new(Graph::line(100).unwrap(), 50, 0.0).search(Options::default());
    assert_eq!((end, search.runs()), (End::NeverBad, GIVE_UP));
}

#[test]
fn ends_that_cannot_be_run_are_told() {
    let mut world = World { broken: vec![9], ..World::new(Graph::line(10).unwrap(), 3, 1.0) };
    assert_eq!(world.search(Options::default()).0, End::Broken(At::Commit(9)));
    let mut search = Search::new(Graph::line(10).unwrap(), &[true; 10], COSTS, Options::default());
    search.skip(At::Good);
    assert_eq!(search.next(), Step::Done(End::Broken(At::Good)));
}

#[test]
fn broken_commits_are_gone_around_and_what_they_hide_is_told() {
    let broken: Vec<usize> = (40..60).collect();
    // The culprit is beside the stretch, and then within it.
    let mut world = World { broken: broken.clone(), ..World::new(Graph::line(100).unwrap(), 70, 0.9) };
    let (end, search) = world.search(Options::default());
    assert_eq!(end, End::Found(70));
    assert!(search.broken.all().count() <= 4, "{:?}", search.broken);
    let mut world = World { broken, ..World::new(Graph::line(100).unwrap(), 50, 0.9) };
    let (end, search) = world.search(Options::default());
    assert_eq!(end, End::Among);
    let mut suspects: Vec<usize> = search.report().suspects.iter().map(|suspect| suspect.commit).collect();
    suspects.sort_unstable();
    assert!(suspects.iter().all(|suspect| (40..=60).contains(suspect)), "{suspects:?}");
}

#[test]
fn a_build_that_is_there_is_run_again_where_builds_are_dear() {
    let mut search = Search::new(Graph::line(1000).unwrap(), &[true; 1000], COSTS, Options::default());
    search.record(At::Commit(999), true);
    (0..4).for_each(|_| search.record(At::Good, false));
    search.record(At::Commit(500), false);
    let Step::Run(At::Commit(cheap)) = search.next() else { panic!("{:?}", search.next()) };
    search.set_costs(Costs { run: 1.0, build: 10.0 });
    assert_eq!(search.next(), Step::Run(At::Commit(500)));
    search.built(At::Commit(cheap));
    assert_eq!(search.next(), Step::Run(At::Commit(cheap)));
}

#[test]
fn no_more_runs_than_allowed() {
    let (end, search) =
        World::new(Graph::line(1000).unwrap(), 77, 0.2).search(Options { max_runs: 30, ..Options::default() });
    assert_eq!((end, search.runs()), (End::MaxRuns, 30));
}

/// Few trials, so that it is quick; `make bench` has many.
#[test]
fn named_culprits_are_right_as_often_as_is_said() {
    let mut wrong = 0;
    for trial in 0..60_u64 {
        let mut dice = Dice(trial + 1000);
        let culprit = (dice.number() * 64.0) as usize;
        let rates = if trial % 2 == 0 { (0.5, 0.0) } else { (0.4, 0.02) };
        let mut world = World { rates, dice, ..World::new(Graph::line(64).unwrap(), culprit, 0.0) };
        let (end, _) = world.search(Options::default());
        wrong += u32::from(end != End::Found(culprit));
    }
    // At 5 % wrong, more than 9 of 60 happen once in 1,000 times.
    assert!(wrong <= 9, "{wrong} of 60");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn a_culprit_is_found_in_any_graph(parents in graphs(60), pick in any::<usize>()) {
        let graph = Graph::new(&parents).unwrap();
        let culprit = pick % graph.len();
        let (end, search) = World::new(graph, culprit, 1.0).search(Options::default());
        prop_assert_eq!(end, End::Found(culprit), "{:?}", search.report());
    }
}
