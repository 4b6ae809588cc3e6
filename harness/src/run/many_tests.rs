//! The loop, with runs that take their time on a paused clock and no guests.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::campaign::matrix::Cell;
use crate::results::sample;
use std::sync::Mutex;
use std::time::Duration;

/// Two cells on each of some kernels.
#[derive(Default)]
struct Fake {
    cpus: u32,
    /// Kernels that cannot be had.
    broken: Vec<usize>,
    /// Cells whose runs are not as expected.
    wrong: Vec<usize>,
    /// Cells whose run the user ends.
    cancelled: Vec<usize>,
    /// Cells whose run the user ends when its outcome is known.
    ended_late: Vec<usize>,
    /// Runs of each cell that are there already.
    past: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    most: usize,
    started: Vec<usize>,
    building: usize,
    most_building: usize,
    overlapped: bool,
}

impl Work for Fake {
    fn need(&self, _: usize) -> Need {
        Need { cpus: self.cpus, memory: 1 }
    }

    fn kernel(&self, cell: usize) -> usize {
        cell / 2
    }

    async fn prepare(self: Arc<Self>, kernel: usize) -> anyhow::Result<Option<Past>> {
        {
            let mut state = self.state.lock().unwrap();
            state.building += 1;
            state.most_building = state.most_building.max(state.building);
        }
        tokio::time::sleep(Duration::from_secs(30)).await;
        let mut state = self.state.lock().unwrap();
        state.building -= 1;
        state.overlapped |= state.running > 0;
        anyhow::ensure!(!self.broken.contains(&kernel), "no such kernel");
        Ok(Some([2 * kernel, 2 * kernel + 1].map(|cell| (cell, vec![sample(); self.past])).into()))
    }

    async fn run(self: Arc<Self>, cell: usize) -> anyhow::Result<RunJson> {
        {
            let mut state = self.state.lock().unwrap();
            state.running += 1;
            state.most = state.most.max(state.running);
            state.started.push(cell);
        }
        tokio::time::sleep(Duration::from_secs(100)).await;
        self.state.lock().unwrap().running -= 1;
        let run = RunJson { expected: !self.wrong.contains(&cell), ..sample() };
        Ok(match self.cancelled.contains(&cell) {
            true => RunJson { outcome: None, inconclusive: Some(Reason::Cancelled), ..run },
            false => RunJson { cancelled: self.ended_late.contains(&cell), ..run },
        })
    }
}

#[derive(Default)]
struct Notes {
    finished: Vec<usize>,
    lost: Vec<usize>,
}

impl Watch for Notes {
    fn finished(&mut self, cell: usize, _: &RunJson, _: &Grid) -> anyhow::Result<()> {
        self.finished.push(cell);
        Ok(())
    }

    fn lost(&mut self, cells: &[usize], _: &anyhow::Error, _: &Grid) {
        self.lost.extend(cells);
    }

    fn changed(&mut self, _: &Grid) {}
}

fn grid(cells: usize, repeats: u32) -> Grid {
    let cell = |index: usize| Cell {
        id: index.to_string(),
        scenario: "s".into(),
        kernel: None,
        set: Vec::new(),
        repeats,
        expect: Vec::new(),
        include: None,
    };
    Grid::new((0..cells).map(cell).collect(), None)
}

async fn go(fake: Fake, jobs: u32, fail_fast: bool) -> (Arc<Fake>, Grid, Notes, Ended) {
    let (work, mut grid, mut notes) = (Arc::new(fake), grid(4, 3), Notes::default());
    let pool = Pool { jobs: Some(jobs), cores: 1, memory: 4 << 30 };
    let ended = many(&work, &mut grid, pool, fail_fast, &mut notes).await.unwrap();
    (work, grid, notes, ended)
}

#[tokio::test(start_paused = true)]
async fn all_runs_are_done_and_never_too_many_at_once() {
    for jobs in [1, 2, 5] {
        let (work, grid, notes, ended) = go(Fake { cpus: 1, ..Fake::default() }, jobs, false).await;
        let state = work.state.lock().unwrap();
        assert_eq!((notes.finished.len(), grid.progress()), (12, (12, 12)));
        assert_eq!((state.most, state.most_building), (jobs.min(6) as usize, 1), "{jobs} jobs");
        assert_eq!(state.overlapped, jobs > 1, "a kernel is made while guests run");
        assert_eq!(ended, Ended::default());
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_there_is_not_run_again() {
    let (work, grid, notes, _) = go(Fake { cpus: 1, past: 2, ..Fake::default() }, 2, false).await;
    assert_eq!((work.state.lock().unwrap().started.len(), notes.finished.len()), (4, 4));
    assert!(grid.tallies.iter().all(|tally| tally.done == 3));
}

#[tokio::test(start_paused = true)]
async fn a_kernel_that_cannot_be_had_costs_only_its_cells() {
    let (_, grid, notes, ended) = go(Fake { cpus: 1, broken: vec![0], ..Fake::default() }, 2, false).await;
    assert_eq!((notes.lost, ended), (vec![0, 1], Ended { interrupted: false, lost: 2 }));
    assert_eq!(grid.tallies.iter().map(|tally| tally.done).collect::<Vec<_>>(), [0, 0, 3, 3]);
}

#[tokio::test(start_paused = true)]
async fn nothing_new_after_a_wrong_run_or_the_users_end() {
    let (work, ..) = go(Fake { cpus: 1, wrong: vec![0], ..Fake::default() }, 2, true).await;
    assert!(work.state.lock().unwrap().started.len() <= 3);
    let (work, grid, _, ended) = go(Fake { cpus: 1, cancelled: vec![1], ..Fake::default() }, 2, false).await;
    assert!(ended.interrupted && work.state.lock().unwrap().started.len() <= 4);
    assert!(grid.tallies.iter().all(|tally| tally.running == 0));
    let (work, grid, notes, ended) = go(Fake { cpus: 1, ended_late: vec![1], ..Fake::default() }, 2, false).await;
    let started = work.state.lock().unwrap().started.len();
    assert!(ended.interrupted && started <= 4 && notes.finished.len() == started, "a run with an outcome counts");
    assert_eq!(grid.tallies.iter().map(|tally| tally.done as usize).sum::<usize>(), started);
}
