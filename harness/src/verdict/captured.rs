//! What was taken of a guest that hung.
//! Lives here: what a verdict tells of it, in data and in words.
//! May not live here: any bearing on the verdict: this is evidence only.

use crate::event::{Register, State, Stored};
use serde::Serialize;

/// What was taken, and what could not be.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Captured {
    /// Where the processors were.
    pub registers: Vec<Register>,
    /// What was written into the result.
    pub stored: Vec<Stored>,
    /// What could not be taken, and why.
    pub failed: Vec<(State, String)>,
}

impl Captured {
    /// Takes registers in; in words.
    pub(super) fn registers(&mut self, cpus: &[Register]) -> String {
        self.registers = cpus.to_vec();
        let places: Vec<String> = cpus.iter().map(ToString::to_string).collect();
        format!("held for its state: {}", places.join(", "))
    }

    /// Takes in what was written; in words.
    pub(super) fn stored(&mut self, stored: Stored) -> String {
        self.stored.push(stored);
        let Stored { state, bytes, stored, ms } = stored;
        let (mib, on_disk, seconds) = (bytes >> 20, stored >> 20, ms as f64 / 1000.0);
        format!("{} was saved: {mib} MiB, {on_disk} MiB on the disk, in {seconds:.1} s", state.name())
    }

    /// Takes in what could not be taken; in words.
    pub(super) fn failed(&mut self, state: State, why: &str) -> String {
        self.failed.push((state, why.to_owned()));
        format!("{} could not be saved: {why}", state.name())
    }
}
