//! What one picture of a guest shows, in a form for programs and for the pages of stored runs.
//! Lives here: that form; its memory, OOM victims, locks and stacks in words.
//! May not live here: pictures of a whole run (`pictures`), or more than an event holds of a picture (`diagnosis`).

use super::diagnosis::Processor;
use super::inert::plain;
use crate::event::{Chain, Cycle, Picture, SeenVictim};
use crate::introspect::account::Account;
use crate::introspect::oom::{Queued, Reaper};
use serde::Serialize;
use std::fmt::Write as _;

/// Waiters that are named of each lock.
const NAMED: usize = 6;

/// A guest at one moment.
#[derive(Clone, Debug, Serialize)]
pub struct State {
    /// When, in seconds of fair time since the start of the run; null where it is of no run.
    pub at_s: Option<f64>,
    /// Tasks that the guest has.
    pub found: u32,
    /// Whether some may be missing.
    pub torn: bool,
    /// Whether the guest was held for the look, so that all is of one moment.
    pub held: bool,
    /// Free memory in kB.
    pub free_kb: u64,
    /// Sum of the zones' min watermarks in kB.
    pub min_kb: u64,
    /// Pages isolated from their lists, in kB.
    pub isolated_kb: u64,
    /// OOM victims that have not gone.
    pub victims: Vec<SeenVictim>,
    /// Locks that somebody waits for, those with most waiters first.
    pub locks: Vec<HeldLock>,
    /// Whether a victim and who waits for its memory wait for each other.
    pub cycle: Cycle,
    /// What those wait for who could bring free memory.
    pub chain: Option<Chain>,
    /// Tasks that do or wait for something.
    pub tasks: Vec<At>,
}

/// A task by its number and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Who {
    /// Thread id.
    pub pid: u32,
    /// Name.
    pub comm: String,
}

impl std::fmt::Display for Who {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}[{}]", plain(&self.comm), self.pid)
    }
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, Serialize)]
pub struct HeldLock {
    /// What it is, in words.
    pub name: String,
    /// Its address in hexadecimal.
    pub at: String,
    /// The task that holds it; null where readers do, nobody does, or it does not say.
    pub holder: Option<Who>,
    /// Tasks that were seen to wait for it.
    pub waiters: Vec<Who>,
    /// How many are on its list.
    pub waiting: u32,
}

/// A task and where it is.
#[derive(Clone, Debug, Serialize)]
pub struct At {
    /// Which.
    #[serde(flatten)]
    pub who: Who,
    /// What it does there; see [`crate::diagnose::Kind`].
    pub what: String,
    /// The lock that it waits for.
    pub lock: Option<String>,
    /// Its functions, innermost first.
    pub stack: Vec<String>,
}

/// A guest that was looked at, in a core or as it runs.
#[derive(Clone, Debug, Serialize)]
pub struct Examined {
    /// What a picture shows.
    #[serde(flatten)]
    pub state: State,
    /// Where each processor is; empty where the registers are not known.
    pub processors: Vec<OnProcessor>,
    /// What the OOM reaper has before it; null where the kernel has none, or it cannot be read.
    pub reaper: Option<ReaperQueue>,
}

/// Where a processor is.
#[derive(Clone, Debug, Serialize)]
pub struct OnProcessor {
    /// Its next instruction, in hexadecimal.
    pub rip: String,
    /// Its stack pointer, in hexadecimal.
    pub rsp: String,
    /// Whether it is in a program.
    pub in_user: bool,
    /// The function, as `name+0x12 [module]`; null where it is at none of the kernel's.
    pub function: Option<String>,
}

/// What the OOM reaper has before it.
#[derive(Clone, Debug, Serialize)]
pub struct ReaperQueue {
    /// Tasks whose memory it is to take, the next one first.
    pub queue: Vec<Who>,
    /// Tasks that will be put into the queue when their timer has run off.
    pub later: Vec<Who>,
}

impl Examined {
    /// What was seen, in the form of an event, with what an event does not hold.
    pub fn new(picture: &Picture, processors: &[Processor], reaper: Option<&Reaper>) -> Self {
        let mut account = Account::default();
        account.observe(0, picture);
        let processors = processors.iter().map(|Processor { registers, function }| OnProcessor {
            rip: format!("{:#x}", registers.rip),
            rsp: format!("{:#x}", registers.rsp),
            in_user: registers.in_user(),
            function: function.clone(),
        });
        let all = |tasks: &[Queued]| tasks.iter().map(|task| Who { pid: task.pid, comm: task.comm.clone() }).collect();
        Self {
            state: State::new(None, picture, &account),
            processors: processors.collect(),
            reaper: reaper.map(|Reaper { queue, later }| ReaperQueue { queue: all(queue), later: all(later) }),
        }
    }
}

