//! The page of a run that hung, and of one that means harm.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::event::{Reason, Rules, read_events};
use crate::results::{KillJson, sample};
use crate::run::sim::Sim;
use crate::verdict::judge;

fn shown(run: RunJson, names: &[&str]) -> Shown {
    let files = names.iter().zip(1..).map(|(name, n)| FileInfo { name: (*name).into(), bytes: n * n * n * 4_000 });
    Shown { run: RunJson { result: Some("results/s/it's".into()), ..run }, files: files.collect(), command: None }
}

fn lines(from: u64, texts: &[&str]) -> Vec<ConsoleLine> {
    (from..).zip(texts).map(|(number, text)| ConsoleLine { number, text: (*text).into() }).collect()
}

#[test]
fn a_hang_reads_from_its_verdict_to_what_to_do_next() {
    let text = include_str!("../../../tests/corpus/hung-oom-deadlock.jsonl");
    let events = read_events(text.split_once('\n').unwrap().1.as_bytes()).unwrap();
    let run = RunJson {
        kernel: "debian-6.1".into(),
        ..RunJson::of_verdict("xfs-inode-mutex", &judge(&events), sample().started)
    };
    let files = [
        "command.txt",
        "console.log",
        "core/",
        "events.jsonl",
        "kept/",
        "run.json",
        "scenario.yaml",
        "stacks.txt",
        "x",
    ];
    let console = LastWords {
        matter: lines(
            812,
            &["[   21.734112] Out of memory: Killed process 71 (xfs-inode-mutex) total-vm:131072kB, anon-rss:9000kB"],
        ),
        mattering: 1,
        last: lines(4_000, &["never shown"]),
    };
    let (shown, timeline) = (shown(run, &files), Timeline::of(&events));
    let text = page(&Page { shown: &shown, timeline: Some(&timeline), console: Some(&console) }, None);
    insta::assert_snapshot!(anstream::adapter::strip_str(&text).to_string());
    let below = text.split_once("  phase       ").unwrap().1;
    for line in below.lines().filter(|line| !line.contains("oomph ") && !line.contains("less ")) {
        assert!(line.chars().count() <= 80, "{line}");
    }
}

#[test]
fn what_guests_wrote_is_obeyed_by_no_terminal_and_ends_no_line() {
    let evil = "x\x1b[2J\x1b]0;y\x07\r\nHUNG\u{202e}\u{9b}31m";
    let mut run = sample();
    run.kills.push(KillJson { victim: evil.into(), ..run.kills[0].clone() });
    run.evidence[0].text = evil.into();
    run.detail = Some(evil.into());
    (run.outcome, run.mechanism, run.inconclusive) = (None, None, Some(Reason::NoBoot));
    let mut sim = Sim::new(Rules::default()).boots();
    sim.until(crate::event::Phase::Pressure)
        .kills("Out of memory: Killed process 7 (\x1b[31m) total-vm:1kB, anon-rss:1kB, file-rss:0kB");
    sim.finish();
    let timeline = Timeline::of(&sim.events);
    let last = LastWords { matter: lines(1, &[evil]), mattering: 1, last: lines(7, &[evil]) };
    let shown = shown(run, &["run.json", evil]);
    let text = page(&Page { shown: &shown, timeline: Some(&timeline), console: Some(&last) }, None);
    let text = anstream::adapter::strip_str(&text).to_string();
    assert!(!text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{202e}'), "{text:?}");
    assert!(!text.lines().any(|line| line.trim_start().starts_with("HUNG")), "{text}");
    assert!(text.contains("␛[2J") && text.contains("       7  x"), "{text}");
}

#[test]
fn what_is_not_there_is_said_or_left_out() {
    let shown = shown(sample(), &["run.json", "scenario.yaml"]);
    let text = page(&Page { shown: &shown, timeline: None, console: None }, None);
    assert!(text.contains("timeline    none: the result has no events.jsonl"), "{text}");
    assert!(!text.contains("oomph replay") && !text.contains("oomph attach") && !text.contains("less "), "{text}");
    assert!(text.contains(r"oomph run 'results/s/it'\''s/scenario.yaml'"), "{text}");
}

#[test]
fn text_is_wrapped_at_spaces() {
    assert_eq!(wrapped("aa bb cc", 5), ["aa bb", "cc"]);
    assert_eq!(wrapped("aaaaaaa b", 5), ["aaaa…", "b"]);
}
