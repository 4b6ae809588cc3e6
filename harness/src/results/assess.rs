//! A run against what was expected of it.
//! Lives here: how run.json's `expected` and `differences` come about.
//! May not live here: choosing the expectation (it is stored with the run), or judging.

use super::RunJson;
use crate::scenario::{Observed, check};

impl RunJson {
    /// Sets `expected` and `differences` from the outcome and the stored expectation.
    pub fn assess(&mut self) {
        let Some(expectation) = &self.expectation else {
            self.differences.clear();
            self.expected = self.outcome.is_some();
            return;
        };
        let counted = self.kills.iter().filter(|kill| kill.counts);
        let seen = Observed {
            outcome: self.outcome,
            mechanism: self.mechanism,
            // Written as milliseconds, read back as the same.
            max_stall_ms: (self.max_stall_s * 1000.0).round() as u64,
            victims: counted.map(|kill| kill.victim.clone()).collect(),
        };
        self.differences = check(expectation, &seen).iter().map(ToString::to_string).collect();
        self.expected = self.differences.is_empty();
    }

    /// Takes from a stored run what its events do not say: what ran where, and what was expected.
    pub fn adopt(&mut self, stored: Self) {
        self.kernel = stored.kernel;
        self.kernel_identity = stored.kernel_identity;
        self.host = stored.host;
        self.started = stored.started;
        self.expectation = stored.expectation;
        self.result = stored.result;
    }
}
