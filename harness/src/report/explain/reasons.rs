//! What each reason for an inconclusive run means.
//! Lives here: the texts.
//! May not live here: the rules (`verdict::judge`, `run`).

use super::{Entry, Text, entries, entry, next, time};
use crate::event::{Reason, Rules};
use crate::run::{BOOT_KVM_MS, BOOT_TCG_MS, OBEY_MS};
use crate::verdict::{FAULT_ECHO_MS, SETTLE_GRACE_MS};

entries! { Reason, 20:
    NoBoot => no_boot(),
    SetupFailed => setup_failed(),
    NotSettled => not_settled(),
    QemuDied => qemu_died(),
    QemuMute => qemu_mute(),
    QemuStopped => qemu_stopped(),
    KvmInternalError => kvm_internal_error(),
    HostIoError => host_io_error(),
    HostStarved => host_starved(),
    WorkloadFailed => workload_failed(),
    NoPressure => no_pressure(),
    ProbeFailing => probe_failing(),
    KillsLost => kills_lost(),
    ProbeKilled => probe_killed(),
    StillThrashing => still_thrashing(),
    ProtocolError => protocol_error(),
    Cancelled => cancelled(),
    DiskFull => disk_full(),
    HarnessError => harness_error(),
    Truncated => truncated(),
}

pub(super) fn entries() -> Vec<Entry> {
    ALL.into_iter().map(|reason| entry(reason.name(), "reason", text(reason))).collect()
}

/// A reason that has nothing to do with the version of a kernel.
fn of(meaning: &str, decided: impl Into<String>, next: Vec<super::Next>) -> Text {
    Text { meaning: meaning.into(), decided: decided.into(), kernels: String::new(), next }
}

fn no_boot() -> Text {
    Text {
        kernels: "3.10 and later boot; a kernel of one's own needs a serial console (CONFIG_SERIAL_8250_CONSOLE), an initramfs (CONFIG_BLK_DEV_INITRD) and virtio disks, as \
                  our fragment `base` has them."
            .into(),
        ..of(
            "The kernel did not come as far as the agent, so it was never pressed. A bisection goes around such commits.",
            format!(
                "The agent was not ready after {} under TCG, {} under KVM (`phases.boot`), or the kernel panicked before that. `why` has the last line of the console, or the panic.",
                time(BOOT_TCG_MS),
                time(BOOT_KVM_MS)
            ),
            vec![
                next("", "console.log of the result has all that the kernel said."),
                next("oomph kernel build DIR --output DIR", "the same source with our own small configuration"),
                next("oomph run SCENARIO --set phases.boot=10m", "more time for a guest that is slow"),
            ],
        )
    }
}

fn setup_failed() -> Text {
    of(
        "The guest booted, and could not be set up as the scenario wants it: a module, a mount, a sysctl, swap.",
        "Before it was ready the agent reported a step that failed, with the error; or a probe or the workload did not run with the oom_score_adj that was set.",
        vec![
            next("oomph results show RESULT", "`why` names the step and the error"),
            next(
                "oomph kernel show KERNEL",
                "what is known of the kernel; a filesystem or driver it has no module for cannot be set up",
            ),
            next("oomph run SCENARIO --dry-run", "what the guest is to be"),
        ],
    )
}

fn not_settled() -> Text {
    of(
        "At rest, before any pressure, the probes did not all answer, or the kernel did not live.",
        format!(
            "{} after the least length of settle ({} by default, `phases.settle`), some required probe had not succeeded twice; or the kernel panicked or reset in settle. `why` says which.",
            time(SETTLE_GRACE_MS),
            time(Rules::default().settle_ms)
        ),
        vec![
            next("oomph results show RESULT", "which probe, and with which error"),
            next(
                "oomph run SCENARIO --set guest.memory='512 MiB'",
                "a guest whose memory does not even do for its probes wants more",
            ),
        ],
    )
}

fn qemu_died() -> Text {
    of(
        "QEMU could not be started, ended by itself, or was killed by somebody else (on the host, its OOM killer for one).",
        "QEMU's process ended and the harness had not asked for it. `why` has how, and the last line that it wrote.",
        vec![
            next("oomph doctor", "whether QEMU works here, and how much memory there is for guests"),
            next("oomph matrix FILE --jobs 1", "fewer guests at once, where the host ran out of memory"),
            next("", "command.txt of the result is the QEMU command, to run by hand."),
        ],
    )
}

