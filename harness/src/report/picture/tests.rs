//! Pictures of recorded runs and of made-up ones, as they are drawn.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Phase, read_events};
use crate::timeline::{MAX_SAMPLES, Mark, Marked, Sample, Span, Spanned, Timeline};
use proptest::prelude::*;
use std::path::Path;

fn recorded(name: &str) -> Timeline {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus").join(name).with_extension("jsonl");
    let text = std::fs::read_to_string(path).unwrap();
    Timeline::of(&read_events(text.split_once('\n').unwrap().1.as_bytes()).unwrap())
}

const CORPUS: [&str; 10] = [
    "hung-io-stall",
    "hung-isolation-throttle",
    "hung-no-fs-livelock",
    "hung-oom-deadlock",
    "hung-unknown",
    "inconclusive-workload-failed",
    "oom-killed",
    "oom-killed-after-stalls",
    "panicked",
    "recovered-after-30s",
];

/// The worst that a timeline can be to its drawer: no two samples alike, and names that mean harm.
fn worst(seed: u64) -> Timeline {
    let mut state = seed;
    let mut next = |most: u64| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % most
    };
    let evil = "\x1b[31m<script>alert(1)</script>]]>\n::error::\u{202e}\" onload='x'&";
    let samples = (0..MAX_SAMPLES as u64).map(|n| Sample {
        at_s: n as f64,
        free_kib: next(200_000),
        file_kib: next(200_000),
        anon_kib: next(200_000),
        swap_free_kib: next(200_000),
        work: n * 1000 + next(900),
        mem_some: Some(next(100) as f64 / 100.0),
        mem_full: Some(next(100) as f64 / 100.0),
        io_full: Some(next(100) as f64 / 100.0),
    });
    let mut timeline = Timeline { length_s: 240.0, samples: samples.collect(), ..Timeline::default() };
    timeline.phases = vec![(Phase::Boot, 0.0), (Phase::Settle, 6.0), (Phase::Pressure, 11.0), (Phase::Lift, 200.0)];
    for n in 0..2_000 {
        let at_s = next(240_000) as f64 / 1000.0;
        let what = [Marked::Kill, Marked::Sysrq, Marked::Workload, Marked::Panic][n % 4];
        timeline.marks.push(Mark { what, name: format!("{evil}{n}"), at_s });
        let what = [Spanned::Stall, Spanned::Fault][n % 2];
        let name = format!("{}{evil}", n % 40);
        timeline.spans.push(Span { what, name, from_s: at_s, to_s: (at_s + next(3) as f64).min(240.0) });
    }
    timeline
}

#[test]
fn a_hang_reads_in_80_columns() {
    insta::assert_snapshot!(timeline_text(&recorded("hung-oom-deadlock"), 80));
}

#[test]
fn stalls_that_ended_read_in_80_columns() {
    insta::assert_snapshot!(timeline_text(&recorded("oom-killed-after-stalls"), 80));
}

#[test]
fn a_panic_reads_in_60_columns() {
    insta::assert_snapshot!(timeline_text(&recorded("panicked"), 10));
}

#[test]
fn a_hang_in_words() {
    insta::assert_snapshot!(in_words(&recorded("hung-oom-deadlock")));
}

#[test]
fn a_hang_as_svg() {
    insta::assert_snapshot!(
        timeline_svg(&recorded("hung-oom-deadlock"), "a <title>", Form::Inline).replace('>', ">\n")
    );
}

#[test]
fn no_line_of_text_is_wider_than_asked_or_obeyed_by_a_terminal() {
    for width in [0, 60, 80, 133, 500] {
        for timeline in CORPUS.map(recorded).into_iter().chain([worst(1), Timeline::default()]) {
            let text = timeline_text(&timeline, width);
            for line in text.lines() {
                assert!(line.chars().count() <= width.clamp(60, 160), "{width}: {line}");
                assert!(!line.chars().any(char::is_control) && !line.contains('\u{202e}'), "{line:?}");
            }
        }
    }
}

