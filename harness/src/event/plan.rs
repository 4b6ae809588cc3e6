//! The first event: what is judged, and by which numbers.
//! Lives here: the plan, and the rules' times and bounds with their defaults.
//! May not live here: the rules (`verdict`).

use serde::{Deserialize, Serialize};

/// What a verdict depends on besides the events that follow.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// [`SCHEMA`](super::SCHEMA) of the writer.
    pub schema: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Probes that must answer, for example `beat`, `fault`, `spawn`, `file:data`.
    pub required: Vec<String>,
    /// The times and bounds of the rules.
    pub rules: Rules,
    /// Whether the host logs in, over and over, from `ready` on.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login: bool,
    /// Whether files are brought back at the end.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub collect: bool,
    /// How many times a second the guest's memory is looked at from the start of pressure on, 1 to 4; 0 for while it stalls only.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub sample: u32,
    /// … and the host fetches them over ssh, instead of the agent sending them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fetch: bool,
}

/// Times and bounds of the rules. All times are fair time in milliseconds, except `wall_ms`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rules {
    /// Until `ready`. Default 120 s under TCG, 30 s under KVM.
    pub boot_ms: u64,
    /// Until every required probe has succeeded twice, at most; then the length of settling at least.
    pub settle_ms: u64,
    /// The workload's time.
    pub pressure_ms: u64,
    /// Time for every required probe to succeed twice after release.
    pub verify_ms: u64,
    /// A required probe silent for so long is a stall. Default 10 s.
    pub stall_after_ms: u64,
    /// A stall without movement for so long is hung. Default 120 s: twice the longest that was seen in a stall that ended by
    /// itself (57 s on a stock 6.1, 59 s on 5.10, until the OOM killer was called at last: `scenarios/isolation-storm.yaml`).
    pub frozen_for_ms: u64,
    /// A stall that moves and lasts so long is inconclusive. Default 300 s.
    pub stall_max_ms: u64,
    /// Time that each escape from a hang is given.
    pub escape_ms: u64,
    /// Bound on the whole run in wall time, so that a starved host ends too.
    pub wall_ms: u64,
    /// Free, file or anonymous memory off by more than so many kB is movement. Default 256.
    pub movement_kb: u64,
    /// Whether kills inside a memory cgroup count as kills.
    pub memcg: bool,
    /// What a proof of a hang is good for.
    #[serde(default)]
    pub proof: ProofUse,
    /// Whether the silence that ends a SysRq dump is measured in the guest's own time. Streams from before there was this
    /// choice measure it in wall time, in which a guest that gets no processor looks silent.
    #[serde(default)]
    pub fair_quiet: bool,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
pub(super) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// What a proof of a hang is good for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProofUse {
    /// It is told; the run goes on until the rules decide, so that the two can be held against each other.
    #[default]
    Told,
    /// The guest is hung.
    Decides,
}

impl Default for Rules {
    /// The defaults of design and README.
    fn default() -> Self {
        Self {
            boot_ms: 120_000,
            settle_ms: 5_000,
            pressure_ms: 60_000,
            verify_ms: 30_000,
            stall_after_ms: 10_000,
            frozen_for_ms: 120_000,
            stall_max_ms: 300_000,
            escape_ms: 15_000,
            wall_ms: 3_600_000,
            movement_kb: 256,
            memcg: false,
            proof: ProofUse::Decides,
            fair_quiet: true,
        }
    }
}
