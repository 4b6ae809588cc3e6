//! What was seen of a guest's tasks from outside, in one look at its memory.
//! Lives here: the form in which a picture is an event: what a verdict and the accounts of time need of it, and no more.
//! May not live here: how it was taken (`introspect`), or what follows from it.

use serde::{Deserialize, Serialize};

/// One look.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Wall time that it took, in microseconds.
    pub us: u64,
    /// Tasks that were found.
    pub tasks: u32,
    /// Whether the list of tasks did not come round: it changed meanwhile, and some may be missing.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub torn: bool,
    /// Whether the guest was held for it, so that all in it is of one moment; it is the last one, once the guest is known to hang.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub held: bool,
    /// Free memory in kB, with what processors have not yet added to it.
    pub free_kb: u64,
    /// Sum of the zones' min watermarks in kB.
    pub min_kb: u64,
    /// Anonymous and file pages that are isolated from their lists, in kB.
    #[serde(default)]
    pub isolated_kb: u64,
    /// Stacks that were not seen before in this run; they are numbered over all pictures, from 0.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stacks: Vec<SampledStack>,
    /// Names of tasks that were not seen before, or had another.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<(u32, String)>,
    /// Tasks that do or wait for something: thread id, number of its stack, and the lock that it waits for by its place in `locks`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub seen: Vec<(u32, u32, Option<u32>)>,
    /// Locks that somebody waits for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locks: Vec<SeenLock>,
    /// OOM victims that have not gone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub victims: Vec<SeenVictim>,
    /// Whether a victim and who waits for its memory wait for each other.
    pub cycle: Cycle,
    /// What those wait for who could bring free memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<Chain>,
}

/// A stack.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SampledStack {
    /// What a task does there; see [`crate::diagnose::Kind`].
    pub kind: String,
    /// Functions, outermost first, with `;` between them, as flame graphs are made of.
    pub folded: String,
}

/// A lock.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenLock {
    /// Its address in hexadecimal.
    pub at: String,
    /// What it is, in words.
    pub name: String,
    /// Thread id of the task that holds it, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holder: Option<u32>,
    /// How many wait.
    pub waiters: u32,
}

/// A victim of the OOM killer.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SeenVictim {
    /// Process id.
    pub pid: u32,
    /// Name.
    pub comm: String,
    /// Whether its memory is gone or given up, so that another victim may be chosen.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip: bool,
}

/// Whether the waiting goes round.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Cycle {
    /// Nobody waits for itself.
    #[default]
    Open,
    /// It cannot be told: a task that holds a lock was running, and its stack could not be read.
    Unsure,
    /// It does.
    Closed {
        /// The same in two pictures where it is the same cycle: the same victim, locks, holders, and calls of the allocator.
        identity: String,
        /// Its steps, a thread of the victim first; each waits for the next, and the last for the first.
        steps: Vec<Step>,
    },
}

/// What those wait for who could bring free memory, who holds that up, and so on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// The same in two pictures where it is the same chain.
    pub identity: String,
    /// Whether it goes round, and none of all who are waited for can get on.
    pub closed: bool,
    /// Its steps, those who could bring free memory first.
    pub steps: Vec<Step>,
}

/// A step of a cycle or a chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// What waits there.
    pub node: StepNode,
    /// Its name, for example `init[97]` or `i_rwsem of vdb:/f0 (inode 131)`.
    pub name: String,
    /// More of it: what the victim is, where a holder is; empty where there is no more.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
    /// Thread id of a task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How many other tasks wait with it.
    #[serde(default, skip_serializing_if = "super::plan::is_zero")]
    pub others: u32,
}

impl Step {
    /// Its name, and how many are with it.
    pub fn who(&self) -> String {
        match self.others {
            0 => self.name.clone(),
            others => format!("{} and {others} more", self.name),
        }
    }

    /// How the next step is tied to it.
    pub fn tie(&self) -> &'static str {
        match self.node {
            StepNode::Task if self.others > 0 => "wait for",
            StepNode::Task | StepNode::Memory => "waits for",
            StepNode::Lock => "held by",
            StepNode::Disk => "served by",
            StepNode::Isolated => "isolated by",
            StepNode::Dirty => "written out by",
        }
    }
}

/// What can wait and be waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum StepNode {
    /// A task.
    Task,
    /// A lock.
    Lock,
    /// Free memory.
    Memory,
    /// A disk.
    Disk,
    /// Pages that are isolated from their lists.
    Isolated,
    /// Pages that are dirty.
    Dirty,
}

/// Steps, each with how it is tied to the one before; the first to none.
pub fn tied(steps: &[Step]) -> impl Iterator<Item = (Option<&'static str>, &Step)> {
    [None].into_iter().chain(steps.iter().map(|step| Some(step.tie()))).zip(steps)
}

/// A cycle or a chain as a sentence.
pub fn sentence(steps: &[Step]) -> String {
    let first = steps.first().map_or_else(|| "nobody".into(), Step::who);
    let parts = tied(steps).map(|(tie, step)| match (tie, step.node) {
        (None, _) => format!("{} ({})", step.who(), step.detail),
        (Some(tie), StepNode::Task) => format!(" ← {tie} {}, {}", step.who(), step.detail),
        (Some(tie), StepNode::Memory) => format!(" ← {tie} memory that {first} would free"),
        (Some(tie), StepNode::Lock | StepNode::Disk | StepNode::Isolated | StepNode::Dirty) => {
            format!(" {tie} {}", step.name)
        }
    });
    parts.collect()
}
