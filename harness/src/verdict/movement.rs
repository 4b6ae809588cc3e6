//! Movement: what tells a guest that crawls from one that is stuck.
//! Lives here: when memory or the workload has moved, from beats alone.
//! May not live here: kills and exits (they move by being there), or how long nothing may move.
//!
//! In four stalls that ended by themselves the longest stretch with free, file and anonymous memory within 256 kB was 4–6 s;
//! in three that did not end, 170–344 s. A single beat may fall into the middle of a probe's round, so it is the median of
//! three beats that has to move. Of file memory it is the page cache: the lists of it lose what reclaimers isolate, and have it again a
//! moment later, for ever where 140 of them go round in the throttle (7.2 without its bound: 56 to 440 kB to and fro, nothing reclaimed
//! in 300 s). And where probes still complete rounds, what they move themselves ([`PROBES_KB`]) is none.

use crate::event::Beat;

/// What probes that still answer move by themselves: the fault probe's 1 MiB, and as much again in the per-CPU lists of free
/// pages, which MemFree does not count (mm/page_alloc.c, `free_unref_page`). Seen: 928 kB to and fro.
pub(crate) const PROBES_KB: u64 = 2048;

/// Where things stood when the window began.
#[derive(Debug, Default)]
pub(super) struct Movement {
    recent: [[u64; 3]; 3],
    beats: usize,
    base: Option<Base>,
    last: Option<Progress>,
    probed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Progress {
    work: u64,
    exits: u64,
}

#[derive(Clone, Copy, Debug)]
struct Base {
    memory: [u64; 3],
    progress: Progress,
}

const NAMES: [&str; 3] = ["free", "file", "anonymous"];

impl Movement {
    /// The window begins anew: what the next beat shows is the base.
    pub fn restart(&mut self) {
        self.base = None;
        self.probed = false;
    }

    /// A probe has completed a round in this window.
    pub fn probed(&mut self) {
        self.probed = true;
    }

    /// Takes a beat in; says what has moved since the window began. A movement is the base of the next window.
    pub fn beat(&mut self, beat: &Beat, bound_kb: u64) -> Option<String> {
        self.recent[self.beats % 3] = [beat.free_kb, beat.cache_kb.unwrap_or(beat.file_kb), beat.anon_kb];
        self.beats += 1;
        let memory = self.median();
        let progress = Progress { work: beat.work, exits: beat.exits };
        let Some(base) = self.base else {
            // Work done between the last beat before the window and the first in it was done in it at least in part.
            let before = self.last.replace(progress);
            self.base = Some(Base { memory, progress });
            return before.and_then(|before| describe_progress(before, progress));
        };
        self.last = Some(progress);
        let bound_kb = bound_kb + if self.probed { PROBES_KB } else { 0 };
        let moved = describe_progress(base.progress, progress).or_else(|| {
            let off = (0..3).find(|&at| memory[at].abs_diff(base.memory[at]) > bound_kb)?;
            Some(format!("{} memory from {} to {} kB", NAMES[off], base.memory[off], memory[off]))
        });
        if moved.is_some() {
            self.base = Some(Base { memory, progress });
            self.probed = false;
        }
        moved
    }

    fn median(&self) -> [u64; 3] {
        let held = self.beats.min(3);
        [0, 1, 2].map(|at| {
            let mut values: Vec<u64> = self.recent[..held].iter().map(|memory| memory[at]).collect();
            values.sort_unstable();
            values[values.len() / 2]
        })
    }
}

fn describe_progress(from: Progress, to: Progress) -> Option<String> {
    if to.work != from.work {
        Some(format!("workload progress from {} to {}", from.work, to.work))
    } else if to.exits != from.exits {
        Some(format!("workload exits from {} to {}", from.exits, to.exits))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn beat(work: u64, free_kb: u64, anon_kb: u64) -> Beat {
        Beat { work, free_kb, anon_kb, ..Beat::default() }
    }

    #[test]
    fn a_deadlocks_few_pages_are_no_movement_but_a_kills_are() {
        let mut movement = Movement::default();
        for free in [1_000, 1_012, 1_072, 1_000, 1_072] {
            assert_eq!(movement.beat(&beat(7, free, 90_000), 256), None);
        }
        let moved: Vec<bool> =
            [9_000, 9_000, 9_000, 9_000].map(|free| movement.beat(&beat(7, free, 90_000), 256).is_some()).into();
        assert_eq!(moved, [false, true, false, false], "seen once it is in two beats of three, and counted once");
    }

    #[test]
    fn what_reclaimers_isolate_and_put_back_is_no_movement() {
        let mut movement = Movement::default();
        let beat = |file_kb, cache_kb| Beat { work: 7, free_kb: 1_000, file_kb, cache_kb, ..Beat::default() };
        for file in [72, 440, 440, 56, 56, 408, 408, 132, 132] {
            assert_eq!(movement.beat(&beat(file, Some(30_000)), 256), None);
        }
        movement.beat(&beat(132, Some(29_000)), 256);
        assert!(movement.beat(&beat(132, Some(29_000)), 256).is_some(), "but pages that are dropped are");
        // An agent that does not tell it has only the lists.
        let mut movement = Movement::default();
        assert!([72, 440, 440].into_iter().any(|file| movement.beat(&beat(file, None), 256).is_some()));
    }

    #[test]
    fn one_beat_inside_a_fault_probe_is_no_movement() {
        let mut movement = Movement::default();
        for anon in [90_000, 90_000, 91_024, 90_000, 90_000, 91_024, 90_000] {
            assert_eq!(movement.beat(&beat(7, 1_000, anon), 256), None);
        }
    }

    #[test]
    fn what_working_probes_move_is_no_movement() {
        let mut movement = Movement::default();
        movement.beat(&beat(7, 169_168, 9_000), 256);
        movement.probed();
        for free in [170_096, 170_096, 169_168, 169_168, 170_096] {
            assert_eq!(movement.beat(&beat(7, free, 9_000), 256), None);
        }
        movement.beat(&beat(7, 180_000, 9_000), 256);
        assert!(movement.beat(&beat(7, 180_000, 9_000), 256).is_some(), "but ten MiB are");
    }

    #[test]
    fn one_write_that_returns_is_movement() {
        let mut movement = Movement::default();
        assert_eq!(movement.beat(&beat(7, 1, 1), 256), None);
        assert_eq!(movement.beat(&beat(8, 1, 1), 256).as_deref(), Some("workload progress from 7 to 8"));
        assert_eq!(movement.beat(&beat(8, 1, 1), 256), None);
        movement.restart();
        assert!(movement.beat(&beat(9, 1, 1), 256).is_some(), "even between two windows");
    }
}
