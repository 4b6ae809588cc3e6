//! Proof of a hang: one closed cycle of waiting, the same in every picture for longer than the kernel's own ways out of it take.
//! Lives here: how long a cycle has stood, and what all pictures of a run have shown.
//! May not live here: what a cycle is (`introspect::graph`), or what follows from it (`judge`).
//!
//! Each picture by itself shows what a sound kernel shows too, for some two seconds after each kill, until the OOM reaper acts. What
//! makes a proof of it is that the victim is the same, has not been given up (`MMF_OOM_SKIP`), that each lock and its holder are the
//! same, and that the holder is still in the very call of the allocator in which it was: it has got nothing.

use crate::event::{Cycle, Picture, Step};
use serde::{Deserialize, Serialize};

/// So long a cycle must stand, in fair time: three times what the reaper takes (mm/oom_kill.c: OOM_REAPER_DELAY is 2 s, then
/// MAX_OOM_REAP_RETRIES is 10 tries a tenth of a second apart, after which it gives the victim up and another may be chosen).
pub(crate) const PROOF_MS: u64 = 9_000;
/// In so many pictures at least.
const PICTURES: u64 = 8;
/// Between two pictures of it there may be so much fair time: in a longer gap anything may have happened, and been so again.
const GAP_MS: u64 = 3_000;

/// A cycle that stands, and what it is good for once it has stood long enough.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// When it was first seen, in milliseconds of fair time.
    pub since_ms: u64,
    /// When it was last seen.
    pub last_ms: u64,
    /// In how many pictures.
    pub pictures: u64,
    /// The cycle, as in the last picture.
    pub steps: Vec<Step>,
    /// What is the same in all of them.
    identity: String,
}

/// What the pictures of a run have shown of closed cycles, proof or not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Cycles {
    /// Pictures that were taken.
    pub pictures: u64,
    /// Those with a closed cycle.
    pub closed: u64,
    /// The longest time for which one stood, in milliseconds of fair time: the same in each picture, and nothing moved.
    pub longest_ms: u64,
}

/// The cycle that is being watched.
#[derive(Debug, Default)]
pub(super) struct Watch {
    standing: Option<Proof>,
    seen: Cycles,
}

impl Watch {
    /// A picture was taken, at `now` of fair time.
    pub fn observe(&mut self, now: u64, picture: &Picture) {
        self.seen.pictures += 1;
        match &picture.cycle {
            Cycle::Open => self.standing = None,
            Cycle::Unsure => {}
            Cycle::Closed { identity, steps } => {
                self.seen.closed += 1;
                match &mut self.standing {
                    Some(known) if known.identity == *identity && now.saturating_sub(known.last_ms) <= GAP_MS => {
                        known.last_ms = now;
                        known.pictures += 1;
                        known.steps.clone_from(steps);
                        self.seen.longest_ms = self.seen.longest_ms.max(now - known.since_ms);
                    }
                    _ => {
                        let (identity, steps) = (identity.clone(), steps.clone());
                        self.standing = Some(Proof { since_ms: now, last_ms: now, pictures: 1, steps, identity });
                    }
                }
            }
        }
    }

    /// What all pictures have shown.
    pub fn seen(&self) -> Cycles {
        self.seen
    }

    /// Something moved: what stood so far is no proof.
    pub fn moved(&mut self) {
        self.standing = None;
    }

    /// The cycle, where it has stood long enough and was seen just now.
    pub fn proof(&self, now: u64) -> Option<&Proof> {
        self.standing.as_ref().filter(|known| {
            known.last_ms - known.since_ms >= PROOF_MS
                && known.pictures >= PICTURES
                && now.saturating_sub(known.last_ms) <= GAP_MS
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(identity: &str) -> Picture {
        let cycle = Cycle::Closed { identity: identity.into(), steps: Vec::new() };
        Picture { cycle, ..Picture::default() }
    }

    fn proven(pictures: &[(u64, Picture)]) -> bool {
        let mut watch = Watch::default();
        for (now, picture) in pictures {
            watch.observe(*now, picture);
        }
        watch.proof(pictures.last().map_or(0, |(now, _)| *now)).is_some()
    }

    fn every(ms: u64, upto: u64) -> Vec<(u64, Picture)> {
        (0..=upto / ms).map(|n| (n * ms, seen("a"))).collect()
    }

    #[test]
    fn a_cycle_that_stands_long_enough_is_proof() {
        assert!(proven(&every(500, PROOF_MS)));
        assert!(!proven(&every(500, PROOF_MS - 500)), "too short");
        assert!(!proven(&every(PROOF_MS / 3, PROOF_MS)), "too few pictures");
    }

    #[test]
    fn anything_else_in_between_begins_anew() {
        for other in [seen("b"), Picture::default()] {
            let mut pictures = every(500, PROOF_MS);
            pictures[9].1 = other;
            assert!(!proven(&pictures));
        }
        let mut gap = every(500, PROOF_MS);
        gap.retain(|(now, _)| !(1_000..=1_000 + GAP_MS).contains(now));
        assert!(!proven(&gap), "nobody looked for too long");
    }

    #[test]
    fn what_was_seen_is_counted_and_kept() {
        let mut watch = Watch::default();
        for (now, identity) in [(0, "a"), (500, "a"), (1_500, "a"), (2_000, "b"), (2_600, "b")] {
            watch.observe(now, &seen(identity));
        }
        watch.moved();
        watch.observe(3_000, &seen("b"));
        watch.observe(3_500, &Picture::default());
        assert_eq!(watch.seen(), Cycles { pictures: 7, closed: 6, longest_ms: 1_500 });
    }

    #[test]
    fn a_picture_that_cannot_tell_changes_nothing() {
        let mut pictures = every(500, PROOF_MS);
        for (_, picture) in pictures.iter_mut().skip(1).step_by(3) {
            picture.cycle = Cycle::Unsure;
        }
        assert!(proven(&pictures));
        let mut old = Watch::default();
        for (now, picture) in every(500, PROOF_MS) {
            old.observe(now, &picture);
        }
        assert!(old.proof(PROOF_MS + GAP_MS + 1).is_none(), "not seen just now");
        old.moved();
        assert!(old.proof(PROOF_MS).is_none());
    }
}
