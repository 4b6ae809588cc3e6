//! The verdict block: one run as a person reads it.
//! Lives here: its wording.
//! May not live here: anything that is not in run.json.

use super::evidence::weightiest;
use super::inert::{plain, texts};
use super::{escapes, logins};
use crate::event::{State, sentence};
use crate::results::{RunJson, StoredJson, WaitJson, WaitingTaskJson};
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// Kills and pieces of evidence that are shown, of these the weightiest; the rest is counted.
const SHOWN: usize = 8;
/// Places where tasks are stuck that are shown.
const WAITS_SHOWN: usize = 6;

/// The block for a terminal or a log. Colour is stripped where it is not wanted.
pub fn block(run: &RunJson) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, &inert(run));
    out
}

/// The record with all text in it harmless to a terminal: much of it came out of the guest. Each character is replaced by one, so that a
/// task's state stays one; what is no text is as it was.
fn inert(run: &RunJson) -> RunJson {
    // The folder is the host's, and need not be UTF-8.
    let inert = texts(&RunJson { result: None, ..run.clone() }, |text| *text = plain(text).into_owned());
    RunJson { result: run.result.clone(), ..inert }
}

fn write(out: &mut String, run: &RunJson) -> std::fmt::Result {
    let style = style(run);
    writeln!(out, "{style}{}{style:#}  {} on {} ({})", headline(run), run.scenario, run.kernel, origin(run))?;
    match (&run.detail, run.outcome) {
        (Some(detail), None) => writeln!(out, "  why         {detail}")?,
        _ if !run.differences.is_empty() => {
            writeln!(out, "  expected    NO")?;
            for difference in &run.differences {
                writeln!(out, "              {difference}")?;
            }
        }
        (_, Some(_)) if run.expectation.is_none() => {
            writeln!(out, "  expected    nothing, by the scenario, of this kernel")?;
        }
        (_, Some(_)) => writeln!(out, "  expected    yes")?,
        (None, None) => {}
    }
    writeln!(out, "  kills       {}", kills_line(run))?;
    for kill in run.kills.iter().take(SHOWN) {
        let time = kill.time_s.map_or("before pressure".to_owned(), |time| format!("{time:6.1} s"));
        let counted = if kill.counts { "" } else { ", not counted" };
        writeln!(out, "              {time}  {} ({}) in {}{counted}", kill.victim, kill.pid, kill.phase.name())?;
    }
    if run.kills.len() > SHOWN {
        writeln!(out, "              and {} more", run.kills.len() - SHOWN)?;
    }
    write!(out, "  stall       longest {:.1} s", run.max_stall_s)?;
    if run.longest_frozen_s > 0.0 {
        write!(out, ", of it {:.1} s without movement", run.longest_frozen_s)?;
    }
    writeln!(out)?;
    if let Some(logins) = logins::sentence(run) {
        writeln!(out, "  logins      {logins}")?;
    }
    if let Some(because) = because(run) {
        writeln!(out, "  because     {because}")?;
    }
    if let Some(proof) = &run.proof {
        let (stood, pictures) = (proof.until_s - proof.since_s, proof.pictures);
        writeln!(out, "  proof       {} (for {stood:.1} s, in {pictures} pictures)", sentence(&proof.steps))?;
    }
    if let Some(cycles) = run.cycles.filter(|cycles| cycles.closed > 0 && run.proof.is_none()) {
        let (closed, pictures, stood) = (cycles.closed, cycles.pictures, cycles.longest_s);
        writeln!(out, "  cycles      closed in {closed} of {pictures} pictures, the same for at most {stood:.1} s")?;
    }
    if let Some(throttled) = run.throttled {
        let (most, time) = (throttled.most, throttled.task_s);
        writeln!(
            out,
            "  throttle    up to {most} tasks at once in too_many_isolated(), {time:.1} s added up over tasks"
        )?;
    }
    if let Some(chain) = &run.chain {
        let (stood, pictures, of) = (chain.until_s - chain.since_s, chain.pictures, chain.of);
        writeln!(out, "  chain       {} (for {stood:.1} s, in {pictures} of {of} pictures)", sentence(&chain.steps))?;
    }
    let mut label = "waits";
    for wait in run.waits.iter().take(WAITS_SHOWN) {
        writeln!(out, "  {label:<10}  {}", wait_line(wait))?;
        label = "";
    }
    if run.waits.len() > WAITS_SHOWN {
        writeln!(out, "              and {} more places", run.waits.len() - WAITS_SHOWN)?;
    }
    if !run.registers.is_empty() {
        let places: Vec<String> = run.registers.iter().map(ToString::to_string).collect();
        writeln!(out, "  registers   {}", places.join(", "))?;
    }
    for stored in &run.stored {
        writeln!(out, "  saved       {}", stored_line(stored))?;
    }
    for line in escapes::lines(run) {
        writeln!(out, "  escape      {line}")?;
    }
    let phases: Vec<String> =
        run.phases.iter().map(|phase| format!("{} {:.1}", phase.phase.name(), phase.fair_s)).collect();
    writeln!(out, "  phases      {} (fair seconds; {:.1} of {:.1} s)", phases.join(", "), run.fair_s, run.duration_s)?;
    let mut label = "evidence";
    let (pieces, more) = weightiest(run, SHOWN);
    for piece in pieces {
        writeln!(out, "  {label:<10}  {:6.1} s  {} [event {}]", piece.time_s, piece.text, piece.seq)?;
        label = "";
    }
    if more > 0 {
        writeln!(out, "              and {more} more in run.json")?;
    }
    if let Some(build) = &run.kernel_identity.build {
        writeln!(out, "  build       {}", build.summary())?;
    }
    if let Some(image) = &run.image {
        writeln!(out, "  image       {image}")?;
    }
    let host = &run.host;
    if !host.accelerator.is_empty() {
        writeln!(out, "  machine     {}, {}, on {}", host.accelerator, host.qemu, host.cpu)?;
    }
    if let Some(result) = &run.result {
        writeln!(out, "  result      {}", result.display())?;
    }
    Ok(())
}

