//! Recorded runs of real guests, one of every outcome and mechanism, judged again: `corpus/*.jsonl`, expected verdict on top.
//! Lives here: that each is judged as it was, that none is missing, and that a timeline shows what was judged.
//! May not live here: made-up streams (`verdict::tests` has those).
#![allow(clippy::unwrap_used)]

use oomph::event::{Reason, Rules, read_events};
use oomph::scenario::{Mechanism, Outcome};
use oomph::timeline::{MAX_SAMPLES, Marked, Span, Spanned, Timeline};
use oomph::verdict::{Verdict, judge};
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::LazyLock;

#[derive(Deserialize)]
struct Head {
    expect: Expect,
}

#[derive(Debug, Deserialize, PartialEq)]
struct Expect {
    outcome: Option<Outcome>,
    mechanism: Option<Mechanism>,
    inconclusive: Option<Reason>,
    kills: usize,
    ended_by: Option<String>,
    /// Whether its memory proved it; runs from before there were pictures have none.
    #[serde(default)]
    proof: bool,
    /// Whether the chain of a hang without a proof is closed, where it has one.
    #[serde(default)]
    chain: Option<bool>,
}

impl Expect {
    fn of(verdict: &Verdict) -> Self {
        Self {
            outcome: verdict.outcome(),
            mechanism: verdict.mechanism,
            inconclusive: verdict.inconclusive(),
            kills: verdict.kills.len(),
            ended_by: verdict.ended_by().map(str::to_owned),
            proof: verdict.proof.is_some(),
            chain: verdict.chain.as_ref().map(|chain| chain.closed),
        }
    }
}

/// A recorded run.
struct Recorded {
    name: String,
    expect: Expect,
    /// As its events are judged now.
    verdict: Verdict,
    timeline: Timeline,
}

static CORPUS: LazyLock<Vec<Recorded>> = LazyLock::new(corpus);

fn corpus() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, events) = text.split_once('\n').unwrap();
        let head: Head = serde_json::from_str(head).unwrap_or_else(|error| panic!("{name}: {error}"));
        let events = read_events(events.as_bytes()).unwrap();
        let (verdict, timeline) = (judge(&events), Timeline::of(&events));
        all.push(Recorded { name, expect: head.expect, verdict, timeline });
    }
    all
}

#[test]
fn each_is_judged_as_it_was() {
    for Recorded { name, expect, verdict, .. } in &*CORPUS {
        assert_eq!(Expect::of(verdict), *expect, "{name}");
    }
}

/// What `frozen_for` rests on: a stall that ended by itself has stood still for no more than half of it, the longest that was ever seen
/// included.
#[test]
fn stalls_that_ended_stood_still_for_half_of_what_makes_a_hang() {
    let ended = CORPUS.iter().flat_map(|Recorded { expect, verdict, .. }| {
        let came_back = expect.outcome.is_some_and(|outcome| outcome != Outcome::Hung);
        verdict.stalls.iter().filter(move |stall| came_back || stall.ended_ms.is_some())
    });
    let longest = ended.map(|stall| stall.longest_frozen_ms).max().unwrap();
    let bound = Rules::default().frozen_for_ms;
    assert!((50_000..=bound / 2).contains(&longest), "{longest} ms of {bound} ms");
}

#[test]
fn every_outcome_and_mechanism_is_there() {
    let expected = || CORPUS.iter().map(|recorded| &recorded.expect);
    let outcomes: BTreeSet<_> = expected().filter_map(|expect| expect.outcome.map(Outcome::name)).collect();
    let mechanisms: BTreeSet<_> = expected().filter_map(|expect| expect.mechanism.map(Mechanism::name)).collect();
    assert_eq!(outcomes, BTreeSet::from(["recovered", "oom-killed", "hung", "panicked"]));
    assert_eq!(
        mechanisms,
        BTreeSet::from(["oom-deadlock", "no-fs-livelock", "isolation-throttle", "io-stall", "unknown"])
    );
    assert!(expected().any(|expect| expect.inconclusive.is_some()));
    assert!(expected().any(|expect| expect.proof) && expected().any(|expect| expect.chain == Some(true)));
}

#[test]
fn a_timeline_has_the_verdicts_own_time_kills_and_stalls() {
    let s = |ms: u64| ms as f64 / 1000.0;
    for Recorded { name, expect, verdict, timeline } in &*CORPUS {
        assert_eq!(timeline.length_s, s(verdict.fair_ms), "{name}");
        let marked = |what| timeline.marks.iter().filter(move |mark| mark.what == what);
        let kills: Vec<(f64, bool)> =
            marked(Marked::Kill).map(|mark| (mark.at_s, !mark.name.ends_with(", not counted"))).collect();
        assert_eq!(kills, verdict.kills.iter().map(|kill| (s(kill.at_ms), kill.counts)).collect::<Vec<_>>(), "{name}");
        let panics = usize::from(expect.outcome == Some(Outcome::Panicked));
        assert_eq!(marked(Marked::Panic).count(), panics, "{name}");
        for stall in &verdict.stalls {
            let at = s(stall.declared_ms);
            let stalls: Vec<&Span> =
                timeline.spans.iter().filter(|span| span.what == Spanned::Stall && span.to_s >= at).collect();
            let shown = |probe: &String| stalls.iter().any(|span| span.name == *probe && span.from_s <= at);
            assert!(stall.probes.iter().all(shown), "{name}: {stall:?}");
            let first = stalls.iter().map(|span| span.from_s).fold(f64::MAX, f64::min);
            assert_eq!(first, s(stall.since_ms), "{name}: {stall:?}");
        }
        let phases: Vec<_> = verdict.phases.iter().map(|time| time.phase).collect();
        assert_eq!(timeline.phases.iter().map(|(phase, _)| *phase).collect::<Vec<_>>(), phases, "{name}");
        assert!((1..=MAX_SAMPLES).contains(&timeline.samples.len()), "{name}");
    }
}
