//! Why a guest that hangs hangs: the first rule that fits.
//! Lives here: the rules, in their order, and what each names as its evidence.
//! May not live here: whether the guest hangs at all (`verdict`), or how a stack is read (`place`).

use super::history::{Dump, DumpKind, Sighting};
use super::names::charges_cgroup;
use super::place::Kind;
use super::{Diagnosis, Memory, Victim, Wait};
use crate::scenario::Mechanism;

/// The OOM reaper's time: two seconds' delay (6.1 and later, and stable 5.15), then ten tries a tenth of a second apart
/// (mm/oom_kill.c, OOM_REAPER_DELAY and MAX_OOM_REAP_RETRIES), and as much again for a guest that is slow.
pub(crate) const REAPER_MS: u64 = 6_000;
/// Entries into direct reclaim in a second from which on they are no single task's stray allocation. In a deadlock there
/// are thousands.
pub(crate) const RECLAIM_PER_S: u64 = 10;
/// Places told of in evidence.
const TOLD: usize = 3;

/// What is known of the hang besides stacks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The event that showed that it hangs.
    pub seq: u64,
    /// When that was, in milliseconds of fair time.
    pub now_ms: u64,
    /// When the stall began.
    pub stall_ms: u64,
    /// Whether even the heartbeat is silent, which needs neither memory nor disk: then the processors are taken.
    pub beat_silent: bool,
    /// Entries into direct reclaim while nothing moved, and over how many milliseconds; `None` where nobody counted.
    pub reclaims: Option<(u64, u64)>,
    /// Free memory at the last heartbeat, in kB.
    pub free_kb: u64,
    /// The zones' min watermarks together, in kB; 0 where unknown.
    pub min_kb: u64,
}

/// A mechanism and what it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Which.
    pub mechanism: Mechanism,
    /// What shows it, the most important first; at least one.
    pub evidence: Vec<Piece>,
    /// Where tasks are stuck: the places that matter most.
    pub places: Vec<Piece>,
}

/// One piece of evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The event that shows it.
    pub seq: u64,
    /// Fair time in milliseconds.
    pub at_ms: u64,
    /// In words.
    pub text: String,
}

/// The case: who is stuck where.
struct Case<'a> {
    diagnosis: &'a Diagnosis,
    circumstances: &'a Circumstances,
    waits: Vec<Wait>,
}

pub(super) fn find(diagnosis: &Diagnosis, circumstances: &Circumstances) -> Finding {
    let waits = diagnosis.history().waits(circumstances.stall_ms);
    let case = Case { diagnosis, circumstances, waits };
    let looping = case.looping();
    let victims = case.pending_victims();
    let (mechanism, mut evidence) = if let (Some(_), Some(victim)) = (&looping, victims.first()) {
        (Mechanism::OomDeadlock, vec![victim.clone()])
    } else if looping.is_some() && case.isolated() {
        (Mechanism::IsolationThrottle, case.isolation_memory())
    } else if looping.is_some() {
        (Mechanism::NoFsLivelock, vec![case.no_victim()])
    } else if let Some(waiting) = case.stalled_io() {
        (Mechanism::IoStall, vec![waiting])
    } else {
        (Mechanism::Unknown, vec![case.nothing_fits()])
    };
    evidence.extend(looping);
    for piece in &mut evidence[..1] {
        piece.text = format!("{}: {}", mechanism.name(), piece.text);
    }
    Finding { mechanism, evidence, places: case.places() }
}

