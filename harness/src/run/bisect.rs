//! A bisection: kernels made ready and guests run, one after the other, until the search ends.
//! Lives here: the loop; what a run without an outcome costs a commit.
//! May not live here: which run is next (`campaign::bisect`), or how one is done ([`Work`]).

use crate::campaign::BadWhen;
use crate::campaign::bisect::{At, Costs, End, Search, Step};
use crate::event::Reason;
use crate::results::RunJson;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::Instant;

/// Runs of a commit that never come to init, one after the other, after which it is one that does not boot.
const NO_BOOTS: u32 = 2;
/// Runs of a commit without an outcome, one after the other, after which it is left alone.
const FRUITLESS: u32 = 5;
/// What a run and a build cost until they were measured, in seconds.
const GUESS: Costs = Costs { run: 100.0, build: 60.0 };
/// A kernel that is ready sooner was not built, but found.
const FOUND: Duration = Duration::from_secs(3);

/// Where runs are made.
pub trait Work {
    /// Makes the kernel of a place ready.
    ///
    /// # Errors
    /// Where something is wrong that another commit does not mend.
    fn prepare(&mut self, at: At) -> impl Future<Output = anyhow::Result<Prepared>>;

    /// Runs the guest there once; the kernel is ready.
    ///
    /// # Errors
    /// Where the run cannot be made, or not be kept.
    fn run(&mut self, at: At) -> impl Future<Output = anyhow::Result<RunJson>>;

    /// Says what goes on.
    fn tell(&mut self, news: News<'_>);
}

/// What became of a kernel that was to be made ready.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// It is.
    Ready,
    /// It does not build, for this reason.
    Broken(String),
    /// The user ended it.
    Interrupted,
}

/// Something that people want to know.
#[derive(Debug)]
pub enum News<'a> {
    /// A run was made; `None` is one that says neither.
    Ran(At, &'a RunJson, Option<bool>, &'a Search),
    /// A commit is left out.
    Skipped(At, &'a str),
}

/// What a bisection came to.
#[derive(Clone, Debug, Default)]
pub struct Bisected {
    /// How the search ended; `None` where it was ended before: by the user, or for want of time.
    pub end: Option<End>,
    /// Whether the user ended it.
    pub interrupted: bool,
    /// Kernels built, and seconds of wall time for all of them.
    pub builds: (u32, f64),
    /// Runs without an outcome, by place.
    pub inconclusive: BTreeMap<At, u32>,
    /// Why places were left out.
    pub skipped: Vec<(At, String)>,
}

/// Searches until the search ends, or `time` is over. `past` are runs that were made before, in any order.
///
/// # Errors
/// Those of the work.
pub async fn bisect(
    search: &mut Search,
    work: &mut impl Work,
    bad_when: &BadWhen,
    past: Vec<(At, RunJson)>,
    time: Option<Duration>,
) -> anyhow::Result<Bisected> {
    let deadline = time.map(|time| Instant::now() + time);
    let mut book = Book::new();
    for (at, run) in past {
        book.enter(search, at, &run, bad_when);
    }
    let mut ready: Vec<At> = Vec::new();
    loop {
        let at = match search.next() {
            Step::Done(end) => return Ok(Bisected { end: Some(end), ..book.done }),
            Step::Run(_) if deadline.is_some_and(|deadline| Instant::now() >= deadline) => return Ok(book.done),
            Step::Run(at) => at,
        };
        if !ready.contains(&at) {
            let begun = Instant::now();
            match work.prepare(at).await? {
                Prepared::Ready => ready.push(at),
                Prepared::Interrupted => return Ok(Bisected { interrupted: true, ..book.done }),
                Prepared::Broken(why) => {
                    book.skip(search, work, at, why);
                    continue;
                }
            }
            if begun.elapsed() > FOUND {
                book.built(begun.elapsed());
            }
            search.built(at);
        }
        let run = work.run(at).await?;
        if run.inconclusive == Some(Reason::Cancelled) {
            return Ok(Bisected { interrupted: true, ..book.done });
        }
        let (bad, given_up) = book.enter(search, at, &run, bad_when);
        search.set_costs(book.costs());
        work.tell(News::Ran(at, &run, bad, search));
        if let Some(why) = given_up {
            book.skip(search, work, at, why);
        }
        if run.is_cancelled() {
            return Ok(Bisected { interrupted: true, ..book.done });
        }
    }
}

/// What was measured on the way.
struct Book {
    done: Bisected,
    /// Runs, and their seconds of wall time.
    runs: (u32, f64),
    /// By place: runs without an outcome since the last that had one, and of these the last ones that never booted.
    fruitless: BTreeMap<At, (u32, u32)>,
}

impl Book {
    fn new() -> Self {
        Self { done: Bisected::default(), runs: (0, 0.0), fruitless: BTreeMap::new() }
    }

    /// Enters a run: whether it is bad, and why its place is to be given up, if it is.
    fn enter(
        &mut self,
        search: &mut Search,
        at: At,
        run: &RunJson,
        bad_when: &BadWhen,
    ) -> (Option<bool>, Option<String>) {
        self.runs.0 += 1;
        self.runs.1 += run.duration_s;
        let bad = bad_when.judge(run);
        if let Some(bad) = bad {
            search.record(at, bad);
            self.fruitless.remove(&at);
            return (Some(bad), None);
        }
        *self.done.inconclusive.entry(at).or_default() += 1;
        let (all, no_boot) = self.fruitless.entry(at).or_default();
        *all += 1;
        *no_boot = if run.inconclusive == Some(Reason::NoBoot) { *no_boot + 1 } else { 0 };
        let reason = run.inconclusive.map_or("no reason given", Reason::name);
        let why = match (*no_boot >= NO_BOOTS, *all >= FRUITLESS) {
            (true, _) => Some(format!("does not boot: {}", run.detail.as_deref().unwrap_or(reason))),
            (_, true) => Some(format!("{FRUITLESS} runs in a row had no outcome, the last: {reason}")),
            _ => None,
        };
        (None, why)
    }

    fn skip(&mut self, search: &mut Search, work: &mut impl Work, at: At, why: String) {
        search.skip(at);
        work.tell(News::Skipped(at, &why));
        self.done.skipped.push((at, why));
    }

    fn built(&mut self, took: Duration) {
        self.done.builds.0 += 1;
        self.done.builds.1 += took.as_secs_f64();
    }

    fn costs(&self) -> Costs {
        let mean = |(count, seconds): (u32, f64), guess: f64| match count {
            0 => guess,
            count => (seconds / f64::from(count)).max(1.0),
        };
        Costs { run: mean(self.runs, GUESS.run), build: mean(self.done.builds, GUESS.build) }
    }
}

/// The costs that a search begins with.
pub fn guess() -> Costs {
    GUESS
}

#[cfg(test)]
#[path = "bisect_tests.rs"]
mod tests;
