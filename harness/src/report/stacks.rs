//! `stacks.txt`: the guest's tasks, as its console told of them, in a form to read.
//! Lives here: its wording; tasks with the same stack stand together.
//! May not live here: reading the console, or saying what a stack means (`diagnose`).

use crate::diagnose::{Diagnosis, Dump, DumpKind, Frame, Kind, Place, Sighting, Wait, WaitingTask};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The text; `None` where no dump was taken.
pub fn stacks(diagnosis: &Diagnosis) -> Option<String> {
    let dumps = diagnosis.history().dumps();
    if dumps.is_empty() {
        return None;
    }
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, diagnosis, dumps);
    Some(out)
}

fn write(out: &mut String, diagnosis: &Diagnosis, dumps: &[Dump]) -> std::fmt::Result {
    writeln!(
        out,
        "Where the guest's tasks were, as its console told. Times are seconds of fair time since the run began."
    )?;
    writeln!(
        out,
        "A place is a function and the first caller outside locking and allocation. `?` marks what the kernel's"
    )?;
    writeln!(out, "unwinder only guesses, shown where it knows nothing better.\n")?;
    writeln!(out, "== who was stuck where in the last picture of all tasks ==")?;
    for wait in diagnosis.history().waits(0) {
        account(out, &wait)?;
    }
    for (at_ms, memory) in diagnosis.memory() {
        writeln!(
            out,
            "\nmemory at {:.1} s: {} kB free, min watermark {} kB; isolated {} kB of files ({} kB inactive), {} kB anonymous \
             ({} kB inactive)",
            s(*at_ms),
            memory.free_kb,
            memory.min_kb,
            memory.isolated_file_kb,
            memory.inactive_file_kb,
            memory.isolated_anon_kb,
            memory.inactive_anon_kb
        )?;
    }
    for (number, of) in dumps.iter().enumerate() {
        dump(out, number + 1, dumps.len(), of)?;
    }
    Ok(())
}

fn account(out: &mut String, wait: &Wait) -> std::fmt::Result {
    let count = wait.tasks.len();
    writeln!(
        out,
        "\n{count} {}: {} ({})",
        if count == 1 { "task" } else { "tasks" },
        wait.place,
        wait.place.kind.name()
    )?;
    for task in &wait.tasks {
        let WaitingTask { pid, comm, state, first_ms, last_ms, seen, of, .. } = task;
        let (first, last) = (s(*first_ms), s(*last_ms));
        writeln!(out, "    {pid:>6}  {comm:<15}  {state}  from {first:.1} s to {last:.1} s, seen {seen} of {of}")?;
    }
    Ok(())
}

fn dump(out: &mut String, number: usize, of: usize, dump: &Dump) -> std::fmt::Result {
    let what = match dump.kind {
        DumpKind::All => "all tasks",
        DumpKind::Blocked => "blocked tasks",
        DumpKind::Processors => "tasks on processors",
    };
    let (key, count, at) = (dump.kind.key(), dump.tasks.len(), s(dump.at_ms));
    writeln!(out, "\n== dump {number} of {of}: {what} (SysRq-{key}) at {at:.1} s, {count} tasks ==")?;
    if dump.left_out > 0 {
        writeln!(out, "{} more were too many to be kept", dump.left_out)?;
    }
    // Idle tasks last, else by place.
    let mut groups: BTreeMap<(Kind, &Place, Vec<&Frame>), Vec<&Sighting>> = BTreeMap::new();
    for task in &dump.tasks {
        groups.entry((task.place.kind, &task.place, shown(&task.stack))).or_default().push(task);
    }
    for ((kind, place, stack), tasks) in groups {
        writeln!(
            out,
            "\n{} {}: {place} ({})",
            tasks.len(),
            if tasks.len() == 1 { "task" } else { "tasks" },
            kind.name()
        )?;
        for task in tasks {
            who(out, task)?;
        }
        for frame in stack {
            let mark = if frame.reliable { "" } else { "? " };
            let module = frame.module.as_ref().map(|module| format!(" [{module}]")).unwrap_or_default();
            writeln!(out, "        {mark}{}{module}", frame.function)?;
        }
    }
    Ok(())
}

/// What the unwinder vouches for, else all that it guesses.
fn shown(stack: &[Frame]) -> Vec<&Frame> {
    let vouched: Vec<&Frame> = stack.iter().filter(|frame| frame.reliable).collect();
    if vouched.len() >= 2 { vouched } else { stack.iter().collect() }
}

fn who(out: &mut String, task: &Sighting) -> std::fmt::Result {
    let header = &task.header;
    write!(out, "    {:>6}  {:<15}  {}", header.pid, header.comm, header.state)?;
    if let Some(cpu) = header.cpu {
        write!(out, "  on processor {cpu}")?;
    }
    for (holds, mark) in [(task.signal, "signal pending"), (task.memdie, "TIF_MEMDIE")] {
        if holds {
            write!(out, "  {mark}")?;
        }
    }
    writeln!(out)
}

/// Milliseconds as seconds.
fn s(ms: u64) -> f64 {
    ms as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kmsg::{Message, Timestamps};

    #[test]
    fn tasks_of_one_stack_stand_together() {
        let mut diagnosis = Diagnosis::new(Timestamps::Absent);
        assert_eq!(stacks(&diagnosis), None);
        diagnosis.message(0, 19_000, &Message::Sysrq { what: "Show State".into() });
        for pid in [54, 55] {
            let header = format!("task:writer          state:D stack:0     pid:{pid}    ppid:40     flags:0x00000006");
            for line in [
                &header,
                "Call Trace:",
                " schedule+0x1/0x2",
                " ? x+0x1/0x2",
                " down_write+0x1/0x2",
                " xfs_ilock+0x1/0x2 [xfs]",
            ] {
                diagnosis.line(1, 19_000, line);
            }
        }
        diagnosis.finish();
        let text = stacks(&diagnosis).unwrap();
        let end = "\n2 tasks: down_write ← xfs_ilock (lock)\n        54  writer           D  from 19.0 s to 19.0 s, seen 1 of 1\n        \
                   55  writer           D  from 19.0 s to 19.0 s, seen 1 of 1\n\n\
                   == dump 1 of 1: all tasks (SysRq-t) at 19.0 s, 2 tasks ==\n\n2 tasks: down_write ← xfs_ilock (lock)\n        \
                   54  writer           D  signal pending\n        55  writer           D  signal pending\n        \
                   schedule\n        down_write\n        xfs_ilock [xfs]\n";
        assert_eq!(text[text.len().saturating_sub(end.len())..], *end, "{text}");
    }
}
