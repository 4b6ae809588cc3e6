//! The fold over made-up guests. Recorded ones are in `tests/corpus.rs`.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Beat, Counters, Event, Exit, Kind, Rules, Tick};
use crate::run::sim::Sim;
use proptest::prelude::*;
use std::collections::BTreeSet;

const KILL: &str = "Out of memory: Killed process 77 (hog) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:1kB oom_score_adj:0";

fn spans(timeline: &Timeline, what: Spanned) -> Vec<(&str, f64, f64)> {
    let of = timeline.spans.iter().filter(|span| span.what == what);
    of.map(|span| (span.name.as_str(), span.from_s, span.to_s)).collect()
}

fn marks(timeline: &Timeline, what: Marked) -> Vec<&str> {
    timeline.marks.iter().filter(|mark| mark.what == what).map(|mark| mark.name.as_str()).collect()
}

#[test]
fn a_hang_shows_its_kill_its_silent_probes_and_what_was_tried() {
    let mut sim = Sim::new(Rules { frozen_for_ms: 60_000, ..Rules::default() }).boots();
    sim.until(Phase::Pressure).seconds(8).kills(KILL);
    sim.mood.silent = vec!["fault", "spawn"];
    sim.mood.work = 0;
    sim.mood.healed_by = Some("release");
    let verdict = sim.finish();
    let timeline = Timeline::of(&sim.events);
    assert_eq!(timeline.length_s, verdict.fair_ms as f64 / 1000.0);
    assert_eq!(marks(&timeline, Marked::Kill), ["hog (77)"]);
    let stalls = spans(&timeline, Spanned::Stall);
    assert_eq!(stalls.iter().map(|stall| stall.0).collect::<Vec<_>>(), ["fault", "spawn"]);
    let judged = &verdict.stalls[0];
    for (_, from, to) in stalls {
        assert_eq!(from, judged.since_ms as f64 / 1000.0, "the verdict's own time");
        assert!(to < timeline.length_s, "the release ended it");
    }
    assert!(marks(&timeline, Marked::Sysrq).contains(&"SysRq-f"));
    assert_eq!(marks(&timeline, Marked::Workload), ["workload killed"]);
    let order: Vec<Phase> = timeline.phases.iter().map(|(phase, _)| *phase).collect();
    assert_eq!(order, verdict.phases.iter().map(|time| time.phase).collect::<Vec<_>>());
}

#[test]
fn a_stall_that_does_not_end_lasts_until_the_runs_end() {
    let mut sim = Sim::new(Rules::default()).boots();
    sim.until(Phase::Pressure).seconds(3);
    sim.mood.silent = vec!["file:data"];
    sim.finish();
    let timeline = Timeline::of(&sim.events);
    let (name, _, to) = spans(&timeline, Spanned::Stall)[0];
    assert_eq!((name, to), ("file:data", timeline.length_s));
}

#[test]
fn silence_before_pressure_or_shorter_than_a_stall_is_none() {
    let mut sim = Sim::new(Rules::default()).boots();
    sim.until(Phase::Settle);
    sim.mood.silent = vec!["spawn"];
    sim.seconds(15);
    sim.mood.silent = vec![];
    sim.until(Phase::Pressure).seconds(5);
    sim.mood.silent = vec!["spawn"];
    sim.seconds(8);
    sim.mood.silent = vec![];
    sim.finish();
    assert_eq!(spans(&Timeline::of(&sim.events), Spanned::Stall), []);
}

#[test]
fn kills_that_do_not_count_say_so() {
    let mut sim = Sim::new(Rules::default()).boots();
    sim.until(Phase::Settle).kills(KILL);
    sim.until(Phase::Pressure).kills(&KILL.replace("77 (hog)", "78 (hog)"));
    sim.finish();
    assert_eq!(marks(&Timeline::of(&sim.events), Marked::Kill), ["hog (77), not counted", "hog (78)"]);
}

fn event(ms: u64, kind: Kind) -> Event {
    Event { seq: 0, host_ns: ms * 1_000_000, guest_ns: Some(ms * 1_000_000), kind }
}

#[test]
fn faults_are_paired_by_name_and_may_last_to_the_end() {
    let fault = |ms, name: &str, active| event(ms, Kind::Fault { fault: name.into(), active, fails: None });
    let mut events: Vec<Event> = (0..=40).map(|n| event(n * 250, Kind::Tick(Tick::default()))).collect();
    events.insert(9, fault(2_000, "a", true));
    events.insert(14, fault(3_000, "b", true));
    events.insert(23, fault(5_000, "a", false));
    assert_eq!(spans(&Timeline::of(&events), Spanned::Fault), [("a", 2.0, 5.0), ("b", 3.0, 10.0)]);
}

