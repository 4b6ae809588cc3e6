//! Whether the guest's clock goes as the host's does.
//! Lives here: the rate of the one against the other, by the beats of a run.
//! May not live here: single jumps (`judge`), or fair time (`clock`).
//!
//! A guest that is not told its processor's rate (`vm::tsc`) measures it against a timer while it boots. On a host that starves it just then
//! it may be off by a factor: 2.9 to 11.4 were seen, 0.997 to 1.10 in all other runs. Such a guest's own times are wrong, the kernel's ways out of a
//! stall (delays, timeouts, retries) and the agent's timer among them. In one that is slow they would come long after ours.

/// Gaps between beats from this on say nothing of a slow clock: the guest was held, or its lines came late and together.
const GAP_NS: u64 = 3_000_000_000;
/// So much of the host's time must have been seen.
const LEAST_NS: u64 = 5_000_000_000;
/// More than this factor off, to either side, is no clock.
const FACTOR: f64 = 2.0;

/// The two clocks since the first beat.
#[derive(Debug, Default)]
pub(super) struct GuestClock {
    first: Option<Times>,
    last: Option<Times>,
    /// Sums of the short gaps alone.
    short: Times,
}

/// Nanoseconds by both clocks.
#[derive(Clone, Copy, Debug, Default)]
struct Times {
    guest: u64,
    host: u64,
}

impl Times {
    fn since(self, before: Self) -> Self {
        Self { guest: self.guest.saturating_sub(before.guest), host: self.host.saturating_sub(before.host) }
    }

    fn rate(self) -> Option<f64> {
        (self.host >= LEAST_NS).then(|| self.guest as f64 / self.host as f64)
    }
}

impl GuestClock {
    /// Takes in when a beat was sent by the guest's clock and when it came by the host's; the guest's rate where that is no clock.
    pub fn beat(&mut self, guest: u64, host: u64) -> Option<f64> {
        let now = Times { guest, host };
        let first = *self.first.get_or_insert(now);
        let gap = self.last.replace(now).map_or_else(Times::default, |last| now.since(last));
        if gap.host < GAP_NS {
            self.short.guest = self.short.guest.saturating_add(gap.guest);
            self.short.host = self.short.host.saturating_add(gap.host);
        }
        // Time in which the guest was held makes its clock slow in the whole, lines that came together make it quick in the short gaps.
        let quick = now.since(first).rate().filter(|rate| *rate > FACTOR);
        quick.or_else(|| self.short.rate().filter(|rate| *rate < 1.0 / FACTOR))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: u64 = 1_000_000_000;

    /// The first rate that is told of beats that come every second, the guest's clock going at a rate.
    fn told(rate: f64, beats: impl Iterator<Item = u64>) -> Option<f64> {
        let mut clock = GuestClock::default();
        beats.filter_map(|host| clock.beat((host as f64 * rate) as u64 + 7 * S, host)).next()
    }

    #[test]
    fn a_clock_that_is_off_by_a_factor_is_told() {
        assert!(told(11.4, (0..20).map(|n| n * S)).is_some_and(|rate| (rate - 11.4).abs() < 0.1));
        assert!(told(0.2, (0..20).map(|n| n * S)).is_some_and(|rate| (rate - 0.2).abs() < 0.1));
        for rate in [0.6, 0.997, 1.0, 1.1, 1.9] {
            assert_eq!(told(rate, (0..100).map(|n| n * S)), None, "{rate}");
        }
        assert_eq!(told(11.4, (0..5).map(|n| n * S)), None, "not long enough");
    }

    #[test]
    fn lines_that_come_late_and_together_and_a_guest_that_is_held_are_no_wrong_clock() {
        let mut clock = GuestClock::default();
        // Four beats come at once, every four seconds.
        let late: Vec<_> = (0..100).filter_map(|n| clock.beat(n * S, n / 4 * 4 * S)).collect();
        assert_eq!(late, [0.0; 0]);
        let mut clock = GuestClock::default();
        // Held for a minute after ten beats.
        let held: Vec<_> = (0..100).filter_map(|n| clock.beat(n * S, (n + if n > 10 { 60 } else { 0 }) * S)).collect();
        assert_eq!(held, [0.0; 0]);
    }
}