impl State {
    /// What a picture shows. `account` has the names and stacks that it refers to.
    pub fn new(at_ms: Option<u64>, picture: &Picture, account: &Account) -> Self {
        let who = |pid: u32| Who { pid, comm: account.name(pid).to_owned() };
        let waiters_of = |lock: usize| {
            let waits = |(_, _, on): &&(u32, u32, Option<u32>)| on.is_some_and(|on| on as usize == lock);
            picture.seen.iter().filter(waits).map(|(pid, ..)| who(*pid)).collect()
        };
        let locks = picture.locks.iter().enumerate().map(|(at, lock)| HeldLock {
            name: lock.name.clone(),
            at: lock.at.clone(),
            holder: lock.holder.map(who),
            waiters: waiters_of(at),
            waiting: lock.waiters,
        });
        let mut locks: Vec<HeldLock> = locks.collect();
        locks.sort_by_key(|lock| std::cmp::Reverse(lock.waiting));
        let tasks = picture.seen.iter().map(|&(pid, stack, lock)| {
            let stack = account.stack(stack);
            let functions = stack.iter().flat_map(|stack| stack.folded.rsplit(';')).filter(|name| !name.is_empty());
            At {
                who: who(pid),
                what: stack.map_or_else(String::new, |stack| stack.kind.clone()),
                lock: lock.and_then(|lock| picture.locks.get(lock as usize)).map(|lock| lock.name.clone()),
                stack: functions.map(str::to_owned).collect(),
            }
        });
        Self {
            at_s: at_ms.map(|ms| ms as f64 / 1000.0),
            found: picture.tasks,
            torn: picture.torn,
            held: picture.held,
            free_kb: picture.free_kb,
            min_kb: picture.min_kb,
            isolated_kb: picture.isolated_kb,
            victims: picture.victims.clone(),
            locks,
            cycle: picture.cycle.clone(),
            chain: picture.chain.clone(),
            tasks: tasks.collect(),
        }
    }

    /// Thread ids of those who hold a lock.
    pub fn holders(&self) -> impl Iterator<Item = u32> {
        self.locks.iter().filter_map(|lock| Some(lock.holder.as_ref()?.pid))
    }

    /// Its memory, OOM victims and locks, a line each.
    pub fn text(&self) -> String {
        let mut text = String::new();
        let (free, min, isolated) = (self.free_kb, self.min_kb, self.isolated_kb);
        let _ =
            writeln!(text, "Memory: {free} kB free, min watermarks {min} kB, {isolated} kB isolated from their lists");
        for victim in &self.victims {
            let kept = if victim.skip { "gone or given up" } else { "still counts as its own" };
            let _ = writeln!(text, "OOM victim {} ({}): its memory {kept}", plain(&victim.comm), victim.pid);
        }
        if !self.locks.is_empty() {
            text.push_str("Locks:\n");
        }
        for lock in &self.locks {
            let holder = match &lock.holder {
                Some(holder) => format!("held by {holder}"),
                None => "held by readers or nobody, or it does not say whom".to_owned(),
            };
            let named: Vec<String> = lock.waiters.iter().take(NAMED).map(ToString::to_string).collect();
            let all = (lock.waiting as usize).max(lock.waiters.len());
            let waiters = match (named.len(), all - named.len()) {
                (0, more) => format!("{more} tasks"),
                (_, 0) => named.join(", "),
                (_, more) => format!("{} and {more} more", named.join(", ")),
            };
            let _ = writeln!(text, "  {}: {holder}; {waiters} wait", plain(&lock.name));
        }
        text
    }

    /// Every task's stack, innermost function first. Tasks that just sleep are not in a stored picture.
    pub fn stacks(&self) -> String {
        let mut text = String::new();
        for At { who, what, lock, stack } in &self.tasks {
            let lock = lock.as_ref().map(|lock| format!(" {}", plain(lock))).unwrap_or_default();
            let _ = writeln!(text, "\n{who} {}{lock}", plain(what));
            if stack.is_empty() {
                text.push_str("  (its stack is not known)\n");
            }
            for function in stack {
                let _ = writeln!(text, "  {}", plain(function));
            }
        }
        text
    }
}
