//! From a guest's memory to the cycle in it.
//! Lives here: what is seen of a deadlock, whole, in parts, and torn.
//! May not live here: how its memory is made (`deadlock`, `fixture`).
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::code::Code;
use super::deadlock::{
    ALLOCATES, DENTRY, LOCK, MM, SIGNALS, SUPER, WAITS, ZONE, deadlock, look, put_stack, stack, survive, task,
};
use super::fixture::{self, BANNER, Guest, NODE, within};
use super::graph::{Graph, Round};
use super::locks::Holder;
use super::memory::Registers;
use super::oom::Reaper;
use super::picture::{self, Picture};
use super::request::{Remembered, Request};
use crate::diagnose::Kind;
use crate::event::sentence;
use proptest::prelude::*;

fn closed(picture: &Picture) -> Option<(u64, String)> {
    match Graph::new(picture).round(picture) {
        Round::Closed(cycle) => Some((cycle.identity(picture).unwrap(), sentence(&cycle.steps(picture)))),
        Round::Open | Round::Unsure => None,
    }
}

#[test]
fn the_cycle_is_found_and_said() {
    let picture = look(&deadlock());
    let (_, text) = closed(&picture).unwrap();
    assert_eq!(
        text,
        "victim[1] (OOM victim) waits for i_rwsem of vdb:/f0 (inode 131) ← held by holder[3], in __alloc_pages_slowpath from \
         xfs_file_buffered_write (order 0, no __GFP_FS) ← waits for memory that victim[1] would free"
    );
    assert!(picture.whole && picture.tasks.len() == 3);
    let states: String = picture.tasks.iter().map(|seen| seen.task.state).collect();
    assert_eq!(states, "DDR");
    assert!(picture.tasks[0].task.killed && !picture.tasks[1].task.killed);
    let lock = &picture.locks[0];
    assert_eq!((lock.address, lock.holder), (LOCK, Holder::Task(task(3))));
    assert_eq!(lock.waiters, [task(1), task(2)]);
    assert_eq!(picture.tasks[2].place.kind, Kind::Allocator);
}

#[test]
fn it_is_the_same_while_the_same_call_goes_on() {
    let first = closed(&look(&deadlock())).unwrap().0;
    // What reclaim does meanwhile changes nothing.
    let mut guest = deadlock();
    let frames = put_stack(&mut guest, 3, ALLOCATES);
    guest.put(frames[2] + 0x20, 0x1234);
    guest.put(task(3) + 0x78, 99);
    assert_eq!(closed(&look(&guest)).unwrap().0, first);
    // The caller goes on with its next page: another call.
    guest.put(frames[7] + 0x20, 0x1000);
    assert_ne!(closed(&look(&guest)).unwrap().0, first);
}

#[test]
fn what_a_call_wants_is_remembered_while_it_lasts() {
    let mut requests = Remembered::default();
    let mut wants = |guest: &Guest| {
        let mut picture = look(guest);
        requests.complete(&mut picture.tasks);
        picture.tasks[2].request
    };
    let nofs = Some(Request { gfp: 0x0c40, order: 0 });
    let mut guest = deadlock();
    assert_eq!(wants(&guest), nofs);
    // It comes out of reclaim and looks at the free lists.
    let frames = put_stack(&mut guest, 3, ALLOCATES);
    guest.put(frames[3] + 0x10, 0);
    assert_eq!(look(&guest).tasks[2].request, None);
    assert_eq!((wants(&guest), wants(&guest)), (nofs, nofs));
    // Another call may want anything.
    guest.put(frames[7] + 0x20, 0x1000);
    assert_eq!(wants(&guest), None);
}

#[test]
fn it_is_open_where_anybody_on_the_way_may_go_on() {
    // Another victim may be chosen.
    let mut guest = deadlock();
    guest.put(MM + 0x100 + 0x10, 1 << 21);
    assert_eq!(closed(&look(&guest)), None);
    // Pages are being written out, and come free.
    let mut guest = deadlock();
    let item = fixture::layout().enumerator("NR_WRITEBACK").unwrap();
    guest.put(NODE + 0x40 + 8 * item, 3);
    assert_eq!(closed(&look(&guest)), None);
    // No victim at all.
    let mut guest = deadlock();
    guest.put(SIGNALS + 0x100 + 0x20, 0);
    assert_eq!(closed(&look(&guest)), None);
    // The lock was given back.
    let mut guest = deadlock();
    guest.put(LOCK + 8, 0);
    assert_eq!(closed(&look(&guest)), None);
    // Readers hold it: the last of them need not be the one that is waited for.
    let mut guest = deadlock();
    guest.put(LOCK + 8, task(3) | 1);
    assert_eq!(look(&guest).locks[0].holder, Holder::Readers(Some(task(3))));
    assert_eq!(closed(&look(&guest)), None);
    // The holder sleeps somewhere else.
    let mut guest = deadlock();
    put_stack(
        &mut guest,
        3,
        &["schedule", "vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"],
    );
    assert_eq!(closed(&look(&guest)), None);
}

#[test]
fn a_second_victim_that_is_not_stuck_opens_it() {
    let mut guest = deadlock();
    guest.put(SIGNALS + 0x200 + 0x20, MM + 0x200);
    assert!(closed(&look(&guest)).is_some(), "it waits for the same lock");
    put_stack(
        &mut guest,
        2,
        &["schedule", "vfs_write", "ksys_write", "do_syscall_64", "entry_SYSCALL_64_after_hwframe"],
    );
    assert_eq!(closed(&look(&guest)), None);
}

