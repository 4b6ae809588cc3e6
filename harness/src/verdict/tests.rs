//! Each rule of a verdict, on streams of events from a guest that exists only as events.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{End, Role};
use crate::event::{Answer, Counters, Exit, Kind, Phase, Reason, Rules, Tick};
use crate::run::sim::{Mood, REQUIRED, Sim};
use crate::scenario::{Fault, FaultAction, Outcome};
use proptest::prelude::*;

mod cause;
mod clocks;
mod holes;
mod proof;

const KILL: &str = "Out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, \
                    UID:0 pgtables:1kB oom_score_adj:0";

/// A hang after a minute: the numbers below are of that time.
fn rules() -> Rules {
    Rules { frozen_for_ms: 60_000, ..Rules::default() }
}

fn pressed() -> Sim {
    let mut sim = Sim::new(rules()).boots();
    sim.until(Phase::Pressure);
    sim.mood.allocstall = 100;
    sim
}

fn reason(end: &End) -> Reason {
    match end {
        End::Inconclusive { reason, .. } => *reason,
        End::Outcome(outcome) => panic!("{outcome:?}"),
    }
}

/// Nothing answers but the beat, and nothing moves.
fn freeze(sim: &mut Sim) {
    sim.mood.silent = vec!["fault", "spawn", "file:data"];
    sim.mood.work = 0;
}

// --- the four outcomes ------------------------------------------------------------------------------------------------

#[test]
fn pressure_without_a_kill_is_recovered() {
    let verdict = pressed().finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Recovered));
    let phases: Vec<Phase> = verdict.phases.iter().map(|time| time.phase).collect();
    assert_eq!(
        phases,
        [Phase::Boot, Phase::Settle, Phase::Pressure, Phase::Lift, Phase::Release, Phase::Verify, Phase::Collect]
    );
    assert!(verdict.phases[2].fair_ms >= 60_000);
}

#[test]
fn a_kill_under_pressure_is_oom_killed() {
    let mut sim = pressed();
    sim.seconds(8).kills(KILL);
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::OomKilled));
    let first = verdict.first_kill_ms.unwrap();
    assert!((8_000..9_000).contains(&first), "{first}");
    assert_eq!((verdict.kills[0].victim.as_str(), verdict.kills[0].role), ("hog", Role::Workload));
}

#[test]
fn silence_without_movement_is_hung_with_the_workload_in_place() {
    let mut sim = pressed();
    sim.seconds(8).kills(KILL);
    freeze(&mut sim);
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Hung));
    let phases: Vec<Phase> = verdict.phases.iter().map(|time| time.phase).collect();
    assert!(!phases.contains(&Phase::Release) && phases.contains(&Phase::Escapes), "{phases:?}");
    let waited = verdict.stalls[0].longest_frozen_ms;
    assert!((60_000..62_000).contains(&waited), "{waited}");
    assert_eq!(sim.keys, ['w', 'l', 'm', 't', 'l', 'm', 'l', 'f', 'i'], "evidence before escapes, mildest first");
}

#[test]
fn a_dead_init_and_a_lost_filesystem_are_named_whatever_else_was_said() {
    let mut sim = pressed();
    for pid in 1000..1200 {
        sim.kills(&KILL.replace("77", &pid.to_string()));
    }
    for _ in 0..3 {
        sim.kills("EXT4-fs error (device vda): ext4_journal_check_start:83: comm hog: Detected aborted journal");
    }
    sim.kills("EXT4-fs (vda): Remounting filesystem read-only");
    sim.kills("XFS (vdb): Filesystem has been shut down due to log error (0x2).");
    sim.kills("BTRFS info (device vdc state EA): forced readonly");
    sim.kills("Kernel panic - not syncing: Attempted to kill init! exitcode=0x00000007");
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Panicked));
    for text in [
        "EXT4-fs on vda reports an error",
        "EXT4-fs on vda has gone read-only",
        "XFS on vdb has shut down",
        "BTRFS on vdc has gone read-only",
        "init was killed by signal 7 (SIGBUS: a page of its own could not be had)",
    ] {
        let said = verdict.evidence.iter().filter(|piece| piece.text == text).count();
        assert_eq!(said, 1, "{text}: {:#?}", verdict.evidence);
    }
}

