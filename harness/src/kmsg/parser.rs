//! The parser: lines in, messages out.
//! Lives here: what one line means for the next: scopes that carry over, kills by hand, pieces, replayed lines.
//! May not live here: any text of the kernel's; a clock; anything without a bound.

use super::join::{self, Open};
use super::line::{MAX_LINE, Record, Timestamps, record};
use super::message::{Constraint, Kill, Message, Scope, Stamped, Task};
use super::oom::Fact;
use super::scan::text as bounded;
use super::{detectors, faults, oom, sysrq};
use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

/// Chosen victims whose kill has not been reported; more would need as many OOM kills at once.
const MAX_CHOSEN: usize = 8;

/// Messages that are remembered so as not to be told twice.
const MAX_SEEN: usize = 1024;

/// A kill that comes without its header so long after a SysRq-f is no longer taken for it, in microseconds.
const MANUAL_WINDOW_US: u64 = 10_000_000;

/// Reads a console line by line. Its state is bounded: a few lines and a thousand hashes, whatever is fed.
#[derive(Clone, Debug)]
pub struct Parser {
    timestamps: Timestamps,
    open: Option<Open>,
    /// Victims chosen (`Kill process …`), not yet reported killed, with the scope that only that line tells.
    chosen: VecDeque<(u32, Scope)>,
    /// The last `invoked oom-killer`.
    invocation: Invocation,
    /// SysRq-f was pressed, and no kill has followed yet; its timestamp.
    requested: Option<Option<u64>>,
    /// Scope and hand of the last kill, for those that share the victim's memory or its cgroup.
    last: (Scope, bool),
    /// Hashes of messages told, oldest first.
    seen: VecDeque<u64>,
}

/// What a header says about the kill that follows it.
#[derive(Clone, Copy, Debug)]
struct Invocation {
    manual: bool,
    memcg: bool,
    /// Its kill was reported, or none will be.
    used: bool,
}

impl Default for Parser {
    /// A parser for our own guests' consoles: `printk.time=1` is set, so what has no timestamp is not the kernel's.
    fn default() -> Self {
        Self::new(Timestamps::Required)
    }
}

impl Parser {
    /// A parser for a console on which timestamps are required (ours always are) or absent.
    pub fn new(timestamps: Timestamps) -> Self {
        Self {
            timestamps,
            open: None,
            chosen: VecDeque::with_capacity(MAX_CHOSEN),
            invocation: Invocation { manual: false, memcg: false, used: true },
            requested: None,
            last: (Scope::Global, false),
            seen: VecDeque::new(),
        }
    }

    /// Reads one line, with or without its line ending. Nearly always no message or one; an unfinished message comes
    /// when it is finished, or at the latest 16 lines later.
    pub fn feed(&mut self, line: &str) -> Vec<Stamped> {
        let mut out = Vec::new();
        let line = &line[..line.floor_char_boundary(MAX_LINE)];
        if let Some(message) = faults::dropped(line) {
            out.push(Stamped { at_us: None, message });
        }
        let Some(record) = record(line, self.timestamps) else { return out };
        if let Some(open) = &mut self.open
            && open.take(&record)
        {
            if open.is_whole() {
                self.close(&mut out);
            }
        } else if let Some(open) = Open::begin(&record) {
            self.close(&mut out);
            self.open = Some(open);
        } else if let Some(fact) = classify(record.text) {
            // A kill bears on what was begun before it; anything else may be another CPU's, between two pieces.
            if !matches!(fact, Fact::Says(_)) {
                self.close(&mut out);
            }
            self.apply(record.at_us, fact, &mut out);
        } else if self.open.as_mut().is_some_and(|open| !open.wait()) {
            self.close(&mut out);
        }
        out
    }

    /// Ends the log: what is still unfinished is told as far as it goes.
    pub fn finish(&mut self) -> Vec<Stamped> {
        let mut out = Vec::new();
        self.close(&mut out);
        out
    }

    fn close(&mut self, out: &mut Vec<Stamped>) {
        if let Some(open) = self.open.take()
            && let Some(fact) = classify(&open.text)
        {
            self.apply(open.at_us, fact, out);
        }
    }

    fn apply(&mut self, at_us: Option<u64>, fact: Fact, out: &mut Vec<Stamped>) {
        match fact {
            Fact::Says(messages) => {
                for message in messages {
                    if self.is_news(at_us, &message) {
                        self.heed(at_us, &message);
                        out.push(Stamped { at_us, message });
                    }
                }
            }
            Fact::Invoked(message) => {
                let manual = matches!(message, Message::OomInvoked { order: Some(-1), .. });
                self.invocation = Invocation { manual, memcg: false, used: false };
                self.tell(at_us, message, out);
            }
            Fact::ManualWork => self.invocation.manual = !self.invocation.used,
            Fact::Chosen { pid, scope } => {
                if self.chosen.len() == MAX_CHOSEN {
                    self.chosen.pop_front();
                }
                self.chosen.push_back((pid, scope));
            }
            Fact::Killed { kill, scope } => {
                let scope = scope.unwrap_or_else(|| self.carried_scope(kill.pid));
                let kill = Kill { scope, manual: false, ..kill };
                if self.is_news(at_us, &Message::Kill(kill.clone())) {
                    let manual = self.is_manual(at_us);
                    self.last = (scope, manual);
                    out.push(Stamped { at_us, message: Message::Kill(Kill { manual, ..kill }) });
                }
            }
            Fact::Sharing(task) => self.tell(at_us, Message::Kill(self.sharing(task)), out),
        }
    }

