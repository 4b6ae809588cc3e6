//! Who waits for whom, and whether it goes round.
//! Lives here: the edges that follow from one picture, and the closed cycle among them (pure).
//! May not live here: whether a cycle stands long enough to be for ever (`verdict`).
//!
//! Memory is a node like a lock. It is held by the OOM victims that are pending: while there is one, the OOM killer takes no other
//! (mm/oom_kill.c, oom_evaluate_task), and what is in use stays so.

use super::locks::{Holder, Lock};
use super::picture::{self, Picture, Seen};
use super::vmstat::Counter;
use crate::diagnose::Kind;
use crate::event::{Step, StepNode};
use std::collections::HashMap;

/// Something that waits or is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Node {
    /// A task, by its place in the picture.
    Task(usize),
    /// A lock, by its place in the picture.
    Lock(usize),
    /// Free memory.
    Memory,
}

/// What waits for what. Of several that a node waits for, each must come: it is stuck where one of them is.
#[derive(Clone, Debug, Default)]
pub struct Graph {
    edges: HashMap<Node, Vec<Node>>,
}

/// Whether the waiting goes round.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Round {
    /// It does not.
    Open,
    /// A task on the way was running, and its stack could not be read.
    Unsure,
    /// It does.
    Closed(Cycle),
}

/// A closed cycle with an OOM victim in it: it, and everybody who waits for memory, wait for each other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cycle {
    /// The nodes, each waiting for the next and the last for the first. It begins with a thread of the victim.
    pub nodes: Vec<Node>,
}

impl Graph {
    /// The edges of a picture.
    pub fn new(picture: &Picture) -> Self {
        let mut edges: HashMap<Node, Vec<Node>> = HashMap::new();
        let by_address = picture.by_address();
        for (index, seen) in picture.tasks.iter().enumerate() {
            let waits = match seen.lock {
                Some(lock) => Some(Node::Lock(lock)),
                None if wants_memory(seen) => Some(Node::Memory),
                None => None,
            };
            edges.insert(Node::Task(index), waits.into_iter().collect());
        }
        for (index, lock) in picture.locks.iter().enumerate() {
            let holder = lock.holder.task().and_then(|address| by_address.get(&address)).map(|&task| Node::Task(task));
            edges.insert(Node::Lock(index), holder.into_iter().collect());
        }
        // While one victim is pending that still has its memory, memory waits for it. All of its threads must let go.
        let pending = picture.victims.iter().filter(|victim| !victim.skip);
        edges.insert(
            Node::Memory,
            pending.flat_map(|victim| victim.tasks.iter().map(|&task| Node::Task(task))).collect(),
        );
        Self { edges }
    }

    /// What a node waits for.
    pub fn waits_for(&self, node: Node) -> &[Node] {
        self.edges.get(&node).map_or(&[], Vec::as_slice)
    }

    /// Whether every pending victim of the OOM killer is in a cycle with memory: one that is not may yet exit, and memory with it.
    /// The cycle is the shortest; of several equally short ones, the first by the tasks' order.
    ///
    /// While pages are being written out, memory comes by itself sooner or later: then it is open.
    pub fn round(&self, picture: &Picture) -> Round {
        match picture.memory.counter("NR_WRITEBACK").map(Counter::whole) {
            None => return Round::Unsure,
            Some(1..) => return Round::Open,
            Some(_) => {}
        }
        let mut shortest: Option<Cycle> = None;
        let mut unsure = false;
        for victim in picture.victims.iter().filter(|victim| !victim.skip) {
            let mut closed = Vec::new();
            for &task in &victim.tasks {
                match self.back_to_memory(picture, task) {
                    Round::Closed(cycle) => closed.push(cycle),
                    Round::Unsure => unsure = true,
                    Round::Open => {}
                }
            }
            match closed.into_iter().min_by_key(|cycle| cycle.nodes.len()) {
                Some(cycle) if shortest.as_ref().is_none_or(|known| cycle.nodes.len() < known.nodes.len()) => {
                    shortest = Some(cycle);
                }
                Some(_) => {}
                None if unsure => return Round::Unsure,
                None => return Round::Open,
            }
        }
        shortest.map_or(Round::Open, Round::Closed)
    }

