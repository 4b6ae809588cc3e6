//! A stall: from its declaration to its end, with how long nothing moved in it.
//! Lives here: the window that decides between hung and thrashing.
//! May not live here: what counts as movement.

use serde::Serialize;

/// One stall, closed or not. Times are fair time in milliseconds since the start of the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stall {
    /// The last line of the probe that was silent for longest.
    pub since_ms: u64,
    /// The probes that were silent when it was declared.
    pub probes: Vec<String>,
    /// When it was declared: `stall_after` later.
    pub declared_ms: u64,
    /// When every required probe had been heard of again.
    pub ended_ms: Option<u64>,
    /// Movements within it.
    pub movements: u64,
    /// The longest time without movement within it, in milliseconds.
    pub longest_frozen_ms: u64,
    /// When the window began that is open now.
    #[serde(skip)]
    pub(super) window_ms: u64,
}

impl Stall {
    pub(super) fn declare(probes: &[&str], age_ms: u64, now_ms: u64) -> Self {
        Self {
            since_ms: now_ms.saturating_sub(age_ms),
            probes: probes.iter().map(|&name| name.to_owned()).collect(),
            declared_ms: now_ms,
            ended_ms: None,
            movements: 0,
            longest_frozen_ms: 0,
            window_ms: now_ms,
        }
    }

    /// How long nothing has moved.
    pub(super) fn frozen_ms(&self, now_ms: u64) -> u64 {
        now_ms.saturating_sub(self.window_ms)
    }

    /// Time passed and nothing moved.
    pub(super) fn tick(&mut self, now_ms: u64) {
        self.longest_frozen_ms = self.longest_frozen_ms.max(self.frozen_ms(now_ms));
    }

    /// Something moved.
    pub(super) fn moved(&mut self, now_ms: u64) {
        self.tick(now_ms);
        self.movements += 1;
        self.window_ms = now_ms;
    }

    /// A host fault is in force: no stretch of it counts as frozen.
    pub(super) fn hold(&mut self, now_ms: u64) {
        self.window_ms = now_ms;
    }
}
