//! The event: one time-stamped thing that was seen, and the only thing a verdict may rest on.
//! Lives here: the event type, its JSON form (`events.jsonl`, one object a line), the translation of guest lines.
//! May not live here: any judgement, clock or I/O.

mod capture;
mod fault;
mod guest;
mod login;
mod picture;
mod plan;
mod reason;
mod stream;

pub use capture::{Register, State, Stored};
pub use fault::FailingDisk;
pub use guest::from_guest;
pub use login::LoginStage;
pub use picture::{Chain, Cycle, Picture, SampledStack, SeenLock, SeenVictim, Step, StepNode, sentence, tied};
pub use plan::{Plan, ProofUse, Rules};
pub use reason::Reason;
pub use stream::{ReadError, read_events};

use serde::{Deserialize, Serialize};

/// The [`Kind::Qmp`] of a SysRq key that QEMU did not press; not QEMU's word but the harness's.
pub const NOT_PRESSED: &str = "OOMPH_SYSRQ_FAILED";

/// Version of the event schema, in every stream's [`Kind::Plan`]. Streams of older versions replay for ever.
pub const SCHEMA: u32 = 1;

/// One thing that was seen during a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the stream, from 0, without gaps.
    pub seq: u64,
    /// Host CLOCK_MONOTONIC since the run's first event, in nanoseconds; never decreases.
    pub host_ns: u64,
    /// Guest CLOCK_MONOTONIC in nanoseconds, where the guest said it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub guest_ns: Option<u64>,
    /// What was seen.
    #[serde(flatten)]
    pub kind: Kind,
}

