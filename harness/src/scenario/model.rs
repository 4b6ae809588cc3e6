//! The resolved scenario: plain values, checked, defaults filled in.
//! Lives here: the types that the rest of the harness reads.
//! May not live here: YAML, spans, or checks (a value of these types is already sound).

use super::image::ImageSpec;
use super::kernel::KernelSpec;
use super::transport::Transport;
use crate::event::Rules;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// One scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Scenario {
    /// Its name; also the name of its folder of results: `[a-z0-9][a-z0-9._-]*`, at most 64 bytes.
    pub name: String,
    /// What it shows, in a sentence.
    pub summary: String,
    /// Where that comes from.
    pub references: Vec<String>,
    /// The kernel it runs on unless the command line says otherwise.
    pub kernel: KernelSpec,
    /// The machine.
    pub guest: Guest,
    /// What presses.
    pub workload: Workload,
    /// Times and bounds. `boot_ms` is 0 where the scenario leaves it to the accelerator.
    pub rules: Rules,
    /// Required probes and `counters`; `file` stands for a probe of each disk.
    pub probes: Vec<ProbeKind>,
    /// What the host does to the guest meanwhile.
    pub faults: Vec<Fault>,
    /// What is taken of a guest that hangs, besides what its console tells.
    pub evidence: Evidence,
    /// Files and directories of the guest that are brought back at the end of a run, where the guest still answers.
    pub collect: Vec<String>,
    /// What should come of it; the first that matches the kernel counts.
    pub expect: Vec<Expectation>,
}

impl Scenario {
    /// Whether a fault takes memory away by a balloon, for which guest and machine need a device more.
    pub fn has_balloon(&self) -> bool {
        self.faults.iter().any(|fault| matches!(fault.action, FaultAction::Balloon { .. }))
    }

    /// Whether somebody tries to log in over and over.
    pub fn has_login(&self) -> bool {
        self.probes.contains(&ProbeKind::Login)
    }
}

/// What is taken of a guest that hangs, before anything is tried against it. No verdict depends on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// Its memory, as a core for crash and drgn.
    pub core: bool,
    /// The whole guest, for `oomph attach`.
    pub keep: bool,
    /// How many times a second to look at its tasks, 1 to 4; 0 for while it stalls only.
    pub sample: u32,
}

/// The virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Guest {
    /// Virtual processors, 1 to 64.
    pub cpus: u32,
    /// Memory in bytes; a multiple of 1 MiB, at least 96 MiB.
    pub memory: u64,
    /// What it boots into.
    pub image: ImageSpec,
    /// How files come back out of it.
    pub transport: Transport,
    /// Disks by name.
    pub disks: BTreeMap<String, Disk>,
    /// Kernel settings to write before the workload starts.
    pub sysctl: BTreeMap<String, String>,
    /// Kernel modules to load besides those that the disks need.
    pub modules: Vec<String>,
    /// Words to add to the kernel's command line.
    pub cmdline: Vec<String>,
    /// Files of this machine that are put into the guest, by their paths there. Their permissions go with them.
    pub files: BTreeMap<String, PathBuf>,
}

/// A disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Disk {
    /// What is on it, made on the host.
    pub filesystem: Filesystem,
    /// Its size in bytes; at least what mkfs accepts (300 MiB for XFS, 109 MiB for Btrfs).
    pub size: u64,
    /// Where the guest mounts it; `None` for swap, which is mounted nowhere.
    pub mount: Option<String>,
}

/// What a disk can carry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Filesystem {
    /// XFS.
    Xfs,
    /// ext4.
    Ext4,
    /// Btrfs.
    Btrfs,
    /// Swap space.
    Swap,
}

impl Filesystem {
    /// The name by which mount(2) and modules know it; `swap` for swap space, which neither knows.
    pub fn name(self) -> &'static str {
        match self {
            Self::Xfs => "xfs",
            Self::Ext4 => "ext4",
            Self::Btrfs => "btrfs",
            Self::Swap => "swap",
        }
    }

    /// Whether files can be on it.
    pub fn holds_files(self) -> bool {
        self != Self::Swap
    }
}

/// What presses.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Workload {
    /// The executable.
    pub program: Program,
    /// Its arguments as the program gets them.
    pub args: Vec<String>,
    /// Variables to add to its environment.
    pub env: BTreeMap<String, String>,
}

/// The workload's executable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Program {
    /// One of ours, by name.
    Reproducer(String),
    /// A file on this machine, static or dynamic.
    Path(PathBuf),
}

/// A kind of probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProbeKind {
    /// The heartbeat.
    Beat,
    /// Reclaim counters; never required.
    Counters,
    /// Page faults.
    Fault,
    /// New processes.
    Spawn,
    /// Writes and fsyncs, on each disk that has a filesystem.
    File,
    /// Logins over ssh, from the host; never required.
    Login,
}

