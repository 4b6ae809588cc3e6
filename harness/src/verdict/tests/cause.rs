//! Why a guest hangs, as the fold finds it: from which events, and only of a guest that does.
//! Lives here: what goes into the search for a mechanism, and when it ends.
//! May not live here: the rules of the mechanisms (`diagnose::tests`).

use super::{KILL, freeze, pressed};
use crate::diagnose::Wait;
use crate::scenario::{Mechanism, Outcome};
use crate::verdict::End;

/// What a guest prints whose victim waits for a lock that a looping task holds.
fn deadlocked() -> Vec<(char, String)> {
    let task = |state, pid, flags, frames: &[&str]| {
        let frames: String = frames.iter().map(|name| format!("  {name}+0x1/0x2\n")).collect();
        format!(
            "task:hog             state:{state} stack:0     pid:{pid:<5} ppid:50     flags:0x{flags:08x}\nCall Trace:\n{frames}"
        )
    };
    let victim = task("D", 77, 6, &["schedule", "rwsem_down_write_slowpath", "xfs_ilock"]);
    let holder =
        task("D", 78, 2, &["schedule", "schedule_timeout", "__alloc_pages_slowpath", "__alloc_pages", "xfs_x"]);
    let dump = |what| format!("sysrq: {what}\n{victim}{holder}");
    vec![('w', dump("Show Blocked State")), ('t', dump("Show State"))]
}

#[test]
fn a_hang_is_explained_by_what_was_seen_before_the_first_escape() {
    let mut sim = pressed();
    sim.seconds(8).kills(KILL);
    freeze(&mut sim);
    sim.mood.prints = deadlocked();
    sim.mood
        .prints
        .push(('f', "oom_reaper: reaped process 77 (hog), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB".into()));
    let verdict = sim.finish();
    assert_eq!(verdict.mechanism, Some(Mechanism::OomDeadlock));
    let texts: Vec<&str> = verdict.evidence.iter().map(|piece| piece.text.as_str()).collect();
    let hung = texts.iter().position(|text| text.starts_with("hung: ")).unwrap();
    assert!(
        texts[hung + 1].starts_with("oom-deadlock: hog (77) was chosen by the OOM killer 69.0 s before and has"),
        "{texts:#?}"
    );
    assert_eq!(
        verdict.waits.iter().map(Wait::sentence).collect::<Vec<_>>(),
        [
            "1 task in __alloc_pages_slowpath ← xfs_x (allocator): hog (78), D, for 60.0 s, seen 2 of 2",
            "1 task in rwsem_down_write_slowpath ← xfs_ilock (lock): hog (77), D, for 60.0 s, seen 2 of 2",
        ]
    );
}

#[test]
fn what_was_seen_in_an_earlier_stall_is_no_part_of_this_one() {
    let mut sim = pressed();
    sim.mood.prints = deadlocked();
    sim.seconds(3).mood.silent = vec!["fault"];
    sim.seconds(15).mood.silent.clear();
    sim.seconds(5);
    freeze(&mut sim);
    let verdict = sim.finish();
    assert_eq!(verdict.stalls.len(), 2);
    let told: Vec<(u32, u32, u64)> = verdict
        .waits
        .iter()
        .flat_map(|wait| &wait.tasks)
        .map(|task| (task.seen, task.of, (task.last_ms - task.first_ms) / 1000))
        .collect();
    assert_eq!(told, [(2, 2, 60), (2, 2, 60)]);
}

#[test]
fn only_a_hang_has_a_mechanism() {
    let mut sim = pressed();
    sim.mood.prints = deadlocked();
    sim.seconds(8).kills(KILL);
    sim.mood.silent = vec!["fault"];
    sim.seconds(15);
    sim.mood.silent.clear();
    let verdict = sim.finish();
    assert_eq!((verdict.end, verdict.mechanism), (End::Outcome(Outcome::OomKilled), None));
    assert!(verdict.waits.is_empty());

    let mut sim = pressed();
    freeze(&mut sim);
    assert_eq!(sim.finish().mechanism, Some(Mechanism::Unknown), "no stack was seen");
}
