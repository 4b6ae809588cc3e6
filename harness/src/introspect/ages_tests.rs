//! The same deadlock in kernels from 3.10 on: found by the table of names, or an honest loss where that kernel does not tell.
//! Lives here: what is seen in each age, and what each age's own rules make of it.
//! May not live here: what a kernel's age is (`ages`), or how the deadlock is made (`deadlock`).
//!
//! No kernel before 4.18 has types in its image, and none can be built where these tests run: what only a booted one would show stays
//! open. That is what compilers made of it: which functions are inlined, and whether there are frame pointers.
#![allow(clippy::unwrap_used)]

use super::ages::{About, Age, Version};
use super::deadlock::{
    INODE, MM, NAMES, SIGNALS, ZONE, deadlock_of, look_at, put_lock, put_stack_of, put_victim, stack, survive_of, task,
};
use super::fixture::{CPU_COUNT, CPU_OFFSETS, Guest, NODE, within};
use super::graph::{Cycle, Graph, Round};
use super::locks::Holder;
use super::picture::Picture;
use super::stack::How;
use crate::event::sentence;
use proptest::prelude::*;
use std::sync::LazyLock;

const INODES: [Version; 9] = [(3, 10), (3, 16), (4, 4), (4, 7), (4, 8), (4, 9), (4, 14), (6, 1), (7, 0)];
const CONTENTS: [Version; 3] = [(3, 16), (4, 4), (4, 9)];

static AGES: LazyLock<Vec<Age>> = LazyLock::new(|| {
    let inodes = INODES.map(|version| Age::new(version, About::Inode));
    inodes.into_iter().chain(CONTENTS.map(|version| Age::new(version, About::XfsContent))).collect()
});

fn ages() -> impl Iterator<Item = &'static Age> {
    AGES.iter()
}

/// Ages in which a victim is a thread that is marked.
fn marking() -> impl Iterator<Item = &'static Age> {
    ages().filter(|age| age.version < (4, 9))
}

fn round(picture: &Picture) -> Round {
    Graph::new(picture).round(picture)
}

fn cycle(picture: &Picture) -> Option<Cycle> {
    match round(picture) {
        Round::Closed(cycle) => Some(cycle),
        Round::Open | Round::Unsure => None,
    }
}

/// A guest of each of `ages` after a change, with what is seen of it.
fn each<'a>(
    ages: impl Iterator<Item = &'a Age>,
    change: impl Fn(&Age, &mut Guest),
) -> impl Iterator<Item = (Version, Picture)> {
    ages.map(move |age| {
        let mut guest = deadlock_of(age);
        change(age, &mut guest);
        (age.version, look_at(age, &guest))
    })
}

#[test]
fn the_same_cycle_is_found_in_all_ages() {
    for age in ages() {
        let picture = look_at(age, &deadlock_of(age));
        let lock = match age.about {
            About::XfsContent => "XFS's i_iolock",
            About::Inode if age.version < (4, 7) => "i_mutex",
            About::Inode => "i_rwsem",
        };
        let way = match age.version {
            version if version < (4, 8) => "__alloc_pages_nodemask from xfs_vm_write_begin",
            version if version < (5, 12) => "__alloc_pages_slowpath from xfs_file_buffered_aio_write",
            _ => "__alloc_pages_slowpath from xfs_file_buffered_write",
        };
        let found = cycle(&picture).unwrap_or_else(|| panic!("{:?} {:?}: {picture:?}", age.version, age.about));
        assert_eq!(
            sentence(&found.steps(&picture)),
            format!(
                "victim[1] (OOM victim) waits for {lock} of vdb:/f0 (inode 131) ← held by holder[3], in {way} (order 0, no \
                 __GFP_FS) ← waits for memory that victim[1] would free"
            ),
            "{:?}",
            age.version
        );
        assert!(found.identity(&picture).is_some(), "{:?}: it can be proven", age.version);
        let states: String = picture.tasks.iter().map(|seen| seen.task.state).collect();
        assert_eq!((states.as_str(), picture.whole, picture.locks.len()), ("DDR", true, 1));
        assert_eq!(picture.locks[0].waiters, [task(1), task(2)]);
        assert!(picture.tasks.iter().all(|seen| seen.how == How::FramePointer && seen.whole), "{:?}", age.version);
        assert_eq!(picture.tasks[0].frames[0].function, "__schedule");
        assert_eq!(picture.memory.zones.len(), 2);
    }
}

#[test]
fn a_semaphore_that_does_not_say_who_has_it_is_an_honest_loss() {
    let age = &Age::new((3, 10), About::XfsContent);
    let picture = look_at(age, &deadlock_of(age));
    let lock = &picture.locks[0];
    assert_eq!((lock.holder, &lock.waiters[..]), (Holder::Unknown, &[task(1), task(2)][..]));
    assert_eq!(super::graph::called(lock), "XFS's i_iolock of vdb:/f0 (inode 131)");
    assert_eq!((picture.victims.len(), round(&picture)), (1, Round::Open));
}

