//! What the pictures of a run say: the proof of its hang or its chain, the guest as it hung, who spent how much time where.
//! Lives here: which picture stands for the hang; the words and their order.
//! May not live here: adding up (`introspect::account`), or one picture's parts (`state`).

use super::diagnosis::waits_of_who_could_free;
use super::inert::{plain, quoted};
use super::state::{State, Who};
use crate::event::{Cycle, Event, Kind, Picture, Step, sentence};
use crate::introspect::account::Account;
use crate::results::{ChainJson, ProofJson, RunJson};
use crate::verdict::{FairClock, Verdict};
use jiff::Timestamp;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;

/// Lines of the account that are shown of others than those who hold a lock or are in the proof or the chain.
const ROWS: usize = 30;

/// What the pictures of a run say.
#[derive(Clone, Debug, Serialize)]
pub struct Pictures {
    /// How many there are.
    pub pictures: usize,
    /// Why there are none, where there are none.
    pub none: Option<String>,
    /// How many show a closed cycle.
    pub closed: usize,
    /// How many cannot tell.
    pub unsure: usize,
    /// What each took, in milliseconds: the median, and the longest.
    pub took_ms: [f64; 2],
    /// The cycle that proves the hang.
    pub proof: Option<ProofJson>,
    /// Of a hang without proof: what those waited for who could bring free memory.
    pub chain: Option<ChainJson>,
    /// The guest as the picture shows it that stands for the hang: the one for which it was held, else the last one that was taken while the
    /// proof or the chain stood, else the last.
    pub state: Option<State>,
    /// Time in the pictures, by task: who holds a lock or is in the proof or the chain first, then the longest time.
    pub time: Vec<Row>,
    /// The core of the guest as it hung, where the result has one.
    pub core: Option<PathBuf>,
    /// How many lines of the account come first.
    #[serde(skip)]
    involved: usize,
    /// The last closed cycle.
    #[serde(skip)]
    last_closed: Option<Vec<Step>>,
}

/// A line of the account of time.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// Whose.
    #[serde(flatten)]
    pub who: Who,
    /// On what kind of place.
    pub what: String,
    /// On which lock.
    pub lock: Option<String>,
    /// Seconds of fair time.
    pub s: f64,
    /// In how many pictures.
    pub pictures: u64,
}

impl Pictures {
    /// Those of a run's events, and its verdict.
    pub fn new(events: &[Event], verdict: &Verdict) -> Self {
        let mut clock = FairClock::default();
        let mut account = Account::default();
        let mut all: Vec<(u64, &Picture)> = Vec::new();
        let mut why = None;
        for event in events {
            clock.observe(event);
            match &event.kind {
                Kind::Picture(picture) => {
                    account.observe(clock.fair_ms(), picture);
                    all.push((clock.fair_ms(), picture));
                }
                Kind::NoPictures { why: told } => why = Some(told.clone()),
                _ => {}
            }
        }
        let run = RunJson::of_verdict("", verdict, Timestamp::UNIX_EPOCH);
        let mut told = Self {
            pictures: all.len(),
            none: None,
            closed: all.iter().filter(|(_, picture)| matches!(picture.cycle, Cycle::Closed { .. })).count(),
            unsure: all.iter().filter(|(_, picture)| picture.cycle == Cycle::Unsure).count(),
            took_ms: took(&all),
            proof: run.proof,
            chain: run.chain,
            state: None,
            time: Vec::new(),
            core: None,
            involved: 0,
            last_closed: None,
        };
        if all.is_empty() {
            let never = || "it never stalled, or the run is from before there were any".to_owned();
            told.none = Some(why.unwrap_or_else(never));
            return told;
        }
        let last =
            [verdict.proof.as_ref().map(|proof| proof.last_ms), verdict.chain.as_ref().map(|chain| chain.last_ms)];
        let stood = last.into_iter().flatten().next();
        told.state = stands_for_the_hang(&all, stood).map(|(at, picture)| State::new(Some(at), picture, &account));
        told.last_closed = all.iter().rev().find_map(|(_, picture)| match &picture.cycle {
            Cycle::Closed { steps, .. } => Some(steps.clone()),
            _ => None,
        });
        told.add_time(&account);
        told
    }

    /// The account of time, with those first who matter most.
    fn add_time(&mut self, account: &Account) {
        let steps =
            self.proof.iter().flat_map(|proof| &proof.steps).chain(self.chain.iter().flat_map(|chain| &chain.steps));
        let mut matter: BTreeSet<u32> = steps.filter_map(|step| step.pid).collect();
        matter.extend(self.state.iter().flat_map(State::holders));
        let rows = account.rows().into_iter().map(|row| Row {
            who: Who { pid: row.pid, comm: row.comm.to_owned() },
            what: row.spent.kind.clone(),
            lock: row.spent.lock.clone(),
            s: row.time.ms as f64 / 1000.0,
            pictures: row.time.pictures,
        });
        let (involved, others): (Vec<Row>, Vec<Row>) = rows.partition(|row| matter.contains(&row.who.pid));
        self.involved = involved.len();
        self.time = [involved, others].concat();
    }

