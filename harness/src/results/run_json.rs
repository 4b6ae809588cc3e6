//! `run.json`: one run as other programs read it.
//! Lives here: its fields and their names, with units in the names; reading it back; the checks that keep it sound.
//! May not live here: how it is arrived at (`fill`), or where it is kept (`store`).

use crate::diagnose::Kind as PlaceKind;
use crate::event::{LoginStage, Phase, Reason, Register, State, Step};
use crate::image::ImageIdentity;
use crate::kernel::Build;
use crate::kmsg::Scope;
use crate::scenario::{Expectation, Mechanism, Outcome};
use crate::verdict::{Role, Weight};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Version of the fields below.
pub const SCHEMA: u32 = 1;

/// One run. Fields may be added within a schema version, never renamed or given another meaning.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RunJson {
    /// [`SCHEMA`] of the writer.
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The kernel's name.
    pub kernel: String,
    /// What became of the guest; null when the run was inconclusive.
    pub outcome: Option<Outcome>,
    /// Why it hung; null where it did not, and in records of versions that did not look for the reason.
    pub mechanism: Option<Mechanism>,
    /// Why there is no outcome; null when there is one.
    pub inconclusive: Option<Reason>,
    /// The same in words.
    pub detail: Option<String>,
    /// What the scenario expects of this kernel; null where it expects nothing.
    pub expectation: Option<Expectation>,
    /// Whether all is as the scenario expects on this kernel. A run without an outcome is never as expected; a scenario
    /// that expects nothing of this kernel accepts every outcome.
    pub expected: bool,
    /// What is not as expected, in words.
    pub differences: Vec<String>,
    /// OOM kills, in their order.
    pub kills: Vec<KillJson>,
    /// The longest time that a required probe was outstanding, in seconds of fair time.
    pub max_stall_s: f64,
    /// The longest time without movement inside a stall, in seconds of fair time.
    pub longest_frozen_s: f64,
    /// From the start of pressure to the first kill that counts, in seconds of fair time.
    pub time_to_first_kill_s: Option<f64>,
    /// Stalls, in their order.
    pub stalls: Vec<StallJson>,
    /// The phases, in their order.
    pub phases: Vec<PhaseJson>,
    /// What ended a hang: `sysrq-f`, `release`, `sysrq-i`; null where nothing did, where the user did not wait for it (`cancelled`), or there
    /// was none.
    pub ended_by: Option<String>,
    /// What was tried against a hang, in its order.
    pub escapes: Vec<EscapeJson>,
    /// The user ended the run; absent where not. With an outcome, that was known before, and stands; but the last of `escapes` may have had too
    /// little time to help, others were not tried, and `ended_by` is null for want of a try.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub cancelled: bool,
    /// Of a guest that hung: which of its tasks were stuck where, before anything was tried against it. Allocation first,
    /// then locks, then the rest.
    #[serde(default)]
    pub waits: Vec<WaitJson>,
    /// The cycle of waiting that proves a hang.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofJson>,
    /// What the pictures of the guest's memory have shown of closed cycles; absent where none was taken, and in records of versions that did
    /// not count them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cycles: Option<CyclesJson>,
    /// What they have shown of the throttle of reclaimers, too_many_isolated(); absent where no task was seen there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub throttled: Option<ThrottledJson>,
    /// Of a guest that hung without such a proof: what those wait for who could bring free memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub chain: Option<ChainJson>,
    /// Of a guest that hung: where its processors were.
    #[serde(default)]
    pub registers: Vec<Register>,
    /// Of a guest that hung: state of it that lies in the result folder.
    #[serde(default)]
    pub stored: Vec<StoredJson>,
    /// The logins that were tried, in their order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub logins: Vec<LoginJson>,
    /// The events on which the verdict rests.
    pub evidence: Vec<EvidenceJson>,
    /// The workload's count of work done.
    pub work: u64,
    /// The whole run in wall time, in seconds.
    pub duration_s: f64,
    /// The whole run in fair time, in seconds.
    pub fair_s: f64,
    /// When it began, RFC 3339 in UTC.
    pub started: Timestamp,
    /// Which kernel it was.
    pub kernel_identity: KernelJson,
    /// Which image the guest booted into; absent for the minimal one, which is made for each run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<ImageIdentity>,
    /// Where it ran.
    pub host: HostJson,
    /// The result folder; filled in when a result is read, not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<PathBuf>,
}

/// Closed cycles in the pictures of a run: a sound kernel shows them too, for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct CyclesJson {
    /// Pictures that were taken.
    pub pictures: u64,
    /// Those with a closed cycle.
    pub closed: u64,
    /// The longest time for which one stood, in seconds of fair time: the same in each picture, and nothing moved.
    pub longest_s: f64,
}

