//! Proof of a hang by what pictures show.
//! Lives here: what stands long enough, and what does not.
//! May not live here: what a cycle is (`introspect`).

use super::{KILL, freeze, pressed, rules};
use crate::event::{Chain, Cycle, Kind, Phase, Picture, ProofUse, Rules};
use crate::run::sim::{Mood, Sim};
use crate::scenario::{Fault, FaultAction, Outcome};
use crate::verdict::End;

/// A guest whose waiting goes round.
fn goes_round(sim: &mut Sim, identity: &str) {
    let cycle = Cycle::Closed { identity: identity.into(), steps: Vec::new() };
    sim.mood.picture = Some(Picture { cycle, ..Picture::default() });
}

#[test]
fn a_cycle_that_stands_is_a_hang_in_seconds() {
    let mut sim = pressed();
    sim.seconds(8).kills(KILL);
    freeze(&mut sim);
    goes_round(&mut sim, "a");
    let verdict = sim.finish();
    assert_eq!(verdict.end, End::Outcome(Outcome::Hung));
    let (stall, proof) = (&verdict.stalls[0], verdict.proof.as_ref().unwrap());
    let took = proof.last_ms - stall.since_ms;
    assert!((9_000..=15_000).contains(&took), "{took} ms after the first outstanding probe");
    assert!(
        stall.longest_frozen_ms < 10_000
            && verdict.evidence.iter().any(|piece| piece.text.starts_with("hung, by proof: "))
    );
}

#[test]
fn a_proof_that_is_only_told_leaves_it_to_the_rules() {
    let mut sim = Sim::new(Rules { proof: ProofUse::Told, ..rules() }).boots();
    sim.until(Phase::Pressure);
    freeze(&mut sim);
    goes_round(&mut sim, "a");
    let verdict = sim.finish();
    assert_eq!((&verdict.end, verdict.proof.is_some()), (&End::Outcome(Outcome::Hung), true));
    assert!((60_000..62_000).contains(&verdict.stalls[0].longest_frozen_ms));
}

#[test]
fn a_cycle_that_changes_or_is_moved_on_proves_nothing() {
    // Another victim, or another call of the allocator, every six seconds.
    let mut sim = pressed();
    freeze(&mut sim);
    for identity in ["a", "b", "c", "d"] {
        goes_round(&mut sim, identity);
        sim.seconds(6);
    }
    // The same for long, with a kill every six seconds.
    for _ in 0..4 {
        sim.kills(KILL).seconds(6);
    }
    sim.mood = Mood::default();
    let verdict = sim.finish();
    assert_eq!((verdict.outcome(), verdict.proof), (Some(Outcome::OomKilled), None));
}

#[test]
fn no_cycle_proves_anything_without_a_stall_or_under_a_fault() {
    let mut sim = pressed();
    goes_round(&mut sim, "a");
    for n in 0..20 {
        sim.seconds(1);
        let picture = sim.mood.picture.clone().unwrap();
        sim.emit(Kind::Picture(Box::new(Picture { us: n, ..picture })));
    }
    assert_eq!(sim.finish().proof, None);
    let stop = FaultAction::Stop { disk: "data".into() };
    let fault = Fault { at_ms: 1_000, until_ms: Some(40_000), action: stop };
    let mut sim = Sim::with_faults(rules(), &[fault]).boots();
    sim.until(Phase::Pressure).seconds(3);
    freeze(&mut sim);
    goes_round(&mut sim, "a");
    sim.seconds(30);
    assert!(!sim.finished);
    // Its end is no proof of what stood under it: a balloon must have time to give back.
    sim.seconds(14);
    assert!(!sim.finished, "by what stood while the fault was in force");
    sim.mood = Mood::default();
    assert_eq!(sim.finish().proof, None);
}

#[test]
fn what_moves_before_a_stall_is_declared_moves_the_cycle_too() {
    for (free_kb, work) in [(9_000, 0), (0, 10)] {
        let mut sim = pressed();
        sim.seconds(3);
        sim.mood.silent = vec!["spawn"];
        sim.mood.work = work;
        goes_round(&mut sim, "a");
        let before = sim.mood.free_kb;
        for n in 0..11 {
            sim.mood.free_kb = before + if n % 4 < 2 { free_kb } else { 0 };
            sim.seconds(1);
        }
        assert!(!sim.finished, "the stall is a second old, and until then there was movement");
        sim.mood = Mood::default();
        assert_eq!(sim.finish().proof, None);
    }
}

#[test]
fn a_chain_stands_beside_what_the_rules_decide() {
    let waits = |sim: &mut Sim| {
        let chain = Some(Chain { identity: "a".into(), closed: true, ..Chain::default() });
        sim.mood.picture = Some(Picture { chain, ..Picture::default() });
    };
    let mut sim = pressed();
    freeze(&mut sim);
    waits(&mut sim);
    let verdict = sim.finish();
    let (chain, stall) = (verdict.chain.as_ref().unwrap(), &verdict.stalls[0]);
    assert_eq!((&verdict.end, verdict.proof.as_ref()), (&End::Outcome(Outcome::Hung), None));
    assert!((60_000..62_000).contains(&stall.longest_frozen_ms), "it does not make it any sooner");
    assert!(chain.closed && chain.pictures == chain.of && chain.pictures > 100, "{chain:?}");
    // Of a guest that came back there is none to tell.
    let mut sim = pressed();
    freeze(&mut sim);
    waits(&mut sim);
    sim.seconds(30);
    sim.mood = Mood::default();
    let verdict = sim.finish();
    assert_eq!((verdict.stalls.len(), verdict.chain), (1, None));
}
