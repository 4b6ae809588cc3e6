//! From events to what became of the guest, and why that may be believed.
//! Lives here: fair time, probe ages, movement, kills, and the fold over them: pure and total.
//! May not live here: a clock, I/O, QEMU, YAML. What is not an event cannot move a verdict.
//!
//! [`Judge`] is the fold. A live run feeds it event by event and asks it how things stand; [`judge`] feeds it a recorded
//! stream. Both give the same [`Verdict`], because nothing but the events goes in.

mod captured;
mod cause;
mod chains;
mod clock;
mod escapes;
mod evidence;
mod faults;
mod guest_clock;
mod judge;
mod kills;
mod kswapd;
mod logins;
mod movement;
mod pressure;
mod probes;
mod proof;
mod remarks;
mod stall;
#[cfg(test)]
mod tests;
mod throttle;
mod view;

pub use captured::Captured;
pub use chains::Standing;
pub use clock::FairClock;
pub use escapes::{CameBack, Escape};
pub use evidence::{Evidence, Weight};
pub(crate) use faults::FAULT_ECHO_MS;
pub use judge::Judge;
pub(crate) use judge::SETTLE_GRACE_MS;
pub(crate) use kills::Kills;
pub use kills::{Kill, Role};
pub use logins::LoginTried;
pub(crate) use movement::PROBES_KB;
pub(crate) use probes::SIGN_MS;
pub(crate) use proof::PROOF_MS;
pub use proof::{Cycles, Proof};
pub use stall::Stall;
pub use throttle::Throttled;
pub use view::View;

use crate::diagnose::Wait;
use crate::event::{Event, Phase, Reason};
use crate::scenario::{Mechanism, Outcome};
use serde::Serialize;

/// What became of a run. All times are fair time unless they say otherwise.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    /// The one end of the run.
    pub end: End,
    /// Why it hung; `None` where it did not.
    pub mechanism: Option<Mechanism>,
    /// Of a guest that hung: which of its tasks were stuck where, before anything was tried against it.
    pub waits: Vec<Wait>,
    /// The events on which the end rests, in their order; those of the mechanism of a hang stand together behind the hang.
    pub evidence: Vec<Evidence>,
    /// All OOM kills, in their order.
    pub kills: Vec<Kill>,
    /// All stalls, in their order.
    pub stalls: Vec<Stall>,
    /// The longest time that a required probe was outstanding from pressure on, in milliseconds.
    pub max_stall_ms: u64,
    /// The longest time without movement within a stall, in milliseconds.
    pub longest_frozen_ms: u64,
    /// From the start of pressure to the first kill that counts, in milliseconds.
    pub first_kill_ms: Option<u64>,
    /// The phases that were entered, with how long each took.
    pub phases: Vec<PhaseTime>,
    /// What was tried against a hang.
    pub escapes: Vec<Escape>,
    /// The user ended the run, before or after its end was known: what was still to be tried against a hang was not.
    pub cancelled: bool,
    /// The cycle of waiting that proves the hang, or would have: see [`crate::event::Rules::proof`].
    pub proof: Option<Proof>,
    /// What the pictures of the guest's memory have shown of closed cycles.
    pub cycles: Cycles,
    /// What they have shown of the throttle of reclaimers.
    pub throttled: Throttled,
    /// Of a guest that hung without proof: what those wait for who could bring free memory, as most pictures of its stall show it.
    pub chain: Option<Standing>,
    /// What was taken of a guest that hung.
    pub captured: Captured,
    /// The logins that were tried, in their order.
    pub logins: Vec<LoginTried>,
    /// The workload's count of work done, as the last beat had it.
    pub work: u64,
    /// The whole run in fair time, in milliseconds.
    pub fair_ms: u64,
    /// The whole run in wall time, in milliseconds.
    pub wall_ms: u64,
}

impl Verdict {
    /// The outcome; `None` for a run that was inconclusive.
    pub fn outcome(&self) -> Option<Outcome> {
        match self.end {
            End::Outcome(outcome) => Some(outcome),
            End::Inconclusive { .. } => None,
        }
    }

    /// Why it is inconclusive; `None` for a run that has an outcome.
    pub fn inconclusive(&self) -> Option<Reason> {
        match self.end {
            End::Outcome(_) => None,
            End::Inconclusive { reason, .. } => Some(reason),
        }
    }

    /// The escape after which a hung guest answered again; `None` where none helped or none was needed.
    pub fn ended_by(&self) -> Option<&str> {
        self.escapes.iter().find(|escape| escape.helped()).map(|escape| escape.action.as_str())
    }
}

/// The one end of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// The guest was judged.
    Outcome(Outcome),
    /// The run says nothing about the guest.
    Inconclusive {
        /// Why.
        reason: Reason,
        /// In words.
        detail: String,
    },
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PhaseTime {
    /// The phase.
    pub phase: Phase,
    /// Fair time in milliseconds.
    pub fair_ms: u64,
    /// Wall time in milliseconds.
    pub wall_ms: u64,
}

/// Folds a whole stream.
pub fn judge<'a>(events: impl IntoIterator<Item = &'a Event>) -> Verdict {
    let mut judge = Judge::default();
    for event in events {
        judge.observe(event);
    }
    judge.verdict()
}
