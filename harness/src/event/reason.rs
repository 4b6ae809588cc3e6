//! Why a run has no outcome.
//! Lives here: the reasons and their names.
//! May not live here: when a run has which (`verdict`, `run`).

use serde::{Deserialize, Serialize};

/// Why a run has no outcome.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// The guest never became ready within the boot deadline.
    NoBoot,
    /// The guest could not be set up as the scenario wants it (module, mount, sysctl, …).
    SetupFailed,
    /// The probes never all succeeded twice at rest.
    NotSettled,
    /// QEMU ended by itself or by somebody else's hand.
    QemuDied,
    /// QEMU did not answer over QMP.
    QemuMute,
    /// QEMU stopped the guest although nobody had asked (QMP STOP).
    QemuStopped,
    /// KVM gave up on the guest (`internal-error`).
    KvmInternalError,
    /// A disk error that no scenario had asked for.
    HostIoError,
    /// The host gave the guest too little time to be judged.
    HostStarved,
    /// The workload could not be started, or failed by itself.
    WorkloadFailed,
    /// The workload pressed too little for *recovered* to mean anything.
    NoPressure,
    /// A required probe answered with errors to the end.
    ProbeFailing,
    /// Kills may have gone untold: the kernel counts more of them, or the console lost lines.
    KillsLost,
    /// A probe or the agent was killed.
    ProbeKilled,
    /// A stall went on, and moved, past `stall_max`.
    StillThrashing,
    /// The agent spoke another protocol or did not obey.
    ProtocolError,
    /// The user ended the run.
    Cancelled,
    /// The host's disk is full.
    DiskFull,
    /// The harness itself failed.
    HarnessError,
    /// The event stream ends before anything was decided.
    Truncated,
}

impl Reason {
    /// The reason's name, as in run.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::NoBoot => "no-boot",
            Self::SetupFailed => "setup-failed",
            Self::NotSettled => "not-settled",
            Self::QemuDied => "qemu-died",
            Self::QemuMute => "qemu-mute",
            Self::QemuStopped => "qemu-stopped",
            Self::KvmInternalError => "kvm-internal-error",
            Self::HostIoError => "host-io-error",
            Self::HostStarved => "host-starved",
            Self::WorkloadFailed => "workload-failed",
            Self::NoPressure => "no-pressure",
            Self::ProbeFailing => "probe-failing",
            Self::KillsLost => "kills-lost",
            Self::ProbeKilled => "probe-killed",
            Self::StillThrashing => "still-thrashing",
            Self::ProtocolError => "protocol-error",
            Self::Cancelled => "cancelled",
            Self::DiskFull => "disk-full",
            Self::HarnessError => "harness-error",
            Self::Truncated => "truncated",
        }
    }
}