fn qemu_mute() -> Text {
    of(
        "The guest was silent, and so was QEMU: whether the kernel hangs cannot be told from a machine that does not run.",
        "When the guest would have been hung, QEMU had not pressed the last SysRq key that was asked for, and had said nothing over QMP since.",
        vec![
            next("oomph doctor", "whether the host's disks and memory can hold the guests"),
            next("", "A QEMU that waits for a disk of the host's is in state D in /proc."),
        ],
    )
}

fn qemu_stopped() -> Text {
    of(
        "QEMU stopped the guest although nobody had asked: a disk error of the host that it cannot pass on, for one.",
        "A STOP over QMP that belongs to no `pause` fault and to no taking of state. `why` has QEMU's status.",
        vec![next("oomph doctor", "whether the host's disks have room and work")],
    )
}

fn kvm_internal_error() -> Text {
    of(
        "KVM gave up on the guest: it met an instruction or a state that it cannot run.",
        "QEMU stopped the guest by itself, and its status is `internal-error`.",
        vec![
            next("oomph run SCENARIO --accel tcg", "the same without KVM"),
            next("oomph doctor", "whether this host is itself a guest, where this is most often seen"),
        ],
    )
}

fn host_io_error() -> Text {
    of(
        "QEMU could not read or write a disk of the guest's, and no scenario had asked for that.",
        format!(
            "A BLOCK_IO_ERROR over QMP that no fault `error` asks for, by its disk, its operation and whether space is wanting, nor did within the last {} of wall time.",
            time(FAULT_ECHO_MS)
        ),
        vec![next("oomph doctor", "whether the host's disks have room and work")],
    )
}

fn host_starved() -> Text {
    of(
        "The host was so busy that the guest got too little time to be judged, or its boot too little for a clock that goes.",
        format!(
            "{} of wall time passed (`phases.wall`) before the run had an end; `why` says how much of it the guest had (see `fair-time`).\n\
             Or the guest's clock went more than twice as fast or slow as the host's: a kernel measures its processor while it boots, and is off by a factor where \
             it is starved just then. Or the agent's own timer ended the workload, which no host had asked for.",
            time(Rules::default().wall_ms)
        ),
        vec![
            next("oomph matrix FILE --jobs 1", "fewer guests at once"),
            next("oomph doctor", "how many processors there are and whether KVM works: TCG needs many times as much"),
        ],
    )
}

fn workload_failed() -> Text {
    of(
        "The workload could not be started, or failed by itself: that nothing hung says nothing then.",
        "The agent could not start it; or its main process ended under pressure with another status than 0, no kill counts, and the guest was well in verify. A workload that \
         the OOM killer ended has not failed.",
        vec![
            next("oomph results show RESULT", "`why` has the status and the error"),
            next("oomph run SCENARIO --explain", "what the reproducer needs, and its parameters"),
        ],
    )
}

fn no_pressure() -> Text {
    of(
        "The guest is well, but nothing pressed on its memory: it would have been well on any kernel. A bisection must not read this as good.",
        "In verify every required probe had succeeded twice and no kill counts, but from the start of pressure to release direct reclaim was not entered (allocstall stayed the \
         same) and no heartbeat found less free memory than twice the min watermarks.",
        vec![
            next("oomph run SCENARIO --set guest.memory='128 MiB'", "a smaller guest"),
            next("oomph run SCENARIO --set phases.pressure=120s", "a longer one"),
            next("oomph run SCENARIO --explain", "the reproducer's parameters, to make it press harder"),
        ],
    )
}

fn probe_failing() -> Text {
    of(
        "Some required probe answers, but with errors to the end; the guest is neither well nor hung.",
        format!(
            "In verify, without a stall for {} (`phases.verify`), some required probe had not succeeded twice. `why` names it and its last error.",
            time(Rules::default().verify_ms)
        ),
        vec![
            next(
                "oomph results show RESULT",
                "whether a filesystem shut itself down or went read-only: that stands in the evidence",
            ),
            next("oomph run SCENARIO --set phases.verify=2m", "more time, where it is only slow"),
        ],
    )
}