    /// The page. With `stacks`, those of all tasks of the picture that stands for the hang follow.
    pub fn text(&self, stacks: bool) -> String {
        let mut text = String::new();
        if let Some(why) = &self.none {
            let _ = writeln!(text, "No pictures of the guest's memory: {}", plain(why));
            return text;
        }
        self.why(&mut text);
        if let Some(state) = &self.state {
            let (at, found) = (state.at_s.unwrap_or_default(), state.found);
            let torn = if state.torn { ", some may be missing" } else { "" };
            let held = if state.held { ", held for the look" } else { "" };
            let _ = writeln!(text, "\nThe guest at {at:.1} s, {found} tasks{torn}{held}:");
            text.push_str(&state.text());
        }
        self.time(&mut text);
        if let Some(state) = self.state.as_ref().filter(|_| stacks) {
            let at = state.at_s.unwrap_or_default();
            let _ = writeln!(text, "\nStacks at {at:.1} s of the tasks that did not just sleep:");
            text.push_str(&state.stacks());
        }
        if let Some(core) = &self.core {
            let core = quoted(&core.display().to_string());
            let _ = writeln!(
                text,
                "\nA core of the guest as it hung tells more, all tasks and all stacks:\n  oomph diagnose --core {} --stacks",
                plain(&core)
            );
        }
        text
    }

    /// The proof or the chain, and what is known of other cycles.
    fn why(&self, text: &mut String) {
        if let Some(proof) = &self.proof {
            let _ = writeln!(
                text,
                "Proof of a hang: the same cycle from {:.1} s to {:.1} s, in {} pictures:\n  {}",
                proof.since_s,
                proof.until_s,
                proof.pictures,
                plain(&sentence(&proof.steps))
            );
        }
        if let Some(chain) = &self.chain {
            let _ = writeln!(
                text,
                "{}, from {:.1} s to {:.1} s, in {} of {} pictures of the stall:\n  {}",
                waits_of_who_could_free("waited", chain.closed),
                chain.since_s,
                chain.until_s,
                chain.pictures,
                chain.of,
                plain(&sentence(&chain.steps))
            );
        }
        let (all, closed, unsure, [median, most]) = (self.pictures, self.closed, self.unsure, self.took_ms);
        let _ = writeln!(
            text,
            "{all} pictures, of which {closed} show a closed cycle and {unsure} cannot tell; each took {median:.1} ms, {most:.1} ms at most"
        );
        if let (None, Some(steps)) = (&self.proof, &self.last_closed) {
            let steps = sentence(steps);
            let _ = writeln!(text, "The last that was seen, which is no proof by itself:\n  {}", plain(&steps));
        }
        let shown = self.state.as_ref().and_then(|state| state.chain.as_ref());
        if let (None, None, Some(chain)) = (&self.proof, &self.chain, shown) {
            let heading = waits_of_who_could_free("waited", chain.closed);
            let _ = writeln!(text, "{heading}, in the picture below:\n  {}", plain(&sentence(&chain.steps)));
        }
    }

    fn time(&self, text: &mut String) {
        let first = if self.involved > 0 { ", who holds a lock or is named above first" } else { "" };
        let _ = writeln!(text, "\nTime in the pictures, by task{first}:");
        let (involved, others) = self.time.split_at(self.involved);
        involved.iter().for_each(|row| line(text, row, 0));
        let groups = groups(others);
        groups.iter().take(ROWS).for_each(|(row, more)| line(text, row, *more));
        if let Some((longest, _)) = groups.get(ROWS) {
            let more = groups.len() - ROWS;
            let _ = writeln!(text, "  and {more} more lines, none of more than {:.1} s (all with --json)", longest.s);
        }
    }
}

/// A line of the account, of a task and so many that are named alike and spent as long or less on the same.
fn line(text: &mut String, row: &Row, others: usize) {
    let Row { who, what, lock, s, pictures } = row;
    let lock = lock.as_ref().map(|lock| format!(" {}", plain(lock))).unwrap_or_default();
    let (more, each) = if others > 0 { (format!(" and {others} more"), "up to ") } else { (String::new(), "") };
    let _ = writeln!(text, "  {s:>7.1} s  {who}{more}  {}{lock}  (in {each}{pictures} pictures)", plain(what));
}

/// Rows of tasks of one name that spent time on the same, together: the first of them, which has the longest time, and how many more.
fn groups(rows: &[Row]) -> Vec<(&Row, usize)> {
    let mut groups: Vec<(&Row, usize)> = Vec::new();
    let mut places = BTreeMap::new();
    for row in rows {
        let place = *places.entry((&row.who.comm, &row.what, &row.lock)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some((_, more)) => *more += 1,
            None => groups.push((row, 0)),
        }
    }
    groups
}

