//! Streams that once had a wrong verdict, or none: each a hole that is shut.
//! Lives here: releases under silence, kills that nobody told, hosts that took no notice.
//! May not live here: rules that have a file of their own.

use super::{KILL, pressed, reason, rules};
use crate::event::{Answer, Counters, FailingDisk, Kind, NOT_PRESSED, Phase, Reason, Rules};
use crate::run::sim::{Mood, Sim};
use crate::scenario::Outcome;
use crate::verdict::End;
use serde_json::{Value, json};

/// Everything but the beat falls silent.
const SILENT: [&str; 3] = ["fault", "spawn", "file:data"];

#[test]
fn who_fell_silent_a_moment_ago_is_not_released() {
    let mut sim = pressed();
    sim.kills(KILL).until(Phase::Lift);
    // Two have answered in this phase and hang then; the third's round was a long one and ends.
    sim.mood.silent = vec!["file:data"];
    sim.seconds(1);
    sim.mood.silent = SILENT.to_vec();
    sim.seconds(4);
    sim.mood.silent = vec!["fault", "spawn"];
    sim.seconds(4);
    assert_eq!(sim.phase, Some(Phase::Lift), "released while two are silent");
    sim.mood.silent = SILENT.to_vec();
    sim.mood.work = 0;
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Hung));
}

#[test]
fn a_short_verify_releases_nobody_who_is_silent() {
    let mut sim = Sim::new(Rules { verify_ms: 5_000, ..rules() }).boots();
    sim.until(Phase::Pressure).kills(KILL).until(Phase::Lift);
    sim.mood = Mood { silent: SILENT.to_vec(), work: 0, ..Mood::default() };
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Hung));
}

#[test]
fn who_fell_silent_in_verify_has_not_come_through() {
    let mut sim = pressed();
    sim.kills(KILL).until(Phase::Verify);
    sim.mood.silent = vec!["file:data"];
    sim.seconds(3);
    sim.mood.silent = vec!["fault", "spawn"];
    sim.seconds(3);
    assert!(!sim.finished, "two answers of a moment ago");
    sim.mood.silent = SILENT.to_vec();
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Hung));
}

#[test]
fn errors_are_answers_before_release_and_failures_after() {
    let mut sim = pressed();
    sim.until(Phase::Lift);
    sim.mood.answer = Answer::Errno(12);
    sim.until(Phase::Verify);
    assert_eq!(reason(&sim.finish().end), Reason::ProbeFailing);
}

#[test]
fn one_that_is_always_late_is_thrashing() {
    let mut sim = pressed();
    sim.until(Phase::Lift);
    for n in 0..200 {
        // Each is silent for 4 s of 5, one after the other: never all of them answer.
        let late = SILENT[n % 3];
        sim.mood.silent = SILENT.into_iter().filter(|probe| *probe != late).collect();
        sim.seconds(2);
        if sim.finished {
            break;
        }
    }
    let verdict = sim.finish();
    assert_eq!((reason(&verdict.end), verdict.stalls.len()), (Reason::StillThrashing, 0));
}

#[test]
fn a_kill_that_only_the_kernel_counts_is_not_recovered() {
    let counted = |counts: [Option<u64>; 2]| {
        let mut sim = Sim::new(rules()).boots();
        let counters = |oom_kill| Kind::Counters(Counters { oom_kill, allocstall: Some(0), ..Counters::default() });
        sim.emit(counters(counts[0]));
        sim.until(Phase::Pressure).seconds(5);
        sim.mood.allocstall = 100;
        sim.kills("Memory cgroup out of memory: Killed process 78 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB");
        sim.kills("** 3 printk messages dropped **").emit(counters(counts[1]));
        sim.finish().end
    };
    assert_eq!(counted([Some(2), Some(3)]), End::Outcome(Outcome::Recovered), "the one of the cgroup was told");
    assert_eq!(reason(&counted([Some(2), Some(4)])), Reason::KillsLost);
    assert_eq!(reason(&counted([None, None])), Reason::KillsLost, "before 4.13 nobody counts them");
}