/// Tasks in the throttle of reclaimers, in the pictures of a run.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ThrottledJson {
    /// The most at once.
    pub most: u32,
    /// Their time there in seconds of fair time, added up over tasks.
    pub task_s: f64,
}

/// The cycle of waiting that proves a hang, seen from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProofJson {
    /// When it was first seen, in seconds of fair time since the start of the run.
    pub since_s: f64,
    /// When it had stood long enough.
    pub until_s: f64,
    /// In how many pictures it was seen.
    pub pictures: u64,
    /// Its steps, a thread of the victim first; each waits for the next, and the last for the first.
    pub steps: Vec<Step>,
}

/// What those wait for who could bring free memory, who holds that up, and so on, seen from outside.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChainJson {
    /// When it was first seen in the stall, in seconds of fair time since the start of the run.
    pub since_s: f64,
    /// When it was last seen.
    pub until_s: f64,
    /// In how many pictures it was seen.
    pub pictures: u64,
    /// Of so many that were taken in the stall.
    pub of: u64,
    /// Whether it goes round, and none of all who are waited for can get on.
    pub closed: bool,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// An OOM kill.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KillJson {
    /// Seconds of fair time since pressure began; null before it.
    pub time_s: Option<f64>,
    /// The phase.
    pub phase: Phase,
    /// Whose limit was hit.
    pub scope: Scope,
    /// The victim's name.
    pub victim: String,
    /// The victim's process id.
    pub pid: u64,
    /// What it was to us.
    pub role: Role,
    /// Whether it makes the run *oom-killed*.
    pub counts: bool,
}

/// A stall.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StallJson {
    /// Seconds of fair time from the start of the run to the last line of the first probe that fell silent.
    pub since_s: f64,
    /// Its length in seconds of fair time; null where the run ended first.
    pub length_s: Option<f64>,
    /// The probes that were silent.
    pub probes: Vec<String>,
    /// Movements within it.
    pub movements: u64,
    /// The longest time without movement within it, in seconds of fair time.
    pub longest_frozen_s: f64,
}

/// A phase.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PhaseJson {
    /// Which.
    pub phase: Phase,
    /// Seconds of fair time.
    pub fair_s: f64,
    /// Seconds of wall time.
    pub wall_s: f64,
}

/// An attempt to end a hang.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EscapeJson {
    /// `sysrq-f`, `release`, `sysrq-i`.
    pub action: String,
    /// When, in seconds of fair time since the start of the run.
    #[serde(default)]
    pub tried_at_s: f64,
    /// Whether it ended the hang.
    #[serde(default)]
    pub helped: bool,
    /// OOM kills in the log after it, before the next.
    pub kills: u64,
    /// Processes of the workload that the agent saw end after it, before the next.
    #[serde(default)]
    pub exits: u64,
    /// How much more memory was free at most, until the next, than when it was tried, in KiB.
    #[serde(default)]
    pub freed_kib: u64,
    /// Probes that were silent and answered after it, in their order.
    #[serde(default)]
    pub came_back: Vec<CameBackJson>,
    /// Seconds of fair time until the guest answered; null where it did not.
    pub answered_after_s: Option<f64>,
}

/// A probe that answered again.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CameBackJson {
    /// Which.
    pub probe: String,
    /// Seconds of fair time after the escape.
    pub after_s: f64,
}

/// A login that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LoginJson {
    /// Its number, from 1.
    pub n: u64,
    /// The phase in which it began; null before the first.
    pub phase: Option<Phase>,
    /// When it began, in seconds of fair time since the start of the run.
    pub began_s: f64,
    /// How long it took, or took so far when the run ended, in seconds of fair time.
    pub took_s: f64,
    /// The last stage that it passed; null where it passed none.
    pub passed: Option<LoginStage>,
    /// Whether it came through; null where the run ended first.
    pub ok: Option<bool>,
    /// The stage that failed, and why: `banner: nothing within 30 s`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

/// State of a hung guest that lies in the result folder.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredJson {
    /// `core` (in `core/`) or `guest` (in `kept/`, for `oomph attach`).
    pub state: State,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it takes on the disk, in bytes.
    pub stored: u64,
    /// How long the guest was held for it, in seconds of wall time.
    pub wall_s: f64,
}

/// Tasks of a hung guest that are stuck at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitJson {
    /// What they do there.
    pub kind: PlaceKind,
    /// The function, for example `rwsem_down_write_slowpath`; empty where the stack says nothing.
    pub function: String,
    /// The first function outside locking and allocation that led there, for example `xfs_ilock`.
    pub caller: Option<String>,
    /// They wait inside an allocation of their own, for what reclaim came upon.
    pub in_allocator: bool,
    /// They are on their way out.
    pub exiting: bool,
    /// How many they are.
    pub count: u64,
    /// Who they are, the longest first; the first 64.
    pub tasks: Vec<WaitingTaskJson>,
}

