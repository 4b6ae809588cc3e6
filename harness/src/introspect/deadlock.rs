//! A deadlock in a guest's memory, made by hand: an OOM victim, the lock that it waits for, and who holds that.
//! Lives here: its structures, what differs in a damaged one, a look at it: for tests and `make fuzz`.
//! May not live here: how memory is made (`fixture`), or what is to be seen (`tests`).
#![allow(clippy::unwrap_used, missing_docs)]

use super::chain::chain;
use super::code::Code;
use super::fixture::{self, BANNER, Guest, INIT_TASK, NODE, STACK_BYTES, SUPER_BLOCKS, TASK_BYTES, within};
use super::graph::{Graph, Round};
use super::picture::{self, Picture};

pub const TASKS: u64 = 0xffff_8880_0010_0000;
pub const SIGNALS: u64 = 0xffff_8880_0020_0000;
pub const STACKS: u64 = 0xffff_c900_0010_0000;
pub const INODE: u64 = 0xffff_8880_0030_0000;
pub const LOCK: u64 = INODE + 0x80;
pub const SUPER: u64 = 0xffff_8880_0031_0000;
pub const DENTRY: u64 = 0xffff_8880_0032_0000;
pub const DENTRY_ROOT: u64 = 0xffff_8880_0032_1000;
pub const NAMES: u64 = 0xffff_8880_0032_2000;
pub const MM: u64 = 0xffff_8880_0033_0000;

pub const WAITS: &[&str] = &[
    "schedule",
    "rwsem_down_write_slowpath",
    "xfs_ilock",
    "xfs_file_buffered_write",
    "vfs_write",
    "ksys_write",
    "do_syscall_64",
    "entry_SYSCALL_64_after_hwframe",
];
pub const ALLOCATES: &[&str] = &[
    "schedule",
    "shrink_node",
    "try_to_free_pages",
    "__alloc_pages_slowpath",
    "__alloc_pages",
    "filemap_alloc_folio",
    "xfs_file_buffered_write",
    "vfs_write",
    "ksys_write",
    "do_syscall_64",
    "entry_SYSCALL_64_after_hwframe",
];

pub fn task(number: u64) -> u64 {
    TASKS + number * TASK_BYTES
}

pub fn stack(number: u64) -> u64 {
    STACKS + number * 2 * STACK_BYTES
}

/// Words of a frame of the stacks made here; the last two are the frame pointer and the return address.
pub const FRAME: u64 = 0x80;

/// A stack by frame pointers, from the switch outwards; the address of each frame's own part.
pub fn put_stack(guest: &mut Guest, number: u64, functions: &[&str]) -> Vec<u64> {
    let sp = stack(number) + STACK_BYTES - 0x100 - FRAME * functions.len() as u64 - 0x38;
    guest.put(task(number) + 0x40, sp);
    guest.put(sp + 0x30, within("__schedule"));
    let first = sp + 0x38;
    let link = |at: u64| first + FRAME * (at + 1) - 16;
    guest.put(sp + 0x28, link(0));
    for (at, function) in (0..).zip(functions) {
        guest.put(link(at), if at + 1 == functions.len() as u64 { 0 } else { link(at + 1) });
        guest.put(link(at) + 8, within(function));
    }
    (0..=functions.len() as u64).map(|at| first + FRAME * at).collect()
}

