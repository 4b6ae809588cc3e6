//! The page that one reads first after a failure: one result, from its verdict to what to do next.
//! Lives here: what stands on it, in which order.
//! May not live here: reading results, or the verdict block (`text`) and the picture (`picture`) themselves.

use super::inert::{cut, plain, quoted};
use super::logins::{line, worth_a_line};
use super::picture::timeline_text;
use super::text::block;
use super::wrap::wrap;
use crate::results::{ConsoleLine, FileInfo, LastWords, RunJson, Shown, WaitingTaskJson, file};
use crate::timeline::Timeline;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

/// Groups of tasks, and of each the pids; console lines that matter, and very last lines that are shown.
const GROUPS: usize = 6;
const PIDS: usize = 3;
const MATTERING: usize = 12;
const LAST: usize = 6;
const LOGINS: usize = 8;
/// Lines of each kind that whoever reads the console has to keep for this page.
pub const CONSOLE_LINES: usize = MATTERING;
/// What a name or a label of a line takes.
const LABEL: usize = 14;

/// Columns of what is no terminal.
const PLAIN: usize = 80;

/// All that the page is made of.
#[derive(Debug)]
pub struct Page<'a> {
    /// The result.
    pub shown: &'a Shown,
    /// Its timeline, where its events are there.
    pub timeline: Option<&'a Timeline>,
    /// The end of its console, where that is there.
    pub console: Option<&'a LastWords>,
}

/// The page, for a terminal `width` columns wide; `None` where it is no terminal: then the verdict's lines are as long as they are, for grep,
/// and all else fits 80 columns. Commands are never broken, so that they can be copied.
pub fn page(page: &Page<'_>, width: Option<usize>) -> String {
    let block = block(&page.shown.run);
    let mut out = width.map_or(block.clone(), |width| wrap(&block, width, LABEL));
    // Writing to a String cannot fail.
    let _ = write(&mut out, page, width.unwrap_or(PLAIN).max(60));
    out
}

fn write(out: &mut String, page: &Page<'_>, width: usize) -> std::fmt::Result {
    let run = &page.shown.run;
    writeln!(out)?;
    match page.timeline {
        Some(timeline) => out.push_str(&timeline_text(timeline, width)),
        None => writeln!(out, "  timeline    none: the result has no {} that can be read", file::EVENTS)?,
    }
    tasks(out, run, width)?;
    logins(out, run, width)?;
    if let Some(console) = page.console {
        self::console(out, run, console, width)?;
    }
    writeln!(out)?;
    files(out, &page.shown.files, width)?;
    writeln!(out)?;
    next(out, page.shown)
}

/// Who was stuck for longest, tasks of one name at one place together. The verdict says of each place only how many there are.
fn tasks(out: &mut String, run: &RunJson, width: usize) -> std::fmt::Result {
    let mut groups: BTreeMap<(&str, String), Vec<&WaitingTaskJson>> = BTreeMap::new();
    for wait in &run.waits {
        let caller = wait.caller.as_ref().map(|caller| format!(" ← {caller}")).unwrap_or_default();
        let function = if wait.function.is_empty() { "?" } else { &wait.function };
        let place = format!("{function}{caller} ({})", wait.kind.name());
        for task in &wait.tasks {
            groups.entry((&task.comm, place.clone())).or_default().push(task);
        }
    }
    let length = |tasks: &[&WaitingTaskJson]| tasks.iter().map(|task| task.last_s - task.first_s).fold(0.0, f64::max);
    let groups = groups.into_iter().map(|(of, tasks)| (length(&tasks), of, tasks));
    // Who was seen at a place once has not waited there.
    let mut groups: Vec<_> = groups.filter(|(longest, ..)| *longest > 0.0).collect();
    groups.sort_by(|a, b| b.0.total_cmp(&a.0));
    if !groups.is_empty() {
        writeln!(out)?;
    }
    let mut label = "longest";
    for (longest, (comm, place), tasks) in groups.iter().take(GROUPS) {
        let pids: Vec<String> = tasks.iter().take(PIDS).map(|task| task.pid.to_string()).collect();
        let more = if tasks.len() > PIDS { ", …" } else { "" };
        let who = match tasks.len() {
            1 => format!("{comm} ({})", pids.join(", ")),
            count => format!("{count} × {comm} ({}{more})", pids.join(", ")),
        };
        let line = format!("{who} in {place}");
        let mut time = format!("{longest:5.1} s");
        for line in wrapped(&plain(&line), width - LABEL - 9) {
            writeln!(out, "  {label:<10}  {time:<7}  {line}")?;
            (label, time) = ("", String::new());
        }
    }
    Ok(())
}

