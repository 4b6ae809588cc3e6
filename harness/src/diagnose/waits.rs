//! Who is stuck where, since when, seen how often.
//! Lives here: the account of each task at each place over all dumps, and its summary by place.
//! May not live here: dumps (`history`), or what a wait means for the guest (`mechanism`).

use super::history::{DumpKind, Sighting};
use super::place::{Kind, Place};
use serde::Serialize;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// Tasks and places that are kept account of.
const MAX_TRACKS: usize = 16_384;

/// A task that was seen at a place, over all dumps.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct WaitingTask {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Its state when it was last seen.
    pub state: char,
    /// When it was first seen there, in milliseconds of fair time.
    pub first_ms: u64,
    /// When it was last seen there.
    pub last_ms: u64,
    /// How often it was seen there.
    pub seen: u32,
    /// Of how many looks from the first on that would have shown it.
    pub of: u32,
    /// The event of its last sighting.
    pub seq: u64,
}

/// All tasks that were stuck at one place at the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wait {
    /// Where.
    pub place: Place,
    /// Who, the longest first; at least one.
    pub tasks: Vec<WaitingTask>,
}

impl Wait {
    /// In words: how many, where, one of them, since when.
    pub fn sentence(&self) -> String {
        let count = self.tasks.len();
        let tasks = if count == 1 { "1 task".to_owned() } else { format!("{count} tasks") };
        let place = format!("{tasks} in {} ({})", self.place, self.place.kind.name());
        let Some(task) = self.tasks.first() else { return place };
        let WaitingTask { pid, comm, state, seen, of, .. } = task;
        let example = if count == 1 { "" } else { "one is " };
        let longest = (task.last_ms - task.first_ms) as f64 / 1000.0;
        format!("{place}: {example}{comm} ({pid}), {state}, for {longest:.1} s, seen {seen} of {of}")
    }
}

/// The account.
#[derive(Clone, Debug, Default)]
pub(super) struct Tracks(BTreeMap<(u32, Place), Track>);

/// A task at a place.
#[derive(Clone, Debug)]
struct Track {
    task: WaitingTask,
    /// The first dump that shows it or could have.
    from_dump: usize,
    /// Sightings outside dumps of tasks.
    apart: u32,
    /// Its newest sighting's number.
    newest: u64,
}

impl Tracks {
    /// A task was seen, as sighting number `number`, after `dumps` dumps had begun; in the last of these or apart.
    pub fn see(&mut self, sighting: &Sighting, number: u64, dumps: usize, in_dump: bool) {
        let Sighting { header, place, at_ms, seq, .. } = sighting;
        let key = (header.pid, place.clone());
        if place.kind == Kind::Idle || (self.0.len() == MAX_TRACKS && !self.0.contains_key(&key)) {
            return;
        }
        let track = self.0.entry(key).or_insert_with(|| Track {
            task: WaitingTask {
                pid: header.pid,
                comm: header.comm.clone(),
                state: header.state,
                first_ms: *at_ms,
                last_ms: *at_ms,
                seen: 0,
                of: 0,
                seq: *seq,
            },
            from_dump: dumps - usize::from(in_dump && dumps > 0),
            apart: 0,
            newest: number,
        });
        track.task.state = header.state;
        track.task.last_ms = track.task.last_ms.max(*at_ms);
        track.task.seen += 1;
        track.task.seq = *seq;
        track.apart += u32::from(!in_dump);
        track.newest = number;
    }

    /// Who was stuck where at the end: was seen after sighting number `after`, else from `since_ms` on. Allocation first,
    /// then locks, then the rest; many tasks before few. `kinds` are those of all dumps.
    pub fn waits(&self, after: Option<u64>, since_ms: u64, kinds: &[DumpKind]) -> Vec<Wait> {
        let current = |track: &&Track| match after {
            Some(after) => track.newest > after,
            None => track.task.last_ms >= since_ms,
        };
        // A task was seen at several places: what says something goes before what says nothing, then the newest.
        let mut best: BTreeMap<u32, (&Place, &Track)> = BTreeMap::new();
        for ((pid, place), track) in self.0.iter().filter(|(_, track)| current(track)) {
            let says = |place: &Place| !matches!(place.kind, Kind::Running | Kind::Blocked | Kind::Exiting);
            let rank = |(place, track): (&Place, &Track)| (says(place), track.newest);
            let held = best.entry(*pid).or_insert((place, track));
            if rank((place, track)) > rank(*held) {
                *held = (place, track);
            }
        }
        let mut groups: BTreeMap<&Place, Vec<WaitingTask>> = BTreeMap::new();
        for (place, track) in best.into_values() {
            groups.entry(place).or_default().push(track.counted(kinds));
        }
        let mut waits: Vec<Wait> =
            groups.into_iter().map(|(place, tasks)| Wait { place: place.clone(), tasks }).collect();
        for wait in &mut waits {
            wait.tasks.sort_by_key(|task| (Reverse(task.last_ms - task.first_ms), task.pid));
        }
        waits.sort_by(|one, other| {
            let rank = |wait: &Wait| (wait.place.kind, Reverse(wait.tasks.len()));
            rank(one).cmp(&rank(other)).then_with(|| one.place.cmp(&other.place))
        });
        waits
    }
}

impl Track {
    /// The task, with how often it could have been seen: a dump of blocked tasks shows it only in state D.
    fn counted(&self, kinds: &[DumpKind]) -> WaitingTask {
        let shows = |kind: &&DumpKind| match kind {
            DumpKind::All => true,
            DumpKind::Blocked => self.task.state == 'D',
            DumpKind::Processors => false,
        };
        let dumps = kinds.get(self.from_dump..).unwrap_or_default().iter().filter(shows).count();
        let of = u32::try_from(dumps).unwrap_or(u32::MAX).saturating_add(self.apart);
        // A state that changed in between may have shown it once more.
        WaitingTask { of: of.max(self.task.seen), ..self.task.clone() }
    }
}
