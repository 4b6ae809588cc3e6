//! Many runs: kernels made ready and guests run, as many at once as there is room for.
//! Lives here: the loop.
//! May not live here: which run is next and whether it fits (`campaign::matrix`), or how one is done ([`Work`]).

use crate::campaign::matrix::{Grid, Need, Pool};
use crate::event::Reason;
use crate::results::RunJson;
use std::sync::Arc;
use tokio::task::JoinSet;

/// What a kernel that is made ready takes meanwhile: a build's compilers and their memory.
const BUILD: Need = Need { cpus: 1, memory: 1 << 30 };

/// How runs are done.
pub trait Work: Send + Sync + 'static {
    /// What a cell's guest takes.
    fn need(&self, cell: usize) -> Need;

    /// The kernel of a cell, by number from 0 in order of first use.
    fn kernel(&self, cell: usize) -> usize;

    /// Makes a kernel ready, and tells of each of its cells the runs that need not be done again. `None` where the user ended it.
    fn prepare(self: Arc<Self>, kernel: usize) -> impl Future<Output = anyhow::Result<Option<Past>>> + Send;

    /// Runs a cell once.
    fn run(self: Arc<Self>, cell: usize) -> impl Future<Output = anyhow::Result<RunJson>> + Send;
}

/// Runs by cell that are done already.
pub type Past = Vec<(usize, Vec<RunJson>)>;

/// What is told while it goes on.
pub trait Watch {
    /// A run is done; `grid` counts it.
    ///
    /// # Errors
    /// Where it cannot be told; then nothing new is started.
    fn finished(&mut self, cell: usize, run: &RunJson, grid: &Grid) -> anyhow::Result<()>;

    /// A kernel cannot be had, or a run not be done: its cells are lost.
    fn lost(&mut self, cells: &[usize], error: &anyhow::Error, grid: &Grid);

    /// Something began or ended.
    fn changed(&mut self, grid: &Grid);
}

/// How it ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ended {
    /// The user ended it.
    pub interrupted: bool,
    /// Cells that could not be run.
    pub lost: usize,
}

enum Done {
    Kernel(usize, anyhow::Result<Option<Past>>),
    Run(usize, Box<anyhow::Result<RunJson>>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kernel {
    Unknown,
    Making,
    Ready,
}

/// Runs all that the grid wants. Kernels are made ready one at a time, in their order, while guests run on those that are.
/// With `fail_fast` nothing new is started after a run that is not as expected.
///
/// # Errors
/// Where `watch` has one.
pub async fn many<W: Work>(
    work: &Arc<W>,
    grid: &mut Grid,
    pool: Pool,
    fail_fast: bool,
    watch: &mut impl Watch,
) -> anyhow::Result<Ended> {
    let count = (0..grid.cells.len()).map(|cell| work.kernel(cell) + 1).max().unwrap_or(0);
    let mut kernels = vec![Kernel::Unknown; count];
    let mut ended = Ended::default();
    let mut stop = false;
    let mut told = Ok(());
    let mut tasks = JoinSet::new();
    let mut needs: Vec<(Option<usize>, Need)> = Vec::new();
    loop {
        loop {
            let room = |need| pool.fits(&needs.iter().map(|(_, need)| *need).collect::<Vec<_>>(), need);
            let making = kernels.contains(&Kernel::Making);
            let unknown = kernels.iter().position(|kernel| *kernel == Kernel::Unknown).filter(|_| !making);
            let ready = |cell: usize| kernels[work.kernel(cell)] == Kernel::Ready && room(work.need(cell));
            if stop {
                break;
            } else if let Some(kernel) = unknown.filter(|_| room(BUILD)) {
                kernels[kernel] = Kernel::Making;
                needs.push((None, BUILD));
                let work = Arc::clone(work);
                tasks.spawn(async move { Done::Kernel(kernel, work.prepare(kernel).await) });
            } else if let Some(cell) = grid.next(ready) {
                grid.tallies[cell].running += 1;
                needs.push((Some(cell), work.need(cell)));
                let work = Arc::clone(work);
                tasks.spawn(async move { Done::Run(cell, Box::new(work.run(cell).await)) });
            } else {
                break;
            }
        }
        watch.changed(grid);
        // A panic of a task goes on here, as it would without tasks.
        let done = match tasks.join_next().await {
            None => break,
            Some(Ok(done)) => done,
            Some(Err(error)) => std::panic::resume_unwind(error.into_panic()),
        };
        let of = match &done {
            Done::Kernel(..) => None,
            Done::Run(cell, _) => Some(*cell),
        };
        if let Some(at) = needs.iter().position(|(cell, _)| *cell == of) {
            needs.swap_remove(at);
        }
        match done {
            Done::Kernel(kernel, Ok(Some(past))) => {
                kernels[kernel] = Kernel::Ready;
                for (cell, runs) in past {
                    runs.iter().for_each(|run| grid.tallies[cell].add(run));
                }
            }
            Done::Kernel(_, Ok(None)) => (ended.interrupted, stop) = (true, true),
            Done::Kernel(kernel, Err(error)) => {
                kernels[kernel] = Kernel::Ready;
                let cells: Vec<usize> = (0..grid.cells.len()).filter(|&cell| work.kernel(cell) == kernel).collect();
                lose(grid, &cells, &error, &mut ended, watch);
            }
            Done::Run(cell, run) => {
                grid.tallies[cell].running -= 1;
                match *run {
                    Err(error) => lose(grid, &[cell], &error, &mut ended, watch),
                    Ok(run) => {
                        if run.is_cancelled() {
                            (ended.interrupted, stop) = (true, true);
                        }
                        // It says nothing, and is run again another time.
                        if run.inconclusive == Some(Reason::Cancelled) {
                            continue;
                        }
                        grid.tallies[cell].add(&run);
                        stop |= fail_fast && run.outcome.is_some() && !run.expected;
                        if let Err(error) = watch.finished(cell, &run, grid) {
                            (told, stop) = (Err(error), true);
                        }
                    }
                }
            }
        }
    }
    told.map(|()| ended)
}

fn lose(grid: &mut Grid, cells: &[usize], error: &anyhow::Error, ended: &mut Ended, watch: &mut impl Watch) {
    for &cell in cells {
        ended.lost += usize::from(!grid.tallies[cell].lost);
        grid.tallies[cell].lost = true;
    }
    watch.lost(cells, error, grid);
}

#[cfg(test)]
#[path = "many_tests.rs"]
mod tests;
