//! Which required probe was silent for how long.
//! Lives here: since when each is silent, by the rules of the verdict: from its last line on, from pressure on, for `stall_after`.
//! May not live here: what a stall means.

use crate::event::Phase;
use std::collections::BTreeMap;

/// The required probes, each with its silence. Times are milliseconds of fair time.
#[derive(Debug, Default)]
pub(super) struct Silences {
    by_probe: BTreeMap<String, Silence>,
    stall_after_ms: u64,
    /// Silence at present makes a stall.
    counts: bool,
}

#[derive(Clone, Debug, Default)]
struct Silence {
    heard_ms: u64,
    stalled: bool,
}

impl Silences {
    /// The probes that must answer.
    pub fn new(required: &[String], stall_after_ms: u64) -> Self {
        let by_probe = required.iter().map(|name| (name.clone(), Silence::default())).collect();
        Self { by_probe, stall_after_ms, counts: false }
    }

    /// A phase begins. Ages begin with the pressure: what a probe needed before says nothing about it.
    pub fn enter(&mut self, phase: Phase, now_ms: u64) {
        if phase == Phase::Pressure {
            self.by_probe.values_mut().for_each(|silence| *silence = Silence { heard_ms: now_ms, stalled: false });
        }
        self.counts = !matches!(phase, Phase::Boot | Phase::Settle | Phase::Collect);
    }

    /// Time passed.
    pub fn tick(&mut self, now_ms: u64) {
        if self.counts {
            for silence in self.by_probe.values_mut() {
                silence.stalled |= now_ms.saturating_sub(silence.heard_ms) >= self.stall_after_ms;
            }
        }
    }

    /// A probe began or ended a round; since when it had been stalled, if it had.
    pub fn hear(&mut self, probe: &str, now_ms: u64) -> Option<u64> {
        let silence = self.by_probe.get_mut(probe)?;
        let was = std::mem::replace(silence, Silence { heard_ms: now_ms, stalled: false });
        was.stalled.then_some(was.heard_ms)
    }

    /// The probes whose stall has not ended, with since when.
    pub fn open(&self) -> Vec<(String, u64)> {
        let open = self.by_probe.iter().filter(|(_, silence)| silence.stalled);
        open.map(|(name, silence)| (name.clone(), silence.heard_ms)).collect()
    }
}