/// Why a hang is of its mechanism: the first piece of the mechanism's evidence, which begins with its name.
pub(super) fn because(run: &RunJson) -> Option<&str> {
    let mechanism = run.mechanism?.name();
    run.evidence.iter().find_map(|piece| piece.text.strip_prefix(mechanism)?.strip_prefix(": "))
}

/// How many tasks, where, and the longest of them.
fn wait_line(wait: &WaitJson) -> String {
    let tasks = if wait.count == 1 { "1 task".to_owned() } else { format!("{} tasks", wait.count) };
    let function = if wait.function.is_empty() { "?" } else { &wait.function };
    let caller = wait.caller.as_ref().map(|caller| format!(" ← {caller}")).unwrap_or_default();
    let inside = if wait.in_allocator { ", in reclaim for an allocation" } else { "" };
    let exiting = if wait.exiting { ", exiting" } else { "" };
    let place = format!("{tasks} in {function}{caller} ({}{inside}{exiting})", wait.kind.name());
    let Some(task) = wait.tasks.first() else { return place };
    let WaitingTaskJson { pid, comm, seen, of, .. } = task;
    let example = if wait.count == 1 { "" } else { "one is " };
    format!("{place}: {example}{comm} ({pid}), for {:.1} s, seen {seen} of {of}", task.last_s - task.first_s)
}

/// What lies in the result folder, and where.
pub(super) fn stored_line(stored: &StoredJson) -> String {
    let (bytes, on_disk) = (stored.bytes >> 20, stored.stored >> 20);
    let (what, place) = match stored.state {
        State::Core => ("core", "core/core.txt says how to read it"),
        State::Guest => ("guest", "`oomph attach` goes on with it"),
        State::Registers => ("registers", "registers.txt"),
    };
    format!("{what}, {bytes} MiB ({on_disk} on the disk, {:.1} s): {place}", stored.wall_s)
}

/// The outcome or why there is none, with the mechanism.
pub fn headline(run: &RunJson) -> String {
    match (run.outcome, run.inconclusive, run.mechanism) {
        (Some(outcome), _, Some(mechanism)) => format!("{} ({})", outcome.name(), mechanism.name()),
        (Some(outcome), _, None) => outcome.name().to_owned(),
        (None, Some(reason), _) => format!("inconclusive ({})", reason.name()),
        (None, None, _) => "inconclusive".to_owned(),
    }
}

/// Green is as expected, red is not, yellow is no answer.
fn style(run: &RunJson) -> Style {
    let colour = match (run.outcome, run.expected) {
        (None, _) => AnsiColor::Yellow,
        (Some(_), true) => AnsiColor::Green,
        (Some(_), false) => AnsiColor::Red,
    };
    colour.on_default().bold()
}

fn origin(run: &RunJson) -> &str {
    if run.kernel_identity.origin.is_empty() { "unknown origin" } else { &run.kernel_identity.origin }
}

pub(super) fn kills_line(run: &RunJson) -> String {
    let counted = run.counted_kills();
    match run.time_to_first_kill_s {
        Some(first) => format!("{counted}, the first {first:.1} s into pressure"),
        None => "none that counts".to_owned(),
    }
}
