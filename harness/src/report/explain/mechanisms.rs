//! What each mechanism of a hang means.
//! Lives here: the texts.
//! May not live here: the rules (`diagnose::mechanism`).

use super::{Entry, Text, entries, entry, next, time};
use crate::diagnose::{REAPER_MS, RECLAIM_PER_S};
use crate::scenario::Mechanism;

entries! { Mechanism, 5:
    OomDeadlock => oom_deadlock(),
    IsolationThrottle => isolation_throttle(),
    NoFsLivelock => no_fs_livelock(),
    IoStall => io_stall(),
    Unknown => unknown(),
}

pub(super) fn entries() -> Vec<Entry> {
    ALL.into_iter().map(|mechanism| entry(mechanism.name(), "mechanism", text(mechanism))).collect()
}

/// What three of the rules ask for.
fn looping() -> String {
    format!(
        "To loop is more than to be there once: direct reclaim was entered at least {RECLAIM_PER_S} times a second while nothing moved, or a task was \
         seen in the allocator at least twice, or less memory is free than twice the zones' min watermarks."
    )
}

fn oom_deadlock() -> Text {
    let reaper = time(REAPER_MS);
    Text {
        meaning: "The OOM killer chose a victim that cannot exit, and while it is alive nobody else is chosen. The victim waits, for a lock most often, and \
                  who holds that lock, or somebody behind them, loops in the allocator and waits for the victim's memory."
            .into(),
        decided: format!(
            "First of the rules. Tasks loop in the allocator; and a victim was chosen at least {reaper} before the last picture of all tasks (the OOM \
             reaper's own time, doubled), is in that picture, and the log does not say that its memory was freed or given up. A victim whose leader is gone is \
             known by its thread group, by TIF_MEMDIE, or by its name with a signal pending.\n{}",
            looping()
        ),
        kernels: "Stock kernels before 4.6, where the OOM reaper came (aac453635549). Later ones only where the reaper cannot help: the named kernels \
                  debian-6.1-no-oom-reaper and debian-sid-no-oom-reaper have it taken out, for comparison. Shown by xfs-inode-mutex: XFS holds an \
                  inode's lock in a write that allocates without __GFP_FS."
            .into(),
        next: vec![
            next("oomph results show RESULT", "`because` names the victim and where it waits; `waits` has the holder among those in the allocator"),
            next("oomph run SCENARIO --kernel debian-6.1-no-oom-reaper", "the same machine with the flaw known, to compare stacks with"),
            next("oomph validate SCENARIO --kernel KERNEL --patch FILE", "whether a patch ends it"),
            next("oomph run SCENARIO --kernel KERNEL --core", "a core, in which the lock's owner can be read"),
        ],
    }
}

fn isolation_throttle() -> Text {
    Text {
        meaning: "Those who reclaim wait until fewer pages are isolated, and whoever isolated them waits for memory or for a disk that does not answer. Nobody \
                  gets as far as the OOM killer."
            .into(),
        decided: format!(
            "Second of the rules, where no victim is pending. Tasks loop in the allocator, at least half of those that allocate sit in the wait on \
             too_many_isolated(), and the kernel's own numbers (Mem-Info), where the stall has any, do not deny it: more pages isolated than an eighth of the \
             inactive list, of files or of anonymous memory.\n{}",
            looping()
        ),
        kernels: "Stock kernels before 4.14, in which direct reclaim waits there without a bound (db73ee0d4637 ended that). Synchronous compaction waits without \
                  a bound as late as 6.12. The named kernels debian-6.1-unbounded-isolation and debian-sid-unbounded-isolation have the wait of before \
                  4.14. Shown by isolation-storm."
            .into(),
        next: vec![
            next("oomph results show RESULT", "how many tasks wait there, and the numbers of isolated and inactive pages"),
            next("oomph run scenarios/isolation-storm.yaml --kernel KERNEL", "what makes it on purpose: one disk that does not answer"),
            next(
                "oomph run scenarios/isolation-storm.yaml --kernel KERNEL --set workload.args.mode=compact --set workload.args.holders=0",
                "the wait in compaction, which is still there",
            ),
        ],
    }
}

fn no_fs_livelock() -> Text {
    Text {
        meaning: "Tasks loop in the allocator for ever, and no victim is pending: an allocation without __GFP_FS may not call the OOM killer, and those who may \
                  wait for the one that may not."
            .into(),
        decided: format!(
            "Third of the rules: tasks loop in the allocator, and neither a pending victim (`oom-deadlock`) nor the wait for isolated pages \
             (`isolation-throttle`) explains it.\n{}",
            looping()
        ),
        kernels: "Every stock kernel from 3.10 to 7.x: none lets a global allocation without __GFP_FS call the OOM killer. (3.19 let such allocations fail, for one \
                  release.) The named kernels debian-6.1-nofs-may-oom and debian-sid-nofs-may-oom have a patch that lets them. Shown by swap-over-loop."
            .into(),
        next: vec![
            next("oomph results show RESULT", "who loops, on behalf of whom: the worker of a loop device, a filesystem's write, a journal"),
            next("oomph run scenarios/swap-over-loop.yaml --kernel debian-6.1-nofs-may-oom", "that the same machine is oom-killed once it may"),
            next("oomph validate SCENARIO --kernel KERNEL --patch FILE", "whether a patch ends it"),
        ],
    }
}

fn io_stall() -> Text {
    Text {
        meaning: "Nobody loops in the allocator: tasks wait for I/O that does not end, or for a filesystem that nobody thaws. This is a disk's hang, \
                  or a driver's, and no livelock. Memory has its part in it where those who wait do so in reclaim: then the chain says for whom, and \
                  SysRq-f may end it."
            .into(),
        decided: "Fourth of the rules: the heartbeat goes on, and some task was waiting for I/O or for a thaw in every look of the stall that could have shown \
                  it. Host faults are off by then: while one is in force nothing is judged frozen."
            .into(),
        kernels: "Any. A guest whose disk is only held for a while by a host fault (kswapd-block) comes back with the disk and is `recovered`.".into(),
        next: vec![
            next("oomph results show RESULT", "which function waits, on behalf of which filesystem; `chain`: who would have to end the wait"),
            next("oomph doctor", "whether this host's own disk is what is slow"),
            next("oomph run SCENARIO --kernel KERNEL --keep-hung", "the guest as it hung, for `oomph attach`"),
        ],
    }
}

fn unknown() -> Text {
    Text {
        meaning: "It hung, and none of the rules explains it: that it hung rests on probes and movement and stands, only why is open.".into(),
        decided: "Last of the rules. Its evidence says which of these it was: no task's stack was seen (no SysRq in the kernel, or its console printed too \
                  slowly), even the heartbeat was silent (processors or timers are gone, not memory), or nobody looped in the allocator or waited for I/O \
                  all the time."
            .into(),
        kernels: "Any; most often those without CONFIG_MAGIC_SYSRQ or CONFIG_STACKTRACE, and lockups of a processor.".into(),
        next: vec![
            next("oomph results show RESULT", "which of the three it was; stacks.txt has all tasks that were seen"),
            next("oomph run SCENARIO --kernel KERNEL --core --keep-hung", "state to look into by hand"),
            next("", "Registers of a hung guest (registers.txt) say where its processors were, without the guest's help."),
        ],
    }
}