/// Tasks 1 to 3, each a process: a victim and another that wait for an inode's lock, and the holder, who allocates.
pub fn deadlock() -> Guest {
    let mut guest = Guest::new();
    guest.write(BANNER, b"Linux version 6.1.0-x (somebody) #1\n\0");
    guest.write(INIT_TASK + 0x68, b"swapper/0\0");
    guest.write(NODE, &[0; 0x200]);
    let numbers = [1, 2, 3];
    let links: Vec<u64> = [INIT_TASK].into_iter().chain(numbers.map(task)).map(|task| task + 0x10).collect();
    guest.ring(&links);
    for number in numbers {
        let (task, signal) = (task(number), SIGNALS + number * 0x100);
        guest.put(task + 0x20, (number << 32) | number);
        guest.put(task + 0x28, if number == 3 { 0 } else { 2 });
        guest.put(task + 0x30, 0);
        guest.put(task + 0x38, stack(number));
        guest.put(task + 0x48, MM + number * 0x100);
        guest.put(task + 0x50, signal);
        guest.write(task + 0x68, [&b"victim\0"[..], b"waiter\0", b"holder\0"][number as usize - 1]);
        guest.ring(&[signal + 0x10, task + 0x58]);
        guest.put(signal + 0x20, 0);
        guest.put(task + 0x80, 0);
        guest.put(signal + 0x28, 0);
        guest.put(task + 0x78, 7);
        guest.put(MM + number * 0x100 + 0x10, 0);
    }
    // The first is an OOM victim, to which SIGKILL was sent.
    guest.put(SIGNALS + 0x100 + 0x20, MM + 0x100);
    guest.put(SIGNALS + 0x100 + 0x28, 1 << 8);
    let waiters: Vec<u64> = [1, 2]
        .map(|number| {
            let frames = put_stack(&mut guest, number, WAITS);
            // In the frame of rwsem_down_write_slowpath.
            let waiter = frames[2] + 0x18;
            guest.put(waiter + 0x10, task(number));
            waiter
        })
        .into();
    guest.ring(&[LOCK + 0x10, waiters[0], waiters[1]]);
    // With a bit that spinning leaves.
    guest.put(LOCK + 8, task(3) | 2);
    let frames = put_stack(&mut guest, 3, ALLOCATES);
    // In the frame of try_to_free_pages: 32 pages, order 0, priority 0, GFP_NOFS.
    let scan = frames[3] + 0x10;
    guest.put(scan, 32);
    guest.put(scan + 0x18, 0);
    guest.put(scan + 0x20, 0x0c40);
    guest.put(INODE + 0x28, SUPER);
    guest.put(INODE + 0x30, 131);
    guest.put(INODE + 0x38, DENTRY + 0x40);
    guest.ring(&[SUPER_BLOCKS, SUPER]);
    guest.write(SUPER + 0x10, b"vdb\0");
    guest.put(DENTRY + 0x18, DENTRY_ROOT);
    guest.put(DENTRY + 0x28, NAMES);
    guest.put(DENTRY_ROOT + 0x18, DENTRY_ROOT);
    guest.write(NAMES, b"f0\0");
    guest.write(NAMES + 0x100, &[0; 64]);
    guest
}

pub fn look(guest: &Guest) -> Picture {
    let (symbols, layout) = (fixture::symbols(), fixture::layout());
    let kernel = guest.kernel(&symbols, &layout);
    picture::take(&kernel, &Code::new(&kernel), &[])
}

/// Looks at the deadlock after changes to its memory, five bytes each: the place of a byte, and its new value; or, from the upper half of
/// places on, the place of a word, and of which structure it has the address then. Whatever they are, a look comes to its end.
pub fn survive(changes: &[u8]) -> Picture {
    let targets = [task(1), task(2) + 0x10, task(3) + 0x58, LOCK, LOCK + 0x10, stack(1), SUPER, DENTRY + 0x40, NODE, 0];
    let mut guest = deadlock();
    for change in changes.as_chunks::<5>().0 {
        let place = u32::from_le_bytes([change[0], change[1], change[2], change[3]]);
        let mut bytes = guest.bytes();
        let at = place as usize % bytes.len();
        if place < 1 << 31 {
            *bytes[at] = change[4];
        } else {
            let word = targets[usize::from(change[4]) % targets.len()].to_le_bytes();
            bytes.iter_mut().skip(at / 8 * 8).zip(word).for_each(|(byte, new)| **byte = new);
        }
    }
    let picture = look(&guest);
    if let Round::Closed(cycle) = Graph::new(&picture).round(&picture) {
        let _ = (cycle.identity(&picture), cycle.steps(&picture));
    }
    let _ = chain(&picture).map(|chain| chain.told(&picture));
    picture
}
