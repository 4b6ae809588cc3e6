//! Pictures of a guest as events.
//! Lives here: from a picture to its event; stacks and names are told once a run.
//! May not live here: taking pictures (`introspect`), or when (`machine`).

use crate::diagnose::{self, Frame, kb_of};
use crate::event::{Cycle, Picture, SampledStack, SeenLock, SeenVictim};
use crate::introspect::chain;
use crate::introspect::graph::{Graph, Round, called};
use crate::introspect::picture;
use std::collections::HashMap;
use std::time::Duration;

/// Most stacks that are told in a run; what comes after is told as one that is not known.
const MOST_STACKS: usize = 4096;
/// Functions of a stack that are told, from the innermost.
const FUNCTIONS: usize = 40;

/// What was told already.
#[derive(Debug, Default)]
pub struct Pictures {
    stacks: HashMap<SampledStack, u32>,
    names: HashMap<u32, String>,
}

impl Pictures {
    /// The event of a picture that took so long.
    pub fn event(&mut self, seen: &picture::Picture, took: Duration) -> Picture {
        let (free, min) = seen.memory.free_and_min();
        let isolated = ["NR_ISOLATED_ANON", "NR_ISOLATED_FILE"].iter().filter_map(|name| seen.memory.counter(name));
        let isolated = isolated.fold(0_i64, |sum, counter| sum.saturating_add(counter.whole()));
        let mut picture = Picture {
            us: u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            tasks: u32::try_from(seen.tasks.len()).unwrap_or(u32::MAX),
            torn: !seen.whole,
            free_kb: kb_of(u64::try_from(free).unwrap_or(0)),
            min_kb: kb_of(min),
            isolated_kb: kb_of(u64::try_from(isolated).unwrap_or(0)),
            ..Picture::default()
        };
        let pids: HashMap<u64, u32> = seen.tasks.iter().map(|seen| (seen.task.address, seen.task.pid)).collect();
        for task in seen.tasks.iter().filter(|seen| seen.place.kind != diagnose::Kind::Idle) {
            let stack = self.stack(&mut picture, task);
            let pid = task.task.pid;
            if self.names.get(&pid) != Some(&task.task.comm) {
                self.names.insert(pid, task.task.comm.clone());
                picture.names.push((pid, task.task.comm.clone()));
            }
            picture.seen.push((pid, stack, task.lock.and_then(|lock| u32::try_from(lock).ok())));
        }
        picture.locks = seen
            .locks
            .iter()
            .map(|lock| SeenLock {
                at: format!("{:#x}", lock.address),
                name: called(lock),
                holder: lock.holder.task().and_then(|task| pids.get(&task).copied()),
                waiters: u32::try_from(lock.waiters.len()).unwrap_or(u32::MAX),
            })
            .collect();
        picture.victims = seen
            .victims
            .iter()
            .map(|victim| SeenVictim { pid: victim.tgid, comm: victim.comm.clone(), skip: victim.skip })
            .collect();
        picture.cycle = cycle(seen);
        picture.chain = chain::chain(seen).map(|chain| chain.told(seen));
        picture
    }

    /// The number of a task's stack, which the event tells where it is new.
    fn stack(&mut self, picture: &mut Picture, task: &picture::Seen) -> u32 {
        let functions = task.frames.iter().take(FUNCTIONS).map(|frame: &Frame| frame.function.as_str());
        let mut functions: Vec<&str> = functions.collect();
        functions.reverse();
        let mut stack = SampledStack { kind: task.place.kind.name().to_owned(), folded: functions.join(";") };
        if self.stacks.len() >= MOST_STACKS && !self.stacks.contains_key(&stack) {
            stack.folded.clear();
        }
        let next = u32::try_from(self.stacks.len()).unwrap_or(u32::MAX);
        *self.stacks.entry(stack).or_insert_with_key(|stack| {
            picture.stacks.push(stack.clone());
            next
        })
    }
}

fn cycle(seen: &picture::Picture) -> Cycle {
    match Graph::new(seen).round(seen) {
        Round::Open => Cycle::Open,
        Round::Unsure => Cycle::Unsure,
        Round::Closed(cycle) => match cycle.identity(seen) {
            None => Cycle::Unsure,
            Some(identity) => Cycle::Closed { identity: format!("{identity:016x}"), steps: cycle.steps(seen) },
        },
    }
}