/// A task that is stuck.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingTaskJson {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// Its state, as the kernel's letter.
    pub state: char,
    /// When it was first seen there, in seconds of fair time since the start of the run.
    pub first_s: f64,
    /// When it was last seen there.
    pub last_s: f64,
    /// How often it was seen there.
    pub seen: u32,
    /// Of how many looks from the first on that would have shown it.
    pub of: u32,
}

/// An event that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceJson {
    /// The event's `seq` in events.jsonl.
    pub seq: u64,
    /// Seconds of fair time since the start of the run.
    pub time_s: f64,
    /// How much it weighs where there is no room for all; absent for one of many, and in records of versions that did not weigh.
    #[serde(default, skip_serializing_if = "Weight::is_other")]
    pub weight: Weight,
    /// What it shows.
    pub text: String,
}

/// Which kernel ran.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct KernelJson {
    /// `uname -r`.
    pub release: String,
    /// BLAKE3 of the image.
    pub hash: String,
    /// Package and version, or path.
    pub origin: String,
    /// Tags.
    pub tags: Vec<String>,
    /// What it was made of, where it was built here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub build: Option<Build>,
}

/// Where a run took place.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostJson {
    /// First line of `qemu-system-x86_64 -version`.
    pub qemu: String,
    /// `kvm` or `tcg`.
    pub accelerator: String,
    /// Why that one.
    pub accelerator_reason: String,
    /// The host's name.
    pub hostname: String,
    /// `uname -r` of the host.
    pub kernel: String,
    /// The host's processor model.
    pub cpu: String,
    /// Version of oomph.
    pub oomph: String,
}

/// Why a run.json cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file could not be read.
    #[error("run.json cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// Longer than any record is.
    #[error("run.json is longer than {limit} bytes, so it is not a run's record")]
    TooLong {
        /// The bound.
        limit: u64,
    },
    /// Not JSON, or a field is missing or wrong.
    #[error("run.json is no record of a run: {0}")]
    Syntax(#[from] serde_json::Error),
    /// Written by a newer oomph.
    #[error("run.json was written with schema {found}, this oomph knows up to {SCHEMA}: use a newer oomph")]
    TooNew {
        /// The writer's schema.
        found: u32,
    },
}

/// A record that contradicts itself; such a one is never written.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unsound {
    /// Not the version that this code writes.
    #[error("schema is {0}, expected {SCHEMA}")]
    Schema(u32),
    /// Neither or both of outcome and inconclusive.
    #[error("expected either an outcome or the reason why there is none")]
    Outcome,
    /// A mechanism without a hang.
    #[error("a mechanism is given although the outcome is not hung")]
    Mechanism,
}

impl LoginJson {
    /// Whether it says how the guest fares under pressure and after it: it began after the workload, and before anything was tried
    /// against a hang.
    pub fn counts(&self) -> bool {
        matches!(self.phase, Some(Phase::Pressure | Phase::Lift | Phase::Release | Phase::Verify))
    }
}

impl RunJson {
    /// The outcome or `inconclusive`, as text.
    pub fn outcome_name(&self) -> &'static str {
        self.outcome.map_or("inconclusive", Outcome::name)
    }

    /// Whether the user ended the run, whatever is known of it. Records of versions that did not have `cancelled` say so by their reason alone.
    pub fn is_cancelled(&self) -> bool {
        self.cancelled || self.inconclusive == Some(Reason::Cancelled)
    }

    /// The longest stall in seconds of fair time, for comparing runs. That of a guest that hangs has no end, however soon it was known.
    pub fn stall_s(&self) -> f64 {
        if self.outcome == Some(Outcome::Hung) { f64::INFINITY } else { self.max_stall_s }
    }

    /// The number of kills that count.
    pub fn counted_kills(&self) -> usize {
        self.kills.iter().filter(|kill| kill.counts).count()
    }

    /// Reads a record.
    ///
    /// # Errors
    /// Where the text is no record, or one of a newer schema.
    pub fn parse(text: &str) -> Result<Self, ReadError> {
        #[derive(Deserialize)]
        struct Version {
            schema: u32,
        }
        let Version { schema: found } = serde_json::from_str(text)?;
        if found > SCHEMA {
            return Err(ReadError::TooNew { found });
        }
        Ok(serde_json::from_str(text)?)
    }

    /// Checks what the types cannot say.
    ///
    /// # Errors
    /// The first contradiction found.
    pub fn check(&self) -> Result<(), Unsound> {
        if self.schema != SCHEMA {
            return Err(Unsound::Schema(self.schema));
        }
        if self.outcome.is_some() == self.inconclusive.is_some() {
            return Err(Unsound::Outcome);
        }
        if self.mechanism.is_some() && self.outcome != Some(Outcome::Hung) {
            return Err(Unsound::Mechanism);
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "run_json_tests.rs"]
pub(super) mod tests;
