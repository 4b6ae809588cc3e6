//! What each phase of a run is for.
//! Lives here: the texts.
//! May not live here: the rules (`run::machine`, `verdict::judge`).

use super::{Entry, Text, entries, entry, next, time};
use crate::event::{Phase, Rules};
use crate::run::{BOOT_KVM_MS, BOOT_TCG_MS, END_MS, OBEY_MS};
use crate::verdict::SETTLE_GRACE_MS;

entries! { Phase, 8:
    Boot => boot(),
    Settle => settle(),
    Pressure => pressure(),
    Lift => lift(),
    Escapes => escapes(),
    Release => release(),
    Verify => verify(),
    Collect => collect(),
}

pub(super) fn entries() -> Vec<Entry> {
    ALL.into_iter().map(|phase| entry(phase.name(), "phase", text(phase))).collect()
}

fn boot() -> Text {
    Text {
        meaning: "From the start of QEMU until the agent, which is the guest's PID 1, says that it is ready.".into(),
        decided: format!(
            "It ends with the agent's `ready`. After {} under TCG and {} under KVM without it (`phases.boot` sets another time) the run is \
             `no-boot`, and so is one whose kernel panics here.",
            time(BOOT_TCG_MS),
            time(BOOT_KVM_MS)
        ),
        kernels: String::new(),
        next: vec![next("oomph doctor", "which accelerator this host has; TCG boots many times as slowly as KVM")],
    }
}

fn settle() -> Text {
    let rest = Rules::default().settle_ms;
    Text {
        meaning: "The guest at rest, before anything presses. What fails here is no fault of memory pressure.".into(),
        decided: format!(
            "It ends when every required probe has succeeded twice, after {} at the least (`phases.settle`). Where they have not {} after that time, the run is \
             `not-settled`.",
            time(rest),
            time(SETTLE_GRACE_MS)
        ),
        kernels: String::new(),
        next: vec![next(
            "oomph run SCENARIO --set phases.settle=20s",
            "more time for a guest that is slow to come to rest",
        )],
    }
}

fn pressure() -> Text {
    Text {
        meaning: "The workload runs, and host faults come and go by the scenario's clock.".into(),
        decided: format!(
            "It lasts {} (`phases.pressure`), or until the workload ends by itself. From here to the end of verify every silence of a required probe is judged. \
             Kills count from here on.",
            time(Rules::default().pressure_ms)
        ),
        kernels: String::new(),
        next: vec![next("oomph run SCENARIO --set phases.pressure=120s", "more of it")],
    }
}

fn lift() -> Text {
    Text {
        meaning: "All host faults are off, the workload goes on, and every probe must answer anew. A hang that began a moment before the end of pressure is \
                  found here: the release would heal it."
            .into(),
        decided: format!(
            "It ends when no stall is open and every required probe has succeeded once in a round that began here, or when there was no stall for {} \
             (`phases.verify`) without that. A stall goes on being judged, for as long as it takes.",
            time(Rules::default().verify_ms)
        ),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "how long it took, in `phases`: a long lift is a guest that only just came through")],
    }
}

fn escapes() -> Text {
    Text {
        meaning: "Only after a hang: what an administrator could still do, mildest first. SysRq-f calls the OOM killer, release kills the workload, SysRq-i kills \
                  every process but init. It changes no outcome."
            .into(),
        decided: format!(
            "Before it SysRq-t, l, m and l are taken, and the state that was asked for (`--core`, `--keep-hung`). Each escape is given {} until every required \
             probe has succeeded in a round that began after it (`answered_after_s`; for SysRq-i, which kills the probes too, the agent's word of their deaths \
             will do). `ended_by` names the first that helped. Where the user ends the run here (`cancelled`), the outcome stands, and what was not tried is \
             not known.",
            time(Rules::default().escape_ms)
        ),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "what each brought: kills, memory, probes that came back")],
    }
}

fn release() -> Text {
    Text {
        meaning: "The harness has the agent kill the workload (SIGKILL to its process group).".into(),
        decided: format!(
            "It ends when the agent says that it has. Kills of the OOM killer from here on do not count. An agent that takes no command for {} while the probes \
             answer makes the run `protocol-error`; one that cannot because the guest stalls is judged as any stall is.",
            time(OBEY_MS)
        ),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "`escapes`, where it was tried against a hang and helped")],
    }
}

fn verify() -> Text {
    Text {
        meaning: "Whether the guest is well again, with the workload gone.".into(),
        decided: format!(
            "It ends when every required probe has succeeded twice in rounds that began here: `oom-killed` if a kill counts, else `recovered` if there was \
             pressure. A stall here is judged like any other. Where no stall was open for {} (`phases.verify`) and some probe has not succeeded twice, \
             the run is `probe-failing`.",
            time(Rules::default().verify_ms)
        ),
        kernels: String::new(),
        next: vec![next(
            "oomph run SCENARIO --set phases.verify=60s",
            "more time for a slow disk to write back what the workload left",
        )],
    }
}

fn collect() -> Text {
    Text {
        meaning: "The verdict stands; the guest powers off and the result is put together.".into(),
        decided: format!(
            "The agent is told to power off, and QEMU is ended {} of wall time later in any case. Nothing that happens here changes the verdict.",
            time(END_MS)
        ),
        kernels: String::new(),
        next: vec![next("oomph replay RESULT", "the verdict again, from events.jsonl alone")],
    }
}
