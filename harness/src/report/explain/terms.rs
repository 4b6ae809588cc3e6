//! The terms that everything else is explained by.
//! Lives here: their texts.
//! May not live here: a word of run.json.

use super::{Entry, Text, entry, next, time};
use crate::event::Rules;
use crate::run::STALLS_DUMPED;
use crate::verdict::{PROBES_KB, PROOF_MS, SIGN_MS};

pub(super) fn entries() -> Vec<Entry> {
    [
        ("inconclusive", inconclusive()),
        ("stall", stall()),
        ("movement", movement()),
        ("proof", proof()),
        ("chain", chain()),
        ("fair-time", fair_time()),
    ]
    .map(|(word, text)| entry(word, "term", text))
    .into()
}

fn inconclusive() -> Text {
    Text {
        meaning: "The run says nothing about the kernel, and a reason says why not. It is neither a pass nor a failure, counts in no rate, and is never taken for hung.".into(),
        decided: "By the first thing that spoiled the run before it had an outcome. What comes after an outcome changes it no more.".into(),
        kernels: String::new(),
        next: vec![
            next("oomph results list --outcome inconclusive", "all of them, each with its reason"),
            next("oomph doctor", "whether it is this host"),
        ],
    }
}

fn stall() -> Text {
    Text {
        meaning: "Some required probe is silent for longer than a sound guest's would be. Many stalls end by themselves; whether one is a hang is told by `movement`.".into(),
        decided: format!(
            "A required probe's last line is {} old, in fair time (`phases.stall_after`). It ends when every required probe has been heard of again, an error being an \
             answer. SysRq-w, l and m are taken when it begins, at the first {STALLS_DUMPED} of a run.",
            time(Rules::default().stall_after_ms)
        ),
        kernels: String::new(),
        next: vec![next("oomph results list --sort stall", "the longest stalls first")],
    }
}

fn movement() -> Text {
    let Rules { movement_kb, frozen_for_ms, .. } = Rules::default();
    Text {
        meaning: "What tells a guest that crawls from one that is stuck: within a stall, anything that shows that its memory still changes hands.".into(),
        decided: format!(
            "A kill that counts; the end of a process of the workload that we did not kill; progress of the workload; free memory, page cache or anonymous memory, each by itself, off \
             by more than {movement_kb} kB from where the window began, in the median of three heartbeats. While probes still complete rounds {PROBES_KB} kB more are \
             allowed, since they move that much themselves. Entries into reclaim and scanned pages are none: there are thousands a second in a deadlock.\n\
             After {} without it a stall is `hung`.",
            time(frozen_for_ms)
        ),
        kernels: String::new(),
        next: Vec::new(),
    }
}

fn proof() -> Text {
    Text {
        meaning: "The guest's memory shows that it hangs: an OOM victim waits for a lock, its holder waits for memory, and no other victim is chosen while \
                  the first one has its own. It is seen from outside, without a word from the guest."
            .into(),
        decided: format!(
            "While a required probe is silent for {} or more, memory is looked at up to four times a second. Within a stall and without a host fault, one closed cycle \
             stands for {}: the same victim, not given up by the kernel, the same locks and holders, each holder in the same call of the allocator; and nothing moved \
             (see `movement`) and nobody was killed meanwhile. The guest is `hung` then; with `phases.proof: told` it is only told, and the rules decide.\n\
             A single look proves nothing: a sound kernel shows the cycle after each kill until the OOM reaper comes, some two seconds later. \
             `cycles` in run.json counts these, and `oomph results summary` says how long one stood at most in runs that did not hang.",
            time(SIGN_MS),
            time(PROOF_MS)
        ),
        kernels: "Those whose symbols and types can be read: images with BTF (CONFIG_DEBUG_INFO_BTF, 4.18 and later, all of today's distributions), and kernels that \
                  are built here. For others the rules are as they are, and an event `no-pictures` says why."
            .into(),
        next: vec![
            next("oomph diagnose RESULT", "the cycle, and which task spent how much time where"),
            next("oomph run SCENARIO --kernel KERNEL --sample 4", "looks from the start of pressure on"),
        ],
    }
}

fn chain() -> Text {
    Text {
        meaning: "What those wait for who could bring free memory, who holds that up, what these wait for, and so on, as the guest's memory shows it from outside. It \
                  tells of a hang without a proof why nothing moves; it decides nothing."
            .into(),
        decided: "It begins with the tasks that reclaim and may enter filesystems for it, or with an OOM victim while one is pending. A lock leads to its holder, a loop \
                  device to the tasks that do its work, the throttle of reclaim to the tasks that have isolated pages, that of writing to the flusher; a disk of the machine ends it, for who serves that is no \
                  task of the guest. It is closed where it comes back to what is on it already and none of all who are waited for can get on.\n\
                  Of a stall it is the one that most pictures show."
            .into(),
        kernels: "As for `proof`. Which disk a page of swap belongs to is told where there is one area of swap only.".into(),
        next: vec![next("oomph diagnose RESULT --stacks", "every task with its stack, of a run with a core")],
    }
}

fn fair_time() -> Text {
    Text {
        meaning: "The time that the guest really had. All rules and deadlines are in it, so that a busy host makes a run longer and never hung.".into(),
        decided: format!(
            "Wall time, less what QEMU was stopped, waited for a processor, or had stolen from its host, by four looks a second; of a longer gap between two looks only \
             one second; and none while a SysRq dump is printed or the host holds the guest. {} of wall time (`phases.wall`) end a run in any case (`host-starved`).",
            time(Rules::default().wall_ms)
        ),
        kernels: String::new(),
        next: Vec::new(),
    }
}
