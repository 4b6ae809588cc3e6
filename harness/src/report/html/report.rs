//! A report as one page.
//! Lives here: which runs get a timeline and the console, within the page's bounds; the order of its parts.
//! May not live here: the parts.

use super::grid::{answer, grid, unexpected};
use super::order::{ids, order, rank};
use super::page::{broken, page, runs};
use super::run::One;
use crate::report::{Format, Report};
use crate::results::{ExcerptLine, RunJson};
use jiff::Timestamp;
use maud::{Markup, html};
use std::io::{self, Write};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The runs of a page come to about so many bytes at most, up to a thousand of them: 500 are to stay under 5 MB.
const PAGE: usize = 4_500_000;
/// What is kept of that for each run that is still to come, in bytes.
const EACH: usize = 5_000;
/// With less room than this, in bytes, lists are short.
const NARROW: usize = 600_000;
/// So many bytes of timelines and console lines are read at most, and the last one.
const BESIDE: usize = 2_600_000;
/// Runs at once whose folders are read.
const THREADS: usize = 2;
/// At so many wanted runs all of them are open at first.
const OPEN: usize = 3;
/// With more runs than this those that are as they should be have short lists.
const MANY: usize = 40;

/// What of a run lies beside its record.
#[derive(Clone, Debug, Default)]
pub struct Beside {
    /// Its timeline, as an SVG that we drew and that goes into the page as it is: no style of its own, no script.
    pub timeline: Option<String>,
    /// The console around its evidence, in its order.
    pub console: Vec<ExcerptLine>,
    /// Its stacks as seen from outside, drawn by [`super::flame()`].
    pub flame: Option<String>,
}

impl Beside {
    fn bytes(&self) -> usize {
        // As it is written: escaped, and cut where it is too long.
        let escaped = |byte: u8| if matches!(byte, b'<' | b'>' | b'&' | b'"') { 5 } else { 1 };
        let line = |line: &ExcerptLine| line.text.bytes().take(1_000).map(escaped).sum::<usize>() + 8;
        let drawn = [&self.timeline, &self.flame].into_iter().flatten().map(String::len).sum::<usize>();
        drawn + self.console.iter().map(line).sum::<usize>()
    }
}

/// Looks beside a run's record. The number is that of the runs of the page: of many, each has less room.
pub type Look = dyn Fn(&RunJson, usize) -> Beside + Sync;

/// The page of a report.
#[allow(missing_debug_implementations)]
pub struct Html {
    /// When it is made.
    pub made: Timestamp,
    /// Looks beside the records.
    pub look: Box<Look>,
    /// The style of timelines, once for all of them.
    pub style: String,
}

impl Format for Html {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let (ids, order) = (ids(&report.runs), order(&report.runs));
        let main = html! {
            (answer(&report.runs))
            (unexpected(&report.runs, &ids, &order))
            (grid(&report.runs, &ids, &order))
            (runs(&report.runs, &self.items(&report.runs, &ids, &order, &[]), &[]))
            (broken(&report.broken))
        };
        out.write_all(page(&report.title, self, &main).as_bytes())
    }
}

impl Html {
    /// Each run, in order. `sides` names each run's side where there are two.
    pub(super) fn items(&self, runs: &[RunJson], ids: &[String], order: &[usize], sides: &[&str]) -> Vec<Markup> {
        let ordered: Vec<&RunJson> = order.iter().filter_map(|&at| runs.get(at)).collect();
        let beside = look(&ordered, &*self.look);
        let wanted = ordered.iter().filter(|run| rank(run) < 4).count();
        let (mut written, mut read) = (0, 0);
        let one = |(number, (&at, beside)): (usize, (&usize, &Option<Beside>))| {
            let run = runs.get(at)?;
            // The first ones, which matter most, have their part of the page however many follow.
            let coming = ((order.len() - number) * EACH).min(PAGE / 5 * 3);
            let room = PAGE.saturating_sub(written + coming);
            let told = beside.as_ref().filter(|beside| read < BESIDE && beside.bytes() <= room);
            read += beside.as_ref().map_or(BESIDE, Beside::bytes);
            let markup = One {
                run,
                id: ids.get(at)?,
                side: sides.get(at).copied(),
                timeline: told.and_then(|beside| beside.timeline.as_deref()),
                flame: told.and_then(|beside| beside.flame.as_deref()),
                console: told.map_or(&[], |beside| &beside.console),
                left_out: told.is_none(),
                open: runs.len() == 1 || (wanted <= OPEN && rank(run) < 4),
                brief: runs.len() > MANY && (rank(run) == 4 || room < NARROW),
            }
            .markup();
            written += markup.0.len();
            Some(markup)
        };
        order.iter().zip(&beside).enumerate().filter_map(one).collect()
    }
}

/// Looks beside all runs, in order, on two threads. What would not come into the page is not read: a run is begun while those
/// that are read left room. All before the bound are read then, whichever thread is quicker; some behind it are, and `items` leaves them out.
fn look(runs: &[&RunJson], look: &Look) -> Vec<Option<Beside>> {
    let (next, bytes) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let work = || {
        let mut found = Vec::new();
        while bytes.load(Ordering::Acquire) < BESIDE {
            let at = next.fetch_add(1, Ordering::AcqRel);
            let Some(run) = runs.get(at) else { break };
            let beside = look(run, runs.len());
            bytes.fetch_add(beside.bytes(), Ordering::AcqRel);
            found.push((at, beside));
        }
        found
    };
    let mut all = vec![None; runs.len()];
    let found: Vec<(usize, Beside)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..THREADS.min(runs.len())).map(|_| scope.spawn(work)).collect();
        // A thread that panicked has found nothing; the page stands without.
        threads.into_iter().flat_map(|thread| thread.join().unwrap_or_default()).collect()
    });
    for (at, beside) in found {
        if let Some(place) = all.get_mut(at) {
            *place = Some(beside);
        }
    }
    all
}
