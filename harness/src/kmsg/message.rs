//! What a kernel can say that matters here.
//! Lives here: the message types, with the kernel source that prints each.
//! May not live here: how they are recognised.

use serde::{Deserialize, Serialize};

/// A message and when the kernel printed it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Stamped {
    /// The kernel's timestamp in microseconds (its local_clock, near enough CLOCK_MONOTONIC); absent where timestamps
    /// are off, and for printk's own remarks, which carry none.
    pub at_us: Option<u64>,
    /// What it said.
    pub message: Message,
}

/// A task as the kernel names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Task {
    /// Its comm: up to 15 bytes that may hold spaces, commas and parentheses.
    pub comm: String,
    /// Its process id.
    pub pid: u32,
}

/// Which memory an OOM kill was about, as its message says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Scope {
    /// The machine's. Also taken where an old kernel's line says nothing and the line that would have said it is lost.
    Global,
    /// A memory cgroup's.
    Memcg,
    /// The machine's, and the task that asked was killed (vm.oom_kill_allocating_task).
    AllocatingTask,
}

/// What limited the allocation that found no memory (mm/oom_kill.c, `oom_constraint_text`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Constraint {
    /// Nothing: all memory is used up.
    None,
    /// A cpuset.
    Cpuset,
    /// A memory policy.
    MemoryPolicy,
    /// A memory cgroup.
    Memcg,
}

/// A lock that a hung task waits for (kernel/hung_task.c, `debug_show_blocker`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lock {
    /// A mutex.
    Mutex,
    /// A semaphore.
    Semaphore,
    /// A reader-writer semaphore.
    RwSemaphore,
}

/// One kill by the OOM killer.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Kill {
    /// The victim.
    pub pid: u32,
    /// The victim's comm.
    pub comm: String,
    /// Which memory it was about.
    pub scope: Scope,
    /// Asked for by hand, with SysRq-f or a write to /proc/sysrq-trigger.
    pub manual: bool,
    /// Killed for sharing the memory of the victim before it (3.10 to 4.1 print a line for each).
    pub sharing: bool,
    /// Virtual memory in kB, where the line is whole.
    pub total_vm_kb: Option<u64>,
    /// Anonymous memory in kB.
    pub anon_rss_kb: Option<u64>,
    /// File-backed memory in kB.
    pub file_rss_kb: Option<u64>,
    /// Shared memory in kB (4.5 and later).
    pub shmem_rss_kb: Option<u64>,
    /// Page tables in kB (5.4 and later).
    pub pgtables_kb: Option<u64>,
    /// User (5.4 and later; Red Hat's kernels before).
    pub uid: Option<u32>,
    /// oom_score_adj (5.4 and later).
    pub oom_score_adj: Option<i32>,
}

