//! What of a kernel's words is worth showing beside a verdict.
//! Lives here: one sentence per message, what it weighs, and which messages are detectors of the kernel's own.
//! May not live here: rules; nothing said here decides anything.

use super::Weight;
use crate::kmsg::Message;

/// A message in a sentence; `None` for what a reader of a verdict need not know.
pub(super) fn remark(message: &Message) -> Option<String> {
    Some(match message {
        Message::Reaped { task, .. } => format!("the OOM reaper freed {} ({})", task.comm, task.pid),
        Message::ReapFailed(task) => format!("the OOM reaper gave up on {} ({})", task.comm, task.pid),
        Message::MmPinned { victim, by } => {
            format!("{} ({}) cannot be reaped: {} shares its memory", victim.comm, victim.pid, by.comm)
        }
        Message::NoKillable => "the OOM killer found nobody to kill".into(),
        Message::InitKilled { exitcode } => format!("init {}", ended(*exitcode)),
        Message::Oops { text } | Message::Warning { text } => text.clone(),
        Message::AllocStall { comm, ms, .. } => format!("an allocation of {comm} stalls for {ms} ms"),
        Message::XfsDeadlock { .. } => "XFS reports a possible memory allocation deadlock".into(),
        Message::HungTask { task, secs, .. } => format!("hung task {} ({}), {secs} s", task.comm, task.pid),
        Message::HungTaskBlocker { task, owner: Some(owner), .. } => {
            format!("{} ({}) waits for a lock of {} ({})", task.comm, task.pid, owner.comm, owner.pid)
        }
        Message::SoftLockup { cpu, secs, .. } => format!("soft lockup of processor {cpu}, {secs} s"),
        Message::HardLockup { .. } => "hard lockup".into(),
        Message::RcuStall { flavour, .. } => format!("RCU stall ({flavour})"),
        Message::RcuStarved { flavour, .. } => format!("the RCU thread gets no processor ({flavour})"),
        Message::WorkqueueLockup { pool, .. } => format!("workqueue lockup ({pool})"),
        Message::FsShutdown { fs, device } => format!("{fs} on {device} has shut down"),
        Message::FsReadOnly { fs, device } => format!("{fs} on {device} has gone read-only"),
        Message::FsError { fs, device } => format!("{fs} on {device} reports an error"),
        Message::IoError { device } => format!("I/O error on {device}"),
        _ => return None,
    })
}

/// How a task ended, by the code that wait(2) would give for it.
fn ended(code: u32) -> String {
    let (signal, status) = (code & 0x7f, code >> 8 & 0xff);
    let name = match signal {
        0 => return format!("ended by itself with status {status}"),
        4 => " (SIGILL)",
        // What a page fault that cannot be served ends in: its page cannot be read, or there is no memory for it.
        7 => " (SIGBUS: a page of its own could not be had)",
        8 => " (SIGFPE)",
        9 => " (SIGKILL)",
        11 => " (SIGSEGV)",
        _ => "",
    };
    format!("was killed by signal {signal}{name}")
}

/// Whether it changes what everything after it means, and so must not be missed for kills and stalls: init is gone, or a
/// filesystem is.
pub(super) fn is_grave(message: &Message) -> bool {
    matches!(
        message,
        Message::InitKilled { .. } | Message::FsShutdown { .. } | Message::FsReadOnly { .. } | Message::FsError { .. }
    )
}

/// What it weighs beside other evidence: that nobody could be killed or reaped, and that init or a filesystem is gone, says how the
/// run went.
pub(super) fn weight(message: &Message) -> Weight {
    match message {
        Message::NoKillable
        | Message::ReapFailed(_)
        | Message::MmPinned { .. }
        | Message::InitKilled { .. }
        | Message::FsShutdown { .. }
        | Message::FsReadOnly { .. } => Weight::Course,
        _ => Weight::Other,
    }
}

/// Whether it comes from a detector that counts the guest's own time.
pub(super) fn is_detector(message: &Message) -> bool {
    matches!(
        message,
        Message::HungTask { .. }
            | Message::SoftLockup { .. }
            | Message::HardLockup { .. }
            | Message::RcuStall { .. }
            | Message::RcuStarved { .. }
            | Message::WorkqueueLockup { .. }
    )
}
