//! The vocabulary of the link: sources, kinds and field names, each with what it means and its unit.
//! Lives here: names, as constants, so that guest and host cannot differ.
//! May not live here: behaviour.

/// Who asked for a release where that was not the host: the agent's own timer, for a host that is gone.
pub const TIMER: &str = "timer";

/// Who writes a line. A probe of a disk is `file:DISK`.
pub mod source {
    /// PID 1 (ttyS2).
    pub const AGENT: &str = "agent";
    /// The heartbeat (alone on ttyS1).
    pub const BEAT: &str = "beat";
    /// Reads /proc/vmstat, /proc/pressure and what kswapd does (ttyS2).
    pub const COUNTERS: &str = "counters";
    /// Maps, touches and unmaps 1 MiB (ttyS2).
    pub const FAULT: &str = "fault";
    /// Starts a tiny program and waits for it (ttyS2).
    pub const SPAWN: &str = "spawn";
    /// Rewrites and fsyncs a file on a data disk (ttyS2); `file:DISK`.
    pub const FILE: &str = "file";
    /// Logs in over the network. Its rounds are the host's; the guest only has the server.
    pub const LOGIN: &str = "login";
    /// Sends files that the host wants back (ttyS2).
    pub const COLLECT: &str = "collect";
    /// The harness (to the agent, ttyS2).
    pub const HOST: &str = "host";
}

/// What a line from the guest tells.
pub mod kind {
    /// agent: first line. `proto`, `kernel` and `version` (uname release and version), `cpus`, `mem` (MemTotal, kB).
    pub const HELLO: &str = "hello";
    /// agent: set-up failed and the guest powers off. `what` (step and object), `errno`. After `ready`: the workload could
    /// not be started (`what` begins with `workload `), and the agent goes on obeying.
    pub const FAILED: &str = "failed";
    /// agent: set-up is done, probes run. `min` (sum of the zones' min watermarks, kB), `sysrq` (value read back).
    pub const READY: &str = "ready";
    /// agent: something about the guest that whoever reads a verdict should know. `text`.
    pub const REMARK: &str = "remark";
    /// agent: one per probe process before `ready`. `probe`, `pid`, `adj` (oom_score_adj read back).
    pub const PROBE: &str = "probe";
    /// agent: a command was taken. `cmd` (its kind), `n` (its sequence number).
    pub const ACK: &str = "ack";
    /// agent: the workload runs. `pid` (= its process group), `adj` (oom_score_adj read back).
    pub const STARTED: &str = "started";
    /// agent: a child of the workload's group was reaped. `pid`, `main` (1 for the workload itself), `code` or `signal`,
    /// `errno` (from the progress page).
    pub const EXIT: &str = "exit";
    /// agent: the workload's group was sent SIGKILL. `by` (`host` or `timer`).
    pub const RELEASED: &str = "released";
    /// agent: a probe process ended; for `login`: the server. `probe`, `pid`, `code` or `signal`.
    pub const DIED: &str = "died";
    /// collect: a piece of a file. `path`, `at` (its place in the file, bytes), `bytes`.
    pub const DATA: &str = "data";
    /// collect: a file is through. `path`, `size` (bytes sent), and `ok=1` or `errno`; EFBIG where it was too large.
    pub const FILE: &str = "file";
    /// agent: all files are through, or there are none.
    pub const COLLECTED: &str = "collected";
    /// agent: last line before power off. `allocs` (heap allocations in the agent since `ready`).
    pub const BYE: &str = "bye";
    /// beat: once a second. `work`, `exits` (progress page), `free`, `avail`, `file`, `anon`, `shmem`, `dirty`, `writeback`,
    /// `swapfree` (kB), `allocs` (heap allocations in the beat since its first round).
    pub const TICK: &str = "tick";
    /// A probe starts a round. `n`, from 1.
    pub const BEGIN: &str = "begin";
    /// A probe's round ended. `n`, and `ok=1`, or `errno`, `signal` or `code`.
    pub const END: &str = "end";
    /// counters: `allocstall` (summed over zones), `pgscan_kswapd`, `pgscan_direct`, `pgsteal_kswapd`, `pgsteal_direct`,
    /// `oom_kill`, `nr_isolated_anon`, `nr_isolated_file` (pages now), `mem_some`, `mem_full`, `io_some`, `io_full` (PSI
    /// totals, microseconds). What a kernel does not have is left out.
    pub const VM: &str = "vm";
    /// counters: kswapd of node 0, after each `vm`. `state` (letter of /proc/PID/stat), `wchan` (where it sleeps, absent
    /// where it does not), `stack` (functions, innermost first, with commas between; at most 16, absent without
    /// CONFIG_STACKTRACE). No such line where the kernel has no kswapd0.
    pub const KSWAPD: &str = "kswapd";
}

/// Commands from the host; each is sent again until its [`kind::ACK`] arrives, and doing it twice is doing it once.
pub mod command {
    /// Starts the workload. `release_ms`: the agent releases by itself that long after.
    pub const START: &str = "start";
    /// Kills the workload's process group with SIGKILL.
    pub const RELEASE: &str = "release";
    /// Sends the files that are to be collected.
    pub const COLLECT: &str = "collect";
    /// Says `bye` and powers off.
    pub const POWEROFF: &str = "poweroff";
}
