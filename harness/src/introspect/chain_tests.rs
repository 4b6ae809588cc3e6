//! Chains of pictures made by hand.
//! Lives here: the three kinds of lockup, and what breaks each.
//! May not live here: reading memory (`tests`, `disks_tests`).
#![allow(clippy::unwrap_used)]

use super::chain::chain;
use super::disks::Disk;
use super::locks::{Holder, Lock, LockKind};
use super::picture::{Picture, Seen};
use super::request::Request;
use super::tasks::Task;
use crate::diagnose::{Frame, Kind, Place};
use crate::event::{Chain, sentence};

/// With `__GFP_FS`, and with neither that nor `__GFP_IO`.
const KERNEL: Option<Request> = Some(Request { gfp: 0xcc0, order: 0 });
const NOIO: Option<Request> = Some(Request { gfp: 0xc00, order: 0 });

fn seen(pid: u32, comm: &str, kind: Kind, function: &str) -> Seen {
    let task = Task { address: u64::from(pid) << 12, pid, tgid: pid, comm: comm.into(), state: 'D', ..Task::default() };
    Seen {
        task,
        frames: vec![Frame { function: function.into(), module: None, reliable: true }],
        how: super::stack::How::Orc,
        place: Place { kind, function: function.into(), caller: None, in_allocator: false, exiting: false },
        lock: None,
        disk: None,
        serves: None,
        isolates: false,
        flushes: false,
        request: None,
        whole: true,
        call: None,
        idle_ns: 0,
    }
}

fn disk(name: &str, swap: bool) -> Disk {
    Disk { name: name.into(), swap, address: name.len() as u64, ..Disk::default() }
}

/// kswapd and two allocators wait for a loop device, whose worker allocates without `__GFP_IO`.
fn livelock() -> Picture {
    let waits = |pid, comm: &str, in_allocator| {
        let seen = seen(pid, comm, Kind::Io, "blk_mq_get_tag");
        let request = if in_allocator { KERNEL } else { None };
        Seen { disk: Some(0), request, place: Place { in_allocator, ..seen.place.clone() }, ..seen }
    };
    let worker = Seen {
        serves: Some(0),
        request: NOIO,
        call: Some(7),
        ..seen(9, "kworker/u4:1", Kind::Allocator, "__alloc_pages_slowpath")
    };
    Picture {
        tasks: vec![waits(28, "kswapd0", false), waits(61, "hog", true), worker, waits(62, "hog", true)],
        whole: true,
        disks: vec![disk("loop0", true), disk("vda", false)],
        ..Picture::default()
    }
}

fn told(picture: &Picture) -> Option<(bool, String)> {
    chain(picture).map(|chain| (chain.closed, sentence(&chain.told(picture).steps)))
}

#[test]
fn a_worker_that_allocates_for_those_who_reclaim_closes_it() {
    let text = "kswapd0[28] and 2 more (in blk_mq_get_tag) wait for loop0 ← served by kworker/u4:1[9], in __alloc_pages_slowpath \
                (order 0, no __GFP_IO) ← waits for memory that kswapd0[28] and 2 more would free";
    assert_eq!(told(&livelock()), Some((true, text.into())));
}

#[test]
fn it_is_not_closed_where_one_of_those_who_reclaim_is_not_held_up() {
    let mut picture = livelock();
    // It may call the OOM killer.
    picture.tasks.push(Seen { request: KERNEL, ..seen(70, "init", Kind::Allocator, "__alloc_pages_slowpath") });
    let (closed, text) = told(&picture).unwrap();
    assert!(!closed && text.starts_with("kswapd0[28] and 2 more"), "{text}");
    // A second worker of the device does something.
    let mut picture = livelock();
    picture.tasks.push(Seen { serves: Some(0), ..seen(10, "kworker/u4:2", Kind::Running, "loop_workfn") });
    assert!(!told(&picture).unwrap().0);
}

#[test]
fn a_disk_of_the_machine_ends_it() {
    let mut picture = livelock();
    picture.tasks.retain(|seen| seen.serves.is_none());
    let text = "kswapd0[28] and 2 more (in blk_mq_get_tag) wait for loop0";
    assert_eq!(told(&picture), Some((false, text.into())));
}

