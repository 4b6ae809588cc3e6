//! A picture of a guest as text: who waits for whom, its memory, its locks, its tasks, its processors.
//! Lives here: the words and their order.
//! May not live here: what is in the picture (`introspect`).

use super::inert::plain;
use crate::diagnose::{kb, kb_of};
use crate::event::{Step, StepNode, tied};
use crate::introspect::chain;
use crate::introspect::graph::{Graph, Round, called, held_by};
use crate::introspect::memory::Registers;
use crate::introspect::oom::{Queued, Reaper};
use crate::introspect::picture::{Picture, Seen};
use crate::introspect::vmstat::Counter;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Waiters that are named of each lock.
const NAMED: usize = 6;

/// A task whose stack a processor is on is at most this far above the lowest address of it: stacks have 16 KiB (`THREAD_SIZE`), with
/// KASAN more.
const STACK_BYTES: u64 = 16 << 10;

/// A processor, and the function that it is at.
#[derive(Clone, Debug)]
pub struct Processor {
    /// Its registers.
    pub registers: Registers,
    /// The function, as `name+0x12 [module]`; `None` where it is at none of the kernel's.
    pub function: Option<String>,
}

/// What a chain is of, as its heading says it; `wait` in its tense.
pub(super) fn waits_of_who_could_free(wait: &str, closed: bool) -> String {
    let goes = if closed { ", and it goes round" } else { "" };
    format!("What those {wait} for who could bring free memory{goes}")
}

/// The page. With `stacks`, every task's stack follows.
pub fn diagnosis(picture: &Picture, processors: &[Processor], stacks: bool) -> String {
    let mut text = String::new();
    let graph = Graph::new(picture);
    match graph.round(picture) {
        Round::Closed(cycle) => {
            say(&mut text, "The waiting goes round:");
            round(&mut text, &cycle.steps(picture));
        }
        Round::Unsure => say(
            &mut text,
            "Whether the waiting goes round cannot be told: a task on the way was running, and where is not known.",
        ),
        Round::Open => say(&mut text, "No victim of the OOM killer is found to wait for itself."),
    }
    if let Some(chain) = chain::chain(picture).map(|chain| chain.told(picture)) {
        say(&mut text, &format!("{}:", waits_of_who_could_free("wait", chain.closed)));
        round(&mut text, &chain.steps);
    }
    memory(&mut text, picture);
    victims(&mut text, picture);
    reaper(&mut text, picture);
    locks(&mut text, picture);
    tasks(&mut text, picture);
    on_processors(&mut text, picture, processors);
    if stacks {
        all_stacks(&mut text, picture);
    }
    text
}

fn say(text: &mut String, line: &str) {
    text.push_str(line);
    text.push('\n');
}

/// A cycle, a line a step.
fn round(text: &mut String, steps: &[Step]) {
    let first = steps.first().map_or_else(|| "the first".into(), Step::who);
    for (at, (tie, step)) in tied(steps).enumerate() {
        let more = if step.detail.is_empty() { String::new() } else { format!(", {}", step.detail) };
        let words = match (tie, step.node) {
            (None, _) => format!("{} ({})", step.who(), step.detail),
            (Some(tie), StepNode::Memory) => format!("{tie} memory, which {first} would free"),
            (Some(tie), StepNode::Lock) if !more.is_empty() => format!("{tie} {}, where {}", step.name, step.detail),
            (Some(tie), _) => format!("{tie} {}{more}", step.who()),
        };
        let _ = writeln!(text, "  {:indent$}{}", "", plain(&words), indent = at * 2);
    }
}

fn memory(text: &mut String, picture: &Picture) {
    if picture.memory.zones.is_empty() {
        return;
    }
    let (free, min) = picture.memory.free_and_min();
    let _ = writeln!(text, "\nMemory: {} kB free, min watermarks {} kB", kb(free), kb_of(min));
    for zone in &picture.memory.zones {
        let [min, low, high] = zone.watermarks.map(kb_of);
        let _ = writeln!(
            text,
            "  {}: {} kB free{}, watermarks {min}, {low}, {high} kB of {} kB",
            plain(&zone.name),
            kb(zone.free.folded),
            pending(zone.free),
            kb_of(zone.managed)
        );
    }
    for (name, counter) in &picture.memory.counters {
        let _ = writeln!(text, "  {name}: {} kB{}", kb(counter.folded), pending(*counter));
    }
}

/// What processors have not yet added, where they have anything.
fn pending(counter: Counter) -> String {
    if counter.pending == 0 { String::new() } else { format!(" ({:+} kB not yet added)", kb(counter.pending)) }
}

fn victims(text: &mut String, picture: &Picture) {
    for victim in &picture.victims {
        let what = if victim.skip {
            "its memory is given up: another may be chosen"
        } else {
            "no other is chosen before it has gone"
        };
        let left = victim.tasks.len();
        let _ = writeln!(
            text,
            "\nOOM victim {} ({}): {left} tasks left with its memory; {what}",
            plain(&victim.comm),
            victim.tgid
        );
    }
}

