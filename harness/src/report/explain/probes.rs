//! What each probe does, and what its silence means.
//! Lives here: the texts.
//! May not live here: the probes (`images/init`), or what is made of their silence (`verdict`).

use super::{Entry, Text, entries, entry, next, time};
use crate::event::Rules;
use crate::scenario::ProbeKind;
use oomph_wire::words::source;

entries! { ProbeKind, 6:
    Beat => beat(),
    Counters => counters(),
    Fault => fault(),
    Spawn => spawn(),
    File => file(),
    Login => login(),
}

pub(super) fn entries() -> Vec<Entry> {
    let name = |probe| match probe {
        ProbeKind::Beat => source::BEAT,
        ProbeKind::Counters => source::COUNTERS,
        ProbeKind::Fault => source::FAULT,
        ProbeKind::Spawn => source::SPAWN,
        ProbeKind::File => source::FILE,
        ProbeKind::Login => source::LOGIN,
    };
    ALL.into_iter().map(|probe| entry(name(probe), "probe", text(probe))).collect()
}

/// How the silence of a required one is measured.
fn silence(more: &str) -> String {
    format!(
        "{more} Its age counts from its last line, begin or end of a round, in the guest's own time; at {} it is a stall (`phases.stall_after`). An answer with an \
         error is an answer: it ends a stall, and only if none succeeds to the end is the run `probe-failing`.",
        time(Rules::default().stall_after_ms)
    )
}

fn beat() -> Text {
    Text {
        meaning: "The heartbeat: a process of its own, locked into memory, in real time (SCHED_FIFO), that never forks, allocates or writes to a disk. Every second \
                  it writes the guest's clock, the workload's progress and /proc/meminfo to a serial port of its own. Its silence means that interrupts, timers or \
                  processors are gone. It goes on in every OOM deadlock: that it is there proves nothing."
            .into(),
        decided: silence("Always required. Movement of memory and of the workload is read from it."),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "a hang with a silent heartbeat is `unknown`: look at its registers and at the kernel's own detectors")],
    }
}

fn login() -> Text {
    Text {
        meaning: "The host logs in to the guest over ssh, as an operator would, and runs `true`; over and over, each time anew. The stages tell how far a login gets: tcp \
                  (QEMU took the connection; it does so whatever the guest's kernel does), banner (the server made a process for it), key-exchange (that process \
                  computes and has memory), auth (files were read), exec (a shell ran)."
            .into(),
        decided: format!(
            "Never required: what a login needs of the host and of the guest's network says nothing of memory, so no outcome rests on it. An expectation can bound it \
             (`login: {{max: 5s}}`): from the start of pressure on, none may fail or take longer. One that has not come through after {} of the guest's own time is given up, and the next \
             is tried.",
            time(u64::try_from(crate::vm::login::DEADLINE.as_millis()).unwrap_or(u64::MAX))
        ),
        kernels: "Those with a network: of our own builds those with the fragment `distribution`.".into(),
        next: vec![
            next("oomph run scenarios/xfs-inode-mutex-login.yaml", "a scenario that has it"),
            next("oomph results show RESULT", "each login that was tried, how far it came and how long it took"),
        ],
    }
}

fn counters() -> Text {
    Text {
        meaning: "Reads /proc/vmstat, the pressure of /proc/pressure and what kswapd is at, each second. Its silence means nothing: reading vmstat allocates.".into(),
        decided: "Never required, and its answers are never movement. The verdict takes two things from it: whether direct reclaim was entered (allocstall), which is \
                  a sign of pressure, and how often while nothing moved, which tells tasks that loop in the allocator."
            .into(),
        kernels: "PSI from 4.20 on and with CONFIG_PSI, `oom_kill` from 4.13 on; what a kernel does not have is left out.".into(),
        next: vec![next("oomph results show RESULT", "the timeline shows what it saw")],
    }
}

fn fault() -> Text {
    Text {
        meaning: "Maps, touches and unmaps 1 MiB of anonymous memory. Its silence means that page faults do not return: no program that needs a new page goes on.".into(),
        decided: silence("Required where the scenario has it, as is the default."),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "where the tasks in the allocator wait (`waits`)")],
    }
}

fn spawn() -> Text {
    Text {
        meaning: "Starts a tiny static program and waits for its end, from a small process of its own. Its silence means that no new process can be made: nobody logs in."
            .into(),
        decided: silence("Required where the scenario has it, as is the default."),
        kernels: String::new(),
        next: vec![next("oomph results show RESULT", "where the tasks in the allocator wait (`waits`)")],
    }
}

fn file() -> Text {
    Text {
        meaning: "Rewrites 4 KiB of a file that is there already, and fsyncs it, on each disk with a filesystem; `file:DISK` is the one of a disk. Its silence means \
                  that the filesystem or the disk is wedged, or that the write waits for memory."
            .into(),
        decided: silence("Required where the scenario has it, as is the default where there are disks to write to."),
        kernels: String::new(),
        next: vec![
            next("oomph results show RESULT", "whether its task waits for a lock, for I/O or in the allocator"),
            next("", "A filesystem that shut itself down after an I/O error answers with errors for ever: `probe-failing`."),
        ],
    }
}
