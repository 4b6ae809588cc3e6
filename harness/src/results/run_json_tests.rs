//! Tests of the record.
//! Lives here: its form, what contradicts itself, and a sample for the tests of others.
//! May not live here: how a record is filled in (`fill`).
#![allow(clippy::unwrap_used)]
use super::*;
use crate::event::{Phase, Rules};
use crate::kernel::Patch;
use crate::run::sim::Sim;

/// The record of a run that hung after a kill.
pub(crate) fn sample() -> RunJson {
    let mut sim = Sim::new(Rules { frozen_for_ms: 60_000, ..Rules::default() }).boots();
    sim.until(Phase::Pressure)
        .seconds(8)
        .kills("Out of memory: Killed process 77 (hog (1)) total-vm:1kB, anon-rss:1kB, file-rss:0kB, shmem-rss:0kB");
    sim.mood.silent = vec!["fault", "spawn"];
    sim.mood.work = 0;
    sim.mood.healed_by = Some("release");
    let started = "2026-11-24T19:33:21Z".parse().unwrap();
    RunJson::of_verdict("xfs-inode-mutex", &sim.finish(), started)
}

#[test]
fn the_format_is_the_documented_one() {
    insta::assert_json_snapshot!(sample());
}

#[test]
fn comes_back_as_it_was_written() {
    let text = serde_json::to_string_pretty(&sample()).unwrap();
    assert_eq!(RunJson::parse(&text).unwrap(), sample());
}

#[test]
fn a_kernel_that_was_built_says_of_what() {
    let patch = Patch { name: "no-oom-reaper".into(), hash: "1a".into() };
    let build = Build {
        tree: "linux-source-6.1 6.1.192-2".into(),
        tree_id: "2b".into(),
        patches: vec![patch],
        config_hash: "3c".into(),
        compiler: "gcc (Debian 12.2.0-14) 12.2.0".into(),
        linker: "GNU ld 2.40".into(),
        key: "linux-6.1.192_4d".into(),
        ..Build::default()
    };
    let kernel_identity = KernelJson { build: Some(build), ..KernelJson::default() };
    insta::assert_json_snapshot!(kernel_identity);
    let run = RunJson { kernel_identity, ..sample() };
    assert_eq!(RunJson::parse(&serde_json::to_string(&run).unwrap()).unwrap(), run);
}

#[test]
fn what_is_newer_or_broken_is_named() {
    let text = serde_json::to_string(&sample()).unwrap();
    let newer = text.replace(r#""schema":1"#, r#""schema":2,"x":1"#);
    assert!(matches!(RunJson::parse(&newer), Err(ReadError::TooNew { found: 2 })));
    assert!(matches!(RunJson::parse("{}"), Err(ReadError::Syntax(_))));
    let more = text.replace(r#""schema":1"#, r#""schema":1,"x":1"#);
    assert_eq!(RunJson::parse(&more).unwrap(), sample());
}

#[test]
fn contradictions_are_found() {
    assert_eq!(sample().check(), Ok(()));
    assert_eq!(RunJson { schema: 0, ..sample() }.check(), Err(Unsound::Schema(0)));
    assert_eq!(RunJson { outcome: None, ..sample() }.check(), Err(Unsound::Outcome));
    assert_eq!(RunJson { inconclusive: Some(Reason::NoBoot), ..sample() }.check(), Err(Unsound::Outcome));
    let mechanism = Some(Mechanism::OomDeadlock);
    let recovered = RunJson { outcome: Some(Outcome::Recovered), mechanism, ..sample() };
    assert_eq!(recovered.check(), Err(Unsound::Mechanism));
}