/// The last picture that was taken while the proof or the chain stood; where neither did, the last one with a chain or a closed cycle, else
/// the last.
fn stands_for_the_hang<'a>(all: &[(u64, &'a Picture)], stood: Option<u64>) -> Option<(u64, &'a Picture)> {
    let at_all =
        |(_, picture): &&(u64, &Picture)| picture.chain.is_some() || matches!(picture.cycle, Cycle::Closed { .. });
    // Nothing moves in one for which the guest was held.
    let held = all.iter().rev().find(|(_, picture)| picture.held);
    let then = || stood.and_then(|last| all.iter().rev().find(|(at, _)| *at <= last));
    held.or_else(then).or_else(|| all.iter().rev().find(at_all)).or(all.last()).copied()
}

/// What pictures took, in milliseconds: the median, and the longest.
fn took(all: &[(u64, &Picture)]) -> [f64; 2] {
    let mut took: Vec<u64> = all.iter().map(|(_, picture)| picture.us).collect();
    took.sort_unstable();
    [took.get(took.len() / 2), took.last()].map(|us| us.map_or(0.0, |us| *us as f64 / 1000.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Chain, SampledStack, SeenLock, SeenVictim, StepNode};
    use crate::verdict::judge;

    fn event(seq: u64, kind: Kind) -> Event {
        Event { seq, host_ns: seq * 250_000_000, guest_ns: None, kind }
    }

    /// A lock that 40 tasks wait for, and its holder.
    fn crowd() -> Picture {
        let stack = |kind: &str, folded: &str| SampledStack { kind: kind.into(), folded: folded.into() };
        let step =
            Step { node: StepNode::Task, name: "holder[7]".into(), detail: String::new(), pid: Some(7), others: 0 };
        Picture {
            tasks: 99,
            free_kb: 1000,
            min_kb: 2000,
            isolated_kb: 128,
            stacks: vec![stack("allocator", "vfs_write;__alloc_pages"), stack("lock", "vfs_write;down_write")],
            names: (100..140).map(|pid| (pid, "crowd".into())).chain([(7, "holder".into())]).collect(),
            seen: (100..140).map(|pid| (pid, 1, Some(0))).chain([(7, 0, None)]).collect(),
            locks: vec![SeenLock {
                at: "0xf00".into(),
                name: "i_rwsem of vdb:/f0".into(),
                holder: Some(7),
                waiters: 40,
            }],
            victims: vec![SeenVictim { pid: 9, comm: "hog".into(), skip: false }],
            chain: Some(Chain { identity: "c".into(), closed: true, steps: vec![step] }),
            ..Picture::default()
        }
    }

    #[test]
    fn a_holder_is_not_pushed_out_by_those_who_wait() {
        let events = [event(0, Kind::Picture(Box::new(crowd()))), event(1, Kind::Picture(Box::default()))];
        let pictures = Pictures::new(&events, &judge(&events));
        let text = pictures.text(true);
        for part in [
            "2 pictures, ",
            "Memory: 1000 kB free, min watermarks 2000 kB, 128 kB isolated",
            "OOM victim hog (9): its memory still counts as its own",
            "i_rwsem of vdb:/f0: held by holder[7]; crowd[100], crowd[101], crowd[102], crowd[103], crowd[104], crowd[105] and 34 more wait",
            "What those waited for who could bring free memory, and it goes round, in the picture below:\n  holder[7]",
            " s  holder[7]  allocator  (in 1 pictures)",
            " s  crowd[100] and 39 more  lock i_rwsem of vdb:/f0  (in up to 1 pictures)",
            "\ncrowd[139] lock i_rwsem of vdb:/f0\n  down_write\n  vfs_write\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!pictures.text(false).contains("down_write"), "only where stacks are wanted");
        let json = serde_json::to_value(&pictures).unwrap_or_default();
        assert_eq!((json["pictures"].as_u64(), json["time"].as_array().map(Vec::len)), (Some(2), Some(41)));
        assert_eq!(
            (json["state"]["locks"][0]["holder"]["comm"].as_str(), json["time"][0]["pid"].as_u64()),
            (Some("holder"), Some(7))
        );
        assert_eq!(json["state"]["tasks"][0]["stack"][0], "down_write");
    }

    #[test]
    fn what_is_cut_off_is_counted() {
        let mut picture = crowd();
        picture.names = (100..140).map(|pid| (pid, format!("task-{pid}"))).collect();
        let events = [event(0, Kind::Picture(Box::new(picture)))];
        let mut pictures = Pictures::new(&events, &judge(&events));
        pictures.core = Some("/r/core/core.zst".into());
        let text = pictures.text(false);
        assert!(text.contains("task-129[129]  lock") && text.contains("  and 10 more lines"), "{text}");
        assert!(!text.contains("task-130[130]  lock"), "{text}");
        assert!(text.ends_with("  oomph diagnose --core /r/core/core.zst --stacks\n"), "{text}");
    }

    #[test]
    fn a_run_without_pictures_says_why() {
        let events = [event(0, Kind::NoPictures { why: "no types: none".into() })];
        let pictures = Pictures::new(&events, &judge(&events));
        assert_eq!(pictures.text(true), "No pictures of the guest's memory: no types: none\n");
        assert!(pictures.state.is_none());
    }
}