#[test]
fn svg_is_small_and_what_guests_wrote_is_text() {
    for (name, timeline) in CORPUS.map(|name| (name, recorded(name))).into_iter().chain([("worst", worst(2))]) {
        let inline = timeline_svg(&timeline, "<script>", Form::Inline);
        let most = if name == "worst" { 16_000 } else { 6_000 };
        assert!(inline.len() < most, "{name}: {}", inline.len());
        let whole = timeline_svg(&timeline, "<script>", Form::Standalone);
        for text in [&inline, &whole] {
            assert!(!text.contains("<script") && !text.contains("]]>") && !text.contains('\x1b'), "{name}");
            assert!(!text.contains(" onload='") && !text.contains("NaN") && !text.contains("inf"), "{name}");
            let (opened, closed) = (text.matches("<text").count(), text.matches("</text>").count());
            assert_eq!(opened, closed);
        }
        assert!(
            whole.starts_with("<svg xmlns=") && whole.contains("prefers-color-scheme") && !inline.contains("<style")
        );
    }
}

#[test]
fn a_run_without_heartbeats_is_drawn_too() {
    let timeline = Timeline { length_s: 120.0, phases: vec![(Phase::Boot, 0.0)], ..Timeline::default() };
    assert!(timeline_svg(&timeline, "t", Form::Inline).contains(">no heartbeat</text>"));
    assert_eq!(timeline_text(&timeline, 80).lines().count(), 2);
    assert_eq!(in_words(&timeline), "A run of 120 s of the guest's time. The guest's heart never beat.");
}

#[test]
fn numbers_are_short() {
    use super::scene::number;
    let cases = [
        (0.0, "0"),
        (0.04, "0"),
        (0.35, "0.3"),
        (9.94, "9.9"),
        (9.96, "10"),
        (999.4, "999"),
        (999.6, "1.0k"),
        (12_345.0, "12k"),
        (999_600.0, "1.0M"),
        (3.4e7, "34M"),
        (2e9, "2.0G"),
        (1e19, "1e19"),
    ];
    for (value, text) in cases {
        assert_eq!(number(value), text, "{value}");
    }
}

#[test]
fn a_curve_keeps_its_spikes_and_ends_when_it_is_simplified() {
    use super::curve::{path, simplified};
    let mut line: Vec<(i64, i64)> = (0..500).map(|x| (x, 100)).collect();
    line[250].1 = 3;
    assert_eq!(simplified(&line, 80), [(0, 100), (249, 100), (250, 3), (251, 100), (499, 100)]);
    let noise: Vec<(i64, i64)> = (0..500).map(|x| (x, x * 7919 % 101)).collect();
    let few = simplified(&noise, 80);
    assert!(few.len() <= 80 && few.first() == noise.first() && few.last() == noise.last());
    assert_eq!(path(&[vec![(5, 5), (6, 4), (4, 4)], vec![(9, 9)]]), "M5 5l1-1-2 0M9 9h1");
}

proptest! {
    #[test]
    fn whatever_a_timeline_says_it_can_be_drawn(
        length_s in prop::num::f64::ANY,
        times in prop::collection::vec(prop::num::f64::ANY, 0..6),
        kib in any::<u64>(),
        share in prop::option::of(prop::num::f64::ANY),
    ) {
        let mut timeline = Timeline { length_s, ..Timeline::default() };
        for at_s in times {
            let sample = Sample { at_s, free_kib: kib, work: kib, mem_full: share, ..Sample::default() };
            timeline.samples.push(sample);
            timeline.phases.push((Phase::Lift, at_s));
            timeline.marks.push(Mark { what: Marked::Kill, name: "x".into(), at_s });
            timeline.spans.push(Span { what: Spanned::Stall, name: "p".into(), from_s: at_s, to_s: length_s });
        }
        prop_assert!(timeline_svg(&timeline, "t", Form::Standalone).ends_with("</svg>"));
        prop_assert!(timeline_text(&timeline, 80).lines().all(|line| line.chars().count() <= 80));
    }
}