#[test]
fn a_panic_is_panicked_from_pressure_on_and_no_boot_before() {
    let mut sim = pressed();
    sim.seconds(3).kills("Kernel panic - not syncing: System is deadlocked on memory");
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Panicked));

    let mut sim = Sim::new(rules());
    sim.seconds(3).kills("Kernel panic - not syncing: VFS: Unable to mount root fs on unknown-block(0,0)");
    assert_eq!(reason(&sim.finish().end), Reason::NoBoot);

    let mut sim = pressed();
    let reset = serde_json::json!({"guest": true, "reason": "guest-reset"});
    sim.emit(Kind::Qmp { event: "SHUTDOWN".into(), data: reset });
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Panicked));
}

// --- hung, and what is not hung ---------------------------------------------------------------------------------------

#[test]
fn each_required_probe_alone_can_stall() {
    for probe in REQUIRED {
        let mut sim = pressed();
        sim.mood.silent = vec![probe];
        sim.mood.work = 0;
        assert_eq!(sim.finish().end, End::Outcome(Outcome::Hung), "{probe}");
    }
}

#[test]
fn a_hang_that_begins_just_before_release_is_still_hung() {
    let mut sim = pressed();
    sim.seconds(57);
    freeze(&mut sim);
    sim.mood.healed_by = Some("release");
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Hung));
    assert_eq!(verdict.ended_by(), Some("release"), "release heals, and that is only recorded");
}

#[test]
fn every_kind_of_movement_restarts_the_window() {
    type Move = fn(&mut Sim, u64);
    let moves: [(&str, Move); 4] = [
        ("kill", |sim, _| {
            sim.kills(KILL);
        }),
        ("work", |sim, round| sim.mood.work = round % 2),
        ("memory", |sim, round| sim.mood.free_kb = 20_000 + 300 * round),
        ("exit", |sim, round| {
            sim.emit(Kind::WorkloadExit { pid: round, main: false, exit: Exit::Signal(9), errno: 0 });
        }),
    ];
    for (name, step) in moves {
        let mut sim = pressed();
        freeze(&mut sim);
        for round in 1..5 {
            sim.seconds(50);
            step(&mut sim, round);
        }
        sim.seconds(20);
        assert!(!sim.finished, "{name}: moves every 50 s");
        sim.mood = Mood::default();
        let verdict = sim.finish();
        assert!(verdict.outcome().is_some_and(|outcome| outcome != Outcome::Hung), "{name}: {:?}", verdict.end);
        assert!((45_000..60_000).contains(&verdict.longest_frozen_ms), "{name}: {}", verdict.longest_frozen_ms);
    }
}

#[test]
fn what_is_no_movement_does_not_keep_a_hang_open() {
    let mut sim = pressed();
    freeze(&mut sim);
    sim.mood.allocstall = 13_000;
    sim.seconds(30);
    sim.mood.free_kb += 72;
    sim.emit(Kind::ProbeEnd { probe: "fault".into(), n: 1, result: Answer::Ok });
    sim.kills("Memory cgroup out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB");
    let verdict = sim.finish();
    assert_eq!((verdict.end, verdict.stalls[0].movements), (End::Outcome(Outcome::Hung), 0));
}

#[test]
fn a_stall_that_ends_by_itself_is_not_hung() {
    let mut sim = pressed();
    freeze(&mut sim);
    sim.seconds(65);
    sim.mood = Mood::default();
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Recovered));
    // 65 s less three SysRq dumps of 2 s each.
    assert!((58_000..62_000).contains(&verdict.max_stall_ms), "{}", verdict.max_stall_ms);
}

#[test]
fn a_stall_that_moves_past_the_bound_is_still_thrashing() {
    let mut sim = pressed();
    sim.mood.silent = vec!["spawn"];
    sim.mood.work = 5;
    let verdict = sim.finish();
    assert_eq!(reason(&verdict.end), Reason::StillThrashing);
    let pressure = verdict.phases.iter().find(|time| time.phase == Phase::Pressure).unwrap().fair_ms;
    let lift = verdict.phases.iter().find(|time| time.phase == Phase::Lift).unwrap().fair_ms;
    assert!(pressure + lift >= 300_000, "the workload was kept: {pressure} + {lift}");
}