fn reaper(text: &mut String, picture: &Picture) {
    let Some(Reaper { queue, later }) = &picture.reaper else { return };
    // Without a victim and with nothing to do it says nothing that anybody asked.
    if queue.is_empty() && later.is_empty() && picture.victims.is_empty() {
        return;
    }
    let waiting = match queue.len() {
        0 => "nothing in its queue".to_owned(),
        count => format!("{count} tasks in its queue: {}", some(queue)),
    };
    let more =
        if later.is_empty() { String::new() } else { format!("; to come when a timer has run off: {}", some(later)) };
    let _ = writeln!(text, "\nOOM reaper: {waiting}{more}");
}

/// The first of several tasks, and how many more there are.
fn some(tasks: &[Queued]) -> String {
    let named: Vec<String> =
        tasks.iter().take(NAMED).map(|task| format!("{}[{}]", plain(&task.comm), task.pid)).collect();
    let more = tasks.len() - named.len();
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{}{more}", named.join(", "))
}

/// Where each processor is, and whose stack it is on.
fn on_processors(text: &mut String, picture: &Picture, processors: &[Processor]) {
    if processors.is_empty() {
        return;
    }
    say(text, "\nProcessors:");
    for (number, Processor { registers, function }) in processors.iter().enumerate() {
        let (rip, rsp) = (registers.rip, registers.rsp);
        if registers.in_user() {
            let _ = writeln!(text, "  {number}: in a program (rip {rip:#x})");
            continue;
        }
        let at = function
            .as_ref()
            .map_or_else(|| "in no function that is known".to_owned(), |name| format!("at {}", plain(name)));
        let below = picture.tasks.iter().filter(|seen| seen.task.stack <= rsp).max_by_key(|seen| seen.task.stack);
        let task = below
            .filter(|seen| rsp - seen.task.stack < STACK_BYTES)
            .map_or_else(String::new, |seen| format!(" for {}", seen.name()));
        let _ = writeln!(text, "  {number}: {at}{} (rip {rip:#x}, rsp {rsp:#x})", plain(&task));
    }
}

fn locks(text: &mut String, picture: &Picture) {
    if picture.locks.is_empty() {
        return;
    }
    say(text, "\nLocks:");
    let names: BTreeMap<u64, &Seen> = picture.tasks.iter().map(|seen| (seen.task.address, seen)).collect();
    let mut locks: Vec<_> = picture.locks.iter().collect();
    locks.sort_by_key(|lock| std::cmp::Reverse(lock.waiters.len()));
    for lock in locks {
        let waiters: Vec<String> =
            lock.waiters.iter().take(NAMED).filter_map(|task| names.get(task)).map(|seen| seen.name()).collect();
        let more = lock.waiters.len().saturating_sub(waiters.len());
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let holder = held_by(lock, picture);
        let (lock, waiters) = (called(lock), waiters.join(", "));
        let _ = writeln!(text, "  {}: held by {}; {}{more} wait", plain(&lock), plain(&holder), plain(&waiters));
    }
}

/// Tasks that do not just sleep, by what they do.
fn tasks(text: &mut String, picture: &Picture) {
    let all = picture.tasks.len();
    let how = picture.tasks.iter().find(|seen| !seen.frames.is_empty()).map_or("none", |seen| seen.how.name());
    let whole = if picture.whole { "" } else { ", some may be missing" };
    let _ = writeln!(text, "\n{all} tasks{whole}; stacks by {how}:");
    let mut places: BTreeMap<(String, String), Vec<&Seen>> = BTreeMap::new();
    for seen in picture.tasks.iter().filter(|seen| seen.place.kind != crate::diagnose::Kind::Idle) {
        places.entry((seen.place.kind.name().to_owned(), seen.place.to_string())).or_default().push(seen);
    }
    let mut places: Vec<_> = places.into_iter().collect();
    places.sort_by_key(|(_, tasks)| std::cmp::Reverse(tasks.len()));
    for ((kind, place), tasks) in places {
        let longest = tasks.iter().max_by_key(|seen| seen.idle_ns);
        let of = longest.map_or(String::new(), |seen| {
            format!("{}, {}, not run for {:.1} s", seen.name(), seen.task.state, seen.idle_ns as f64 / 1e9)
        });
        let _ = writeln!(text, "  {:>4} in {} ({kind}): {}", tasks.len(), plain(&place), plain(&of));
    }
}

fn all_stacks(text: &mut String, picture: &Picture) {
    for seen in &picture.tasks {
        let task = &seen.task;
        let flags = [(task.killed, "SIGKILL waits"), (task.is_exiting(), "exits"), (task.on_cpu, "on a processor")];
        let flags: Vec<&str> = flags.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        let _ = writeln!(text, "\n{} {} {}", plain(&seen.name()), task.state, flags.join(", "));
        for frame in &seen.frames {
            let module = frame.module.as_ref().map(|module| format!(" [{module}]")).unwrap_or_default();
            let _ = writeln!(
                text,
                "  {}{}{}",
                if frame.reliable { "" } else { "? " },
                plain(&frame.function),
                plain(&module)
            );
        }
    }
}
