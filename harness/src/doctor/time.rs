//! What the clocks and processors found mean.
//! Lives here: clocks, the clocksource, steal, load, schedstat (pure).
//! May not live here: reading a clock.

use super::check::Check;
use super::facts::{Clock, Processors, Schedstat};

/// Deadlines and ages are told apart by milliseconds.
const COARSE_NS: u64 = 1_000_000;
/// A clock that runs by more than a hundredth too fast or too slow is not being adjusted but broken.
const DRIFT: u64 = 100;
/// A date before this one is wrong: 2026-01-01T00:00:00Z.
const EARLIEST_S: i64 = 1_767_225_600;
/// So is one after this: 2100-01-01T00:00:00Z.
const LATEST_S: i64 = 4_102_444_800;
/// More than this between the clocks within a second is a step, in nanoseconds.
const STEP_NS: i64 = 100_000_000;
/// Clocksources that are slow to read or coarse (the drivers' ratings are below 300; include/linux/clocksource.h).
const SLOW: [&str; 4] = ["hpet", "acpi_pm", "jiffies", "refined-jiffies"];
/// Share of time stolen by the hypervisor from which on runs get much longer.
const STOLEN: f64 = 0.05;

/// CLOCK_MONOTONIC, on which every duration rests.
pub(super) fn clock(clock: &Clock) -> Check {
    const NAME: &str = "clock";
    const MEND: &str = "choose another clocksource: as root, echo NAME > \
        /sys/devices/system/clocksource/clocksource0/current_clocksource, one of available_clocksource beside it";
    let off = clock.monotonic_ns.abs_diff(clock.raw_ns);
    if clock.steps_back > 0 {
        let times = clock.steps_back;
        Check::fail(NAME, format!("CLOCK_MONOTONIC went back {times} times within ten thousand readings"), MEND)
    } else if clock.monotonic_ns == 0 {
        Check::fail(NAME, "CLOCK_MONOTONIC stands still", MEND)
    } else if clock.resolution_ns > COARSE_NS {
        Check::warn(NAME, format!("a resolution of {} ms", clock.resolution_ns / 1_000_000), MEND)
    } else if off > clock.raw_ns / DRIFT {
        let (monotonic, raw) = (clock.monotonic_ns / 1_000_000, clock.raw_ns / 1_000_000);
        let found =
            format!("CLOCK_MONOTONIC advanced by {monotonic} ms while the hardware's clock advanced by {raw} ms");
        Check::warn(NAME, found, "see what adjusts it: adjtimex --print, chronyc tracking")
    } else {
        Check::ok(NAME, format!("CLOCK_MONOTONIC is steady to {} ns", clock.resolution_ns))
    }
}

/// CLOCK_REALTIME, by which results are named and apt judges mirrors.
pub(super) fn date(clock: &Clock) -> Check {
    const NAME: &str = "date";
    const MEND: &str = "as root: timedatectl set-ntp true";
    let apart = clock.realtime_ns.saturating_sub_unsigned(clock.monotonic_ns);
    if !(EARLIEST_S..LATEST_S).contains(&clock.now_s) {
        let found =
            format!("{} s since 1970 cannot be now: results would be misnamed, apt refuse mirrors", clock.now_s);
        Check::warn(NAME, found, MEND)
    } else if apart.saturating_abs() > STEP_NS {
        Check::warn(NAME, format!("stepped by {} ms within the sample", apart / 1_000_000), MEND)
    } else {
        Check::ok(NAME, "plausible")
    }
}

/// What both clocks are made from.
pub(super) fn source(clock: &Clock) -> Check {
    const NAME: &str = "clocksource";
    match clock.source.as_deref() {
        Some(source) if SLOW.contains(&source) => Check::warn(
            NAME,
            format!("{source}: slow or coarse, and the usual one was found unstable"),
            "see why: dmesg | grep -iE 'clocksource|tsc'; where the TSC is sound, boot with tsc=reliable",
        ),
        Some(source) => Check::ok(NAME, source),
        None => Check::warn(NAME, "unknown", "see that /sys is mounted"),
    }
}

/// Time that the hypervisor gave to others.
pub(super) fn steal(processors: &Processors) -> Check {
    const NAME: &str = "steal";
    match processors.steal {
        Some(steal) if steal > STOLEN => Check::warn(
            NAME,
            format!("{:.1} % of processor time is stolen: runs take longer", steal * 100.0),
            "have this virtual machine on a host with idle processors",
        ),
        Some(steal) => Check::ok(NAME, format!("{:.1} %", steal * 100.0)),
        None => Check::warn(NAME, "unknown: /proc/stat does not tell", "see that /proc is mounted"),
    }
}

