//! Who was seen where, when, and how often, over all dumps of a run.
//! Lives here: single sightings, dumps as they were, and which of them shows best how things stood.
//! May not live here: the account per task and place (`waits`), or what all that means for the guest (`mechanism`).

use super::frame::Frame;
use super::header::Header;
use super::place::{Kind, Place};
use super::waits::{Tracks, Wait};

/// Dumps kept whole; of more the newest.
const MAX_DUMPS: usize = 8;
/// Tasks kept of a dump.
const MAX_TASKS: usize = 2048;
/// Dumps that are counted.
const MAX_COUNTED: usize = 10_000;

/// What showed a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A dump of tasks: SysRq-t or SysRq-w.
    Dump,
    /// The kernel's report of a hung task.
    HungTask,
    /// A backtrace of a processor: SysRq-l, or a stall detector's.
    Backtrace,
}

/// A task as it was shown once.
#[derive(Clone, Debug, PartialEq)]
pub struct Sighting {
    /// Who.
    pub header: Header,
    /// The event of its header.
    pub seq: u64,
    /// When, in milliseconds of fair time.
    pub at_ms: u64,
    /// By what.
    pub source: Source,
    /// Its stack, innermost function first.
    pub stack: Vec<Frame>,
    /// Where it is.
    pub place: Place,
    /// A signal is pending (TIF_SIGPENDING).
    pub signal: bool,
    /// It may use all reserves, as a victim of the OOM killer (TIF_MEMDIE).
    pub memdie: bool,
}

impl Sighting {
    pub(super) fn new(header: Header, seq: u64, at_ms: u64, source: Source) -> Self {
        let nowhere =
            Place { kind: Kind::Idle, function: String::new(), caller: None, in_allocator: false, exiting: false };
        Self { header, seq, at_ms, source, stack: Vec::new(), place: nowhere, signal: false, memdie: false }
    }
}

/// Which tasks a dump shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DumpKind {
    /// All: SysRq-t.
    All,
    /// Those in state D: SysRq-w.
    Blocked,
    /// Those on a processor: SysRq-l.
    Processors,
}

impl DumpKind {
    /// The key that asks for it.
    pub fn key(self) -> char {
        match self {
            Self::All => 't',
            Self::Blocked => 'w',
            Self::Processors => 'l',
        }
    }

    fn shown_by(self, source: Source) -> bool {
        match self {
            Self::All | Self::Blocked => source == Source::Dump,
            Self::Processors => source == Source::Backtrace,
        }
    }
}

/// A dump of tasks.
#[derive(Clone, Debug, PartialEq)]
pub struct Dump {
    /// Which tasks it shows.
    pub kind: DumpKind,
    /// When it began, in milliseconds of fair time.
    pub at_ms: u64,
    /// The tasks.
    pub tasks: Vec<Sighting>,
    /// Whether its end was seen; until then tasks may be missing.
    pub complete: bool,
    /// Tasks that were too many to be kept.
    pub left_out: u64,
    /// Sightings before it.
    before: u64,
}

/// All that was seen.
#[derive(Clone, Debug, Default)]
pub struct History {
    dumps: Vec<Dump>,
    /// Kinds of all dumps, those not kept included.
    kinds: Vec<DumpKind>,
    open: bool,
    sightings: u64,
    tracks: Tracks,
}

impl History {
    /// The dumps, oldest first; of many the newest.
    pub fn dumps(&self) -> &[Dump] {
        &self.dumps
    }

    /// A SysRq key was taken: a dump begins, or ends.
    pub(super) fn sysrq(&mut self, at_ms: u64, what: &str) {
        self.end_of_tasks();
        self.open = false;
        match what.trim() {
            "Show State" => self.begin(DumpKind::All, at_ms),
            "Show Blocked State" => self.begin(DumpKind::Blocked, at_ms),
            other if other.starts_with("Show backtrace of all active CPUs") => self.begin(DumpKind::Processors, at_ms),
            _ => {}
        }
    }

    fn begin(&mut self, kind: DumpKind, at_ms: u64) {
        if self.dumps.len() == MAX_DUMPS {
            self.dumps.remove(0);
        }
        if self.kinds.len() < MAX_COUNTED {
            self.kinds.push(kind);
        }
        self.dumps.push(Dump { kind, at_ms, tasks: Vec::new(), complete: false, left_out: 0, before: self.sightings });
        self.open = true;
    }

    /// The tasks of a dump have come to their end.
    pub(super) fn end_of_tasks(&mut self) {
        if let Some(dump) = self.dumps.last_mut().filter(|_| self.open) {
            dump.complete = true;
        }
    }

    /// A task was shown. Where no dump of its kind is open (a stall detector shows single tasks, too), it stands apart.
    pub(super) fn see(&mut self, sighting: Sighting) {
        let open = self.dumps.last_mut().filter(|dump| self.open && dump.kind.shown_by(sighting.source));
        let in_dump = open.is_some() && sighting.source == Source::Dump;
        self.sightings += 1;
        self.tracks.see(&sighting, self.sightings, self.kinds.len(), in_dump);
        match open {
            Some(dump) if dump.tasks.len() < MAX_TASKS => dump.tasks.push(sighting),
            Some(dump) => dump.left_out += 1,
            None => {}
        }
    }

    /// Forgets who was seen where, not the dumps: a stall begins, and what was before it was over once.
    pub(super) fn restart(&mut self) {
        self.tracks = Tracks::default();
    }

    /// The dump that shows best how things stood at the end: of those from `since_ms` on the newest of all tasks, else the
    /// newest of blocked ones.
    pub fn picture(&self, since_ms: u64) -> Option<&Dump> {
        let newest = |kind| self.dumps.iter().rev().find(move |dump| dump.kind == kind && dump.at_ms >= since_ms);
        newest(DumpKind::All).or_else(|| newest(DumpKind::Blocked))
    }

    /// Who was stuck where at the end: in the last picture of all tasks or after it. Where there is no such picture,
    /// whoever was seen from `since_ms` on. Allocation first, then locks, then the rest; many tasks before few.
    pub fn waits(&self, since_ms: u64) -> Vec<Wait> {
        self.tracks.waits(self.picture(since_ms).map(|dump| dump.before), since_ms, &self.kinds)
    }
}
