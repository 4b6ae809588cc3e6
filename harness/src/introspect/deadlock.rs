//! A deadlock in a guest's memory, made by hand: an OOM victim, the lock that it waits for, and who holds that.
//! Lives here: its structures in a kernel of any age, what differs in a damaged one, a look at it: for tests and `make fuzz`.
//! May not live here: how memory is made (`fixture`), what a kernel's age is (`ages`), or what is to be seen (`tests`).
#![allow(clippy::unwrap_used, missing_docs)]

use super::ages::{About, Age};
use super::chain::chain;
use super::code::Code;
use super::fixture::{self, BANNER, Guest, INIT_TASK, NODE, STACK_BYTES, SUPER_BLOCKS, TASK_BYTES, within};
use super::graph::{Graph, Round};
use super::layout::Field;
use super::picture::{self, Picture};
use std::sync::LazyLock;

pub use super::ages::{ALLOCATES, RWSEM as WAITS};

/// The kernel of all tests that are not about a kernel's age.
pub static CONTROL: LazyLock<Age> = LazyLock::new(|| Age::new((6, 1), About::Inode));

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
pub const ZONE: u64 = NODE + 0x200;

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
    put_stack_of(&CONTROL, guest, number, functions)
}

pub fn put_stack_of(age: &Age, guest: &mut Guest, number: u64, functions: &[&str]) -> Vec<u64> {
    let first = stack(number) + age.stack_bytes() - 0x100 - FRAME * functions.len() as u64;
    let link = |at: u64| first + FRAME * (at + 1) - 16;
    let sp = age.put_switch(guest, first, link(0), within("__schedule"));
    guest.put(task(number) + 0x40, sp);
    for (at, function) in (0..).zip(functions) {
        guest.put(link(at), if at + 1 == functions.len() as u64 { 0 } else { link(at + 1) });
        guest.put(link(at) + 8, within(function));
    }
    (0..=functions.len() as u64).map(|at| first + FRAME * at).collect()
}

/// Makes a task an OOM victim. Up to 4.8 it is marked itself (TIF_MEMDIE), at the bottom of its stack; since then what its process shares says
/// whose memory it is about.
pub fn put_victim(age: &Age, guest: &mut Guest, number: u64) {
    if age.layout.place(Field::SignalOomMm).is_some() {
        age.put(guest, SIGNALS + number * 0x100, Field::SignalOomMm, MM + number * 0x100);
    } else {
        age.put(guest, stack(number), Field::ThreadFlags, 1 << 20);
    }
}

/// Two zones; nothing is counted in them.
fn put_zones(guest: &mut Guest) {
    guest.write(NODE, &[0; 0x600]);
    guest.put(NODE + 0x10, 2);
    for zone in [ZONE, ZONE + 0x200] {
        guest.put(zone, NAMES + 0x200);
        guest.put(zone + 0x20, 1000);
    }
    guest.write(NAMES + 0x200, b"DMA32\0");
}

/// Tasks 1 to 3, each a process: a victim and another that wait for an inode's lock, and the holder, who allocates.
pub fn deadlock() -> Guest {
    deadlock_of(&CONTROL)
}

pub fn deadlock_of(age: &Age) -> Guest {
    let mut guest = Guest::new();
    guest.write(BANNER, b"Linux version 6.1.0-x (somebody) #1\n\0");
    guest.write(INIT_TASK + 0x68, b"swapper/0\0");
    put_zones(&mut guest);
    let numbers = [1, 2, 3];
    let links: Vec<u64> = [INIT_TASK].into_iter().chain(numbers.map(task)).map(|task| task + 0x10).collect();
    guest.ring(&links);
    for number in numbers {
        let (task, signal) = (task(number), SIGNALS + number * 0x100);
        guest.put(task + 0x20, (number << 32) | number);
        guest.put(task + 0x28, 0);
        age.put(&mut guest, task, Field::TaskState, if number == 3 { 0 } else { 2 });
        guest.put(task + 0x30, 0);
        guest.put(task + 0x38, stack(number));
        guest.put(task + 0x48, MM + number * 0x100);
        guest.put(task + 0x50, signal);
        guest.write(task + 0x68, [&b"victim\0"[..], b"waiter\0", b"holder\0"][number as usize - 1]);
        guest.ring(&[signal + 0x10, task + 0x58]);
        guest.ring(&[task + 0xa0]);
        guest.put(signal + 0x20, 0);
        guest.put(task + 0x80, 0);
        guest.put(signal + 0x28, 0);
        guest.put(task + 0x78, 7);
        guest.put(MM + number * 0x100 + 0x10, 0);
        guest.put(stack(number) + 0x10, 0);
    }
    // The first is an OOM victim, to which SIGKILL was sent.
    put_victim(age, &mut guest, 1);
    guest.put(SIGNALS + 0x100 + 0x28, 1 << 8);
    put_lock(age, &mut guest, &[1, 2]);
    let frames = put_stack_of(age, &mut guest, 3, age.allocates());
    // In the frame of try_to_free_pages: 32 pages, order 0, priority 0, GFP_NOFS.
    let holder = age.allocates().iter().position(|function| *function == "try_to_free_pages").unwrap();
    let scan = frames[holder + 1] + 0x10;
    guest.put(scan, 32);
    guest.put(scan + 0x18, 0);
    guest.put(scan + 0x20, age.nofs());
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

/// The lock, its holder, and those who wait for it.
pub fn put_lock(age: &Age, guest: &mut Guest, waiting: &[u64]) {
    let lock = age.lock(INODE);
    let mut waiters = Vec::new();
    for &number in waiting {
        let frames = put_stack_of(age, guest, number, age.waits());
        // In the frame of the function that waits, which has the lock, too.
        let frame = frames[age.waiter_in() + 1];
        guest.put(frame + 8, lock);
        guest.put(frame + 0x18 + 0x10, task(number));
        waiters.push(frame + 0x18);
    }
    if age.version < (7, 0) {
        guest.ring(&[&[lock + 0x10], &waiters[..]].concat());
    } else {
        // Without a head: the lock has the first of them.
        guest.put(lock + 0x10, waiters[0]);
        guest.ring(&waiters);
    }
    guest.put(lock + 8, age.owner(task(3)));
}

pub fn look(guest: &Guest) -> Picture {
    look_at(&CONTROL, guest)
}

pub fn look_at(age: &Age, guest: &Guest) -> Picture {
    let symbols = fixture::symbols();
    let kernel = guest.kernel(&symbols, &age.layout);
    picture::take(&kernel, &Code::new(&kernel), &[])
}

/// Looks at the deadlock after changes to its memory, five bytes each: the place of a byte, and its new value; or, from the upper half of
/// places on, the place of a word, and of which structure it has the address then. Whatever they are, a look comes to its end.
pub fn survive(changes: &[u8]) -> Picture {
    survive_of(&CONTROL, changes)
}

pub fn survive_of(age: &Age, changes: &[u8]) -> Picture {
    let targets = [task(1), task(2) + 0x10, task(3) + 0x58, LOCK, LOCK + 0x10, stack(1), SUPER, DENTRY + 0x40, NODE, 0];
    let mut guest = deadlock_of(age);
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
    let picture = look_at(age, &guest);
    if let Round::Closed(cycle) = Graph::new(&picture).round(&picture) {
        let _ = (cycle.identity(&picture), cycle.steps(&picture));
    }
    let _ = chain(&picture).map(|chain| chain.told(&picture));
    picture
}
