//! What those wait for who could bring free memory, and who holds that up, and so on.
//! Lives here: the chain from free memory to its end, or back to free memory (pure).
//! May not live here: the one cycle that proves a hang (`graph`), or how long a chain stands (`verdict`).
//!
//! Of an OOM deadlock the graph has one task each; of the other two mechanisms it is all of many: memory comes again as soon as one of
//! those that reclaim gets on, and pages are given back as soon as one of those that isolated them does. So this is about groups, and it
//! is closed where none of them can.

use super::graph::{called, wants_memory};
use super::picture::{self, Picture, Seen};
use crate::diagnose::{Kind, charges_cgroup, waits_for_clean};
use crate::event::{self, Step, StepNode};
use std::collections::{HashMap, HashSet};

/// What is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Thing {
    /// Free memory.
    Memory,
    /// Fewer pages that are isolated from their lists: what the throttle of reclaim lets one wait for.
    Isolated,
    /// Fewer dirty pages: what the throttle of writing lets one wait for.
    Dirty,
    /// A lock, by its place in the picture.
    Lock(usize),
    /// A disk, by its place in the picture.
    Disk(usize),
}

/// A chain: each link waits for its thing, which the tasks of the next link hold up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// The first are those who could bring free memory.
    pub links: Vec<Link>,
    /// Whether it comes back to a thing that is on it, and nobody who is waited for on any way can get on.
    pub closed: bool,
}

/// Tasks that wait for the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// By their places in the picture; at least one.
    pub tasks: Vec<usize>,
    /// What they wait for; `None` for those that wait for nothing that is known.
    pub thing: Option<Thing>,
}

/// Who holds up what, and who waits for what.
struct Ties<'a> {
    picture: &'a Picture,
    /// The tasks that could bring free memory, those that have isolated pages, and those that write dirty ones out.
    bring: Vec<usize>,
    isolate: Vec<usize>,
    flush: Vec<usize>,
    by_address: HashMap<u64, usize>,
    /// The tasks that do a disk's work.
    serve: HashMap<usize, Vec<usize>>,
}

/// So many steps of a chain are followed to what is stuck; in torn memory there may be more.
const ROUNDS: usize = 64;

/// The chain of a picture; `None` where nobody who could bring free memory waits for anything.
pub fn chain(picture: &Picture) -> Option<Chain> {
    let ties = Ties::new(picture);
    let mut links: Vec<Link> = Vec::new();
    let mut at = Thing::Memory;
    let mut been = HashSet::new();
    let round = loop {
        if !been.insert(at) {
            break true;
        }
        let Some(link) = ties.next(at) else { break false };
        let thing = link.thing;
        links.push(link);
        let Some(next) = thing else { break false };
        at = next;
    };
    let first = links.first()?;
    first.thing.filter(|&thing| thing != Thing::Memory)?;
    let closed = round && ties.stuck().contains(&Thing::Memory);
    Some(Chain { links, closed })
}

impl<'a> Ties<'a> {
    fn new(picture: &'a Picture) -> Self {
        let which = |wanted: &dyn Fn(&Seen) -> bool| -> Vec<usize> {
            picture.tasks.iter().enumerate().filter(|(_, seen)| wanted(seen)).map(|(index, _)| index).collect()
        };
        // While a victim is pending no other is chosen: memory waits for it.
        let pending = picture.victims.iter().filter(|victim| !victim.skip);
        let mut bring: Vec<usize> = pending.flat_map(|victim| victim.tasks.iter().copied()).collect();
        if bring.is_empty() {
            bring = which(&brings);
        }
        let mut serve: HashMap<usize, Vec<usize>> = HashMap::new();
        for (index, seen) in picture.tasks.iter().enumerate() {
            if let Some(disk) = seen.serves {
                serve.entry(disk).or_default().push(index);
            }
        }
        let (isolate, flush) = (which(&|seen| seen.isolates), which(&|seen| seen.flushes));
        Self { picture, bring, isolate, flush, by_address: picture.by_address(), serve }
    }

    /// Those who hold a thing up.
    fn held_up_by(&self, thing: Thing) -> Vec<usize> {
        match thing {
            Thing::Memory => self.bring.clone(),
            Thing::Isolated => self.isolate.clone(),
            Thing::Dirty => self.flush.clone(),
            Thing::Lock(lock) => {
                let holder = self.picture.locks.get(lock).and_then(|lock| lock.holder.task());
                holder.and_then(|address| self.by_address.get(&address)).copied().into_iter().collect()
            }
            Thing::Disk(disk) => self.serve.get(&disk).cloned().unwrap_or_default(),
        }
    }

    fn waits_for(&self, task: usize) -> Option<Thing> {
        let seen = self.picture.tasks.get(task)?;
        match (seen.lock, seen.disk) {
            (Some(lock), _) => Some(Thing::Lock(lock)),
            // Whose pages they are is not read: of several flushers all count.
            (None, _) if waits_for_clean(&seen.place.function) && !self.flush.is_empty() => Some(Thing::Dirty),
            (None, Some(disk)) => Some(Thing::Disk(disk)),
            (None, None) if seen.place.kind == Kind::Isolation => Some(Thing::Isolated),
            (None, None) if wants_memory(seen) && !charges_cgroup(&seen.place.function) => Some(Thing::Memory),
            (None, None) => None,
        }
    }