#[test]
fn what_the_oom_reaper_has_before_it_is_read() {
    let mut guest = deadlock();
    assert_eq!(look(&guest).reaper, None, "its list is not there");
    guest.put(fixture::REAPER_LIST, 0);
    let numbers = |guest: &Guest| {
        let Reaper { queue, later } = look(guest).reaper.unwrap();
        [queue, later].map(|tasks| tasks.iter().map(|queued| queued.pid).collect::<Vec<_>>())
    };
    assert_eq!(numbers(&guest), [Vec::<u32>::new(), Vec::new()]);
    guest.put(fixture::REAPER_LIST, task(2));
    guest.put(task(2) + 0x88, task(1));
    guest.put(task(3) + 0x90, NODE);
    assert_eq!(numbers(&guest), [vec![2, 1], vec![3]]);
    let text = crate::report::diagnosis(&look(&guest), &[], false);
    assert!(text.contains("OOM reaper: 2 tasks in its queue: "), "{text}");
    // It goes round, or leads nowhere.
    guest.put(task(1) + 0x88, task(2));
    assert_eq!(numbers(&guest)[0], [2, 1]);
    guest.put(task(1) + 0x88, task(40));
    assert_eq!(numbers(&guest)[0], [2, 1]);
}

#[test]
fn a_holder_on_a_processor_is_seen_by_its_registers_or_not_at_all() {
    let mut guest = deadlock();
    guest.put(task(3) + 0x30, 1 << 32);
    let picture = look(&guest);
    assert_eq!(Graph::new(&picture).round(&picture), Round::Unsure);
    let frames = put_stack(&mut guest, 3, ALLOCATES);
    let registers = Registers {
        rip: within("shrink_node"),
        rsp: frames[1] + 8,
        rbp: frames[3] - 16,
        cs: 0x10,
        ..Registers::default()
    };
    let (symbols, layout) = (fixture::symbols(), fixture::layout());
    let kernel = guest.kernel(&symbols, &layout);
    let picture = picture::take(&kernel, &Code::new(&kernel), &[registers]);
    assert_eq!(closed(&picture).unwrap().0, closed(&look(&deadlock())).unwrap().0);
}

#[test]
fn a_call_that_does_not_come_back_is_its_callers() {
    let mut guest = deadlock();
    // It is the last instruction of vfs_write, and the address behind it the first of ksys_write.
    let frames = put_stack(&mut guest, 1, WAITS);
    let behind = within("vfs_write") & !0xff;
    guest.put(frames[5] - 8, behind + 0x100);
    let functions =
        |picture: &Picture| picture.tasks[0].frames.iter().map(|frame| frame.function.clone()).collect::<Vec<_>>();
    assert_eq!(functions(&look(&guest)), functions(&look(&deadlock())));
}

#[test]
fn a_list_that_goes_round_without_its_head_ends() {
    let mut guest = deadlock();
    // The third leads back to the second.
    guest.put(task(3) + 0x10, task(2) + 0x10);
    let picture = look(&guest);
    assert!(!picture.whole);
    assert_eq!(picture.tasks.len(), 3);
}

#[test]
fn the_kernel_is_found_by_its_banner_wherever_it_lies() {
    let symbols = fixture::symbols();
    let guest = deadlock();
    assert_eq!(guest.anchor(&symbols).unwrap().slide, 0);
    assert_eq!(guest.anchor(&symbols.clone().shifted(-0x1e0_0000)).unwrap().slide, 0x1e0_0000);
    let mut other = deadlock();
    other.write(BANNER, b"Linux version 6.2.0");
    assert!(
        matches!(other.anchor(&symbols), Err(super::NotFound::Other(text)) if text.starts_with("Linux version 6.2.0"))
    );
    assert_eq!(Guest::new().anchor(&symbols), Err(super::NotFound::NoBanner));
}

#[test]
fn counters_of_any_size_are_survived() {
    let mut guest = deadlock();
    for at in [NODE + 0x40, ZONE + 0x40] {
        (0..32).for_each(|item| guest.put(at + 8 * item, i64::MAX as u64));
    }
    for zone in [ZONE, ZONE + 0x200] {
        (0..3).for_each(|mark| guest.put(zone + 8 + 8 * mark, u64::MAX));
    }
    let picture = look(&guest);
    assert_eq!(picture.memory.free_and_min(), (i64::MAX, u64::MAX));
    let event = crate::run::lens::as_event(&picture);
    assert_eq!((event.min_kb, event.isolated_kb), (u64::MAX, u64::MAX), "no more can be said");
    let text = crate::report::diagnosis(&picture, &[], false);
    assert!(text.contains("Memory: 9223372036854775807 kB free, min watermarks 18446744073709551615 kB"), "{text}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever a guest's memory holds: no panic, no endless walk.
    #[test]
    fn torn_memory_is_survived(changes in prop::collection::vec(any::<u8>(), 5..500)) {
        let text = crate::report::diagnosis(&survive(&changes), &[], true);
        prop_assert!(text.len() < 1 << 20);
    }

    /// A pointer anywhere may lead to any structure.
    #[test]
    fn crossed_pointers_are_survived(changes in prop::collection::vec((0u64..3, 0u64..0x80, 0usize..8), 1..40)) {
        let targets = [task(1), task(2) + 0x10, task(3) + 0x58, LOCK, LOCK + 0x10, stack(1), SUPER, DENTRY + 0x40];
        let mut guest = deadlock();
        for (number, field, target) in changes {
            guest.put(task(number + 1) + field * 8, targets[target]);
        }
        let picture = look(&guest);
        let _ = Graph::new(&picture).round(&picture);
        let _ = super::chain::chain(&picture);
    }
}
