//! The commits that are searched.
//! Lives here: which commit has which among its ancestors; sums over ancestors.
//! May not live here: names of commits, or what is believed of them.

/// Most commits that a graph takes: what each has among its ancestors is a bit for each other, 300 MB in all.
const MOST: usize = 50_000;

/// Commits by number, parents before children; the last is the bad end, and every other is an ancestor of it.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Of each commit a row of bits: itself and its ancestors.
    rows: Vec<Vec<u64>>,
    line: bool,
}

/// Why commits cannot be searched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GraphError {
    /// There is nothing between the ends.
    #[error("there is no commit between the good end and the bad one")]
    Empty,
    /// Too many.
    #[error(
        "there are {0} commits between the ends, and at most {MOST} can be searched; give ends that are nearer, or some paths, or follow first parents only"
    )]
    TooMany(usize),
    /// A parent does not come before its child.
    #[error("commit {0} comes before one of its parents")]
    Order(usize),
}

impl Graph {
    /// From the parents of each commit. Parents outside the graph are left out by the caller.
    ///
    /// # Errors
    /// Where there are no commits or too many, or a child comes before a parent.
    pub fn new(parents: &[Vec<usize>]) -> Result<Self, GraphError> {
        match parents.len() {
            0 => return Err(GraphError::Empty),
            many if many > MOST => return Err(GraphError::TooMany(many)),
            _ => {}
        }
        let words = parents.len().div_ceil(64);
        let mut rows: Vec<Vec<u64>> = Vec::with_capacity(parents.len());
        for (commit, parents) in parents.iter().enumerate() {
            let mut row = vec![0; words];
            for parent in parents {
                let ancestors = rows.get(*parent).ok_or(GraphError::Order(commit))?;
                row.iter_mut().zip(ancestors).for_each(|(word, more)| *word |= more);
            }
            row[commit / 64] |= 1 << (commit % 64);
            rows.push(row);
        }
        let line = parents.iter().enumerate().all(|(commit, parents)| match commit {
            0 => parents.is_empty(),
            _ => *parents == [commit - 1],
        });
        Ok(Self { rows, line })
    }

    /// So many commits, one after the other.
    ///
    /// # Errors
    /// As [`Graph::new`].
    pub fn line(commits: usize) -> Result<Self, GraphError> {
        Self::new(&(0..commits).map(|commit| commit.checked_sub(1).into_iter().collect()).collect::<Vec<_>>())
    }

    /// The number of commits, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "a graph is never empty")]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// The bad end.
    pub fn bad_end(&self) -> usize {
        self.len() - 1
    }

    /// Whether `commit` has the change of `suspect`: it is that commit, or a descendant of it.
    pub fn has(&self, commit: usize, suspect: usize) -> bool {
        self.rows[commit][suspect / 64] >> (suspect % 64) & 1 == 1
    }

    /// For every commit, the sum of `values` over itself and its ancestors. Values are one a commit, and mostly 0 late in a search.
    pub fn sums(&self, values: &[f64]) -> Vec<f64> {
        if self.line {
            let mut sum = 0.0;
            return values
                .iter()
                .map(|value| {
                    sum += value;
                    sum
                })
                .collect();
        }
        let some: Vec<(usize, f64)> =
            values.iter().enumerate().filter(|(_, value)| **value != 0.0).map(|(at, value)| (at, *value)).collect();
        let sum = |row: &Vec<u64>| {
            // A product in place of a branch that cannot be foretold.
            some.iter().map(|(at, value)| value * (row[at / 64] >> (at % 64) & 1) as f64).sum()
        };
        self.rows.iter().map(sum).collect()
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Graphs with merges, of up to `most` commits, all of them ancestors of the last.
    pub fn graphs(most: usize) -> impl Strategy<Value = Vec<Vec<usize>>> {
        proptest::collection::vec((any::<usize>(), any::<bool>()), 1..most).prop_map(|choices| {
            let mut parents: Vec<Vec<usize>> = Vec::new();
            let mut heads: Vec<usize> = Vec::new();
            for (commit, (choice, merge)) in choices.into_iter().enumerate() {
                let mut of = Vec::new();
                if commit > 0 {
                    of.push(choice % commit);
                }
                if merge && heads.len() > 1 {
                    of.push(heads[choice % heads.len()]);
                }
                of.dedup();
                heads.retain(|head| !of.contains(head));
                heads.push(commit);
                parents.push(of);
            }
            parents.push(heads);
            parents
        })
    }

    #[test]
    fn a_merge_has_what_both_sides_have() {
        //   0 ─ 1 ─ 3 ─ 4
        //    └─ 2 ──┘
        let graph = Graph::new(&[vec![], vec![0], vec![0], vec![1, 2], vec![3]]).unwrap();
        let has = |commit: usize| (0..5).filter(|suspect| graph.has(commit, *suspect)).collect::<Vec<_>>();
        assert_eq!([has(0), has(1), has(2), has(3)], [vec![0], vec![0, 1], vec![0, 2], vec![0, 1, 2, 3]]);
        assert_eq!(graph.sums(&[1.0, 10.0, 100.0, 0.0, 5.0]), [1.0, 11.0, 101.0, 111.0, 116.0]);
        assert_eq!((graph.len(), graph.bad_end()), (5, 4));
    }

    #[test]
    fn what_is_no_graph_is_told() {
        assert_eq!(Graph::new(&[]).unwrap_err(), GraphError::Empty);
        assert_eq!(Graph::new(&[vec![1], vec![]]).unwrap_err(), GraphError::Order(0));
        assert_eq!(Graph::new(&vec![vec![]; MOST + 1]).unwrap_err(), GraphError::TooMany(MOST + 1));
    }

    proptest! {
        #[test]
        fn sums_are_over_all_that_a_commit_has(parents in graphs(150), seed in 0_u64..1000) {
            let graph = Graph::new(&parents).unwrap();
            let values: Vec<f64> = (0..graph.len() as u64).map(|at| ((at * 7 + seed) % 5) as f64).collect();
            for (commit, sum) in graph.sums(&values).into_iter().enumerate() {
                let plain: f64 = (0..graph.len()).filter(|suspect| graph.has(commit, *suspect)).map(|at| values[at]).sum();
                prop_assert_eq!(sum, plain);
            }
            prop_assert!((0..graph.len()).all(|suspect| graph.has(graph.bad_end(), suspect)));
        }

        #[test]
        fn a_line_is_a_graph_like_another(commits in 1_usize..200) {
            let line = Graph::line(commits).unwrap();
            let values: Vec<f64> = (0..commits).map(|at| at as f64).collect();
            let other = Graph { line: false, ..line.clone() };
            prop_assert_eq!(line.sums(&values), other.sums(&values));
        }
    }
}