#[test]
fn a_guest_that_nobody_had_pressed_does_not_panic() {
    let mut sim = Sim::new(rules()).boots();
    sim.until(Phase::Settle).kills("Kernel panic - not syncing: Fatal exception");
    assert_eq!(reason(&sim.finish().end), Reason::NotSettled);
    let mut sim = Sim::new(rules()).boots();
    sim.until(Phase::Settle);
    sim.emit(Kind::Qmp { event: "SHUTDOWN".into(), data: json!({"guest": true, "reason": "guest-reset"}) });
    assert_eq!(reason(&sim.finish().end), Reason::NotSettled, "a system that restarts once after its first boot");
}

#[test]
fn a_workload_that_never_started_was_not_got_over() {
    let mut sim = Sim::new(Rules { pressure_ms: 20_000, ..rules() }).boots();
    (sim.mood.obeys, sim.mood.work) = (false, 0);
    sim.until(Phase::Pressure).seconds(5);
    sim.mood.allocstall = 1;
    sim.until(Phase::Lift);
    sim.mood.obeys = true;
    assert_eq!(reason(&sim.finish().end), Reason::WorkloadFailed);
}

#[test]
fn a_qemu_that_does_not_answer_is_no_hung_kernel() {
    let ends = |told: Vec<Kind>| {
        let mut sim = pressed();
        sim.seconds(5);
        sim.mood = Mood { silent: SILENT.to_vec(), work: 0, ..Mood::default() };
        sim.seconds(30);
        told.into_iter().for_each(|kind| sim.emit(kind));
        sim.finish().end
    };
    let failed = || Kind::Qmp { event: NOT_PRESSED.into(), data: Value::Null };
    assert_eq!(reason(&ends(vec![failed()])), Reason::QemuMute);
    let heard = Kind::Qmp { event: "NIC_RX_FILTER_CHANGED".into(), data: Value::Null };
    assert_eq!(ends(vec![failed(), heard]), End::Outcome(Outcome::Hung), "it has been heard of since");
    assert_eq!(ends(vec![failed(), Kind::Sysrq { key: 'm' }]), End::Outcome(Outcome::Hung));
}

#[test]
fn only_the_errors_that_a_fault_asks_for_are_excused() {
    let fails = FailingDisk { disk: "data".into(), read: false, write: true, no_space: false };
    let ends = |fails: Option<FailingDisk>, disk: &str, nospace: bool| {
        let mut sim = pressed();
        sim.seconds(3);
        sim.emit(Kind::Fault { fault: "x".into(), active: true, fails: fails.clone() });
        let data = json!({"disk": disk, "operation": "write", "nospace": nospace});
        sim.emit(Kind::Qmp { event: "BLOCK_IO_ERROR".into(), data });
        sim.emit(Kind::Fault { fault: "x".into(), active: false, fails });
        sim.finish().end
    };
    assert_eq!(ends(Some(fails.clone()), "data", false), End::Outcome(Outcome::Recovered));
    for (fails, disk, nospace) in
        [(Some(fails.clone()), "root", false), (Some(fails), "data", true), (None, "data", false)]
    {
        assert_eq!(reason(&ends(fails, disk, nospace)), Reason::HostIoError, "{disk} {nospace}");
    }
}

#[test]
fn logins_change_nothing() {
    let ended = |logins: bool| {
        let mut sim = pressed();
        sim.seconds(5);
        sim.mood = Mood { silent: SILENT.to_vec(), work: 0, ..Mood::default() };
        for n in 0..60 {
            // Memory goes to and fro by 1.5 MB: it crawls.
            sim.mood.free_kb = if n % 6 < 3 { 20_000 } else { 21_500 };
            sim.seconds(1);
            if logins {
                let (probe, result) = (oomph_wire::words::source::LOGIN.to_owned(), Answer::Errno(110));
                sim.emit(Kind::ProbeEnd { probe, n, result });
            }
        }
        sim.mood.silent.clear();
        let verdict = sim.finish();
        (verdict.end, verdict.stalls[0].movements)
    };
    assert_eq!(ended(true), ended(false));
    assert!(ended(true).1 > 5);
}