/// What a kernel said.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// The OOM killer starts (mm/oom_kill.c, `dump_header`; rate limited to 10 in 5 s, so a kill may come without).
    OomInvoked {
        /// The task that found no memory.
        comm: String,
        /// Allocation flags as printed: `0x201da`, or with names since 4.6.
        gfp_mask: String,
        /// Order of the allocation; −1 stands for SysRq-f since 4.3. Absent where the line is torn.
        order: Option<i32>,
        /// oom_score_adj of the task. Absent where the line is torn.
        oom_score_adj: Option<i32>,
    },
    /// Under which limit (5.0 and later `oom-kill:constraint=`; before that only a memory cgroup's, `Task in …
    /// killed`).
    OomConstraint {
        /// What limited the allocation.
        constraint: Constraint,
        /// The memory cgroup whose limit it is.
        memcg: Option<String>,
        /// The chosen task.
        task: Option<Task>,
        /// The chosen task's user.
        uid: Option<u32>,
    },
    /// A victim was sent SIGKILL. `Kill process … or sacrifice child` and the `Killed process …` after it are one.
    Kill(Kill),
    /// The chosen victim was exiting already and was given the reserves only (5.10 and later print this).
    AlreadyExiting(Task),
    /// The reaper freed a victim's memory (4.6 and later).
    Reaped {
        /// The victim.
        task: Task,
        /// Anonymous memory left, in kB.
        anon_rss_kb: Option<u64>,
        /// File-backed memory left, in kB.
        file_rss_kb: Option<u64>,
        /// Shared memory left, in kB.
        shmem_rss_kb: Option<u64>,
    },
    /// The reaper gave up on a victim after its ten tries (4.6 and later).
    ReapFailed(Task),
    /// A victim's memory is shared with a task that must live, so it cannot be reaped (4.6 and later).
    MmPinned {
        /// The victim.
        victim: Task,
        /// Who else uses its memory.
        by: Task,
    },
    /// `Out of memory and no killable processes...`: a warning since 4.19, a panic before.
    NoKillable,
    /// SysRq-f found nothing to kill, or the OOM killer is off.
    ManualOomIgnored,
    /// A page fault found no memory and is tried again (6.1 and later).
    FaultRetried,
    /// `Kernel panic - not syncing: …`
    Panic {
        /// The text behind the colon.
        text: String,
    },
    /// Init died; follows the [`Message::Panic`] of the same line.
    InitKilled {
        /// Its exit code as wait(2) gives it: signal 7 is 0x7.
        exitcode: u32,
    },
    /// An oops: a fault or BUG in the kernel.
    Oops {
        /// The line.
        text: String,
    },
    /// A `WARNING:` of the kernel.
    Warning {
        /// The line.
        text: String,
    },
    /// An allocation failed (mm/page_alloc.c, `warn_alloc`).
    PageAllocFailure {
        /// The task, empty where its part of the line was lost.
        comm: String,
        /// Order of the allocation.
        order: Option<i32>,
        /// Allocation flags as printed.
        mode: Option<String>,
    },
    /// An allocation takes long (4.9 to 4.13).
    AllocStall {
        /// The task.
        comm: String,
        /// For how long so far, in milliseconds.
        ms: u64,
        /// Order of the allocation.
        order: Option<i32>,
    },
    /// XFS tried an allocation a hundred times (fs/xfs/kmem.c, up to 6.8).
    XfsDeadlock {
        /// The task; older kernels do not say.
        task: Option<Task>,
        /// Allocation flags as printed.
        mode: Option<String>,
    },
    /// khungtaskd found a task in D state for long (kernel/hung_task.c).
    HungTask {
        /// The task.
        task: Task,
        /// For at least how many seconds.
        secs: u64,
        /// It waits for I/O, as the newest kernels say.
        io_wait: bool,
    },
    /// Whom a hung task waits for (6.16 and later).
    HungTaskBlocker {
        /// The hung task.
        task: Task,
        /// What it waits for.
        lock: Lock,
        /// `reader` or `writer`, as which it waits for a reader-writer semaphore.
        wants: Option<String>,
        /// Who likely holds it; `None` where the kernel found nobody.
        owner: Option<Task>,
        /// `reader` or `writer`, as which the owner holds it.
        holds: Option<String>,
    },
    /// khungtaskd has used up its warnings and is silent from here on (6.7 and later say so).
    HungTasksSuppressed,
    /// A CPU ran kernel code for long without scheduling (kernel/watchdog.c).
    SoftLockup {
        /// The CPU.
        cpu: u32,
        /// For how many seconds.
        secs: u64,
        /// The task on it.
        task: Option<Task>,
    },
    /// A CPU took no interrupt for long.
    HardLockup {
        /// The CPU, where said.
        cpu: Option<u32>,
    },
    /// A grace period does not end (kernel/rcu/tree_stall.h, tree_exp.h, tasks.h).
    RcuStall {
        /// `rcu_sched`, `rcu_preempt`, `rcu_bh`, `rcu_tasks`, …
        flavour: String,
        /// The CPU that prints it is the one that stalls.
        self_detected: bool,
        /// An expedited grace period.
        expedited: bool,
    },
    /// The thread that ends grace periods gets no CPU (`kthread starved for`).
    RcuStarved {
        /// As in [`Message::RcuStall`].
        flavour: String,
        /// For how many jiffies.
        jiffies: u64,
    },
    /// A worker pool makes no progress (kernel/workqueue.c, 4.9 and later with WQ_WATCHDOG).
    WorkqueueLockup {
        /// The pool as printed, for example `cpus=0 node=0 flags=0x0 nice=0`.
        pool: String,
        /// For how many seconds; absent where the line is torn.
        secs: Option<u64>,
    },
    /// A SysRq key was taken (drivers/tty/sysrq.c); what was done.
    Sysrq {
        /// The action's name, for example `Show Blocked State`.
        what: String,
    },
    /// A filesystem shut itself down.
    FsShutdown {
        /// `XFS`, …
        fs: String,
        /// The device, for example `vdb`.
        device: String,
    },
    /// A filesystem went read-only.
    FsReadOnly {
        /// `EXT4-fs`, …
        fs: String,
        /// The device.
        device: String,
    },
    /// A filesystem met an error.
    FsError {
        /// `EXT4-fs`, …
        fs: String,
        /// The device.
        device: String,
    },
    /// A block device failed a request.
    IoError {
        /// The device.
        device: String,
    },
    /// Messages are missing: the rate limit held them back, or the console was too slow.
    Lost {
        /// The rate-limited function, or `printk`.
        what: String,
        /// How many.
        count: u64,
    },
}
