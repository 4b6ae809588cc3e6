//! What the kernel's own watchdogs print.
//! Lives here: hung tasks, soft and hard lockups, RCU stalls, workqueue lockups.
//! May not live here: whether they are believed.

use super::message::{Lock, Message, Task};
use super::scan::{comm_colon_pid, number, text as bounded};

/// Reads one text.
pub(super) fn parse(text: &str) -> Option<Message> {
    if text.starts_with("Future hung task reports are suppressed") {
        return Some(Message::HungTasksSuppressed);
    }
    if let Some(rest) = text.strip_prefix("INFO: task ") {
        return hung(rest).or_else(|| blocker(rest));
    }
    if let Some(rest) = text.strip_prefix("BUG: workqueue lockup - pool") {
        return Some(workqueue(rest));
    }
    rcu(text.strip_prefix("rcu: ").unwrap_or(text)).or_else(|| lockup(text))
}

/// `INFO: task %s:%d blocked for more than %ld seconds.`, since 7.0 or so `blocked in I/O wait for more than`.
fn hung(rest: &str) -> Option<Message> {
    let (who, secs) = rest.rsplit_once(" for more than ")?;
    let (who, io_wait) = who.strip_suffix(" in I/O wait").map_or((who, false), |who| (who, true));
    let (secs, unit) = number(secs)?;
    if !unit.starts_with(" second") {
        return None;
    }
    Some(Message::HungTask { task: comm_colon_pid(who.strip_suffix(" blocked")?)?, secs, io_wait })
}

/// `debug_show_blocker`, 6.16 and later.
fn blocker(rest: &str) -> Option<Message> {
    let locks = [("an rw-semaphore", Lock::RwSemaphore), ("a mutex", Lock::Mutex), ("a semaphore", Lock::Semaphore)];
    let (who, rest) = rest.split_once("blocked on ")?;
    let (who, wants) = role(who.trim_end().trim_end_matches(" is"));
    let (lock, rest) = locks.iter().find_map(|&(name, lock)| Some((lock, rest.strip_prefix(name)?)))?;
    let owner = rest.split_once(" by task ").map(|(_, owner)| role(owner.trim_end_matches('.')));
    Some(Message::HungTaskBlocker {
        task: comm_colon_pid(who)?,
        lock,
        wants: wants.map(bounded),
        owner: owner.and_then(|(owner, _)| comm_colon_pid(owner)),
        holds: owner.and_then(|(_, holds)| holds).map(bounded),
    })
}

/// Splits `x:12 <writer>`.
fn role(text: &str) -> (&str, Option<&str>) {
    let split = text.strip_suffix('>').and_then(|text| text.rsplit_once(" <"));
    split.map_or((text, None), |(who, role)| (who, Some(role)))
}

/// ` cpus=0 node=0 flags=0x0 nice=0 stuck for 31s!`
fn workqueue(rest: &str) -> Message {
    let (pool, secs) = rest.split_once(" stuck for ").map_or((rest, None), |(pool, secs)| (pool, number(secs)));
    Message::WorkqueueLockup { pool: bounded(pool.trim()), secs: secs.map(|(secs, _)| secs) }
}

/// `INFO: rcu_sched self-detected stall on CPU`, `INFO: rcu_preempt detected stalls on CPUs/tasks:`, `… detected
/// expedited stalls …`, `rcu_sched kthread starved for 5250 jiffies!`; the prefix `rcu: ` since 4.19.
fn rcu(text: &str) -> Option<Message> {
    if let Some((flavour, rest)) = text.split_once(" kthread starved for ") {
        let (jiffies, _) = number(rest)?;
        return flavour.starts_with("rcu_").then(|| Message::RcuStarved { flavour: bounded(flavour), jiffies });
    }
    let (flavour, rest) = text.strip_prefix("INFO: ")?.split_once(' ')?;
    let stalls = flavour.starts_with("rcu_") && rest.contains("detected") && rest.contains("stall");
    stalls.then(|| Message::RcuStall {
        flavour: bounded(flavour),
        self_detected: rest.starts_with("self-detected"),
        expedited: rest.starts_with("detected expedited"),
    })
}

/// `BUG: soft lockup - CPU#0 stuck for 22s! [x:12]`, bare up to 3.17, then behind `NMI watchdog: `, then `watchdog: `.
fn lockup(text: &str) -> Option<Message> {
    let bare = ["NMI watchdog: ", "watchdog: "].iter().find_map(|prefix| text.strip_prefix(prefix)).unwrap_or(text);
    if let Some(rest) = bare.strip_prefix("BUG: soft lockup - CPU#") {
        let (cpu, rest) = number(rest)?;
        let (secs, rest) = number(rest.strip_prefix(" stuck for ")?)?;
        return Some(Message::SoftLockup { cpu: u32::try_from(cpu).ok()?, secs, task: bracketed(rest) });
    }
    let (head, cpu) = bare.split_once("Watchdog detected hard LOCKUP on cpu ")?;
    (head.is_empty() || head.starts_with("CPU"))
        .then(|| Message::HardLockup { cpu: number(cpu).and_then(|(cpu, _)| u32::try_from(cpu).ok()) })
}

/// The task in `s! [x:12]`.
fn bracketed(text: &str) -> Option<Task> {
    let (_, inner) = text.split_once('[')?;
    comm_colon_pid(&inner[..inner.rfind(']')?])
}
