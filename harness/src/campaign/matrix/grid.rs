//! How far a matrix is.
//! Lives here: what is known of each cell, which run is next, the time left.
//! May not live here: running, or drawing (`report`).

use super::{Cell, settled};
use crate::results::RunJson;
use std::collections::BTreeMap;

/// What is known of a cell.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Runs that it gets, if it does not settle.
    pub wanted: u32,
    /// Runs that are done.
    pub done: u32,
    /// Of these, as expected.
    pub expected: u32,
    /// Of these, without an outcome.
    pub inconclusive: u32,
    /// What the runs ended in, by name.
    pub ends: BTreeMap<&'static str, u32>,
    /// Runs that go on now.
    pub running: u32,
    /// Seconds of wall time that the runs done took together.
    pub seconds: f64,
    /// It can have no runs: its kernel cannot be had.
    pub lost: bool,
}

/// The cells of a matrix with what is known of each.
#[derive(Clone, Debug)]
pub struct Grid {
    /// The cells.
    pub cells: Vec<Cell>,
    /// What is known of each, in the same order.
    pub tallies: Vec<Tally>,
    /// With which probability a cell's answer must be known for it to get no more runs; `None` for all its runs.
    settle: Option<f64>,
}

impl Tally {
    /// Takes a finished run in.
    pub fn add(&mut self, run: &RunJson) {
        self.done += 1;
        self.expected += u32::from(run.expected);
        self.inconclusive += u32::from(run.outcome.is_none());
        *self.ends.entry(run.outcome_name()).or_default() += 1;
        self.seconds += run.duration_s;
    }

    /// Whether its answer is known well enough. Runs without an outcome say nothing.
    fn is_settled(&self, settle: Option<f64>) -> bool {
        let told = u64::from(self.done - self.inconclusive);
        settle.is_some_and(|confidence| settled(self.expected.into(), told, confidence))
    }
}

impl Grid {
    /// Nothing has run yet.
    pub fn new(cells: Vec<Cell>, settle: Option<f64>) -> Self {
        let tally = |cell: &Cell| Tally { wanted: cell.repeats, ..Tally::default() };
        Self { tallies: cells.iter().map(tally).collect(), cells, settle }
    }

    /// Runs that this cell still wants, those that go on now left out.
    pub fn wanting(&self, cell: usize) -> u32 {
        let tally = &self.tallies[cell];
        if tally.lost || tally.is_settled(self.settle) {
            0
        } else {
            tally.wanted.saturating_sub(tally.done + tally.running)
        }
    }

    /// The cell whose run is next among those that may start: the one with the fewest so far, of equal ones the first. So all are
    /// equally far when it is stopped, and a cell settles with few runs too many under way.
    pub fn next(&self, may_start: impl Fn(usize) -> bool) -> Option<usize> {
        let wanting = (0..self.cells.len()).filter(|&cell| self.wanting(cell) > 0 && may_start(cell));
        wanting.min_by_key(|&cell| self.tallies[cell].done + self.tallies[cell].running)
    }

    /// Runs done, and all that are wanted: those done, those under way, those wanting.
    pub fn progress(&self) -> (u32, u32) {
        let done = self.tallies.iter().map(|tally| tally.done).sum();
        let left: u32 = (0..self.cells.len()).map(|cell| self.wanting(cell) + self.tallies[cell].running).sum();
        (done, done + left)
    }

    /// Seconds of wall time left with so many guests at once: a cell's runs take as long as those that it had, else as long as all
    /// others; `None` before any run is done.
    pub fn seconds_left(&self, jobs: u32) -> Option<f64> {
        let (done, seconds) =
            self.tallies.iter().fold((0, 0.0), |(done, seconds), tally| (done + tally.done, seconds + tally.seconds));
        let mean = (done > 0).then(|| seconds / f64::from(done))?;
        let left = |(cell, tally): (usize, &Tally)| {
            let own = if tally.done > 0 { tally.seconds / f64::from(tally.done) } else { mean };
            // Those under way are half done, on average.
            own * (f64::from(self.wanting(cell)) + f64::from(tally.running) / 2.0)
        };
        Some(self.tallies.iter().enumerate().map(left).sum::<f64>() / f64::from(jobs.max(1)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::{cells, tests::matrix};
    use super::*;
    use crate::results::sample;

    fn grid(settle: Option<f64>) -> Grid {
        Grid::new(cells(&crate::scenario::Matrix { parameters: Vec::new(), repeats: 5, ..matrix() }), settle)
    }

    fn run(expected: bool, duration_s: f64) -> RunJson {
        RunJson { expected, duration_s, ..sample() }
    }

    #[test]
    fn the_least_advanced_cell_is_next() {
        let mut grid = grid(None);
        assert_eq!(grid.next(|_| true), Some(0));
        grid.tallies[0].running = 1;
        assert_eq!(grid.next(|_| true), Some(1));
        assert_eq!(grid.next(|cell| cell == 3), Some(3));
        grid.tallies[1].add(&run(true, 10.0));
        grid.tallies[2].lost = true;
        assert_eq!(grid.next(|_| true), Some(3));
        assert_eq!(grid.next(|_| false), None);
    }

    #[test]
    fn a_cell_gets_its_runs_and_no_more() {
        let mut grid = grid(None);
        grid.tallies[0].running = 2;
        for _ in 0..3 {
            grid.tallies[0].add(&run(true, 10.0));
        }
        assert_eq!((grid.wanting(0), grid.wanting(1)), (0, 5));
        assert_eq!(grid.progress(), (3, 20));
        // 15 runs, and two that are half done, two at a time.
        assert_eq!(grid.seconds_left(2), Some(80.0));
        assert_eq!(super::Grid::new(Vec::new(), None).seconds_left(2), None);
    }

    #[test]
    fn a_settled_cell_gets_none() {
        let mut grid = grid(Some(0.95));
        for _ in 0..3 {
            grid.tallies[0].add(&run(true, 10.0));
        }
        assert_eq!(grid.wanting(0), 2);
        let lost = RunJson { outcome: None, ..run(false, 10.0) };
        grid.tallies[0].add(&lost);
        assert_eq!(grid.wanting(0), 1, "a run without an outcome says nothing");
        grid.tallies[1].add(&run(false, 1.0));
        for _ in 0..3 {
            grid.tallies[1].add(&run(false, 1.0));
        }
        assert_eq!(grid.wanting(1), 0, "four of four say enough");
    }
}
