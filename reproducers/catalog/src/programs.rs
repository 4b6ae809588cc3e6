//! The reproducers, one by one.
//! Lives here: what each is called, does and can be told; parameters that several have, once.
//! May not live here: what a parameter can be (`parameter`).

use super::{Parameter, Program};

/// All of them. All but the first three are for tests of the harness itself.
pub const PROGRAMS: [Program; 7] =
    [XFS_INODE_MUTEX, KSWAPD_BLOCK, ISOLATION_STORM, FREEZE_FOREVER, SPIN_RT, EXIT_WITH, FILL_DISK];

/// Their names, in the same order.
pub const NAMES: [&str; PROGRAMS.len()] = {
    let mut names = [""; PROGRAMS.len()];
    let mut at = 0;
    while at < names.len() {
        names[at] = PROGRAMS[at].name;
        at += 1;
    }
    names
};

/// The bound of a file, as all who append take it.
pub const FILE_MIB: Parameter =
    Parameter::number("file-mib", 8, 1, 1 << 20, "MiB at which a file is cut to nothing and grows anew");

/// When a member is started anew, as all who have a crew take it.
pub const RESTART: Parameter =
    Parameter::number("restart", 5, 0, 3600, "seconds after its death at which a task is started anew; 0 for never");

/// The seed of programs with writers and hogs.
pub const HOG_SEED: Parameter =
    Parameter::number("seed", 1, 0, u64::MAX, "decides what is written and when each hog starts, not how they race");

/// How much the device takes at a time, as all who make one take it.
pub const REQUESTS: Parameter =
    Parameter::number("requests", 4, 4, 1024, "requests that the loop device takes at a time");

/// The size of the swap space, as all who make one take it.
pub const SWAP_MIB: Parameter = Parameter::number("swap-mib", 1024, 16, 1 << 20, "MiB of swap behind the loop device");

/// How its file is made.
pub const SWAP_FILE: Parameter =
    Parameter::choice("swap-file", &["holes", "written"], "whether that file has holes, or is written beforehand");

/// An OOM victim waits for an inode's lock whose holder allocates without __GFP_FS.
pub const XFS_INODE_MUTEX: Program = Program {
    name: "xfs-inode-mutex",
    summary: "An OOM victim waits for an inode's lock whose holder allocates without __GFP_FS.",
    parameters: &[
        Parameter::number("writers", 10, 1, 2000, "processes that append to a file"),
        Parameter::number("hogs", 4, 1, 64, "processes that touch memory without end, and append too"),
        Parameter::number("threads", 8, 0, 256, "tasks of each hog that append; they share its memory"),
        Parameter::choice(
            "share",
            &["threads", "processes"],
            "what those are: threads, or processes with one memory (those append in any case)",
        ),
        Parameter::choice(
            "work",
            &["append", "create"],
            "whether files are appended to, or made and removed in one folder",
        ),
        Parameter::choice("file", &["same", "own"], "whether all append to one file, or each task to one of its own"),
        Parameter::choice("fsync", &["true", "false"], "whether each append is followed by an fsync"),
        FILE_MIB,
        Parameter::number("writers-adj", 0, 0, 1000, "oom_score_adj of the writers; 1000: the victim is one of them"),
        Parameter::number(
            "memcg-mib",
            0,
            0,
            1 << 20,
            "MiB that all of them together may have, in a memory cgroup; 0: no bound",
        ),
        Parameter::number("delay", 5, 0, 3600, "seconds from the writers' start to the hogs' start"),
        RESTART,
        HOG_SEED,
    ],
    explanation: include_str!("text/xfs-inode-mutex.txt"),
};

/// kswapd and all that may call the OOM killer wait for swap I/O, which waits for an allocation that may not.
pub const KSWAPD_BLOCK: Program = Program {
    name: "kswapd-block",
    summary: "kswapd and all that may call the OOM killer wait for swap I/O, which waits for an allocation that may not.",
    parameters: &[
        Parameter::choice("swap", &["loop", "given"], "swap to a file behind a loop device, or to what the guest has"),
        SWAP_MIB,
        SWAP_FILE,
        REQUESTS,
        Parameter::choice("direct", &["false", "true"], "whether the loop device goes around the page cache"),
        Parameter::number("hogs", 4, 1, 2000, "processes that touch memory"),
        Parameter::number("hog-mib", 0, 0, 1 << 20, "MiB that each hog touches over and over; 0: more without end"),
        Parameter::number("writers", 4, 0, 2000, "processes that append, each to a file of its own"),
        Parameter::choice("fsync", &["false", "true"], "whether each append is followed by an fsync"),
        FILE_MIB,
        Parameter::number("delay", 2, 0, 3600, "seconds from the writers' start to the hogs' start"),
        RESTART,
        HOG_SEED,
    ],
    explanation: include_str!("text/kswapd-block.txt"),
};

/// Many tasks reclaim or compact at once, and wait while too many pages are isolated.
pub const ISOLATION_STORM: Program = Program {
    name: "isolation-storm",
    summary: "Many tasks reclaim or compact at once, and wait while too many pages are isolated.",
    parameters: &[
        Parameter::choice("mode", &["reclaim", "compact"], "what all tasks do at once: reclaim, or compact"),
        Parameter::number("tasks", 8, 1, 5000, "processes"),
        Parameter::number("anon-mib", 0, 0, 1 << 20, "MiB that each task touches over and over; 0: more without end"),
        Parameter::number("file-mib", 0, 0, 1 << 20, "MiB of one file that all map and dirty; 0 for none"),
        Parameter::number(
            "holders",
            150,
            0,
            5000,
            "processes of a memory cgroup of version 1 that write to a disk which has gone away; 0 for none",
        ),
        Parameter::number("holders-mib", 2, 2, 1 << 20, "MiB that these together may have"),
        Parameter::number(
            "delay",
            5,
            0,
            3600,
            "seconds from the first task's start to the storm: time to start the others",
        ),
        RESTART,
        Parameter::number("seed", 1, 0, u64::MAX, "decides when each task starts and where, not how they race"),
    ],
    explanation: include_str!("text/isolation-storm.txt"),
};

/// For tests: freezes the filesystem of its working directory under its writers, for ever.
pub const FREEZE_FOREVER: Program = Program {
    name: "freeze-forever",
    summary: "For tests: freezes the filesystem of its working directory under its writers, for ever.",
    parameters: &[
        Parameter::number("writers", 2, 1, 100, "processes that append to a file"),
        Parameter::number("after", 3, 0, 3600, "seconds until the filesystem is frozen"),
    ],
    explanation: include_str!("text/freeze-forever.txt"),
};

/// For tests: spins at a SCHED_FIFO priority on every processor, without throttling.
pub const SPIN_RT: Program = Program {
    name: "spin-rt",
    summary: "For tests: spins at a SCHED_FIFO priority on every processor, without throttling.",
    parameters: &[Parameter::number("priority", 99, 1, 99, "SCHED_FIFO priority; the heartbeat has 10")],
    explanation: include_str!("text/spin-rt.txt"),
};

/// For tests: exits at once with a given code.
pub const EXIT_WITH: Program = Program {
    name: "exit-with",
    summary: "For tests: exits at once with a given code.",
    parameters: &[Parameter::number("code", 1, 0, 255, "exit code")],
    explanation: include_str!("text/exit-with.txt"),
};

/// For tests: writes to its working directory until the disk is full, and fails.
pub const FILL_DISK: Program = Program {
    name: "fill-disk",
    summary: "For tests: writes to its working directory until the disk is full, and fails.",
    parameters: &[],
    explanation: include_str!("text/fill-disk.txt"),
};
