//! How many runs a bisection needs, and how often it is right: simulated, with fixed seeds (`make bench`).
//! Lives here: made-up histories and reproducers; the table.
//! May not live here: the search itself (`oomph::campaign::bisect`).
#![allow(clippy::unwrap_used)]

use oomph::campaign::bisect::{At, Costs, End, Graph, Options, Search, Step};
use oomph::campaign::wilson;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Commits of the line.
const LINE: usize = 1024;
/// Commits of the history with merges, and the share of those that are merges.
const MERGED: (usize, f64) = (2048, 0.35);
/// All kernels are there: what counts is runs.
const COSTS: Costs = Costs { run: 1.0, build: 0.0 };

/// How often a bad kernel is bad and a good one is; runs wanted at most; runs of git_bayesect 1.x at 95 % in the same simulation.
const ROWS: [(f64, f64, f64, f64); 5] = [
    (0.9, 0.0, 20.0, 24.0),
    (0.5, 0.0, 45.0, 76.0),
    (0.3, 0.0, 80.0, 133.0),
    (0.1, 0.0, 260.0, 405.0),
    (0.3, 0.02, 110.0, 164.0),
];

fn main() {
    let trials = |name: &str, default| std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default);
    let line = trials("BISECT_TRIALS", 1000);
    let merged = trials("BISECT_MERGED_TRIALS", 100);
    println!("{LINE} commits in a line, {line} bisections a row, confidence 95 %");
    let graph = Graph::line(LINE).unwrap();
    for (hit, slip, wanted, other) in ROWS {
        row(&graph, hit, slip, line, &format!("wanted: at most {wanted}; git_bayesect {other}"));
    }
    let parents = history(MERGED.0, MERGED.1);
    let merges = parents.iter().filter(|parents| parents.len() > 1).count();
    let share = 100 * merges / parents.len();
    println!("{} commits, of which {share} % are merges, {merged} bisections a row", parents.len());
    let graph = Graph::new(&parents).unwrap();
    for (hit, slip, ..) in [ROWS[1], ROWS[4]] {
        row(&graph, hit, slip, merged, "");
    }
}

/// Numbers between 0 and 1 from a seed (SplitMix64, Steele and others 2014).
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() * bound as f64) as usize
    }
}

/// One line of the table: bisections with culprits drawn evenly.
fn row(graph: &Graph, hit: f64, slip: f64, trials: u64, remark: &str) {
    let (next, runs, right, named) = (AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                loop {
                    let trial = next.fetch_add(1, Relaxed);
                    if trial >= trials {
                        break;
                    }
                    let (made, found) = bisection(graph, hit, slip, &mut Random(trial * 1_000_003));
                    runs.fetch_add(made.into(), Relaxed);
                    named.fetch_add(u64::from(found.is_some()), Relaxed);
                    right.fetch_add(u64::from(found == Some(true)), Relaxed);
                }
            });
        }
    });
    let (right, named) = (right.into_inner(), named.into_inner());
    let interval = wilson(right, named);
    println!(
        "hit {hit:.1}, slip {slip:.2}  {:6.1} runs  {:5.1} % of {named} named are right ({:.1}–{:.1} %)  {remark}",
        runs.into_inner() as f64 / trials as f64,
        100.0 * right as f64 / named as f64,
        100.0 * interval.low,
        100.0 * interval.high,
    );
}

/// Runs of one bisection, and whether the commit that it names, if any, is right.
fn bisection(graph: &Graph, hit: f64, slip: f64, random: &mut Random) -> (u32, Option<bool>) {
    let culprit = random.below(graph.len());
    let mut search = Search::new(graph.clone(), &vec![true; graph.len()], COSTS, Options::default());
    loop {
        match search.next() {
            Step::Done(End::Found(named)) => return (search.runs(), Some(named == culprit)),
            Step::Done(_) => return (search.runs(), None),
            Step::Run(at) => {
                let bad = matches!(at, At::Commit(commit) if graph.has(commit, culprit));
                search.record(at, random.next() < if bad { hit } else { slip });
            }
        }
    }
}

/// A history as developers make it: heads that grow, part and are merged, and all of them merged at the end.
fn history(commits: usize, merges: f64) -> Vec<Vec<usize>> {
    let mut random = Random(7);
    let mut parents: Vec<Vec<usize>> = vec![vec![]];
    let mut heads = vec![0];
    while parents.len() + heads.len() <= commits {
        let new = parents.len();
        let head = random.below(heads.len());
        if heads.len() > 1 && random.next() < merges {
            let other = heads.swap_remove(head);
            let into = random.below(heads.len());
            parents.push(vec![heads[into], other]);
            heads[into] = new;
        } else if heads.len() < 4 || random.next() < 0.5 * merges {
            // Work begins from what was the newest a while ago.
            parents.push(vec![new - 1 - random.below(new.min(40))]);
            heads.push(new);
        } else {
            parents.push(vec![heads[head]]);
            heads[head] = new;
        }
    }
    while let (Some(one), Some(other)) = (heads.pop(), heads.pop()) {
        heads.push(parents.len());
        parents.push(vec![one, other]);
    }
    // What was never merged is a head as well, and goes into the last.
    let merged: Vec<usize> = parents.iter().flatten().copied().collect();
    let last = parents.len() - 1;
    let loose: Vec<usize> = (0..last).filter(|commit| !merged.contains(commit)).collect();
    parents[last].extend(loose);
    parents
}
