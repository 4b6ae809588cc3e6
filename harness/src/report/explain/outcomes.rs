//! What each outcome means.
//! Lives here: the texts.
//! May not live here: the rules (`verdict::judge`).

use super::{Entry, Text, entries, entry, next, time};
use crate::event::Rules;
use crate::scenario::Outcome;
use crate::verdict::PROBES_KB;

entries! { Outcome, 4:
    Recovered => recovered(),
    OomKilled => oom_killed(),
    Hung => hung(),
    Panicked => panicked(),
}

pub(super) fn entries() -> Vec<Entry> {
    ALL.into_iter().map(|outcome| entry(outcome.name(), "outcome", text(outcome))).collect()
}

fn recovered() -> Text {
    Text {
        meaning: "There was memory pressure, every required probe answers, and the OOM killer killed nothing that counts.".into(),
        decided: "In verify, after the workload was killed by the harness, every required probe succeeded twice in rounds that began there; no kill \
                  counts (see `oom-killed`); the workload did not fail by itself; and there was pressure: direct reclaim was entered (allocstall \
                  rose between the start of pressure and release), or a heartbeat found less free memory than twice the zones' min watermarks.\n\
                  Without a sign of pressure the run is `no-pressure`: a workload that did not press must not read as a sound kernel."
            .into(),
        kernels: "Any. It is what a sound kernel does when reclaim is enough, as with kswapd-block once the disk is back.".into(),
        next: vec![
            next("oomph results show RESULT", "the longest stall, and for how long nothing moved in it: a kernel that only just recovered shows there"),
            next(
                "oomph run SCENARIO --set workload.args.NAME=VALUE",
                "more pressure; `oomph run SCENARIO --explain` names the reproducer's parameters",
            ),
        ],
    }
}

fn oom_killed() -> Text {
    Text {
        meaning: "The guest is well, and the OOM killer had to kill for it. For a workload that asks for more than there is, this is what a sound kernel \
                  does."
            .into(),
        decided: "In verify, after release, every required probe succeeded twice in rounds that began there, and at least one kill counts.\n\
                  A kill counts when it fell between the start of pressure and release, its scope is the whole machine (or a memory cgroup, where the \
                  scenario says `memcg: true`), and it was not SysRq-f that asked for it. That the workload then fails is no failure of the run."
            .into(),
        kernels: "For xfs-inode-mutex 4.6 and later, which have the OOM reaper; for isolation-storm 4.14 and later; for swap-over-loop only kernels with \
                  the patch nofs-may-oom."
            .into(),
        next: vec![
            next("oomph results show RESULT", "who was killed when, and the longest stall: many kills, each after a long stall, are not good either"),
            next(
                "oomph validate SCENARIO --kernel KERNEL --patch FILE",
                "whether a patch makes a difference; bound `max_stall` or `max_kills` in the scenario's `expect` to hold a kernel to more than the outcome",
            ),
        ],
    }
}

fn hung() -> Text {
    let Rules { stall_after_ms, frozen_for_ms, stall_max_ms, movement_kb, .. } = Rules::default();
    let (stall_after, frozen_for, stall_max) = (time(stall_after_ms), time(frozen_for_ms), time(stall_max_ms));
    Text {
        meaning: "The guest does not answer and will not: probes are silent and nothing moves. An administrator would find a machine that takes no login \
                  and prints nothing."
            .into(),
        decided: format!(
            "Between the start of pressure and the end of verify a required probe was silent for {stall_after} (a stall), and in that stall nothing moved for \
             {frozen_for}, with the workload in place as long as it was not yet released. Both are times of the guest's own (see `fair-time`) and can be \
             set in a scenario (`phases.stall_after`, `phases.frozen_for`).\n\
             Movement is: a kill that counts, the end of a process of the workload, progress of the workload, or free memory, page cache or anonymous memory off by more \
             than {movement_kb} kB in the median of three heartbeats ({} kB more while probes still complete rounds). Each begins the {frozen_for} anew, \
             and so does every moment in which a host fault is in force. A stall that moves for {stall_max} is `still-thrashing`, not hung.\n\
             Before that it is hung if its memory proves it (see `proof`).\n\
             Once hung, a run stays so: what SysRq-f, the end of the workload and SysRq-i change then is told as `escapes`.",
            PROBES_KB
        ),
        kernels: "Depends on the mechanism: `oomph explain oom-deadlock`, `no-fs-livelock`, `isolation-throttle`, `io-stall`.".into(),
        next: vec![
            next("oomph results show RESULT", "the mechanism and what shows it, which tasks wait where, and what brought the guest back"),
            next("oomph run SCENARIO --kernel KERNEL --core --keep-hung", "the same with a core for crash and drgn, and the guest itself for `oomph attach`"),
            next("oomph bisect SCENARIO --tree DIR --good REF --bad REF", "which commit brought it"),
            next("oomph validate SCENARIO --kernel KERNEL --patch FILE", "whether a patch fixes it, with the numbers for the mail"),
        ],
    }
}

fn panicked() -> Text {
    Text {
        meaning: "The kernel crashed under pressure or after it: it panicked or reset itself.".into(),
        decided: "At any time from the start of pressure on, before another outcome: the console says `Kernel panic`, the kernel reports a panic through \
                  pvpanic, or the guest resets itself without being asked. In boot the same is `no-boot`, in settle `not-settled`."
            .into(),
        kernels: "Any, where vm.panic_on_oom is set (panic-on-oom), where the OOM killer finds nobody to kill (up to 4.17; from 4.19 on \"System is deadlocked \
                  on memory\"), or where init is killed."
            .into(),
        next: vec![
            next("oomph results show RESULT", "the panic's first line; whether a filesystem or init was lost before stands in the evidence"),
            next("", "The whole message is in console.log of the result."),
        ],
    }
}