#[test]
fn the_share_of_waiting_is_by_the_guests_clock_and_only_where_there_are_news() {
    let waited = |ms, us| event(ms, Kind::Counters(Counters { mem_some_us: Some(us), ..Counters::default() }));
    let beat = |ms| event(ms, Kind::Beat(Beat::default()));
    let events = [
        waited(900, 100),
        beat(1_000),
        waited(1_900, 250_100),
        beat(2_000),
        beat(3_000),
        waited(3_900, 250_100),
        beat(4_000),
        waited(4_000, 9_000_000),
        beat(5_000),
    ];
    let shares: Vec<_> = Timeline::of(&events).samples.iter().map(|sample| sample.mem_some).collect();
    assert_eq!(shares, [None, Some(0.25), None, Some(0.0), Some(1.0)]);
}

#[test]
fn a_long_run_is_thinned_evenly_and_keeps_its_last_sample() {
    let run = |beats: u64| {
        let events: Vec<Event> = (0..beats)
            .flat_map(|n| {
                let tick = event(n * 1_000, Kind::Tick(Tick::default()));
                [tick, event(n * 1_000, Kind::Beat(Beat { n, work: n, ..Beat::default() }))]
            })
            .collect();
        Timeline::of(&events).samples
    };
    assert_eq!(run(240).len(), 240);
    for beats in [241, 480, 481, 5_000, 20_001] {
        let samples = run(beats);
        assert!((MAX_SAMPLES / 2 - 1..=MAX_SAMPLES).contains(&samples.len()), "{beats}: {}", samples.len());
        assert_eq!(samples.last().unwrap().work, beats - 1);
        let steps: BTreeSet<u64> = samples.windows(2).map(|two| two[1].work - two[0].work).collect();
        let usual = samples[1].work - samples[0].work;
        assert!(steps.iter().filter(|&&step| step != usual).count() <= 1, "{beats}: {steps:?}");
    }
}

fn any_kind() -> impl Strategy<Value = Kind> {
    let phases = [Phase::Boot, Phase::Settle, Phase::Pressure, Phase::Lift, Phase::Escapes, Phase::Collect];
    prop_oneof![
        (0..400_000_000_u64).prop_map(|stopped_ns| Kind::Tick(Tick { stopped_ns, ..Tick::default() })),
        (0..6_usize).prop_map(move |at| Kind::Phase { phase: phases[at] }),
        any::<u64>().prop_map(|work| Kind::Beat(Beat { work, free_kb: work, ..Beat::default() })),
        any::<Option<u64>>().prop_map(|us| Kind::Counters(Counters { mem_full_us: us, ..Counters::default() })),
        any::<bool>().prop_map(|active| Kind::Fault { fault: "f".into(), active, fails: None }),
        any::<bool>().prop_map(|active| Kind::Capture { active }),
        any::<bool>().prop_map(|main| Kind::WorkloadExit { pid: 1, main, exit: Exit::Code(0), errno: 0 }),
        Just(Kind::Console { line: format!("[    1.000000] {KILL}") }),
        Just(Kind::Sysrq { key: 't' }),
        Just(Kind::ProbeBegin { probe: "fault".into(), n: 1 }),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_all_lies_within_the_run(steps in prop::collection::vec((0..2_000_u64, any_kind()), 0..300)) {
        let plan = crate::event::Plan {
            schema: 1,
            scenario: "x".into(),
            required: vec!["beat".into(), "fault".into()],
            rules: Rules { stall_after_ms: 500, ..Rules::default() },
            ..crate::event::Plan::default()
        };
        let mut fold = Fold::default();
        fold.observe(&event(0, Kind::Plan(plan)));
        let mut ms = 0;
        for (step, kind) in steps {
            ms += step;
            fold.observe(&event(ms, kind));
        }
        let timeline = fold.finish();
        let inside = |at: f64| (0.0..=timeline.length_s).contains(&at);
        prop_assert!(timeline.spans.iter().all(|span| span.from_s <= span.to_s && inside(span.from_s) && inside(span.to_s)));
        prop_assert!(timeline.marks.iter().all(|mark| inside(mark.at_s)));
        prop_assert!(timeline.samples.windows(2).all(|two| two[0].at_s <= two[1].at_s));
        let shares = timeline.samples.iter().flat_map(|sample| [sample.mem_some, sample.mem_full, sample.io_full]);
        prop_assert!(shares.flatten().all(|share| (0.0..=1.0).contains(&share)));
    }
}