/// The logins that did not come through, and the slowest.
fn logins(out: &mut String, run: &RunJson, width: usize) -> std::fmt::Result {
    let worth = worth_a_line(&run.logins, LOGINS);
    if !worth.is_empty() {
        writeln!(out)?;
    }
    let mut label = "logins";
    for login in worth {
        for line in wrapped(&plain(&line(login)), width - LABEL) {
            writeln!(out, "  {label:<10}  {line}")?;
            label = "";
        }
    }
    Ok(())
}

/// The lines that matter; the very last ones too where the console may have been cut short by what happened.
fn console(out: &mut String, run: &RunJson, console: &LastWords, width: usize) -> std::fmt::Result {
    let mut section = |label: &str, lines: &[ConsoleLine], most: usize| -> std::fmt::Result {
        let mut label = label;
        if !lines.is_empty() {
            writeln!(out)?;
        }
        for line in lines.iter().skip(lines.len().saturating_sub(most)) {
            let text = cut(&plain(&line.text), width.saturating_sub(LABEL + 8)).into_owned();
            writeln!(out, "  {label:<10}  {:>6}  {text}", line.number)?;
            label = "";
        }
        Ok(())
    };
    section("console", &console.matter, MATTERING)?;
    let answered = run.outcome.is_some_and(|outcome| outcome != crate::scenario::Outcome::Panicked);
    if !answered || console.matter.is_empty() {
        section(if console.matter.is_empty() { "console" } else { "its end" }, &console.last, LAST)?;
    }
    Ok(())
}

/// What each file of a result is for; nothing for files that are not ours.
fn purpose(name: &str) -> &'static str {
    match name.trim_end_matches('/') {
        file::RUN => "the verdict and all of it, for programs",
        file::SCENARIO => "what was run; `oomph run` takes it",
        file::COMMAND => "the QEMU command, to run by hand",
        file::CONSOLE => "the guest's console, byte for byte",
        file::EVENTS => "all that the verdict rests on",
        file::STACKS => "the guest's tasks, alike ones together",
        file::FOLDED => "stacks as seen from outside, for flame graphs",
        file::REGISTERS => "its processors, as QEMU prints them",
        file::TIMELINE => "the run over its time, as a picture",
        file::COLLECTED => "files brought back from the guest",
        file::CORE => "its memory; core.txt says how to read it",
        file::KEPT => "the guest as it hung, for `oomph attach`",
        _ => "",
    }
}

fn files(out: &mut String, files: &[FileInfo], width: usize) -> std::fmt::Result {
    let mut label = "files";
    for FileInfo { name, bytes } in files {
        let line = format!("{name:<14}{:>8}  {}", size(*bytes), purpose(name));
        writeln!(out, "  {label:<10}  {}", cut(&plain(line.trim_end()), width - LABEL))?;
        label = "";
    }
    Ok(())
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{} KiB", bytes >> 10),
        _ => format!("{} MiB", bytes >> 20),
    }
}

/// The commands to go on with.
fn next(out: &mut String, shown: &Shown) -> std::fmt::Result {
    let run = &shown.run;
    let folder = run.result.as_deref().unwrap_or(Path::new("."));
    let path = |name: Option<&str>| quoted(&name.map_or(folder.to_owned(), |name| folder.join(name)).to_string_lossy());
    let has = |name: &str| shown.files.iter().any(|file| file.name.trim_end_matches('/') == name);
    let word = run.mechanism.map(crate::scenario::Mechanism::name);
    let word = word.or(run.inconclusive.map(crate::event::Reason::name)).unwrap_or(run.outcome_name());
    let mut commands = vec![("what that means", format!("oomph explain {word}"))];
    if has(file::STACKS) {
        commands.push(("who was stuck where", format!("less {}", path(Some(file::STACKS)))));
    }
    if has(file::KEPT) {
        commands.push(("go on with the guest", format!("oomph attach {}", path(None))));
    }
    if has(file::SCENARIO) {
        // The scenario's own kernel may be another name for it, or a file.
        let kernel = if run.kernel.is_empty() { String::new() } else { format!(" --kernel {}", quoted(&run.kernel)) };
        commands.push(("the same run again", format!("oomph run {}{kernel}", path(Some(file::SCENARIO)))));
    }
    if has(file::EVENTS) {
        commands.push(("the verdict again", format!("oomph replay {}", path(None))));
    }
    let mut label = "next";
    for (what, command) in commands {
        writeln!(out, "  {label:<10}  {what:<20}  {}", plain(&command))?;
        label = "";
    }
    Ok(())
}

/// Lines of at most `width` characters, broken at spaces; a longer word has a line of its own, cut.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let Some(line) = lines.last_mut() else { continue };
        if line.is_empty() {
            line.push_str(&cut(word, width));
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(cut(word, width).into_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests;