#[test]
fn nothing_is_hung_while_the_host_holds_it() {
    let throttle = FaultAction::Throttle { disk: "data".into(), iops: Some(1), bps: None };
    let faults = [Fault { at_ms: 1_000, until_ms: None, action: throttle }];
    let rules = Rules { pressure_ms: 120_000, ..rules() };
    let mut sim = Sim::with_faults(rules, &faults).boots();
    sim.until(Phase::Pressure);
    sim.mood.allocstall = 1;
    sim.seconds(2);
    freeze(&mut sim);
    sim.until(Phase::Lift).seconds(50);
    assert!(!sim.finished, "the window begins when the fault is lifted");
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Hung));
}

#[test]
fn a_stall_after_release_is_judged_like_any_other() {
    let mut sim = pressed();
    sim.until(Phase::Verify);
    freeze(&mut sim);
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Hung));
}

#[test]
fn time_that_the_guest_did_not_have_does_not_count() {
    const QUARTER: u64 = 250_000_000;
    let losses = [
        Tick { stopped_ns: QUARTER, ..Tick::default() },
        Tick { wait_ns: QUARTER, ..Tick::default() },
        Tick { steal_ns: QUARTER, ..Tick::default() },
    ];
    for loss in losses {
        let mut sim = pressed();
        sim.seconds(10);
        sim.mood.tick = loss.clone();
        sim.mood.silent = REQUIRED.to_vec();
        sim.seconds(300);
        sim.mood = Mood { allocstall: 1, ..Mood::default() };
        let verdict = sim.finish();
        assert_eq!((verdict.end, verdict.stalls.len()), (End::Outcome(Outcome::Recovered), 0), "{loss:?}");
    }
}

#[test]
fn a_starved_host_ends_in_wall_time() {
    let mut sim = pressed();
    sim.mood.tick = Tick { wait_ns: 250_000_000, ..Tick::default() };
    assert_eq!(reason(&sim.finish().end), Reason::HostStarved);
}

// --- escapes ----------------------------------------------------------------------------------------------------------

#[test]
fn who_ended_a_hang_is_recorded() {
    for healer in ["sysrq-f", "release", "sysrq-i"] {
        let mut sim = pressed();
        freeze(&mut sim);
        sim.mood.healed_by = Some(healer);
        let verdict = sim.finish();
        assert_eq!((verdict.outcome(), verdict.ended_by()), (Some(Outcome::Hung), Some(healer)));
    }
    let mut sim = pressed();
    freeze(&mut sim);
    sim.mood.obeys = false;
    let verdict = sim.finish();
    assert_eq!((verdict.ended_by(), verdict.escapes.len()), (None, 3));
}

#[test]
fn each_escape_says_what_it_changed_and_how_fast() {
    let mut sim = pressed();
    freeze(&mut sim);
    sim.mood.prints = vec![('f', format!("sysrq: Manual OOM execution\n{KILL}"))];
    sim.mood.healed_by = Some("release");
    let verdict = sim.finish();
    let [by_key, release] = verdict.escapes.as_slice() else { panic!("{:#?}", verdict.escapes) };
    assert_eq!((by_key.action.as_str(), by_key.helped(), by_key.kills, by_key.freed_kb), ("sysrq-f", false, 1, 0));
    assert_eq!(by_key.came_back, [], "the beat answers all along and so does not come back");
    assert_eq!((release.action.as_str(), release.helped(), release.kills), ("release", true, 0));
    assert_eq!(release.freed_kb, 50_000);
    assert!(release.at_ms >= by_key.at_ms + 15_000, "{} {}", by_key.at_ms, release.at_ms);
    let back: Vec<&str> = release.came_back.iter().map(|one| one.probe.as_str()).collect();
    assert_eq!(back, ["fault", "spawn", "file:data"]);
    assert!(release.came_back.iter().all(|one| one.after_ms <= 1_250), "{:?}", release.came_back);
    assert!(release.answered_after_ms.unwrap() >= release.came_back[2].after_ms);
}

// --- kills ------------------------------------------------------------------------------------------------------------