#[test]
fn the_throttle_leads_to_those_who_have_isolated_pages() {
    let throttled = |pid| Seen { request: KERNEL, ..seen(pid, "hog", Kind::Isolation, "shrink_lruvec") };
    let isolates = |pid| {
        let seen = seen(pid, "holder", Kind::Io, "mempool_alloc");
        let place = Place { in_allocator: true, ..seen.place.clone() };
        Seen { disk: Some(1), isolates: true, request: KERNEL, place, ..seen }
    };
    // More wait for the disk than in the throttle: those are not the last in line.
    let tasks = vec![throttled(5), isolates(6), isolates(7), throttled(8), isolates(9)];
    let picture = Picture { tasks, disks: livelock().disks, ..Picture::default() };
    let text = "hog[5] and 1 more (in shrink_lruvec (order 0)) wait for fewer isolated pages ← isolated by holder[6] and 2 more, in \
                mempool_alloc (in reclaim for an allocation) (order 0) wait for vda";
    assert_eq!(told(&picture), Some((false, text.into())));
}

/// As in a run of `swap-over-loop` on 6.1 with `nofs-may-oom` (`hung-io-stall-writeback` in the corpus): the flusher reclaims for a buffer.
#[test]
fn the_throttle_of_writing_leads_to_the_flusher() {
    let waits = |pid, comm: &str| Seen { disk: Some(0), ..seen(pid, comm, Kind::Io, "blk_mq_get_tag") };
    let flusher = Seen { flushes: true, request: NOIO, ..waits(79, "kworker/u4:3") };
    let worker = Seen { serves: Some(0), disk: Some(1), ..seen(26, "kworker/u4:1", Kind::Io, "balance_dirty_pages") };
    let tasks = vec![waits(27, "kswapd0"), flusher, worker];
    let mut picture = Picture { tasks, disks: livelock().disks, ..Picture::default() };
    let text = "kswapd0[27] (in blk_mq_get_tag) waits for loop0 ← served by kworker/u4:1[26], in balance_dirty_pages waits for fewer \
                dirty pages ← written out by kworker/u4:3[79], in blk_mq_get_tag (order 0, no __GFP_IO) waits for loop0";
    assert_eq!(told(&picture), Some((true, text.into())));
    // A second flusher gets on.
    picture.tasks.push(Seen { flushes: true, ..seen(80, "kworker/u4:5", Kind::Running, "wb_workfn") });
    assert!(!told(&picture).unwrap().0);
    // None is at work: what is left is the disk.
    picture.tasks.retain(|seen| !seen.flushes);
    let (closed, text) = told(&picture).unwrap();
    assert!(!closed && text.ends_with("in balance_dirty_pages waits for vda"), "{text}");
}

#[test]
fn who_reclaims_for_a_cgroup_brings_no_memory() {
    let mut picture = livelock();
    let seen = seen(70, "member", Kind::Allocator, "try_charge_memcg");
    let inner = Frame { function: "try_to_free_mem_cgroup_pages".into(), module: None, reliable: true };
    picture.tasks.push(Seen { frames: [vec![inner], seen.frames.clone()].concat(), ..seen });
    assert!(told(&picture).unwrap().0, "it does not open what the others are in");
    picture.tasks[4].frames.remove(0);
    assert!(!told(&picture).unwrap().0);
}

#[test]
fn a_pending_victim_is_who_memory_waits_for() {
    let mut picture = livelock();
    let lock =
        Lock { address: 1, kind: LockKind::Rwsem, holder: Holder::Task(9 << 12), waiters: vec![80 << 12], named: None };
    picture.locks.push(lock);
    picture.tasks.push(Seen { lock: Some(0), ..seen(80, "victim", Kind::Lock, "down_write") });
    let victim = super::oom::Victim { mm: 1, tgid: 80, comm: "victim".into(), tasks: vec![4], skip: false };
    picture.victims.push(victim);
    let (closed, text) = told(&picture).unwrap();
    assert!(
        closed && text.starts_with("victim[80] (in down_write) waits for rw_semaphore at 0x1 ← held by kworker"),
        "{text}"
    );
    // Given up, it counts no more.
    picture.victims[0].skip = true;
    assert!(told(&picture).unwrap().1.starts_with("kswapd0[28]"));
}

#[test]
fn where_nobody_who_reclaims_waits_there_is_none() {
    assert_eq!(told(&Picture::default()), None);
    let mut picture = livelock();
    picture.tasks.retain(|seen| seen.disk.is_none());
    assert_eq!(told(&picture), None);
}

#[test]
fn it_is_the_same_chain_whoever_else_joins_and_another_when_the_worker_gets_on() {
    let identity = |picture: &Picture| -> String {
        let Chain { identity, .. } = chain(picture).unwrap().told(picture);
        identity
    };
    let first = identity(&livelock());
    let mut picture = livelock();
    picture.tasks.remove(1);
    assert_eq!(identity(&picture), first);
    let mut picture = livelock();
    picture.tasks[2].call = Some(8);
    assert_ne!(identity(&picture), first);
}