#[test]
fn readers_are_told_from_nobody_as_far_as_the_age_tells() {
    let holder = |version, about, count: u64, owner: u64| {
        let age = &Age::new(version, about);
        let mut guest = deadlock_of(age);
        let lock = age.lock(INODE);
        guest.put(lock, count);
        guest.put(lock + 8, owner);
        let picture = look_at(age, &guest);
        assert_eq!(round(&picture), Round::Open, "{version:?}");
        picture.locks[0].holder
    };
    // Two readers and somebody who waits; nobody and somebody who waits (kernel/locking/rwsem-xadd.c).
    let (readers, nobody) = (0xffff_ffff_0000_0002, 0xffff_ffff_0000_0000);
    for version in [(3, 16), (4, 4)] {
        assert_eq!(holder(version, About::XfsContent, readers, 0), Holder::Readers(None));
        assert_eq!(holder(version, About::XfsContent, nobody, 0), Holder::Nobody);
    }
    for version in [(4, 8), (4, 14)] {
        assert_eq!(holder(version, About::Inode, readers, 1), Holder::Readers(None));
        assert_eq!(holder(version, About::Inode, nobody, 0), Holder::Nobody);
        assert_eq!(holder(version, About::Inode, readers, u64::MAX), Holder::Unknown, "a writer, but not which");
    }
    // Waiters alone (RWSEM_FLAG_WAITERS).
    assert_eq!(holder((6, 1), About::Inode, 2, 0), Holder::Nobody);
    assert_eq!(holder((6, 1), About::Inode, 0x102, task(3) | 3), Holder::Readers(Some(task(3))));
    // What nobody has of a mutex.
    assert_eq!(holder((4, 4), About::Inode, 0, 0), Holder::Nobody);
}

#[test]
fn a_victim_that_was_given_up_or_has_exited_opens_it() {
    // The reaper has been there (MMF_OOM_REAPED, MMF_OOM_SKIP).
    for (version, picture) in each(ages(), |_, guest| guest.put(MM + 0x100 + 0x10, 1 << 21)) {
        assert_eq!((round(&picture), picture.victims[0].skip), (Round::Open, true), "{version:?}");
    }
    // It has exited, and keeps its mark.
    for (version, picture) in each(ages(), |_, guest| guest.write(task(1) + 0x2c, &[32])) {
        assert_eq!((round(&picture), picture.victims.len()), (Round::Open, 0), "{version:?}");
    }
}

#[test]
fn up_to_4_8_the_thread_that_is_marked_must_be_stuck_and_later_any_of_its_process() {
    // A second thread of the victim's process, which waits for the lock; the first gets on.
    let threads = |age: &Age, guest: &mut Guest| {
        guest.put(task(2) + 0x20, 1 << 32 | 2);
        guest.put(task(2) + 0x48, MM + 0x100);
        guest.put(task(2) + 0x50, SIGNALS + 0x100);
        put_stack_of(age, guest, 1, &["schedule", "vfs_write", "SyS_write", "system_call_fastpath"]);
        put_lock(age, guest, &[2]);
    };
    for (version, picture) in each(ages(), threads) {
        let expected = if version < (4, 9) { None } else { Some("waiter[2] (a thread of OOM victim 1)") };
        let told = cycle(&picture).map(|cycle| sentence(&cycle.steps(&picture)));
        assert_eq!(told.as_deref().map(|told| told.split(" waits").next().unwrap()), expected, "{version:?}");
    }
    // Both are marked: that the first gets on is not enough.
    for (version, picture) in each(marking(), |age, guest| {
        threads(age, guest);
        put_victim(age, guest, 2);
    }) {
        assert_eq!((picture.victims.len(), picture.victims[0].tasks.len()), (1, 2), "{version:?}");
        assert!(cycle(&picture).is_some(), "{version:?}");
    }
}

#[test]
fn a_marked_thread_without_memory_is_a_victim_until_it_has_exited() {
    for (version, picture) in each(marking(), |_, guest| guest.put(task(1) + 0x48, 0)) {
        assert_eq!((picture.victims[0].mm, picture.victims[0].tasks.len()), (0, 1), "{version:?}");
        assert!(cycle(&picture).is_some(), "{version:?}");
    }
}

#[test]
fn what_is_at_the_bottom_of_a_stack_says_nothing_from_4_9_on() {
    let change = |age: &Age, guest: &mut Guest| {
        if age.version >= (4, 9) {
            (0..4).for_each(|word| guest.put(stack(2) + 8 * word, u64::MAX));
        }
    };
    for (version, picture) in each(ages(), change) {
        assert_eq!((picture.victims.len(), picture.victims[0].tgid), (1, 1), "{version:?}");
    }
}

