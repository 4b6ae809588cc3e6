//! A piece of a verdict's evidence.
//! Lives here: what a piece is, and how much it weighs beside others.
//! May not live here: the words (each where it is made), or how many pieces are shown (`report`).

use serde::{Deserialize, Serialize};

/// One event that a verdict rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Evidence {
    /// The event's place in the stream.
    pub seq: u64,
    /// Fair time in milliseconds since the start of the run.
    pub at_ms: u64,
    /// How much it weighs.
    pub weight: Weight,
    /// What it shows.
    pub text: String,
}

/// How much a piece weighs where there is no room for all, the heaviest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Weight {
    /// It decided the run.
    Decided,
    /// It proves the hang, or says why the guest hangs.
    Why,
    /// What kswapd did: where it is blocked, memory comes free by direct reclaim alone.
    Kswapd,
    /// How the run went: stalls, faults, what helped, what must not be missed.
    Course,
    /// One of many.
    #[default]
    Other,
}

impl Weight {
    /// Whether it is the least.
    pub(crate) fn is_other(&self) -> bool {
        *self == Self::Other
    }
}
