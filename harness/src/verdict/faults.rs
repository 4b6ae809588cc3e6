//! Host faults: which are in force, and what they excuse.
//! Lives here: how many there are, and the disk errors that they ask for.
//! May not live here: when a fault is switched (`run`), or what a stall under one is worth (`judge`).

use crate::event::FailingDisk;
use serde_json::Value;

/// Disk errors are told so long after the fault that asked for them, in wall time.
pub(crate) const FAULT_ECHO_MS: u64 = 2_000;
/// More that ended are not remembered: the oldest go first.
const REMEMBERED: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Faults {
    active: u32,
    /// Faults that make operations fail: what, and when that ended, in wall time.
    fails: Vec<(FailingDisk, Option<u64>)>,
}

impl Faults {
    /// A fault came or went.
    pub fn switch(&mut self, active: bool, fails: Option<&FailingDisk>, wall_ms: u64) {
        self.active = if active { self.active + 1 } else { self.active.saturating_sub(1) };
        let Some(fails) = fails else { return };
        match self.fails.iter_mut().find(|(known, ended)| known == fails && ended.is_none()) {
            Some((_, ended)) if !active => *ended = Some(wall_ms),
            None if active => self.fails.push((fails.clone(), None)),
            _ => {}
        }
        if self.fails.len() > REMEMBERED
            && let Some(ended) = self.fails.iter().position(|(_, ended)| ended.is_some())
        {
            self.fails.remove(ended);
        }
    }

    /// Whether one is in force.
    pub fn any(&self) -> bool {
        self.active > 0
    }

    /// Whether a disk error is one that a fault asks for, or did a moment ago. A throttle or a balloon asks for none.
    pub fn explain(&self, error: &Value, wall_ms: u64) -> bool {
        let echoes = |ended: Option<u64>| ended.is_none_or(|ended| wall_ms.saturating_sub(ended) < FAULT_ECHO_MS);
        self.fails.iter().any(|(fails, ended)| echoes(*ended) && fails.explains(error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_errors_that_were_asked_for_are_excused_and_for_a_moment_after() {
        let fails = FailingDisk { disk: "data".into(), read: false, write: true, no_space: false };
        let mut faults = Faults::default();
        let told = json!({"disk": "data", "node-name": "fail-data-1", "operation": "write", "nospace": false});
        faults.switch(true, None, 0);
        assert!(faults.any() && !faults.explain(&told, 1), "a throttle makes nothing fail");
        faults.switch(true, Some(&fails), 1_000);
        assert!(faults.explain(&told, 1_000));
        for (key, other) in [("disk", json!("root")), ("operation", json!("read")), ("nospace", json!(true))] {
            let mut other_error = told.clone();
            other_error[key] = other;
            assert!(!faults.explain(&other_error, 1_000), "{other_error}");
        }
        faults.switch(false, Some(&fails), 5_000);
        assert!(faults.any() && faults.explain(&told, 5_000 + FAULT_ECHO_MS - 1));
        assert!(!faults.explain(&told, 5_000 + FAULT_ECHO_MS));
        faults.switch(false, None, 9_000);
        assert!(!faults.any());
    }
}
