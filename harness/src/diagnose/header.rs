//! The line with which the kernel begins a task's stack.
//! Lives here: the formats of `sched_show_task` (kernel/sched/core.c) and of `dump_stack_print_info` (lib/dump_stack.c),
//! 3.10 to 7.2, x86.
//! May not live here: stacks, or what a task is doing.

use serde::Serialize;

/// Longest comm kept, in bytes: twice what the kernel prints of one (15, or 20 by `dump_stack_print_info`).
const MAX_COMM: usize = 40;

/// States as `task_state_to_char` and, before 4.14, TASK_STATE_TO_CHAR_STR print them.
const STATES: &str = "RSDTtXZPIKWxN?";

/// What a header says of a task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Header {
    /// Its name; may hold anything.
    pub comm: String,
    /// Its id; 0 is a processor's idle task.
    pub pid: u32,
    /// Its thread group (6.9 and later).
    pub tgid: Option<u32>,
    /// Its parent.
    pub ppid: Option<u32>,
    /// Its state: `R` runs or could run, `S` sleeps, `D` sleeps deaf to signals, `I` is an idle kernel thread, …
    pub state: char,
    /// The processor that told of it, in a backtrace of processors.
    pub cpu: Option<u32>,
    /// `thread_info` flags; what the bits mean depends on kernel and architecture.
    pub flags: u64,
    /// `task_struct` flags (6.15 and later).
    pub task_flags: Option<u32>,
}

/// Reads a whole header of either age.
pub(super) fn read(text: &str) -> Option<Header> {
    if let Some(rest) = text.strip_prefix("task:") { modern(rest) } else { old(text) }
}

/// Whether a text is the first piece of a header whose rest another processor's line has cut off: name and state are one
/// printk, the rest is another with KERN_CONT.
pub(super) fn is_begun(text: &str) -> bool {
    let (name, state) = match text.strip_prefix("task:").and_then(|rest| rest.rsplit_once(" state:")) {
        Some(parts) => parts,
        // "%-15.15s %c"
        None if text.len() >= 17 => match text.rsplit_once(' ') {
            Some(parts) if parts.0.chars().count() == 15 => parts,
            _ => return false,
        },
        None => return false,
    };
    let mut state = state.chars();
    !name.trim().is_empty() && state.next().is_some_and(|c| STATES.contains(c)) && state.next().is_none()
}

/// A further piece of a header that was begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rest {
    /// More must follow.
    More,
    /// The header is whole.
    Last,
}

/// Whether a text can be a further piece of a begun header: `  running task    ` or a program counter, then the numbers.
pub(super) fn rest(text: &str) -> Option<Rest> {
    let bare = text.trim();
    let numbers = text.starts_with(" stack:") || bare.starts_with(|c: char| c.is_ascii_digit());
    if numbers && (bare.contains(" flags:0x") || bare.contains(" 0x")) {
        return Some(Rest::Last);
    }
    let counter = matches!(bare.len(), 8 | 16) && bare.bytes().all(|byte| byte.is_ascii_hexdigit());
    (text.starts_with(' ') && (bare == "running task" || counter)).then_some(Rest::More)
}

/// `task:%-15.15s state:%c`, `  running task    ` where it is TASK_RUNNING, then ` stack:%-5lu pid:%-5d ppid:%-6d
/// flags:0x%08lx` (5.10 and later; widths on the left before 5.19; `tgid:` and `task_flags:` in 7.2).
fn modern(text: &str) -> Option<Header> {
    // The name may hold anything, so it is read from the end.
    let (name, rest) = text.rsplit_once(" state:")?;
    let state = rest.chars().next().filter(|c| STATES.contains(*c))?;
    let flags = field(rest, " flags:0x").and_then(|value| u64::from_str_radix(value, 16).ok())?;
    let number = |key| field(rest, key).and_then(|value| value.parse().ok());
    Some(Header {
        comm: comm(name),
        pid: number(" pid:")?,
        tgid: number(" tgid:"),
        ppid: number(" ppid:"),
        state,
        cpu: None,
        flags,
        task_flags: field(rest, " task_flags:0x").and_then(|value| u32::from_str_radix(value, 16).ok()),
    })
}