fn probe_killed() -> Text {
    of(
        "One of our own was killed or ended: a probe or the agent. What is silent then proves nothing.",
        "A probe's process ended, or the OOM killer named one of them, or PID 1, as its victim. They run with oom_score_adj -1000, at which the OOM killer passes them over; a page fault of theirs that cannot be served (SIGBUS) still ends one.",
        vec![
            next("oomph results show RESULT", "who was killed, and after whom"),
            next(
                "oomph run SCENARIO --set guest.memory='512 MiB'",
                "a guest in which the workload is not the only one left to kill",
            ),
        ],
    )
}

fn kills_lost() -> Text {
    Text {
        kernels: "The kernel counts its kills (`oom_kill` in /proc/vmstat) from 4.13 on; before, what the console lost under pressure may have been one.".into(),
        ..of(
            "The guest came through and the console told of no kill that counts; but there may have been one, so it is not called recovered.",
            "In verify, the kernel's own count had grown since pressure began by more than the kills that the console told; or nothing counts, and lines were lost (`printk messages dropped`, or by this host).",
            vec![
                next("oomph results show RESULT", "what the console did tell"),
                next("oomph run SCENARIO --set 'guest.cmdline=[log_buf_len=4M]'", "a log that holds more"),
            ],
        )
    }
}

fn still_thrashing() -> Text {
    let Rules { stall_max_ms, .. } = Rules::default();
    of(
        "The guest does not answer, and still moves: it crawls. Real stalls of up to 241 s have ended by themselves, so it is not called hung.",
        format!(
            "A stall lasted {0} (`phases.stall_max`), and never was nothing moving for as long as makes it hung. Or, with the faults lifted or the workload \
             gone, {0} passed without a stall in which never all probes had answered within 2 s: the release would heal a hang that begins.",
            time(stall_max_ms)
        ),
        vec![
            next("oomph results show RESULT", "how many movements, and the longest time without one"),
            next("oomph run SCENARIO --set phases.stall_max=20m", "wait for its end"),
        ],
    )
}

fn protocol_error() -> Text {
    of(
        "The agent in the guest speaks another version than this oomph, or does not do as it is told although the guest is well.",
        format!(
            "Its first line names another protocol; or it has not taken a command for {} of fair time while the probes answered.",
            time(OBEY_MS)
        ),
        vec![
            next("oomph replay RESULT", "the verdict by this oomph's rules, if the result is of another"),
            next(
                "",
                "With one oomph from beginning to end this is a fault of oomph: the result folder is what a report needs.",
            ),
        ],
    )
}

fn cancelled() -> Text {
    of(
        "The user ended the run (^C or SIGTERM). What was seen until then is kept.",
        "The harness was told to end before the run had an outcome. Such runs are not counted by `--resume` and not tried by a bisection. \
         One that has an outcome keeps it when the user ends it later, says `cancelled: true`, and counts.",
        vec![next("oomph run SCENARIO --repeat 100 --resume", "goes on with a series")],
    )
}

fn disk_full() -> Text {
    of(
        "The host's disk was full: the run's record would have had gaps.",
        "Events or the console could not be written for want of space. What was written before is whole.",
        vec![
            next("oomph kernel prune --older-than 7d", "room in the cache of kernels and disks"),
            next("oomph run SCENARIO --results DIR", "results on another disk"),
        ],
    )
}

fn harness_error() -> Text {
    of(
        "The harness could not do its part: a fault could not be switched, a file not be written.",
        "An error of the harness's own, or of QEMU's answer to it, that leaves the run without what it was to be. `why` has it.",
        vec![
            next("oomph doctor", "whether the host lacks something"),
            next("", "Else it is a fault of oomph: the result folder is what a report needs."),
        ],
    )
}

fn truncated() -> Text {
    of(
        "The events end before anything was decided. Runs that are stored by oomph have an end: this is what `oomph replay` says of a file that was cut.",
        "The last event was read and no rule had come to an end.",
        vec![next("oomph replay RESULT", "the verdict of the whole file, if there is another copy")],
    )
}