#[test]
fn kills_outside_pressure_in_a_cgroup_or_by_us_do_not_count() {
    let mut sim = Sim::new(rules()).boots();
    sim.seconds(2).kills(KILL);
    sim.until(Phase::Pressure);
    sim.mood.allocstall = 1;
    sim.kills("Memory cgroup out of memory: Killed process 78 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB");
    sim.kills("sysrq: Manual OOM execution").kills(KILL);
    sim.until(Phase::Verify).kills(KILL);
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Recovered), "{:?}", verdict.kills);
    assert_eq!(verdict.kills.len(), 4);

    let mut sim = Sim::new(Rules { memcg: true, ..rules() }).boots();
    sim.until(Phase::Pressure);
    sim.kills("Memory cgroup out of memory: Killed process 78 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB");
    assert_eq!(sim.finish().end, End::Outcome(Outcome::OomKilled));
}

#[test]
fn a_killed_probe_spoils_the_run() {
    let mut sim = pressed();
    sim.kills("Out of memory: Killed process 11 (init) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB");
    assert_eq!(reason(&sim.finish().end), Reason::ProbeKilled);

    let mut sim = pressed();
    sim.emit(Kind::ProbeDied { probe: "fault".into(), exit: Exit::Signal(9) });
    assert_eq!(reason(&sim.finish().end), Reason::ProbeKilled);
}

// --- inconclusive -----------------------------------------------------------------------------------------------------

#[test]
fn recovered_needs_pressure() {
    let mut sim = Sim::new(rules()).boots();
    assert_eq!(reason(&sim.finish().end), Reason::NoPressure);

    let mut sim = Sim::new(rules()).boots();
    sim.until(Phase::Pressure).seconds(5);
    sim.mood.free_kb = 3_999;
    assert_eq!(sim.finish().end, End::Outcome(Outcome::Recovered), "under twice the min watermark of 2000 kB");

    let mut sim = Sim::new(rules()).boots();
    sim.seconds(2);
    sim.emit(Kind::Counters(Counters { allocstall: Some(900), ..Counters::default() }));
    assert_eq!(reason(&sim.finish().end), Reason::NoPressure, "reclaim before the start is none of the workload's");
}

#[test]
fn a_workload_that_fails_is_no_good_kernel() {
    let mut sim = pressed();
    sim.seconds(2);
    sim.emit(Kind::WorkloadExit { pid: 50, main: true, exit: Exit::Code(3), errno: 28 });
    let verdict = sim.finish();
    let End::Inconclusive { reason, detail } = verdict.end else { panic!() };
    assert_eq!(reason, Reason::WorkloadFailed);
    assert!(detail.contains("No space left on device"), "{detail}");

    let mut sim = pressed();
    sim.emit(Kind::GuestFailed { what: "workload exec /work/x".into(), errno: 2 });
    assert_eq!(self::reason(&sim.finish().end), Reason::WorkloadFailed);
}

#[test]
fn a_workload_that_the_oom_killer_ended_has_not_failed() {
    let mut sim = pressed();
    sim.seconds(2);
    sim.emit(Kind::WorkloadExit { pid: 50, main: true, exit: Exit::Signal(9), errno: 0 });
    sim.kills(&KILL.replace("77", "50"));
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::OomKilled));
    assert!(verdict.phases[2].fair_ms < 10_000, "nothing presses any more");
}

#[test]
fn a_probe_that_only_errs_is_failing() {
    let mut sim = pressed();
    sim.seconds(5);
    sim.mood.answer = Answer::Errno(5);
    assert_eq!(reason(&sim.finish().end), Reason::ProbeFailing);
}

#[test]
fn deadlines_of_boot_and_settle() {
    let verdict = Sim::new(rules()).finish();
    assert_eq!(reason(&verdict.end), Reason::NoBoot);
    assert_eq!(verdict.fair_ms, 120_000 - 250 + 250);

    let mut sim = Sim::new(rules()).boots();
    sim.mood.silent = vec!["file:data"];
    assert_eq!(reason(&sim.finish().end), Reason::NotSettled);
}

