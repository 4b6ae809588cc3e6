//! `oomph matrix`: many scenarios on many kernels.
//! Lives here: options to cells, cells to runs, what is printed.
//! May not live here: which run is next (`campaign::matrix`), the loop (`run::many`), how a run is done (`run::execute`).

use super::cli::{Form, Global, Matrix};
use super::exit::Status;
use super::interrupt;
use super::named::{images, named};
use super::output::Output;
use super::paths;
use super::run::wanted;
use crate::campaign::matrix::{self, Cell, Grid, Need, Pool, Shard};
use crate::doctor;
use crate::kernel::{self, Cache, Kernel, Names};
use crate::report::{self, Board};
use crate::results::{self, Recorded, RunJson, Store};
use crate::run::{self, Boots, Host, Past, Watch, Work};
use crate::scenario::{self, KernelSpec, Outcome, Places, Scenario};
use anyhow::{Context, anyhow, bail};
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;

/// Of the memory that is free, guests may take all but this many bytes: for the page cache of disks, and a build.
const SPARE: u64 = 1 << 30;

/// Runs a matrix, or prints it.
///
/// # Errors
/// Where the matrix, one of its scenarios or the host is wrong; what ran before keeps its results.
pub fn matrix(global: &Global, options: &Matrix, output: &Output) -> anyhow::Result<Status> {
    let names = named(global, [&options.file])?;
    let matrix = scenario::load_matrix(&options.file)?;
    // All scenarios are read before the first runs: a mistake in the last costs nothing.
    let load = |cell| load(cell, &matrix.places, &names);
    let all = matrix::cells(&matrix).into_iter().map(load).collect::<anyhow::Result<Vec<_>>>()?;
    let cells = choose(all, options)?;
    if let Some(form) = options.plan {
        let form = match form {
            Form::Json => matrix::Form::Json,
            Form::Github => matrix::Form::Github,
            Form::Gitlab => matrix::Form::Gitlab,
        };
        let here = std::env::current_dir()?;
        let shown = |(cell, _): (Cell, _)| Cell { scenario: paths::shown(&cell.scenario, &here), ..cell };
        let cells: Vec<Cell> = cells.into_iter().map(shown).collect();
        let file = options.file.to_str().context("the matrix's path is no UTF-8 text")?;
        return output.line(&matrix::plan(file, &matrix.name, &cells, form).to_string());
    }
    let pool = Pool {
        jobs: options.jobs,
        cores: u32::try_from(std::thread::available_parallelism()?.get())?,
        memory: doctor::memory_left().unwrap_or(u64::MAX).saturating_sub(SPARE),
    };
    let mut grid = Grid::new(cells.iter().map(|(cell, _)| cell.clone()).collect(), matrix.settle);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let board = Board::new(&matrix.name);
    let ended = runtime.block_on(async {
        let work = Arc::new(Runs::new(cells, names, options, global, board.clone()).await?);
        let mut watch = Told { output, board: &board, pool, status: Status::AsExpected };
        let ended = run::many(&work, &mut grid, pool, options.fail_fast, &mut watch).await;
        board.done();
        Ok::<_, anyhow::Error>((ended?, watch.status))
    });
    let (ended, mut status) = ended?;
    if !output.json() {
        output.line(report::matrix(&grid).trim_end())?;
    }
    // Runs that were there before count as those of now.
    for tally in &grid.tallies {
        let wrong = tally.done - tally.expected - tally.inconclusive;
        status = status.and(if wrong > 0 { Status::Unexpected } else { Status::AsExpected });
        status = status.and(if tally.inconclusive > 0 { Status::Inconclusive } else { Status::AsExpected });
    }
    status = status.and(if ended.lost > 0 { Status::Usage } else { Status::AsExpected });
    Ok(status.and(if ended.interrupted { Status::Interrupted } else { Status::AsExpected }))
}