    /// Of those who hold a thing up, the ones that wait for what somebody else in the guest holds up; of several such groups the throttled,
    /// who wait for other such, or else the largest.
    fn next(&self, thing: Thing) -> Option<Link> {
        let mut links: Vec<Link> = Vec::new();
        for task in self.held_up_by(thing) {
            let waits = self.waits_for(task);
            match links.iter_mut().find(|link| link.thing == waits) {
                Some(link) => link.tasks.push(task),
                None => links.push(Link { tasks: vec![task], thing: waits }),
            }
        }
        let rank = |link: &Link| {
            let inside = link.thing.is_some_and(|next| next != thing && !self.held_up_by(next).is_empty());
            (inside, link.thing == Some(Thing::Isolated), link.thing.is_some(), link.tasks.len())
        };
        // The last of equals wins a maximum; the first is wanted.
        links.into_iter().rev().max_by_key(rank)
    }

    /// The things that nobody brings on: each of those who hold one up waits for another such, and there is somebody.
    fn stuck(&self) -> HashSet<Thing> {
        let locks = (0..self.picture.locks.len()).map(Thing::Lock);
        let disks = (0..self.picture.disks.len()).map(Thing::Disk);
        let mut stuck: HashSet<Thing> =
            locks.chain(disks).chain([Thing::Memory, Thing::Isolated, Thing::Dirty]).collect();
        for _ in 0..ROUNDS {
            let free: Vec<Thing> = stuck
                .iter()
                .copied()
                .filter(|&thing| {
                    let by = self.held_up_by(thing);
                    // Who could bring memory and goes round in the allocator may call the OOM killer, or is its victim and may take the last.
                    let held = |next: Thing| next != thing && stuck.contains(&next);
                    by.is_empty() || !by.iter().all(|&task| self.waits_for(task).is_some_and(held))
                })
                .collect();
            if free.is_empty() {
                return stuck;
            }
            free.iter().for_each(|thing| {
                stuck.remove(thing);
            });
        }
        HashSet::new()
    }
}

/// Whether a task could bring free memory or call the OOM killer: it reclaims, and may enter filesystems for that, as far as is known.
/// The others go round in the allocator without (mm/page_alloc.c, `__alloc_pages_may_oom`). One that reclaims from its memory cgroup does so
/// for that one's limit.
fn brings(seen: &Seen) -> bool {
    let reclaims =
        seen.place.in_allocator || matches!(seen.place.kind, Kind::Allocator | Kind::Isolation | Kind::Reclaim);
    let kswapd = seen.task.comm.starts_with("kswapd");
    let for_cgroup = seen.frames.iter().any(|frame| frame.function == "try_to_free_mem_cgroup_pages");
    (reclaims || (kswapd && seen.disk.is_some()))
        && !for_cgroup
        && seen.request.is_none_or(|request| request.may_enter_filesystems())
}

impl Chain {
    /// As an event has it.
    pub fn told(&self, picture: &Picture) -> event::Chain {
        event::Chain {
            identity: format!("{:016x}", self.identity(picture)),
            closed: self.closed,
            steps: self.steps(picture),
        }
    }

    /// The same in two pictures where it is the same chain: of groups only what they wait for, of a single task also which it is, and
    /// its call of the allocator.
    fn identity(&self, picture: &Picture) -> u64 {
        let mut words = vec![u64::from(self.closed)];
        for (at, link) in self.links.iter().enumerate() {
            let alone = picture.tasks.get(link.tasks[0]).filter(|_| at > 0 && link.tasks.len() == 1);
            words.extend(alone.into_iter().flat_map(|seen| [seen.task.address, seen.call.unwrap_or(0)]));
            words.push(match link.thing {
                None => 0,
                Some(Thing::Memory) => 1,
                Some(Thing::Isolated) => 2,
                Some(Thing::Dirty) => 5,
                Some(Thing::Lock(lock)) => picture.locks.get(lock).map_or(3, |lock| lock.address),
                Some(Thing::Disk(disk)) => picture.disks.get(disk).map_or(4, |disk| disk.address),
            });
        }
        picture::hash(words.into_iter())
    }

    /// Its steps in words.
    fn steps(&self, picture: &Picture) -> Vec<Step> {
        let mut steps = Vec::new();
        for link in &self.links {
            let mut tasks = link.tasks.iter().filter_map(|&task| picture.tasks.get(task));
            if let Some(first) = tasks.next() {
                let others = u32::try_from(tasks.count()).unwrap_or(u32::MAX);
                let (name, detail, pid) = (first.name(), first.at(), Some(first.task.pid));
                steps.push(Step { node: StepNode::Task, name, detail, pid, others });
            }
            steps.extend(link.thing.and_then(|thing| step(picture, thing)));
        }
        steps
    }
}

/// A step that is no task.
fn step(picture: &Picture, thing: Thing) -> Option<Step> {
    let (node, name, detail) = match thing {
        Thing::Memory => (StepNode::Memory, "memory".into(), String::new()),
        Thing::Isolated => (StepNode::Isolated, "fewer isolated pages".into(), String::new()),
        Thing::Dirty => (StepNode::Dirty, "fewer dirty pages".into(), String::new()),
        Thing::Lock(lock) => (StepNode::Lock, called(picture.locks.get(lock)?), String::new()),
        Thing::Disk(disk) => {
            let disk = picture.disks.get(disk)?;
            (StepNode::Disk, disk.name.clone(), if disk.swap { "swap is on it".into() } else { String::new() })
        }
    };
    Some(Step { node, name, detail, pid: None, others: 0 })
}
