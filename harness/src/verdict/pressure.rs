//! Whether the workload has pressed, and whether all kills under pressure were told.
//! Lives here: counters before pressure and since, the first sign of pressure, what the console lost.
//! May not live here: kills themselves (`kills`), or what a run without pressure is worth (`judge`).

use crate::event::Counters;

#[derive(Debug, Default)]
pub(super) struct Pressure {
    /// Sum of the zones' min watermarks in kB.
    pub min_kb: u64,
    /// Whether the workload was started.
    pub started: bool,
    /// Whether console lines were lost since pressure began.
    pub lost: bool,
    allocstall_before: Option<u64>,
    /// The kernel's count of kills at the last look before pressure, and at the last of all.
    oom_kill: Option<(u64, u64)>,
    seen: Option<String>,
}

impl Pressure {
    /// Counters were read; `begun`: since pressure began, `pressed`: up to release.
    pub fn counters(&mut self, counters: &Counters, begun: bool, pressed: bool) {
        if let Some(now) = counters.oom_kill {
            let before = self.oom_kill.filter(|_| begun).map_or(now, |(before, _)| before);
            self.oom_kill = Some((before, now));
        }
        let Some(allocstall) = counters.allocstall else { return };
        match self.allocstall_before {
            Some(before) if pressed && allocstall > before => {
                self.see(|| format!("direct reclaim was entered ({before} before, {allocstall} then)"));
            }
            _ if !begun => self.allocstall_before = Some(allocstall),
            _ => {}
        }
    }

    /// A sign of pressure; the first stays.
    pub fn see(&mut self, how: impl FnOnce() -> String) {
        self.seen.get_or_insert_with(how);
    }

    /// The first sign of pressure.
    pub fn seen(&self) -> Option<&str> {
        self.seen.as_deref()
    }

    /// Why kills may be missing of which the console has told only `told`, of any scope, since pressure began. The kernel counts every one
    /// from 4.13 on (mm/oom_kill.c, `count_vm_event(OOM_KILL)` in oom_kill_process and later `__oom_kill_process`).
    pub fn untold(&self, told: u64) -> Option<String> {
        match self.oom_kill {
            Some((before, now)) if now.saturating_sub(before) > told => {
                Some(format!("the kernel has counted {} kills, and the console told {told}", now - before))
            }
            None if self.lost => {
                Some("the console lost lines under pressure, and nothing counts this kernel's kills".into())
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(allocstall: u64, oom_kill: Option<u64>) -> Counters {
        Counters { allocstall: Some(allocstall), oom_kill, ..Counters::default() }
    }

    #[test]
    fn direct_reclaim_counts_from_pressure_to_release() {
        let mut pressure = Pressure::default();
        pressure.counters(&counters(5, None), false, false);
        pressure.counters(&counters(7, None), false, false);
        pressure.counters(&counters(7, None), true, true);
        pressure.counters(&counters(9, None), true, false);
        assert_eq!(pressure.seen(), None);
        pressure.counters(&counters(8, None), true, true);
        pressure.counters(&counters(9, None), true, true);
        assert_eq!(pressure.seen(), Some("direct reclaim was entered (7 before, 8 then)"));
    }

    #[test]
    fn a_kill_that_the_console_did_not_tell_is_missed() {
        let mut pressure = Pressure::default();
        pressure.counters(&counters(0, Some(3)), false, false);
        pressure.counters(&counters(0, Some(3)), true, true);
        pressure.lost = true;
        assert_eq!(pressure.untold(0), None, "lines were lost, but none of a kill");
        pressure.counters(&counters(0, Some(5)), true, true);
        assert_eq!(pressure.untold(2), None);
        assert!(pressure.untold(1).is_some_and(|text| text.contains("2 kills")));
        // Before 4.13 nobody counts.
        let mut pressure = Pressure::default();
        pressure.counters(&counters(0, None), true, true);
        assert_eq!(pressure.untold(0), None);
        pressure.lost = true;
        assert!(pressure.untold(0).is_some());
    }
}