/// What else runs here.
pub(super) fn load(processors: &Processors) -> Check {
    const NAME: &str = "load";
    let count = processors.count.max(1);
    match processors.load {
        #[expect(clippy::cast_precision_loss, reason = "a host has fewer than 2^52 processors")]
        Some(load) if load > count as f64 => Check::warn(
            NAME,
            format!("{load:.2} on {count} processors: runs take longer"),
            "end what runs beside (top), or wait for it",
        ),
        Some(load) => Check::ok(NAME, format!("{load:.2} on {count} processors")),
        None => Check::warn(NAME, "unknown: /proc/loadavg does not tell", "see that /proc is mounted"),
    }
}

/// Waits for a processor, without which a guest that its host starves looks like one that hangs.
///
/// The file comes with CONFIG_SCHED_INFO, which CONFIG_SCHEDSTATS and CONFIG_TASK_DELAY_ACCT select. With the latter
/// alone it holds zeros until delay accounting is switched on (fs/proc/base.c, proc_pid_schedstat;
/// include/linux/sched/stat.h, sched_info_on).
pub(super) fn schedstat(found: &Schedstat) -> Check {
    const NAME: &str = "schedstat";
    const BLIND: &str = "waits for a processor cannot be seen, so a starved guest would be taken for a hung one";
    const MEND: &str = "boot a kernel with CONFIG_SCHEDSTATS=y (Debian's and Fedora's have it), or add `delayacct` to \
        this one's command line if it has CONFIG_TASK_DELAY_ACCT=y";
    match found {
        Schedstat::Counts { slices: 1.., wait_ns, .. } => Check::ok(
            NAME,
            format!("counts: {:.1} ms waited so far", std::time::Duration::from_nanos(*wait_ns).as_secs_f64() * 1e3),
        ),
        Schedstat::Counts { .. } => Check::fail(NAME, format!("/proc/PID/schedstat counts nothing: {BLIND}"), MEND),
        Schedstat::Absent => Check::fail(NAME, format!("no /proc/PID/schedstat: {BLIND}"), MEND),
        Schedstat::Strange(text) => {
            Check::fail(NAME, format!("/proc/PID/schedstat is not three numbers but {text:?}: {BLIND}"), MEND)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check::Status::{Fail, Ok as Well, Warn};
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn good() -> Clock {
        Clock {
            steps_back: 0,
            resolution_ns: 1,
            monotonic_ns: SECOND,
            raw_ns: SECOND + 40_000,
            realtime_ns: 1_000_000_100,
            now_s: EARLIEST_S + 1,
            source: Some("tsc".into()),
        }
    }

    #[test]
    fn a_good_clock() {
        assert_eq!([clock(&good()), date(&good()), source(&good())].map(|check| check.status), [Well; 3]);
    }

    #[test]
    fn a_clock_that_goes_back_or_stands_still_is_a_failure() {
        assert_eq!(clock(&Clock { steps_back: 1, ..good() }).status, Fail);
        assert_eq!(clock(&Clock { monotonic_ns: 0, ..good() }).status, Fail);
        assert_eq!(clock(&Clock { resolution_ns: 4_000_000, ..good() }).status, Warn);
        assert_eq!(clock(&Clock { monotonic_ns: SECOND * 98 / 100, ..good() }).status, Warn);
    }

    #[test]
    fn a_date_that_cannot_be_is_said() {
        assert_eq!(date(&Clock { now_s: 0, ..good() }).status, Warn);
        assert_eq!(date(&Clock { now_s: i64::MAX, ..good() }).status, Warn);
        assert_eq!(
            date(&Clock { realtime_ns: -7_000_000_000, ..good() }).found,
            "stepped by -8000 ms within the sample"
        );
        assert_eq!(date(&Clock { realtime_ns: i64::MIN, ..good() }).status, Warn);
    }

    #[test]
    fn slow_and_unknown_clocksources() {
        let status = |name: Option<&str>| source(&Clock { source: name.map(str::to_owned), ..good() }).status;
        assert_eq!([Some("kvm-clock"), Some("hpet"), Some("jiffies"), None].map(status), [Well, Warn, Warn, Warn]);
    }

    #[test]
    fn busy_processors() {
        let both = |load, steal| {
            let processors = Processors { count: 2, load, steal };
            [super::load(&processors).status, super::steal(&processors).status]
        };
        assert_eq!(both(Some(2.0), Some(0.05)), [Well, Well]);
        assert_eq!(both(Some(2.1), Some(0.06)), [Warn, Warn]);
        assert_eq!(both(None, None), [Warn, Warn]);
    }

    #[test]
    fn without_run_queue_waits_nothing_can_be_believed() {
        let counts = |slices| Schedstat::Counts { run_ns: 5, wait_ns: 2_500_000, slices };
        assert_eq!(schedstat(&counts(1)).found, "counts: 2.5 ms waited so far");
        assert_eq!(schedstat(&counts(0)).status, Fail);
        assert_eq!(schedstat(&Schedstat::Absent).status, Fail);
        assert_eq!(schedstat(&Schedstat::Strange("x".into())).status, Fail);
    }
}