    /// Lets a message that stands for itself bear on the kills to come.
    fn heed(&mut self, at_us: Option<u64>, message: &Message) {
        match message {
            Message::Sysrq { what } if what == sysrq::MANUAL_OOM => self.requested = Some(at_us),
            Message::ManualOomIgnored => {
                self.requested = None;
                self.invocation.used = true;
            }
            Message::OomConstraint { constraint: Constraint::Memcg, .. } => self.invocation.memcg = true,
            Message::AlreadyExiting(_) | Message::NoKillable => self.invocation.used = true,
            _ => {}
        }
    }

    /// The scope of a bare `Killed process`: what the `Kill process` of the same pid said, else the latest such line
    /// (the victim may be a child of the one chosen), else that of the kill before in the same invocation
    /// (memory.oom.group), else what the header said.
    fn carried_scope(&mut self, pid: u32) -> Scope {
        let at = self.chosen.iter().position(|&(chosen, _)| chosen == pid).or(self.chosen.len().checked_sub(1));
        match at.and_then(|at| self.chosen.drain(..=at).next_back()) {
            Some((_, scope)) => scope,
            None if self.invocation.memcg => Scope::Memcg,
            None if self.invocation.used => self.last.0,
            None => Scope::Global,
        }
    }

    /// Whether the kill just reported was asked for by hand: its header says so by order −1 (4.3 and later) or by the
    /// work item on its stack (3.10 and later). Without a header (rate limit), a SysRq-f a moment ago counts.
    fn is_manual(&mut self, at_us: Option<u64>) -> bool {
        let manual = if self.invocation.used {
            let recent = |asked: Option<u64>| match (asked, at_us) {
                (Some(asked), Some(at)) => at.saturating_sub(asked) <= MANUAL_WINDOW_US,
                _ => true,
            };
            self.requested.is_some_and(recent)
        } else {
            self.invocation.used = true;
            self.invocation.manual
        };
        if manual {
            self.requested = None;
        }
        manual
    }

    fn sharing(&self, task: Task) -> Kill {
        Kill {
            pid: task.pid,
            comm: task.comm,
            scope: self.last.0,
            manual: self.last.1,
            sharing: true,
            total_vm_kb: None,
            anon_rss_kb: None,
            file_rss_kb: None,
            shmem_rss_kb: None,
            pgtables_kb: None,
            uid: None,
            oom_score_adj: None,
        }
    }

    fn tell(&mut self, at_us: Option<u64>, message: Message, out: &mut Vec<Stamped>) {
        if self.is_news(at_us, &message) {
            out.push(Stamped { at_us, message });
        }
    }

    /// Whether this was not told before. A record whose printer is taken over in the middle is printed again (`**
    /// replaying previous printk message **`, 6.15 and later), and a new console or a panic may print the whole log
    /// again. Without a timestamp everything is news.
    fn is_news(&mut self, at_us: Option<u64>, message: &Message) -> bool {
        let Some(at_us) = at_us else { return true };
        let identity = identity(at_us, message);
        if self.seen.contains(&identity) {
            return false;
        }
        if self.seen.len() == MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(identity);
        true
    }
}

/// What makes a message the same: its time and, for a kill, whose; the line may have been torn the first time.
fn identity(at_us: u64, message: &Message) -> u64 {
    let mut hasher = DefaultHasher::new();
    at_us.hash(&mut hasher);
    match message {
        Message::Kill(kill) => (kill.pid, kill.sharing).hash(&mut hasher),
        other => other.hash(&mut hasher),
    }
    hasher.finish()
}

fn classify(text: &str) -> Option<Fact> {
    oom::parse(text)
        .or_else(|| sysrq::action(text).map(|what| Message::Sysrq { what: bounded(what) }.into()))
        .or_else(|| detectors::parse(text).map(Fact::from))
        .or_else(|| faults::parse(text).map(Fact::Says))
}

/// Whether a [`Parser`] would look twice at this line: keep such a line even where others are dropped, and replaying
/// the kept ones tells the same messages.
pub fn matters(line: &str, timestamps: Timestamps) -> bool {
    let looked_at = |record: Record<'_>| {
        Open::begin(&record).is_some() || join::may_go_on(record.text) || classify(record.text).is_some()
    };
    faults::dropped(&line[..line.floor_char_boundary(MAX_LINE)]).is_some()
        || record(line, timestamps).is_some_and(looked_at)
}

#[cfg(test)]
mod tests;
