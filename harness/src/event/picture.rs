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
        /// Thread ids of the tasks in it, the victim's first.
        tasks: Vec<u32>,
        /// In words.
        text: String,
    },
}