impl Case<'_> {
    fn at_end(&self, text: String) -> Piece {
        Piece { seq: self.circumstances.seq, at_ms: self.circumstances.now_ms, text }
    }

    fn of(&self, kinds: &[Kind]) -> impl Iterator<Item = &Wait> {
        self.waits.iter().filter(|wait| kinds.contains(&wait.place.kind))
    }

    /// That tasks loop in the allocator, and not just happen to be there: somebody was seen there twice, or direct reclaim
    /// is entered all the time, or there is no free memory.
    fn looping(&self) -> Option<Piece> {
        let Circumstances { reclaims, free_kb, min_kb, .. } = *self.circumstances;
        let waits: Vec<&Wait> = self.of(&[Kind::Allocator, Kind::Isolation]).collect();
        let tasks = || waits.iter().flat_map(|wait| &wait.tasks);
        let count = tasks().count();
        let most = tasks().max_by_key(|task| task.seen)?;
        let reclaimed = reclaims.filter(|(count, ms)| *ms > 0 && count.saturating_mul(1000) / ms >= RECLAIM_PER_S);
        let last = self.memory_in_stall().last();
        let (free_kb, min_kb) = last.map_or((free_kb, min_kb), |memory| (memory.free_kb, memory.min_kb));
        let proof = if let Some((count, ms)) = reclaimed {
            format!("direct reclaim was entered {count} times in {:.1} s without movement", ms as f64 / 1000.0)
        } else if most.seen >= 2 {
            format!("{} ({}) was seen there {} of {} times", most.comm, most.pid, most.seen, most.of)
        } else if min_kb > 0 && free_kb / 2 < min_kb {
            format!("{free_kb} kB are free with a min watermark of {min_kb} kB")
        } else {
            return None;
        };
        let tasks = if count == 1 { "1 task loops".to_owned() } else { format!("{count} tasks loop") };
        Some(Piece { seq: most.seq, at_ms: most.last_ms, text: format!("{tasks} in the allocator: {proof}") })
    }

    /// Victims that were chosen, have not died, and of which the kernel has not said that it got their memory.
    fn pending_victims(&self) -> Vec<Piece> {
        let victims = self.diagnosis.victims().iter().rev().filter(|victim| !victim.settled);
        let mut found: Vec<Piece> = victims
            .filter_map(|victim| {
                let (dump, task) = self.pictures().find_map(|dump| Some((dump, self.trace_of(victim, dump)?)))?;
                let waited =
                    dump.at_ms.checked_sub(victim.at_ms).filter(|waited| *waited >= REAPER_MS)? as f64 / 1000.0;
                let whose = if task.header.pid == victim.pid { "it".to_owned() } else { self.thread(task) };
                let text = format!(
                    "{} ({}) was chosen by the OOM killer {waited:.1} s before and has not died: {whose} is in {} ({})",
                    victim.comm, victim.pid, task.place, task.header.state
                );
                Some(Piece { seq: task.seq, at_ms: task.at_ms, text })
            })
            .collect();
        // A victim of whose kill no line is left.
        let marked = self
            .pictures()
            .flat_map(|dump| &dump.tasks)
            .find(|task| task.memdie && alive(task) && !self.is_known(task));
        found.extend(marked.map(|task| {
            let text = format!(
                "{} ({}) may use all reserves (TIF_MEMDIE) and has not died: it is in {} ({})",
                task.header.comm, task.header.pid, task.place, task.header.state
            );
            Piece { seq: task.seq, at_ms: task.at_ms, text }
        }));
        found
    }

    /// A living task of a victim. The victim itself may be a zombie already, or no longer shown, while threads of its group
    /// live on: they are told by their group, else by their mark, else by their name and the signal that they cannot take. Who
    /// is a victim by itself is no trace of a namesake.
    fn trace_of<'a>(&self, victim: &Victim, dump: &'a Dump) -> Option<&'a Sighting> {
        let find = |wanted: &dyn Fn(&Sighting) -> bool| dump.tasks.iter().find(|task| alive(task) && wanted(task));
        let namesake = |task: &Sighting| {
            let chosen = self.diagnosis.victims().iter().any(|other| other.pid == task.header.pid);
            task.header.comm == victim.comm && task.header.tgid.is_none() && !chosen
        };
        find(&|task| task.header.pid == victim.pid)
            .or_else(|| find(&|task| task.header.tgid == Some(victim.pid)))
            .or_else(|| find(&|task| task.memdie && namesake(task)))
            .or_else(|| find(&|task| task.signal && namesake(task)))
    }

    /// The dumps of tasks of this stall, the newest first, up to one that shows all tasks from beginning to end: whoever is
    /// not in that was gone by then.
    fn pictures(&self) -> impl Iterator<Item = &Dump> {
        let since = self.circumstances.stall_ms;
        let dumps = self.diagnosis.history().dumps().iter().rev();
        let of_tasks = dumps.filter(move |dump| dump.at_ms >= since && dump.kind != DumpKind::Processors);
        let mut over = false;
        of_tasks.take_while(move |dump| {
            let take = !over;
            over |= dump.kind == DumpKind::All && dump.complete;
            take
        })
    }

    fn thread(&self, task: &Sighting) -> String {
        let mark = if task.memdie { "TIF_MEMDIE" } else { "a signal pending" };
        format!("its thread {} ({mark})", task.header.pid)
    }

    fn is_known(&self, task: &Sighting) -> bool {
        let header = &task.header;
        self.diagnosis
            .victims()
            .iter()
            .any(|victim| victim.pid == header.pid || header.tgid == Some(victim.pid) || victim.comm == header.comm)
    }

    /// Whether at least half of those that want free memory wait for fewer isolated pages, and the kernel's own numbers, where
    /// there are any, allow it: up to 4.13 the same sleep has other reasons, too.
    fn isolated(&self) -> bool {
        let (isolated, allocator) = self.throttled();
        let mut memory = self.memory_in_stall().peekable();
        let denied = memory.peek().is_some() && memory.all(|memory| !memory.too_many_isolated());
        isolated > 0 && isolated >= allocator && !denied
    }

    /// Of those that want free memory: how many wait for fewer isolated pages, and how many do not.
    fn throttled(&self) -> (usize, usize) {
        let tasks = |wait: &Wait| wait.tasks.len();
        let free = self.of(&[Kind::Allocator]).filter(|wait| !charges_cgroup(&wait.place.function));
        (self.of(&[Kind::Isolation]).map(tasks).sum(), free.map(tasks).sum())
    }

    fn isolation_memory(&self) -> Vec<Piece> {
        let (waiting, others) = self.throttled();
        let all = waiting + others;
        let numbers = self.memory_in_stall().find(|memory| memory.too_many_isolated()).map(|memory| {
            let Memory { isolated_file_kb, inactive_file_kb, isolated_anon_kb, inactive_anon_kb, .. } = memory;
            format!(
                "; isolated are {isolated_file_kb} kB of files ({inactive_file_kb} kB inactive) and {isolated_anon_kb} kB \
                 anonymous ({inactive_anon_kb} kB inactive)"
            )
        });
        let numbers = numbers.unwrap_or_default();
        vec![self.at_end(format!("{waiting} of {all} allocating tasks wait for fewer isolated pages{numbers}"))]
    }

    /// That nobody is to be killed, who loops, and where most of those are that wait.
    fn no_victim(&self) -> Piece {
        let victims = self.diagnosis.victims();
        let mut text = match victims.len() {
            0 => "no victim was ever chosen".to_owned(),
            count => format!("no victim is pending ({count} chosen, all gone or their memory freed)"),
        };
        let count = |waits: &[&Wait]| waits.iter().map(|wait| wait.tasks.len()).sum::<usize>();
        let looping: Vec<&Wait> = self.of(&[Kind::Allocator]).collect();
        let verb = if count(&looping) == 1 { "task loops" } else { "tasks loop" };
        let places: Vec<String> = looping.iter().take(TOLD).map(|wait| wait.place.to_string()).collect();
        text += &format!("; {} {verb} in the allocator ({})", count(&looping), places.join("; "));
        let waiting: Vec<&Wait> = self.of(&[Kind::Lock, Kind::Io, Kind::Frozen]).collect();
        if let Some(most) = waiting.iter().max_by_key(|wait| wait.tasks.len()) {
            text += &format!(", and {} wait for locks or I/O, most in {}", count(&waiting), most.place);
        }
        self.at_end(text)
    }

    /// Somebody waits for I/O or a thaw in every look that could show it.
    fn stalled_io(&self) -> Option<Piece> {
        if self.circumstances.beat_silent {
            return None;
        }
        let waits = || self.of(&[Kind::Frozen, Kind::Io]);
        let steady = |wait: &&Wait| wait.tasks.iter().any(|task| task.seen == task.of);
        let wait = waits().filter(steady).max_by_key(|wait| (wait.place.kind == Kind::Frozen, wait.tasks.len()))?;
        let task = wait.tasks.iter().find(|task| task.seen == task.of)?;
        let frozen = wait.place.kind == Kind::Frozen;
        let what = if frozen { "a filesystem to be thawed" } else { "I/O" };
        let like = waits().filter(|other| other.place.kind == wait.place.kind);
        let count = like.map(|wait| wait.tasks.len()).sum::<usize>();
        let tasks = if count == 1 { "1 task waits".to_owned() } else { format!("{count} tasks wait") };
        let text = format!("nobody loops in the allocator, and {tasks} for {what}, as in {}", wait.place);
        Some(Piece { seq: task.seq, at_ms: task.last_ms, text })
    }

    fn nothing_fits(&self) -> Piece {
        let text = if self.waits.is_empty() {
            "no task's stack was seen"
        } else if self.circumstances.beat_silent {
            "even the heartbeat is silent, which needs neither memory nor disk"
        } else {
            "nobody loops in the allocator or waits for I/O all the time"
        };
        self.at_end(text.into())
    }

    /// The places, first those that matter.
    fn places(&self) -> Vec<Piece> {
        let piece = |wait: &Wait| {
            let task = wait.tasks.first()?;
            Some(Piece { seq: task.seq, at_ms: task.last_ms, text: wait.sentence() })
        };
        self.waits.iter().filter_map(piece).take(TOLD).collect()
    }

    fn memory_in_stall(&self) -> impl Iterator<Item = &Memory> {
        let since = self.circumstances.stall_ms;
        self.diagnosis.memory().iter().filter(move |(at_ms, _)| *at_ms >= since).map(|(_, memory)| memory)
    }
}

fn alive(task: &Sighting) -> bool {
    !matches!(task.header.state, 'Z' | 'X')
}