/// A cell's scenario, as it is to run.
fn load(cell: Cell, places: &Places, names: &Names) -> anyhow::Result<(Cell, Scenario)> {
    let of_cell = || format!("cell `{}`", cell.id);
    let mut scenario = places.load(&cell.scenario, cell.include, &cell.set).with_context(of_cell)?;
    if let Some(kernel) = &cell.kernel {
        scenario.kernel = names.from_argument(kernel);
    }
    kernel::known(&scenario.kernel, names)
        .map_err(|error| match &cell.kernel {
            Some(name) => at_its_place(name, error, places, cell.include),
            None => anyhow::Error::new(error).context(cell.scenario.display().to_string()),
        })
        .with_context(of_cell)?;
    scenario.expect.splice(0..0, cell.expect.iter().cloned());
    Ok((cell, scenario))
}

/// What is wrong with a kernel that the matrix names, where it names it.
fn at_its_place(name: &str, error: kernel::Error, places: &Places, include: Option<usize>) -> anyhow::Error {
    let placed = |message: &str, right: &str| places.kernel(name, include, message, right);
    match &error {
        kernel::Error::UnknownName { source_file, suggestion, known, .. } => {
            let right = match suggestion {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("there are: {}", known.join(", ")),
            };
            placed(&format!("no kernel is named `{name}` in {source_file}"), &right).map(Into::into)
        }
        other => placed(&format!("the kernel `{name}` cannot be had"), "").map(|place| anyhow!("{place}\n{other}")),
    }
    .unwrap_or_else(|| error.into())
}

/// The cells that are wanted of all.
fn choose(all: Vec<(Cell, Scenario)>, options: &Matrix) -> anyhow::Result<Vec<(Cell, Scenario)>> {
    for id in &options.cells {
        if !all.iter().any(|(cell, _)| cell.id == *id) {
            let known: Vec<&str> = all.iter().map(|(cell, _)| cell.id.as_str()).collect();
            match scenario::nearest(id, &known) {
                Some(near) => bail!("no cell is named `{id}`; did you mean `{near}`?"),
                None => bail!("no cell is named `{id}`; `--plan json` lists them"),
            }
        }
    }
    let mine = match options.shard {
        None => (0..all.len()).collect(),
        Some(shard) => in_shard(&all, shard, options.timings.as_deref())?,
    };
    let wanted = |(index, (cell, _)): &(usize, (Cell, Scenario))| {
        mine.contains(index) && (options.cells.is_empty() || options.cells.contains(&cell.id))
    };
    Ok(all.into_iter().enumerate().filter(wanted).map(|(_, cell)| cell).collect())
}

/// The cells of a shard. A run takes as long as those of the same scenario and kernel in `timings` did, else as long as its phases
/// say.
fn in_shard(all: &[(Cell, Scenario)], shard: Shard, timings: Option<&Path>) -> anyhow::Result<Vec<usize>> {
    let mut known: HashMap<(String, String), (f64, f64)> = HashMap::new();
    if let Some(root) = timings {
        // Without them this machine would divide the cells otherwise than the others: some would run twice, and some never.
        let given = || format!("--timings {}", root.display());
        let runs = results::gather(&[root.to_owned()]).with_context(given)?.runs;
        for run in runs {
            let (runs, seconds) = known.entry((run.scenario, run.kernel)).or_default();
            *runs += 1.0;
            *seconds += run.duration_s;
        }
    }
    let seconds = |(cell, scenario): &(Cell, Scenario)| {
        let kernel = match &scenario.kernel {
            KernelSpec::Named(name) => name.clone(),
            KernelSpec::Inline(_) => String::new(),
        };
        let one = match known.get(&(scenario.name.clone(), kernel)) {
            Some((runs, seconds)) => seconds / runs,
            None => guess(scenario),
        };
        one * f64::from(cell.repeats)
    };
    Ok(matrix::shard(&all.iter().map(seconds).collect::<Vec<_>>(), shard))
}

/// Seconds that a run takes by its phases: a hang is waited for.
fn guess(scenario: &Scenario) -> f64 {
    let rules = &scenario.rules;
    let hangs = scenario.expect.iter().any(|one| one.outcome == Outcome::Hung);
    let still = if hangs { rules.frozen_for_ms } else { rules.pressure_ms };
    (rules.settle_ms + still + rules.verify_ms) as f64 / 1000.0
}

/// Runs by the machinery of `run`.
struct Runs {
    host: Host,
    store: Store,
    names: Names,
    cells: Vec<(Cell, Scenario)>,
    /// Every kernel once, in order of first use, and of each cell which.
    specs: Vec<Boots>,
    of_cell: Vec<usize>,
    kernels: Vec<OnceLock<Kernel>>,
    recorded: Option<Recorded>,
    board: Board,
}

