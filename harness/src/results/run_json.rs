//! `run.json`: one run as other programs read it.
//! Lives here: its fields and their names; units are in the names.
//! May not live here: judging (it is filled from a verdict), or files.

use crate::event::{Phase, Reason};
use crate::kmsg::Scope;
use crate::scenario::{Expectation, Mechanism, Outcome};
use crate::verdict::{End, Role, Verdict};
use serde::{Deserialize, Serialize};

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
    /// Why it hung; null where it did not or where nothing has looked for the reason.
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
    /// What ended a hang: `sysrq-f`, `release`, `sysrq-i`; null where nothing did or there was none.
    pub ended_by: Option<String>,
    /// What was tried against a hang, in its order.
    pub escapes: Vec<EscapeJson>,
    /// The events on which the verdict rests.
    pub evidence: Vec<EvidenceJson>,
    /// The workload's count of work done.
    pub work: u64,
    /// The whole run in wall time, in seconds.
    pub duration_s: f64,
    /// The whole run in fair time, in seconds.
    pub fair_s: f64,
    /// When it began, RFC 3339 in UTC.
    pub started: String,
    /// Which kernel it was.
    pub kernel_identity: KernelJson,
    /// Where it ran.
    pub host: HostJson,
    /// The result folder; filled in when a result is read, not stored.
    #[serde(default, skip_deserializing)]
    pub result: String,
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
    /// Kills in the log after it.
    pub kills: u64,
    /// Seconds of fair time until the guest answered; null where it did not.
    pub answered_after_s: Option<f64>,
}

/// An event that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EvidenceJson {
    /// The event's `seq` in events.jsonl.
    pub seq: u64,
    /// Seconds of fair time since the start of the run.
    pub time_s: f64,
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

/// Milliseconds as seconds.
fn s(ms: u64) -> f64 {
    // Run times are far below 2^52 ms, where f64 is exact.
    ms as f64 / 1000.0
}

impl RunJson {
    /// What a verdict alone can tell; the rest is empty.
    pub fn of_verdict(scenario: &str, verdict: &Verdict) -> Self {
        let (inconclusive, detail) = match &verdict.end {
            End::Inconclusive { reason, detail } => (Some(*reason), Some(detail.clone())),
            End::Outcome(_) => (None, None),
        };
        Self {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            kernel: String::new(),
            outcome: verdict.outcome(),
            mechanism: verdict.mechanism,
            inconclusive,
            detail,
            expectation: None,
            expected: verdict.outcome().is_some(),
            differences: Vec::new(),
            kills: verdict
                .kills
                .iter()
                .map(|kill| KillJson {
                    time_s: kill.pressure_ms.map(s),
                    phase: kill.phase,
                    scope: kill.scope,
                    victim: kill.victim.clone(),
                    pid: kill.pid,
                    role: kill.role,
                    counts: kill.counts,
                })
                .collect(),
            max_stall_s: s(verdict.max_stall_ms),
            longest_frozen_s: s(verdict.longest_frozen_ms),
            time_to_first_kill_s: verdict.first_kill_ms.map(s),
            stalls: verdict
                .stalls
                .iter()
                .map(|stall| StallJson {
                    since_s: s(stall.since_ms),
                    length_s: stall.ended_ms.map(|ended| s(ended - stall.since_ms)),
                    probes: stall.probes.clone(),
                    movements: stall.movements,
                    longest_frozen_s: s(stall.longest_frozen_ms),
                })
                .collect(),
            phases: verdict
                .phases
                .iter()
                .map(|time| PhaseJson { phase: time.phase, fair_s: s(time.fair_ms), wall_s: s(time.wall_ms) })
                .collect(),
            ended_by: verdict.ended_by().map(str::to_owned),
            escapes: verdict
                .escapes
                .iter()
                .map(|escape| EscapeJson {
                    action: escape.action.clone(),
                    kills: escape.kills,
                    answered_after_s: escape.answered_after_ms.map(s),
                })
                .collect(),
            evidence: verdict
                .evidence
                .iter()
                .map(|piece| EvidenceJson { seq: piece.seq, time_s: s(piece.at_ms), text: piece.text.clone() })
                .collect(),
            work: verdict.work,
            duration_s: s(verdict.wall_ms),
            fair_s: s(verdict.fair_ms),
            started: String::new(),
            kernel_identity: KernelJson::default(),
            host: HostJson::default(),
            result: String::new(),
        }
    }

    /// The outcome or `inconclusive`, as text.
    pub fn outcome_name(&self) -> &'static str {
        self.outcome.map_or("inconclusive", Outcome::name)
    }
}