/// What was seen. The JSON object carries the variant's name in `kind`, in kebab case.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Kind {
    /// The first event of every stream: what the run was told to do, as far as a verdict depends on it.
    Plan(Plan),
    /// The run entered a phase.
    Phase {
        /// The phase that begins.
        phase: Phase,
    },
    /// The host looked at its clock and at QEMU, every quarter of a second. Only ticks make time pass for a verdict.
    Tick(Tick),
    /// A whole line of the guest's console, without its line ending.
    Console {
        /// The text; bytes that are no UTF-8 are replaced.
        line: String,
    },
    /// The agent's first word.
    Hello {
        /// Protocol version of the agent.
        proto: u64,
        /// `uname -r` of the guest.
        kernel: String,
        /// `uname -v` of the guest; empty in streams from before it was told.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        version: String,
        /// Online processors.
        cpus: u64,
        /// MemTotal in kB.
        mem_kb: u64,
    },
    /// The guest could not be set up as the scenario wants it.
    GuestFailed {
        /// The step that failed, and on what.
        what: String,
        /// errno of the failure, 0 if there is none.
        errno: i64,
    },
    /// Something about the guest that whoever reads a verdict should know; nothing rests on it.
    Remark {
        /// In words.
        text: String,
    },
    /// A probe process exists.
    Probe {
        /// The probe, for example `file:data`.
        probe: String,
        /// Its process id in the guest.
        pid: u64,
        /// Its oom_score_adj, read back.
        adj: i64,
    },
    /// The guest is set up and its probes run.
    Ready {
        /// Sum of the zones' min watermarks in kB.
        min_kb: u64,
        /// kernel.sysrq, read back.
        sysrq: u64,
    },
    /// A heartbeat, once a second.
    Beat(Beat),
    /// A probe started a round.
    ProbeBegin {
        /// The probe.
        probe: String,
        /// Round, from 1.
        n: u64,
    },
    /// A probe ended a round.
    ProbeEnd {
        /// The probe.
        probe: String,
        /// Round, from 1.
        n: u64,
        /// How it went.
        result: Answer,
    },
    /// A login came this far, or failed there. Its begin and end are those of the probe `login`.
    Login {
        /// The login's number, as in its begin.
        n: u64,
        /// How far.
        stage: LoginStage,
        /// Wall time since it began, in milliseconds.
        ms: u64,
        /// Why this stage failed; absent where it did not.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// A probe process ended, which it never does by itself.
    ProbeDied {
        /// The probe.
        probe: String,
        /// How.
        exit: Exit,
    },
    /// The kernel's reclaim counters.
    Counters(Counters),
    /// What kswapd of node 0 was doing.
    Kswapd(Kswapd),
    /// The workload runs.
    WorkloadStarted {
        /// Its process id and process group in the guest.
        pid: u64,
        /// Its oom_score_adj, read back.
        adj: i64,
    },
    /// A process of the workload was reaped by the agent.
    WorkloadExit {
        /// Its process id.
        pid: u64,
        /// Whether it is the process that the agent started.
        main: bool,
        /// How it ended.
        exit: Exit,
        /// errno that the workload left in its progress page, 0 for none.
        errno: i64,
    },
    /// The agent sent SIGKILL to the workload's process group.
    Released {
        /// `host` for the command, `timer` for the agent's own deadline.
        by: String,
    },
    /// A file was brought back from the guest, or could not be.
    Collected {
        /// Its path in the guest.
        path: String,
        /// Bytes that came.
        bytes: u64,
        /// Why it is not whole; absent where it is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failed: Option<String>,
    },
    /// All files that the host asked for have been sent.
    AllCollected,
    /// The agent powers off.
    Bye {
        /// Heap allocations of the agent since `ready`; 0 is the invariant.
        allocs: u64,
    },
    /// A command was handed to the serial port.
    Command {
        /// `start`, `release` or `poweroff`.
        command: String,
        /// Which sending of it, from 1.
        attempt: u32,
    },
    /// The agent took a command.
    Ack {
        /// The command.
        command: String,
    },
    /// The host pressed a SysRq key by a serial break.
    Sysrq {
        /// The key.
        key: char,
    },
    /// A host fault came or went.
    Fault {
        /// Which, as the scenario writes it.
        fault: String,
        /// Whether it is in force from now on.
        active: bool,
        /// What it makes fail.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fails: Option<FailingDisk>,
    },
    /// QEMU said something over QMP.
    Qmp {
        /// The event's name, for example `STOP`.
        event: String,
        /// Its data.
        #[serde(default, skip_serializing_if = "serde_json::Value::is_null")]
        data: serde_json::Value,
    },
    /// QEMU's process ended.
    QemuExit {
        /// Whether we had asked for it.
        asked: bool,
        /// How.
        exit: Exit,
        /// The last of what it wrote to stderr.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        stderr: String,
    },
    /// What the agent ports lost so far (written when it changes, at most once a second).
    Link {
        /// Stretches without a whole line in them.
        garbage: u64,
        /// Lines missing by their sequence numbers.
        lost: u64,
        /// Lines that came again.
        repeated: u64,
    },
    /// Console lines that were too many to be kept. Once 4 MiB are recorded, lines that cannot bear on a verdict are left
    /// out; where the guest prints faster than the host reads, any may be missing.
    Dropped {
        /// Lines dropped since the last such event.
        lines: u64,
    },
    /// The host holds the guest to take its state, or lets it go on. Between the two QEMU's STOP and RESUME are ours.
    Capture {
        /// Whether it is held from now on.
        active: bool,
    },
    /// Where the guest's processors were when it was held.
    Registers {
        /// One each.
        cpus: Vec<Register>,
    },
    /// What was seen of the guest's tasks from outside.
    Picture(Box<Picture>),
    /// The guest's memory cannot be read from outside; the rules judge without.
    NoPictures {
        /// Why not.
        why: String,
    },
    /// State of the guest was written into the result.
    Stored(Stored),
    /// State of the guest that was asked for could not be taken; the verdict stands without it.
    NotStored {
        /// Which.
        state: State,
        /// Why not.
        why: String,
    },
    /// The user ended the run.
    Cancelled,
    /// The host could not go on: the run is spoiled, whatever the guest did.
    HostError {
        /// The reason a verdict gives.
        reason: Reason,
        /// In words.
        detail: String,
    },
}

/// The phases of a run, in their order; escapes come only after a hang.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// QEMU starts, until the agent is ready.
    Boot,
    /// The guest at rest; every required probe succeeds twice.
    Settle,
    /// The workload runs, host faults come and go.
    Pressure,
    /// Host faults are off, the workload goes on, until every probe has answered again.
    Lift,
    /// Only after a hang: what helps against it.
    Escapes,
    /// The workload is killed.
    Release,
    /// Whether the guest is well again.
    Verify,
    /// The guest powers off.
    Collect,
}

