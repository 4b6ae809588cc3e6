//! What a hang may be due to: everything that bears on it up to the first escape.
//! Lives here: which events `diagnose` is told of, and how things stood when the hang was found.
//! May not live here: rules (`diagnose::mechanism` has those of the mechanism, `judge` those of the hang).

use super::{Evidence, Weight};
use crate::diagnose::{Circumstances, Diagnosis, Piece, Wait};
use crate::kmsg::Message;
use crate::scenario::Mechanism;

#[derive(Debug, Default)]
pub(super) struct Cause {
    diagnosis: Diagnosis,
    /// An escape has been tried: what is seen from then on is its doing.
    closed: bool,
    /// The hang, once found.
    hang: Option<Circumstances>,
    /// Entries into direct reclaim: when the window of no movement began, and newest, with fair times in milliseconds.
    reclaims: Option<[(u64, u64); 2]>,
}

/// Why a guest hangs.
pub(super) struct Found {
    /// The event that showed that it hangs.
    pub hang_seq: u64,
    /// The mechanism.
    pub mechanism: Mechanism,
    /// What shows it, the most important first.
    pub evidence: Vec<Evidence>,
    /// Who is stuck where.
    pub waits: Vec<Wait>,
}

impl Cause {
    /// The guest told its kernel.
    pub fn release(&mut self, release: &str) {
        self.diagnosis.release(release);
    }

    /// The kernel said something, in event `seq`, at `at_ms` of fair time. Before the line that says it.
    pub fn message(&mut self, seq: u64, at_ms: u64, message: &Message) {
        if !self.closed {
            self.diagnosis.message(seq, at_ms, message);
        }
    }

    /// The console printed a line.
    pub fn line(&mut self, seq: u64, at_ms: u64, line: &str) {
        if !self.closed {
            self.diagnosis.line(seq, at_ms, line);
        }
    }

    /// The counter of entries into direct reclaim was read.
    pub fn reclaims(&mut self, at_ms: u64, allocstall: u64) {
        let now = (at_ms, allocstall);
        let from = self.reclaims.map_or(now, |[from, _]| from);
        self.reclaims = Some([from, now]);
    }

    /// A stall began.
    pub fn stalled(&mut self) {
        self.moved();
        self.diagnosis.stalled();
    }

    /// Something moved.
    pub fn moved(&mut self) {
        self.reclaims = None;
    }

    /// The guest was found to hang.
    pub fn hung(&mut self, how: Circumstances) {
        let reclaims = self.reclaims.map(|[from, to]| (to.1.saturating_sub(from.1), to.0.saturating_sub(from.0)));
        self.hang.get_or_insert(Circumstances { reclaims, ..how });
    }

    /// The first escape is tried.
    pub fn close(&mut self) {
        self.closed = true;
    }

    /// All that was seen of tasks.
    pub fn diagnosis(&mut self) -> &Diagnosis {
        self.diagnosis.finish();
        &self.diagnosis
    }

    /// Why the guest hangs.
    pub fn find(&mut self) -> Option<Found> {
        let hang = self.hang.as_ref()?;
        self.diagnosis.finish();
        let finding = self.diagnosis.mechanism(hang);
        let weighed = |weight| move |Piece { seq, at_ms, text }| Evidence { seq, at_ms, weight, text };
        let why = finding.evidence.into_iter().map(weighed(Weight::Why));
        let evidence = why.chain(finding.places.into_iter().map(weighed(Weight::Other))).collect();
        let waits = self.diagnosis.history().waits(hang.stall_ms);
        Some(Found { hang_seq: hang.seq, mechanism: finding.mechanism, evidence, waits })
    }
}
