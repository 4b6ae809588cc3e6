//! The rate of the processor's time stamp counter, told to the guest.
//! Lives here: measuring it, and the word for the kernel's command line.
//! May not live here: other words (`cmdline`).
//!
//! A guest under TCG reads this host's counter as it is (QEMU, `cpu_get_host_ticks`), and Linux measures its rate at boot against the
//! emulated PIT. A vCPU that is not scheduled between starting the timer and the first reading measures too little
//! (arch/x86/kernel/tsc.c, `pit_calibrate_tsc`), and its clock goes too fast for ever: beside six busy tasks on two cores, 3 of 42
//! boots of 6.1 by a factor of 2.9 to 6.7; with this word 0 of 38. Kernels before 5.8 (bd35c77e32e4) do not know it and measure.
//! Under KVM the guest's counter is the same one, for it is not asked to be scaled.

use super::cpuinfo::all_have;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Between the two readings.
const SPAN: Duration = Duration::from_millis(20);
/// Attempts on a host that always interrupts.
const ATTEMPTS: usize = 8;
/// A reading is between two of the clock, which are no further apart than this: so the rate is right to 0.1 %.
const APART: Duration = Duration::from_micros(10);

/// `tsc_early_khz=`, where this host has a counter that guests see and that always goes at the same rate.
pub fn tsc_word() -> Option<String> {
    static RATE: OnceLock<Option<u32>> = OnceLock::new();
    RATE.get_or_init(|| is_constant().then(measure).flatten()).map(|khz| format!("tsc_early_khz={khz}"))
}

/// Whether every processor has what arch/x86/include/asm/cpufeatures.h calls so.
fn is_constant() -> bool {
    all_have(&["constant_tsc", "nonstop_tsc"])
}

/// Counts per millisecond.
fn measure() -> Option<u32> {
    (0..ATTEMPTS).find_map(|_| {
        let first = reading()?;
        std::thread::sleep(SPAN);
        rate(first, reading()?)
    })
}

/// When it was read, and what.
type Reading = (Instant, u64);

fn rate((then, first): Reading, (now, last): Reading) -> Option<u32> {
    let micros = u64::try_from(now.duration_since(then).as_micros()).ok().filter(|micros| *micros > 0)?;
    u32::try_from(last.checked_sub(first)?.checked_mul(1000)? / micros).ok().filter(|khz| *khz > 0)
}

/// One that nothing interrupted.
fn reading() -> Option<Reading> {
    (0..ATTEMPTS).find_map(|_| {
        let before = Instant::now();
        let counter = counter()?;
        (before.elapsed() <= APART).then_some((before, counter))
    })
}

#[cfg(target_arch = "x86_64")]
#[expect(clippy::unnecessary_wraps, reason = "other processors have none")]
fn counter() -> Option<u64> {
    // SAFETY: RDTSC takes no operands and touches no memory, and Linux lets every program execute it unless that asked not to be let
    // (prctl(2), PR_SET_TSC).
    Some(unsafe { core::arch::x86_64::_rdtsc() })
}

#[cfg(not(target_arch = "x86_64"))]
fn counter() -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_rate_is_counts_per_millisecond() {
        let then = Instant::now();
        let after = |millis| then + Duration::from_millis(millis);
        assert_eq!(rate((then, 1_000), (after(20), 51_923_920)), Some(2_596_146));
        assert_eq!(rate((then, 1_000), (then, 2_000)), None, "no time has passed");
        assert_eq!(rate((then, 1_000), (after(20), 999)), None, "it went back");
    }

    #[test]
    fn two_measurements_agree() {
        if !is_constant() {
            return;
        }
        let (one, other) = (f64::from(measure().unwrap()), f64::from(measure().unwrap()));
        assert!((one / other - 1.0).abs() < 0.01, "{one} and {other} kHz");
        assert_eq!(tsc_word(), tsc_word());
    }
}
