//! What the kernel prints when something fails or crashes.
//! Lives here: panics, oopses, failed allocations, filesystems and disks in trouble, messages that are missing.
//! May not live here: the OOM killer (`oom`) and the watchdogs (`detectors`).

use super::message::{Message, Task};
use super::scan::{comm, int_after, number, text as bounded};

/// Reads one text; a panic over init's death is two messages.
pub(super) fn parse(text: &str) -> Option<Vec<Message>> {
    panic(text).or_else(|| {
        let found = oops(text)
            .or_else(|| allocation(text))
            .or_else(|| xfs_allocation(text))
            .or_else(|| filesystem(text))
            .or_else(|| disk(text))
            .or_else(|| suppressed(text))?;
        Some(vec![found])
    })
}

/// `Kernel panic - not syncing: %s` (kernel/panic.c); `Attempted to kill init! exitcode=0x%08x` (kernel/exit.c).
fn panic(text: &str) -> Option<Vec<Message>> {
    let reason = text.strip_prefix("Kernel panic - not syncing: ")?;
    let mut found = vec![Message::Panic { text: bounded(reason) }];
    if let Some(code) = reason.strip_prefix("Attempted to kill init! exitcode=0x") {
        let digits = code.bytes().take_while(u8::is_ascii_hexdigit).count();
        found.extend(u32::from_str_radix(&code[..digits], 16).ok().map(|exitcode| Message::InitKilled { exitcode }));
    }
    Some(found)
}

/// How an oops begins (arch/x86: traps.c, fault.c, dumpstack.c; lib/bug.c).
const OOPS: [&str; 10] = [
    "BUG: unable to handle ",
    "BUG: kernel NULL pointer dereference",
    "Unable to handle kernel ",
    "kernel BUG at ",
    "general protection fault",
    "invalid opcode: ",
    "divide error: ",
    "stack segment: ",
    "double fault: ",
    "Oops: ",
];

fn oops(text: &str) -> Option<Message> {
    if OOPS.iter().any(|start| text.starts_with(start)) {
        return Some(Message::Oops { text: bounded(text) });
    }
    text.starts_with("WARNING: ").then(|| Message::Warning { text: bounded(text) })
}

/// `%s: page allocation failure: order:%u, mode:%#x(%pGg)` and 4.9 to 4.13's `%s: page allocation stalls for %ums,
/// order:%u`. The task's name is a printk of its own in some versions and may be lost.
fn allocation(text: &str) -> Option<Message> {
    let named = |what: &str| {
        let at = text.find(what)?;
        let name = text[..at].strip_suffix(": ").or(Some("").filter(|_| at == 0))?;
        Some((comm(name), &text[at + what.len()..]))
    };
    if let Some((comm, rest)) = named("page allocation failure: ") {
        return Some(Message::PageAllocFailure { comm, order: int_after(rest, "order:"), mode: mode(rest) });
    }
    let (comm, rest) = named("page allocation stalls for ")?;
    let (ms, rest) = number(rest)?;
    Some(Message::AllocStall { comm, ms, order: int_after(rest, "order:") })
}

/// The value of `mode:0x…(…)`.
fn mode(text: &str) -> Option<String> {
    let (_, mode) = text.split_once("mode:")?;
    Some(bounded(mode.split([',', ' ']).next().unwrap_or(mode)))
}

/// `XFS: possible memory allocation deadlock in %s (mode:0x%x)`, from 4.4 on `XFS: %s(%u) possible …`, later with `size
/// %u`.
fn xfs_allocation(text: &str) -> Option<Message> {
    let (head, rest) = text.strip_prefix("XFS")?.split_once("possible memory allocation deadlock")?;
    let who = head.split_once(": ").and_then(|(_, who)| who.trim_end().strip_suffix(')')?.rsplit_once('('));
    let task = who.and_then(|(name, pid)| Some(Task { comm: comm(name), pid: pid.parse().ok()? }));
    Some(Message::XfsDeadlock { task, mode: mode(rest).map(|mode| mode.trim_end_matches(')').to_owned()) })
}

/// `XFS (vdb): …`, `EXT4-fs (vdb): …`, `EXT4-fs error (device vdb): …`, `BTRFS error (device vdb): …`; btrfs also writes
/// `BTRFS: error (device vdb) in …` (3.14 and later), and ` state EA` behind the device (5.19 and later).
fn filesystem(text: &str) -> Option<Message> {
    if let Some(device) = text.strip_prefix("Aborting journal on device ") {
        return Some(Message::FsError { fs: "JBD2".to_owned(), device: bounded(device.trim_end_matches('.')) });
    }
    let (head, rest) = text.split_once(" (")?;
    let mut words = head.split(' ');
    let name = words.next()?.trim_end_matches(':');
    if !["XFS", "EXT2-fs", "EXT3-fs", "EXT4-fs", "BTRFS", "F2FS-fs"].contains(&name) {
        return None;
    }
    let level = words.next().unwrap_or_default();
    let (device, rest) = rest.split_once(')')?;
    let device = device.trim_start_matches("device ");
    let (fs, device) = (name.to_owned(), bounded(device.split(" state ").next().unwrap_or(device)));
    let says = |what: &[&str]| what.iter().any(|what| rest.contains(what));
    if says(&["hutting down filesystem", "has been shut down", "shut down requested"]) {
        Some(Message::FsShutdown { fs, device })
    } else if says(&["Remounting filesystem read-only", "remounting filesystem read-only", "forced readonly"]) {
        Some(Message::FsReadOnly { fs, device })
    } else if matches!(level, "error" | "critical")
        || says(&["I/O error", "I/O Error", "Corruption", "orruption detected"])
    {
        Some(Message::FsError { fs, device })
    } else {
        None
    }
}

/// `end_request: I/O error, dev %s` (3.10), `blk_update_request: `, `print_req_error: `, bare (5.16 and later);
/// `Buffer I/O error on dev %s` (`device` in old kernels).
fn disk(text: &str) -> Option<Message> {
    let buffer = ["Buffer I/O error on dev ", "Buffer I/O error on device "];
    let rest = buffer.iter().find_map(|start| text.strip_prefix(start)).or_else(|| {
        let (head, rest) = text.split_once("I/O error, dev ")?;
        (head.is_empty() || head.ends_with(": ")).then_some(rest)
    })?;
    Some(Message::IoError { device: bounded(rest.split([',', ' ']).next().unwrap_or(rest)) })
}

/// `%s: %d callbacks suppressed` (lib/ratelimit.c).
fn suppressed(text: &str) -> Option<Message> {
    let (what, count) = text.strip_suffix(" callbacks suppressed")?.rsplit_once(": ")?;
    Some(Message::Lost { what: bounded(what), count: count.parse().ok()? })
}

/// `** %lu printk messages dropped **`, which printk writes without a timestamp, and older kernels before one.
pub(super) fn dropped(line: &str) -> Option<Message> {
    let (head, _) = line.split_once(" printk messages dropped **")?;
    let (_, count) = head.rsplit_once("** ")?;
    Some(Message::Lost { what: "printk".to_owned(), count: count.parse().ok()? })
}
