//! Rules for times: phases and bounds.
//! Lives here: ranges, and times that contradict each other.
//! May not live here: what the times are used for (`verdict`, `run`).

use super::Checker;
use crate::event::Rules;
use crate::scenario::model::Guest;
use crate::scenario::problem::Problem;
use crate::scenario::raw::RawPhases;
use crate::scenario::scalars::{Duration, Flag, Size};
use crate::scenario::units::{format_duration, format_size};
use crate::scenario::value::Val;

/// Longest phase, in milliseconds.
const MAX_PHASE: u64 = 24 * 3_600_000;
/// Longest run, in milliseconds of wall time.
const MAX_WALL: u64 = 7 * MAX_PHASE;
/// Least time after which a silent probe is a stall: each probe starts a round once a second.
const MIN_STALL: u64 = 1000;

impl Checker<'_> {
    pub(super) fn rules(
        &mut self,
        raw: Option<&RawPhases>,
        memcg: Option<&Val<Flag>>,
        guest: Option<&Guest>,
    ) -> Option<Rules> {
        let default = Rules { boot_ms: 0, ..Rules::default() };
        let memcg = self.read_optional(memcg);
        let empty = RawPhases::default();
        let raw = raw.unwrap_or(&empty);
        let boot_ms = self.time(raw.boot.as_ref(), 1, MAX_PHASE, default.boot_ms);
        let settle_ms = self.time(raw.settle.as_ref(), 1, MAX_PHASE, default.settle_ms);
        let pressure_ms = self.time(raw.pressure.as_ref(), 1, MAX_PHASE, default.pressure_ms);
        let verify_ms = self.time(raw.verify.as_ref(), 1, MAX_PHASE, default.verify_ms);
        let stall_after_ms = self.time(raw.stall_after.as_ref(), MIN_STALL, MAX_PHASE, default.stall_after_ms);
        let frozen_for_ms = self.time(raw.frozen_for.as_ref(), 1, MAX_PHASE, default.frozen_for_ms);
        let stall_max_ms = self.time(raw.stall_max.as_ref(), 1, MAX_PHASE, default.stall_max_ms);
        let escape_ms = self.time(raw.escape.as_ref(), 1, MAX_PHASE, default.escape_ms);
        let wall_ms = self.time(raw.wall.as_ref(), 1, MAX_WALL, default.wall_ms);
        let proof = self.read_optional(raw.proof.as_ref());
        let movement_kb = self.movement(raw.movement.as_ref(), guest, default.movement_kb);
        let rules = Rules {
            boot_ms: boot_ms?,
            settle_ms: settle_ms?,
            pressure_ms: pressure_ms?,
            verify_ms: verify_ms?,
            stall_after_ms: stall_after_ms?,
            frozen_for_ms: frozen_for_ms?,
            stall_max_ms: stall_max_ms?,
            escape_ms: escape_ms?,
            wall_ms: wall_ms?,
            movement_kb: movement_kb?,
            memcg: memcg?.map_or(default.memcg, |flag| flag.0),
            proof: proof?.unwrap_or(default.proof),
            fair_quiet: default.fair_quiet,
        };
        self.go_together(raw, &rules);
        Some(rules)
    }

    pub(super) fn time(&mut self, val: Option<&Val<Duration>>, min: u64, max: u64, default: u64) -> Option<u64> {
        let Some(val) = val else { return Some(default) };
        let Duration(ms) = self.read(val)?;
        if (min..=max).contains(&ms) {
            return Some(ms);
        }
        let range = format!("expected {} to {}", format_duration(min), format_duration(max));
        self.report(Problem::new(&val.at, format!("the time `{}` is out of range", val.text), range));
        None
    }

    fn movement(&mut self, val: Option<&Val<Size>>, guest: Option<&Guest>, default: u64) -> Option<u64> {
        let Some(val) = val else { return Some(default) };
        let Size(size) = self.read(val)?;
        if size == 0 || size % 1024 != 0 {
            let message = format!("{} is no whole number of KiB", format_size(size));
            self.report(Problem::new(&val.at, message, "expected whole KiB, as the guest counts: `256 KiB`"));
            return None;
        }
        if guest.is_some_and(|guest| size >= guest.memory) {
            let problem = Problem::new(&val.at, "the movement is as large as the guest's memory", "expected much less");
            self.report(problem.help("nothing could ever be movement, and every stall would be a hang"));
        }
        Some(size / 1024)
    }

    fn go_together(&mut self, raw: &RawPhases, rules: &Rules) {
        if rules.stall_max_ms < rules.frozen_for_ms {
            let longer = format!("stall_max is {}", format_duration(rules.stall_max_ms));
            let shorter = format!("frozen_for is {}", format_duration(rules.frozen_for_ms));
            let message = format!("{longer}, and {shorter}: no guest could be called hung");
            let right = "expected `stall_max` to be at least `frozen_for`";
            match (&raw.stall_max, &raw.frozen_for) {
                (Some(max), Some(frozen)) => {
                    self.report(Problem::new(&max.at, message, right).other(&frozen.at, shorter));
                }
                (Some(val), None) | (None, Some(val)) => self.report(Problem::new(&val.at, message, right)),
                (None, None) => {}
            }
        }
        let sum = rules.boot_ms + rules.settle_ms + rules.pressure_ms + rules.verify_ms;
        if rules.wall_ms < sum {
            let phases = [&raw.wall, &raw.pressure, &raw.settle, &raw.verify, &raw.boot];
            let at = phases.into_iter().flatten().next().map_or(0..0, |val| val.at.clone());
            let message = format!(
                "the phases take {}, and the whole run may take {}",
                format_duration(sum),
                format_duration(rules.wall_ms)
            );
            self.report(Problem::new(&at, message, format!("expected `wall` to be at least {}", format_duration(sum))));
        }
    }
}