#[test]
fn what_the_host_spoils_is_inconclusive() {
    let died = Kind::QemuExit { asked: false, exit: Exit::Signal(9), stderr: String::new() };
    let stopped = Kind::HostError { reason: Reason::QemuStopped, detail: "STOP".into() };
    let io = Kind::Qmp { event: "BLOCK_IO_ERROR".into(), data: serde_json::Value::Null };
    let proto = Kind::Hello { proto: 99, kernel: "x".into(), version: String::new(), cpus: 1, mem_kb: 1 };
    let adj = Kind::Probe { probe: "fault".into(), pid: 9, adj: 0 };
    let not_ours = Kind::WorkloadStarted { pid: 50, adj: -1000 };
    for (kind, expected) in [
        (died, Reason::QemuDied),
        (stopped, Reason::QemuStopped),
        (io, Reason::HostIoError),
        (Kind::Cancelled, Reason::Cancelled),
        (proto, Reason::ProtocolError),
        (adj, Reason::SetupFailed),
        (not_ours, Reason::SetupFailed),
    ] {
        let mut sim = pressed();
        sim.seconds(3);
        sim.emit(kind.clone());
        assert_eq!(reason(&sim.finish().end), expected, "{kind:?}");
    }
}

#[test]
fn an_agent_that_does_not_obey_is_a_protocol_error() {
    let mut sim = pressed();
    sim.until(Phase::Lift);
    sim.mood.obeys = false;
    assert_eq!(reason(&sim.finish().end), Reason::ProtocolError);
}

// --- totality ---------------------------------------------------------------------------------------------------------

fn any_kind() -> impl Strategy<Value = Kind> {
    let probe = prop::sample::select(vec!["beat", "fault", "spawn", "file:data", "login"]).prop_map(str::to_owned);
    let answer = prop::sample::select(vec![Answer::Ok, Answer::Errno(12), Answer::Signal(9), Answer::Code(1)]);
    let line = prop::sample::select(vec![
        KILL,
        "Kernel panic - not syncing: x",
        "sysrq: Show Blocked State",
        "INFO: task x:1 blocked for more than 120 seconds.",
        "noise",
    ]);
    let millis = 0u64..400;
    let qmp = prop::sample::select(vec!["STOP", "RESUME", "GUEST_PANICKED", "SHUTDOWN", "BLOCK_IO_ERROR", "NEW"]);
    prop_oneof![
        8 => millis.prop_map(|ms| Kind::Tick(Tick { wait_ns: ms * 1_000_000, ..Tick::default() })),
        4 => (any::<u64>(), any::<u64>()).prop_map(|(n, free_kb)| {
            Kind::Beat(crate::event::Beat { n, free_kb, ..Default::default() })
        }),
        4 => (probe.clone(), any::<u64>()).prop_map(|(probe, n)| Kind::ProbeBegin { probe, n }),
        4 => (probe.clone(), any::<u64>(), answer)
            .prop_map(|(probe, n, result)| Kind::ProbeEnd { probe, n, result }),
        1 => probe.prop_map(|probe| Kind::ProbeDied { probe, exit: Exit::Signal(9) }),
        2 => line.prop_map(|line| Kind::Console { line: format!("[    1.000000] {line}") }),
        1 => any::<u64>().prop_map(|n| Kind::Counters(Counters { allocstall: Some(n), ..Default::default() })),
        1 => any::<bool>().prop_map(|main| Kind::WorkloadExit { pid: 5, main, exit: Exit::Code(1), errno: -7 }),
        1 => any::<bool>().prop_map(|active| Kind::Fault { fault: "x".into(), active, fails: None }),
        1 => qmp.prop_map(|event| Kind::Qmp { event: event.into(), data: serde_json::Value::Null }),
        1 => Just(Kind::Released { by: "timer".into() }),
        1 => Just(Kind::Ack { command: "start".into() }),
        1 => Just(Kind::QemuExit { asked: false, exit: Exit::Code(1), stderr: "x".into() }),
        1 => Just(Kind::Cancelled),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// Every stream ends in exactly one end: the run always finishes, whatever is seen, and the end never changes.
    #[test]
    fn every_stream_has_exactly_one_end(kinds in prop::collection::vec((any_kind(), 0u64..3), 0..120), boots in any::<bool>()) {
        let rules = Rules { wall_ms: 900_000, ..rules() };
        let mut sim = Sim::new(rules);
        if boots {
            sim = sim.boots();
        }
        for (kind, seconds) in kinds {
            sim.emit(kind);
            sim.seconds(seconds);
        }
        let events = sim.events.clone();
        let first = super::judge(&events).end;
        let last = sim.finish().end;
        let open = |end: &End| matches!(end, End::Inconclusive { reason: Reason::Truncated, .. });
        prop_assert!(!open(&last), "a finished run has an end");
        prop_assert!(open(&first) || first == last, "an end that was reached has changed");
    }
}
