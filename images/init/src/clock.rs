//! The guest's clock: CLOCK_MONOTONIC.
//! Lives here: reading it, and sleeping by it.
//! May not live here: any schedule.

use rustix::thread::{NanosleepRelativeResult, clock_nanosleep_absolute, clock_nanosleep_relative};
use rustix::time::{ClockId, Timespec, clock_gettime};
use std::time::Duration;

/// Time since boot.
pub fn now() -> Duration {
    let now = clock_gettime(ClockId::Monotonic);
    Duration::new(now.tv_sec.unsigned_abs(), u32::try_from(now.tv_nsec).unwrap_or(0))
}

/// Time since boot in microseconds, as lines carry it.
pub fn now_us() -> u64 {
    u64::try_from(now().as_micros()).unwrap_or(u64::MAX)
}

/// Sleeps until the clock shows `until`.
pub fn sleep_until(until: Duration) {
    while clock_nanosleep_absolute(ClockId::Monotonic, &timespec(until)) == Err(rustix::io::Errno::INTR) {}
}

/// Sleeps for `time`.
pub fn sleep(time: Duration) {
    let mut rest = timespec(time);
    while let NanosleepRelativeResult::Interrupted(left) = clock_nanosleep_relative(ClockId::Monotonic, &rest) {
        rest = left;
    }
}

/// `time` as the kernel takes it.
pub fn timespec(time: Duration) -> Timespec {
    Timespec { tv_sec: i64::try_from(time.as_secs()).unwrap_or(i64::MAX), tv_nsec: time.subsec_nanos().into() }
}