impl Runs {
    async fn new(
        cells: Vec<(Cell, Scenario)>,
        names: Names,
        options: &Matrix,
        global: &Global,
        board: Board,
    ) -> anyhow::Result<Self> {
        let host = Host::look(Cache::open(None)?, images([&options.file])?, wanted(options.accel)).await?;
        let mut specs: Vec<Boots> = Vec::new();
        let mut number = |scenario: &Scenario| {
            let boots = Boots::of(scenario, host.images())?;
            Ok(specs.iter().position(|spec| *spec == boots).unwrap_or_else(|| {
                specs.push(boots);
                specs.len() - 1
            }))
        };
        let of_cell = cells.iter().map(|(_, scenario)| number(scenario)).collect::<anyhow::Result<_>>()?;
        let recorded = options.resume.then(|| Recorded::read(&global.results)).transpose()?;
        Ok(Self {
            host,
            store: Store::new(&global.results)?,
            names,
            cells,
            kernels: specs.iter().map(|_| OnceLock::new()).collect(),
            specs,
            of_cell,
            recorded,
            board,
        })
    }
}

impl Work for Runs {
    fn need(&self, cell: usize) -> Need {
        let guest = &self.cells[cell].1.guest;
        Need::of(guest.cpus, guest.memory)
    }

    fn kernel(&self, cell: usize) -> usize {
        self.of_cell[cell]
    }

    async fn prepare(self: Arc<Self>, kernel: usize) -> anyhow::Result<Option<Past>> {
        let live = self.board.run("kernel");
        let made = interrupt::kernel(&self.specs[kernel], &self.names, self.host.cache(), live).await?;
        let Some(made) = made.transpose()? else { return Ok(None) };
        let mut past = Past::new();
        if let Some(recorded) = &self.recorded {
            for cell in (0..self.cells.len()).filter(|&cell| self.of_cell[cell] == kernel) {
                let of = &self.cells[cell].1;
                let live = self.board.run("image");
                let image = interrupt::image(of, &made, &self.host, live).await?;
                let Some(image) = image.transpose()? else { return Ok(None) };
                past.push((cell, run::past(recorded, of, &made, image.as_ref())?));
            }
        }
        self.kernels[kernel].get_or_init(|| made);
        Ok(Some(past))
    }

    /// On a thread of its own: what a run does between two waits keeps no other run from its guest.
    async fn run(self: Arc<Self>, cell: usize) -> anyhow::Result<RunJson> {
        let handle = Handle::current();
        let run = move || {
            let (of, scenario) = &self.cells[cell];
            let kernel = self.kernels[self.of_cell[cell]].get().context("a cell runs before its kernel is there")?;
            handle.block_on(run::execute(&self.host, &self.store, scenario, kernel, self.board.run(&of.id)))
        };
        tokio::task::spawn_blocking(run).await?
    }
}

/// What the user is told while it goes on.
struct Told<'a> {
    output: &'a Output,
    board: &'a Board,
    pool: Pool,
    status: Status,
}

impl Watch for Told<'_> {
    fn finished(&mut self, _: usize, run: &RunJson, _: &Grid) -> anyhow::Result<()> {
        self.status = self.status.and(self.board.aside(|| self.output.run(run))?);
        Ok(())
    }

    fn lost(&mut self, cells: &[usize], error: &anyhow::Error, grid: &Grid) {
        self.board.aside(|| {
            self.output.error(error);
            for &cell in cells {
                eprintln!("oomph: so `{}` cannot be run", grid.cells[cell].id);
            }
        });
    }

    fn changed(&mut self, grid: &Grid) {
        let (done, all) = grid.progress();
        let running: u32 = grid.tallies.iter().map(|tally| tally.running).sum();
        let left = match grid.seconds_left(self.pool.jobs.unwrap_or(running)) {
            Some(seconds) if done < all => format!(", about {:.0} min left", (seconds / 60.0).ceil()),
            _ => String::new(),
        };
        self.board.show(&format!("{done} of {all} runs done, {running} going on{left}"), &report::marks(grid));
    }
}
