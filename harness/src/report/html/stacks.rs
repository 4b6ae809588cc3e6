//! Who was stuck where, folded by function.
//! Lives here: places with their tasks, tasks that are alike together.
//! May not live here: reading stacks (`diagnose`).

use super::inert::cut;
use super::words::count;
use crate::results::{WaitJson, WaitingTaskJson};
use maud::{Markup, html};

/// Places that are shown of a run, and lines of tasks of each.
const SHOWN: (usize, usize) = (24, 12);
/// The same where there is little room.
const BRIEF: (usize, usize) = (3, 2);
/// Longest name, in characters.
const NAME: usize = 80;

/// All places, each to be opened for its tasks.
pub(super) fn stacks(waits: &[WaitJson], brief: bool) -> Markup {
    let (places, lines) = if brief { BRIEF } else { SHOWN };
    html! {
        ul.folds {
            @for wait in waits.iter().take(places) { li { (place(wait, lines)) } }
            @if waits.len() > places { li { "and " (waits.len() - places) " more places, in stacks.txt" } }
        }
    }
}

fn place(wait: &WaitJson, lines: usize) -> Markup {
    let function = if wait.function.is_empty() { "?" } else { &wait.function };
    let tasks = count(usize::try_from(wait.count).unwrap_or(usize::MAX), "task", "tasks");
    let groups = alike(&wait.tasks);
    let listed = wait.tasks.len() as u64;
    html! {
        details {
            summary {
                strong { (tasks) } " in " code { (cut(function, NAME)) }
                @if let Some(caller) = &wait.caller { " ← " code { (cut(caller, NAME)) } }
                " " span.note {
                    (wait.kind.name())
                    @if wait.in_allocator { ", in reclaim for an allocation" }
                    @if wait.exiting { ", exiting" }
                }
            }
            ul.tasks {
                @for group in groups.iter().take(lines) { li { (line(group)) } }
                @if groups.len() > lines {
                    li { "and " (groups.iter().skip(lines).map(Vec::len).sum::<usize>()) " more tasks" }
                }
                @if wait.count > listed { li { "and " (wait.count - listed) " more tasks that run.json does not list" } }
            }
        }
    }
}

/// Tasks of one name that were seen alike, in the order of the first of each.
fn alike(tasks: &[WaitingTaskJson]) -> Vec<Vec<&WaitingTaskJson>> {
    let mut groups: Vec<Vec<&WaitingTaskJson>> = Vec::new();
    for task in tasks {
        let same = |other: &&WaitingTaskJson| **other == WaitingTaskJson { pid: other.pid, ..task.clone() };
        match groups.iter_mut().find(|group| group.first().is_some_and(same)) {
            Some(group) => group.push(task),
            None => groups.push(vec![task]),
        }
    }
    groups
}

fn line(group: &[&WaitingTaskJson]) -> Markup {
    let Some(task) = group.first() else { return html! {} };
    let pids = ranges(group.iter().map(|task| task.pid));
    html! {
        code { (cut(&task.comm, NAME)) }
        @if group.len() > 1 { " × " (group.len()) }
        " " span.note { "pid " (pids) ", state " (task.state) }
        " from " (format!("{:.1}", task.first_s)) " to " (format!("{:.1}", task.last_s)) " s, seen " (task.seen) " of " (task.of)
    }
}

/// `53–62, 64`.
fn ranges(pids: impl Iterator<Item = u32>) -> String {
    let mut pids: Vec<u32> = pids.collect();
    pids.sort_unstable();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for pid in pids {
        match ranges.last_mut() {
            Some((_, last)) if pid - *last <= 1 => *last = pid,
            _ => ranges.push((pid, pid)),
        }
    }
    let range = |(first, last): (u32, u32)| if first == last { first.to_string() } else { format!("{first}–{last}") };
    ranges.into_iter().map(range).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pids_in_a_row_are_a_range() {
        assert_eq!(ranges([7, 5, 6, 9, 9, 12].into_iter()), "5–7, 9, 12");
        assert_eq!(ranges(std::iter::empty()), "");
        assert_eq!(ranges([u32::MAX, 0].into_iter()), "0, 4294967295");
    }

    #[test]
    fn tasks_that_were_seen_alike_are_one_line() {
        let task = |pid, comm: &str, first_s| WaitingTaskJson {
            pid,
            comm: comm.into(),
            state: 'D',
            first_s,
            last_s: 9.0,
            seen: 2,
            of: 3,
        };
        let tasks = [task(1, "a", 1.0), task(2, "a", 1.0), task(3, "b", 1.0), task(4, "a", 2.0), task(5, "a", 1.0)];
        let pids: Vec<Vec<u32>> =
            alike(&tasks).iter().map(|group| group.iter().map(|task| task.pid).collect()).collect();
        assert_eq!(pids, [vec![1, 2, 5], vec![3], vec![4]]);
        assert_eq!(
            line(&alike(&tasks)[0]).into_string(),
            "<code>a</code> × 3 <span class=\"note\">pid 1–2, 5, state D</span> from 1.0 to 9.0 s, seen 2 of 3"
        );
    }
}