impl Phase {
    /// The phase's name, as in files and on the terminal.
    pub fn name(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Settle => "settle",
            Self::Pressure => "pressure",
            Self::Lift => "lift",
            Self::Escapes => "escapes",
            Self::Release => "release",
            Self::Verify => "verify",
            Self::Collect => "collect",
        }
    }
}

/// One look of the host at its clock and at QEMU. The three losses overlap or not; the fold takes their sum, bounded by
/// the time that passed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Tick {
    /// Of the time since the last tick: QEMU was stopped (state T or t in /proc/PID/stat), in nanoseconds.
    pub stopped_ns: u64,
    /// Of the time since the last tick: largest growth of run-queue wait over QEMU's threads
    /// (/proc/PID/task/TID/schedstat, second field), in nanoseconds.
    pub wait_ns: u64,
    /// Of the time since the last tick: the steal share of /proc/stat, in nanoseconds.
    pub steal_ns: u64,
    /// Processor time of QEMU since the last tick, in nanoseconds. Tells nothing about a hang; for the reader.
    #[serde(default)]
    pub cpu_ns: u64,
}

/// A heartbeat. Memory is in kB as /proc/meminfo has it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// Sequence number of the beat's line.
    pub n: u64,
    /// The workload's own count of work done.
    pub work: u64,
    /// Workload processes that the workload saw exit.
    pub exits: u64,
    /// MemFree.
    pub free_kb: u64,
    /// Active(file) + Inactive(file).
    pub file_kb: u64,
    /// Cached + Buffers; early agents do not tell it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_kb: Option<u64>,
    /// AnonPages.
    pub anon_kb: u64,
    /// SwapFree.
    #[serde(default)]
    pub swapfree_kb: u64,
    /// Dirty.
    #[serde(default)]
    pub dirty_kb: u64,
    /// Writeback.
    #[serde(default)]
    pub writeback_kb: u64,
    /// Heap allocations of the beat since its first round; 0 is the invariant.
    #[serde(default)]
    pub allocs: u64,
}

/// Reclaim counters of the guest's kernel; what a kernel does not have is absent.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counters {
    /// Entries into direct reclaim (`allocstall`, summed over zones from 4.10 on).
    pub allocstall: Option<u64>,
    /// Pages scanned by kswapd.
    pub pgscan_kswapd: Option<u64>,
    /// Pages scanned by direct reclaim.
    pub pgscan_direct: Option<u64>,
    /// Pages reclaimed by kswapd.
    pub pgsteal_kswapd: Option<u64>,
    /// Pages reclaimed by direct reclaim.
    pub pgsteal_direct: Option<u64>,
    /// OOM kills (4.13 and later).
    pub oom_kill: Option<u64>,
    /// PSI: some task waited for memory, total in microseconds (4.20 and later).
    pub mem_some_us: Option<u64>,
    /// PSI: all tasks waited for memory, total in microseconds.
    pub mem_full_us: Option<u64>,
    /// PSI: some task waited for I/O, total in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_some_us: Option<u64>,
    /// PSI: all tasks waited for I/O, total in microseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub io_full_us: Option<u64>,
    /// Anonymous pages that are isolated from their list at the moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nr_isolated_anon: Option<u64>,
    /// File pages that are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub nr_isolated_file: Option<u64>,
}

/// What kswapd was doing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kswapd {
    /// Its state as in /proc/PID/stat: `S` sleeping, `R` running, `D` in a wait that no signal ends.
    pub state: String,
    /// The function that it sleeps in; absent where it does not, and where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wchan: Option<String>,
    /// Its stack, innermost function first, at most 16; empty where the kernel does not tell.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
}

/// How a probe's round went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// As it should.
    Ok,
    /// A system call failed with this errno.
    Errno(i64),
    /// The probe's child was killed by this signal.
    Signal(i64),
    /// The probe's child exited with this status.
    Code(i64),
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Exit {
    /// By exit(2) with this status.
    Code(i64),
    /// By this signal.
    Signal(i64),
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit status {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