/// What stands behind a key, up to the next space; the key's numbers may be padded on the left.
fn field<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let value = &text[text.find(key)? + key.len()..];
    value.trim_start_matches(' ').split(' ').next()
}

/// `%-15.15s %c`, then ` %016lx ` (a program counter, up to 4.12) or `  running task    ` where it is TASK_RUNNING, then
/// `%5lu %5d %6d 0x%08lx`: free stack, pid, ppid, flags (3.10 to 5.9).
fn old(text: &str) -> Option<Header> {
    let (rest, flags) = text.trim_end().rsplit_once(" 0x")?;
    let flags = u64::from_str_radix(flags, 16).ok()?;
    let (rest, ppid) = last_number(rest)?;
    let (rest, pid) = last_number(rest)?;
    // The free stack may follow the state without a space.
    let digits = rest.trim_end_matches(|c: char| c.is_ascii_digit());
    if digits.len() == rest.len() {
        return None;
    }
    let rest = digits.trim_end();
    let rest = rest.strip_suffix(" running task").map_or_else(|| without_address(rest), str::trim_end);
    let state = rest.chars().next_back().filter(|c| STATES.contains(*c))?;
    let name = rest[..rest.len() - state.len_utf8()].strip_suffix(' ')?;
    if name.trim().is_empty() {
        return None;
    }
    Some(Header { comm: comm(name), pid, tgid: None, ppid: Some(ppid), state, cpu: None, flags, task_flags: None })
}

/// Takes the program counter off, 8 digits or 16.
fn without_address(text: &str) -> &str {
    match text.rsplit_once(' ') {
        Some((rest, word)) if matches!(word.len(), 8 | 16) && word.bytes().all(|byte| byte.is_ascii_hexdigit()) => {
            rest.trim_end()
        }
        _ => text,
    }
}

fn last_number(text: &str) -> Option<(&str, u32)> {
    let (rest, number) = text.trim_end().rsplit_once(' ')?;
    Some((rest.trim_end(), number.parse().ok()?))
}

/// `CPU: %d PID: %d Comm: %.20s %s%s %s %.*s`: the task on a processor (3.10 and later; `UID: %u` in newer ones). The
/// name ends where the words about tainting begin.
pub(super) fn on_cpu(text: &str) -> Option<Header> {
    let rest = text.strip_prefix("CPU: ")?;
    let cpu = rest.split(' ').next()?.parse().ok()?;
    let (_, rest) = rest.split_once(" PID: ").or_else(|| rest.split_once("PID: "))?;
    let (pid, rest) = rest.split_once(" Comm: ")?;
    let ends = [" Not tainted", " Tainted: ", " Kdump: loaded"];
    let end = ends.iter().filter_map(|end| rest.find(end)).min().unwrap_or(rest.len());
    Some(Header {
        comm: comm(&rest[..end]),
        pid: pid.trim().parse().ok()?,
        state: 'R',
        cpu: Some(cpu),
        ..Header::default()
    })
}