#[test]
fn without_frame_pointers_it_is_seen_but_never_the_same() {
    let age = &Age::new((3, 10), About::Inode);
    let mut guest = deadlock_of(age);
    for (number, functions) in [(1, age.waits()), (2, age.waits()), (3, age.allocates())] {
        let frames = put_stack_of(age, &mut guest, number, functions);
        // The register has something else, and return addresses stand behind calls.
        guest.put(frames[0] - 16, 0x1234);
        for (frame, function) in frames[1..].iter().zip(functions) {
            guest.put(frame - 16, 0x1234);
            guest.write(within(function) - 5, &[0xe8]);
        }
    }
    let picture = look_at(age, &guest);
    assert!(picture.tasks.iter().all(|seen| seen.how == How::Scan && !seen.whole));
    let found = cycle(&picture).unwrap();
    assert_eq!(found.identity(&picture), None, "what is left of earlier calls may be among its functions");
    assert!(sentence(&found.steps(&picture)).contains("held by holder[3], in __alloc_pages_nodemask from"));
}

#[test]
fn pages_that_any_zone_writes_out_open_it_where_zones_count_them() {
    let item = |age: &Age| 8 * age.layout.enumerator("NR_WRITEBACK").unwrap();
    let zones = || ages().filter(|age| age.version < (4, 8));
    assert!(zones().next().is_some());
    for (version, picture) in each(zones(), |age, guest| guest.put(ZONE + 0x200 + 0x40 + item(age), 3)) {
        assert_eq!(picture.memory.counter("NR_WRITEBACK").unwrap().folded, 3, "{version:?}");
        assert_eq!(round(&picture), Round::Open, "{version:?}");
    }
    // One that a processor has not yet added.
    for (version, picture) in each(zones(), |age, guest| {
        let per_cpu = NAMES + 0x300;
        guest.put(CPU_OFFSETS, 0x40);
        guest.put(CPU_COUNT, 1);
        guest.put(ZONE + 0x28, per_cpu);
        guest.write(per_cpu + 0x40 + 0x10 + item(age) / 8, &[1]);
    }) {
        assert_eq!(picture.memory.counter("NR_WRITEBACK").unwrap().pending, 1, "{version:?}");
        assert_eq!(round(&picture), Round::Open, "{version:?}");
    }
    // No zone is to be had: nobody knows.
    for (version, picture) in each(zones(), |_, guest| guest.put(NODE + 0x10, 0)) {
        assert_eq!((picture.memory.counter("NR_WRITEBACK"), round(&picture)), (None, Round::Unsure), "{version:?}");
    }
    // Nodes count them: zones have something else there.
    let nodes = ages().filter(|age| age.version >= (4, 8));
    for (version, picture) in each(nodes, |age, guest| guest.put(ZONE + 0x40 + item(age), 3)) {
        assert!(cycle(&picture).is_some(), "{version:?}");
    }
}

#[test]
fn a_request_that_may_enter_filesystems_is_told_from_one_that_may_not() {
    for age in ages() {
        let frames = put_stack_of(age, &mut deadlock_of(age), 3, age.allocates());
        let holder = age.allocates().iter().position(|function| *function == "try_to_free_pages").unwrap();
        let asked = |gfp: u64| {
            let mut guest = deadlock_of(age);
            guest.put(frames[holder + 1] + 0x10 + 0x20, gfp);
            look_at(age, &guest).tasks[2].request.unwrap().to_string()
        };
        // GFP_NOFS, and with __GFP_FS GFP_KERNEL; without __GFP_IO GFP_NOIO.
        let told = [age.nofs(), age.nofs() | 0x80, age.nofs() & !0x40].map(asked);
        assert_eq!(told, ["order 0, no __GFP_FS", "order 0", "order 0, no __GFP_IO"], "{:?}", age.version);
    }
}

#[test]
fn the_reaper_has_a_queue_from_4_6_on() {
    for (version, picture) in each(ages(), |_, guest| guest.put(super::fixture::REAPER_LIST, task(1))) {
        let queue = picture.reaper.map(|reaper| reaper.queue.len());
        assert_eq!(queue, (version >= (4, 6)).then_some(1), "{version:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// Whatever a guest's memory holds, whatever its age: no panic, no endless walk.
    #[test]
    fn torn_memory_of_all_ages_is_survived(which in 0..INODES.len() + CONTENTS.len(), changes in prop::collection::vec(any::<u8>(), 5..500)) {
        let text = crate::report::diagnosis(&survive_of(&AGES[which], &changes), &[], true);
        prop_assert!(text.len() < 1 << 20);
    }
}