/// Something that the host does to the guest from outside. Faults that are in force at one time add up (`run::faults`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// When, in milliseconds of fair time since pressure began.
    pub at_ms: u64,
    /// Until when, in the same; `None`: until lift, or for as long as a pause lasts.
    pub until_ms: Option<u64>,
    /// What.
    pub action: FaultAction,
}

/// What a fault does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FaultAction {
    /// Slows a disk down. 0 would mean unlimited to QEMU, so both are at least 1 where given.
    Throttle {
        /// The disk.
        disk: String,
        /// Operations per second.
        iops: Option<u64>,
        /// Bytes per second.
        bps: Option<u64>,
    },
    /// Holds all reads and writes of a disk until it is over.
    Stop {
        /// The disk.
        disk: String,
    },
    /// Makes operations of a disk fail.
    Error {
        /// The disk.
        disk: String,
        /// With what.
        errno: DiskError,
        /// Which operations; at least one, none twice.
        on: Vec<Operation>,
    },
    /// Takes memory away from the guest, with the help of its driver.
    Balloon {
        /// What is left to it, in bytes; a multiple of 1 MiB.
        memory: u64,
    },
    /// Stops the whole machine.
    Pause {
        /// For how long, in milliseconds of wall time: no fair time passes meanwhile.
        for_ms: u64,
    },
}

/// How a disk's operation can fail. A virtio disk tells its guest of either as an I/O error, which is EIO.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum DiskError {
    /// Input/output error.
    #[serde(rename = "EIO")]
    Io,
    /// No space left on device: what a thinly provisioned disk says when its pool is full.
    #[serde(rename = "ENOSPC")]
    NoSpace,
}

impl DiskError {
    /// Its name in C.
    pub fn name(self) -> &'static str {
        match self {
            Self::Io => "EIO",
            Self::NoSpace => "ENOSPC",
        }
    }

    /// Its number on Linux.
    pub fn errno(self) -> i32 {
        match self {
            Self::Io => 5,
            Self::NoSpace => 28,
        }
    }
}

/// What a guest can ask of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Operation {
    /// Reading.
    Read,
    /// Writing, writing zeroes and discarding.
    Write,
    /// Flushing the disk's cache, as fsync(2) does.
    Flush,
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Flush];

    /// Its name, as in a scenario.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
        }
    }
}

/// What should come of a run on the kernels that it is for.
#[derive(Clone, Debug, PartialEq, Serialize, serde::Deserialize)]
pub struct Expectation {
    /// Only kernels of this name.
    pub kernel: Option<String>,
    /// Only kernels with this tag (a patch's name is one).
    pub tag: Option<String>,
    /// Only kernels of these versions: all of these comparisons hold.
    pub version: Vec<VersionBound>,
    /// The outcome.
    pub outcome: Outcome,
    /// The mechanism of a hang.
    pub mechanism: Option<Mechanism>,
    /// The longest time that a required probe may be outstanding, in milliseconds of fair time.
    pub max_stall_ms: Option<u64>,
    /// The most kills.
    pub max_kills: Option<u64>,
    /// Every kill's victim must have one of these names.
    pub victims: Option<Vec<String>>,
    /// The longest time that a login may take from pressure on, in milliseconds of fair time; and none may fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login_max_ms: Option<u64>,
}

/// One comparison with a kernel's version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct VersionBound {
    /// How to compare.
    pub op: VersionOp,
    /// With what: major, minor and, where it is written, patch.
    pub version: (u32, u32, Option<u32>),
}

/// How versions are compared. A bound without a patch level compares major and minor only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VersionOp {
    /// `<`
    Less,
    /// `<=`
    LessEqual,
    /// `>=`
    GreaterEqual,
    /// `>`
    Greater,
    /// `=`
    Equal,
}

/// What became of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It answered all along or again, and nothing was killed.
    Recovered,
    /// It answers, and the OOM killer had to kill.
    OomKilled,
    /// It does not answer and will not.
    Hung,
    /// It crashed.
    Panicked,
}

impl Outcome {
    /// The outcome's name, as in run.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::Recovered => "recovered",
            Self::OomKilled => "oom-killed",
            Self::Hung => "hung",
            Self::Panicked => "panicked",
        }
    }
}

/// Why a guest hung.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// A victim was chosen that cannot exit, and somebody loops in the allocator.
    OomDeadlock,
    /// Tasks loop in the allocator and no victim is pending.
    NoFsLivelock,
    /// The allocating tasks sit in the wait on too_many_isolated().
    IsolationThrottle,
    /// Nobody is in the allocator, the waiters wait for I/O.
    IoStall,
    /// None of these, as far as can be told.
    Unknown,
}

impl Mechanism {
    /// The mechanism's name, as in run.json.
    pub fn name(self) -> &'static str {
        match self {
            Self::OomDeadlock => "oom-deadlock",
            Self::NoFsLivelock => "no-fs-livelock",
            Self::IsolationThrottle => "isolation-throttle",
            Self::IoStall => "io-stall",
            Self::Unknown => "unknown",
        }
    }
}
