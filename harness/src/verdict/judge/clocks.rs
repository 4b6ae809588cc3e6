//! The guest's clock by its beats.
//! Lives here: what a jump makes of the kernel's own times, and that a guest without a clock is not judged.
//! May not live here: the clock's rate (`guest_clock`), or fair time (`clock`).

use super::Judge;
use crate::event::{Event, Reason};
use crate::verdict::Weight;

/// A guest clock off by more than this against fair time between two beats has jumped.
const CLOCK_JUMP_MS: u64 = 2_000;
/// After a jump the kernel's own detectors are not believed for two of their periods (120 s, `hung_task_timeout_secs`).
const DETECTORS_VOID_MS: u64 = 240_000;

impl Judge {
    /// A beat was sent and came.
    pub(super) fn guest_clock(&mut self, event: &Event) {
        let Some(guest_ns) = event.guest_ns else { return };
        if let Some(rate) = self.guest.clock.beat(guest_ns, event.host_ns) {
            let detail = format!(
                "the guest's clock goes {rate:.1} times as fast as the host's: its boot was starved, and all its times are wrong"
            );
            self.spoil(Reason::HostStarved, detail);
        }
        let (guest_ms, now) = (guest_ns / 1_000_000, self.clock.fair_ms());
        if let Some((guest_before, fair_before)) = self.guest.beat_times.replace((guest_ms, now)) {
            let (guest, fair) = (guest_ms.saturating_sub(guest_before), now - fair_before);
            if guest.saturating_sub(fair) > CLOCK_JUMP_MS {
                self.guest.void_until_ms = now + DETECTORS_VOID_MS;
                self.note(Weight::Other, format!("the guest's clock went {guest} ms in {fair} ms of its time"));
            }
        }
    }
}
