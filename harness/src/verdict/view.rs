//! How a run stands in the middle of it.
//! Lives here: what the phase machine and the display may know.
//! May not live here: how it is arrived at (`judge`), or what to do about it (`run`).

use crate::event::Beat;

/// How things stand, for whoever decides what to do next or shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct View<'a> {
    /// Fair time since the start of the run, in milliseconds.
    pub fair_ms: u64,
    /// Wall time since the start of the run, in milliseconds.
    pub wall_ms: u64,
    /// Fair time since the phase began, in milliseconds.
    pub phase_ms: u64,
    /// Fair time since the phase began or, where that is later, since the last stall ended, in milliseconds.
    pub calm_ms: u64,
    /// Whether the guest is set up and its probes run.
    pub ready: bool,
    /// Whether a stall is open.
    pub stalled: bool,
    /// Whether a SysRq dump is being printed.
    pub dumping: bool,
    /// How long nothing has moved in the open stall, in milliseconds.
    pub frozen_ms: u64,
    /// Whether every required probe has succeeded twice in rounds begun since the phase (or the last escape) began.
    pub answered_twice: bool,
    /// Whether every required probe has ended a round begun since then, with whatever answer, and none is silent now
    /// ([`SIGN_MS`](super::SIGN_MS)).
    pub answers: bool,
    /// Whether the workload's main process has ended.
    pub workload_gone: bool,
    /// Whether the last escape has brought the guest back.
    pub escaped: bool,
    /// The required probe that has been silent for longest, with its age in milliseconds.
    pub oldest: Option<(&'a str, u64)>,
    /// Kills that count.
    pub kills: usize,
    /// The last beat.
    pub beat: &'a Beat,
    /// The guest's clock at the last beat, in milliseconds.
    pub guest_ms: u64,
}