fn comm(text: &str) -> String {
    let name = text.trim_end_matches(' ');
    name[..name.floor_char_boundary(MAX_COMM)].to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn told(text: &str) -> Option<(String, u32, Option<u32>, char, u64)> {
        read(text).map(|header| (header.comm, header.pid, header.ppid, header.state, header.flags))
    }

    #[test]
    fn reads_headers_of_every_age() {
        for (text, state, flags) in [
            ("hog             D ffff88000f7d3a40     0   412    401 0x00100004", 'D', 0x0010_0004), // 3.10 to 4.12
            ("hog             D    0   412    401 0x00000004", 'D', 4),                             // 4.13 to 5.9
            ("hog             R  running task        0   412    401 0x00000008", 'R', 8),           // 3.10 to 5.9
            ("hog             D c0101234     0   412    401 0x00000000", 'D', 0),                   // 32 bits
            ("task:hog             state:D stack:    0 pid:  412 ppid:   401 flags:0x00000004", 'D', 4), // 5.10
            ("task:hog             state:D stack:0     pid:412   ppid:401    flags:0x00000006", 'D', 6), // 6.1
            (
                "task:hog             state:R  running task     stack:0     pid:412   ppid:401    flags:0x00004008",
                'R',
                0x4008,
            ),
        ] {
            assert_eq!(told(text), Some(("hog".into(), 412, Some(401), state, flags)), "{text}");
        }
        let new = "task:hog             state:D stack:13296 pid:412   tgid:410   ppid:401    task_flags:0x400040 flags:0x00080002";
        let header = read(new).unwrap();
        assert_eq!(
            (header.pid, header.tgid, header.task_flags, header.flags),
            (412, Some(410), Some(0x40_0040), 0x8_0002)
        );
    }

    #[test]
    fn names_may_hold_anything() {
        let named = |text| read(text).unwrap().comm;
        let modern = "task:a D state:R (x)  state:D stack:0     pid:1     ppid:0      flags:0x00000000";
        assert_eq!(named(modern), "a D state:R (x)");
        assert_eq!(named("(sd-pam) D 0 x  D    0   412    401 0x00000000"), "(sd-pam) D 0 x");
        assert_eq!(named("kworker/u4:1    D ffff88000f7d3a40     0    31      2 0x00000000"), "kworker/u4:1");
        assert_eq!(
            named("task:[kthread] a b  state:I stack:0     pid:5     ppid:2      flags:0x00004000"),
            "[kthread] a b"
        );
    }

    #[test]
    fn other_lines_are_no_headers() {
        for text in [
            "",
            "task: ffff88000f7d3a40 ti: ffff88000d5ec000 task.ti: ffff88000d5ec000",
            "task:hog             state:D",
            "  task                        PC stack   pid father",
            " ffff88000f7d3a40 0000000000000046 ffff88000d5ec000 ffff88000d5edfd8",
            "hog             D ffff88000f7d3a40     0   412    401",
            " S            init     1      2379.513953       360   120         0.000000      6810.003808         0.000000         0.000000 0 0 /",
            "Call Trace:",
            "1 2 3 0x4",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn a_header_in_pieces_is_recognised() {
        assert!(
            is_begun("task:hog             state:D") && is_begun("hog             D") && is_begun("a b             R")
        );
        assert!(!is_begun("task:hog") && !is_begun("hog D") && !is_begun("                D"));
        assert_eq!(rest(" stack:0     pid:412   ppid:401    flags:0x00000006"), Some(Rest::Last));
        assert_eq!(rest("    0   412    401 0x00000000"), Some(Rest::Last));
        assert_eq!(rest("  running task    "), Some(Rest::More));
        assert_eq!(rest(" ffff88000f7d3a40 "), Some(Rest::More));
        assert_eq!(rest(" schedule+0x29/0x70"), None);
        assert_eq!(rest("Call Trace:"), None);
    }

    #[test]
    fn reads_the_task_of_a_processor() {
        for text in [
            "CPU: 1 PID: 85 Comm: xfs (1) x Not tainted 6.1.0-56-amd64 #1  Debian 6.1.192-2",
            "CPU: 1 UID: 0 PID: 85 Comm: xfs (1) x Tainted: G        W   7.2.0",
            "CPU: 1 PID: 85 Comm: xfs (1) x Kdump: loaded Not tainted 3.10.0",
        ] {
            let header = on_cpu(text).unwrap();
            assert_eq!((header.comm.as_str(), header.pid, header.cpu), ("xfs (1) x", 85, Some(1)), "{text}");
        }
        assert_eq!(on_cpu("CPU: 1 is offline"), None);
    }
}