    /// The way from a task to memory, which waits for it.
    fn back_to_memory(&self, picture: &Picture, task: usize) -> Round {
        let mut nodes = vec![Node::Task(task)];
        loop {
            let at = nodes[nodes.len() - 1];
            // A task waits for one thing, and a lock for one holder.
            let Some(&next) = self.waits_for(at).first() else {
                // What of a task on a processor was seen is not of one moment.
                let torn = |seen: &Seen| !seen.whole && seen.task.state == 'R';
                let hidden = matches!(at, Node::Task(index) if picture.tasks.get(index).is_some_and(torn));
                return if hidden && nodes.len() > 1 { Round::Unsure } else { Round::Open };
            };
            if next == Node::Memory {
                nodes.push(next);
                // A victim that itself wants memory has the reserves: it is not stuck by that.
                return if nodes.len() > 2 { Round::Closed(Cycle { nodes }) } else { Round::Open };
            }
            if nodes.contains(&next) {
                return Round::Open;
            }
            nodes.push(next);
        }
    }
}

/// Whether a task waits for memory, and not merely happens to be in reclaim for others. One that runs in a call of the allocator does
/// whatever it is about in there, such as trying a lock.
pub(super) fn wants_memory(seen: &Seen) -> bool {
    matches!(seen.place.kind, Kind::Allocator | Kind::Isolation) || (seen.call.is_some() && seen.task.state == 'R')
}

impl Cycle {
    /// What must stay the same for it to be the same cycle: the victim's address space, locks, who holds them, and the calls of
    /// the allocator that the holders are in.
    pub fn identity(&self, picture: &Picture) -> Option<u64> {
        let mut words = Vec::new();
        for node in &self.nodes {
            match node {
                Node::Task(index) => {
                    let seen = picture.tasks.get(*index)?;
                    words.extend([seen.task.address, u64::from(seen.task.pid)]);
                    if wants_memory(seen) {
                        words.push(seen.call?);
                    }
                }
                Node::Lock(index) => words.push(picture.locks.get(*index)?.address),
                Node::Memory => words.push(0),
            }
        }
        Some(picture::hash(words.into_iter()))
    }

    /// Its steps in words.
    pub fn steps(&self, picture: &Picture) -> Vec<Step> {
        let step = |(at, node): (usize, &Node)| match node {
            Node::Task(index) => {
                let seen = picture.tasks.get(*index)?;
                let detail = match at {
                    0 if seen.task.pid == seen.task.tgid => "OOM victim".to_owned(),
                    0 => format!("a thread of OOM victim {}", seen.task.tgid),
                    _ => seen.at(),
                };
                Some(Step { node: StepNode::Task, name: seen.name(), detail, pid: Some(seen.task.pid), others: 0 })
            }
            Node::Lock(index) => {
                let lock = picture.locks.get(*index)?;
                let detail = format!("{} wait", lock.waiters.len());
                Some(Step { node: StepNode::Lock, name: called(lock), detail, pid: None, others: 0 })
            }
            Node::Memory => Some(Step {
                node: StepNode::Memory,
                name: "memory".into(),
                detail: "no other victim is chosen while this one has its memory".into(),
                pid: None,
                others: 0,
            }),
        };
        self.nodes.iter().enumerate().filter_map(step).collect()
    }
}

/// A lock in words.
pub fn called(lock: &Lock) -> String {
    match &lock.named {
        Some(named) => named.to_string(),
        None => format!("{} at {:#x}", lock.kind.name(), lock.address),
    }
}

/// Who holds a lock, in words.
pub fn held_by(lock: &Lock, picture: &Picture) -> String {
    let task = |address: u64| picture.tasks.iter().find(|seen| seen.task.address == address).map(Seen::name);
    match lock.holder {
        Holder::Task(address) => task(address).unwrap_or_else(|| "a task that is gone".into()),
        Holder::Readers(Some(address)) => {
            format!("readers, the last of them {}", task(address).unwrap_or_else(|| "gone".into()))
        }
        Holder::Readers(None) => "readers".into(),
        Holder::Nobody => "nobody".into(),
        Holder::Unknown => "it does not say whom".into(),
    }
}
