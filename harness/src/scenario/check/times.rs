//! Rules for times: phases, bounds, and the faults that the host brings about meanwhile.
//! Lives here: ranges, and times that contradict each other.
//! May not live here: what the times are used for (`verdict`, `run`).

use super::{Checker, MAX_ITEMS};
use crate::event::Rules;
use crate::scenario::model::{Fault, FaultAction, Guest};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawFault, RawGuest, RawPhases, RawThrottle};
use crate::scenario::scalars::{Duration, Flag, Size, Until};
use crate::scenario::suggest::{nearest, one_of};
use crate::scenario::units::{format_duration, format_size};
use crate::scenario::value::{At, Val};

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
            fair_quiet: default.fair_quiet,
        };
        self.go_together(raw, &rules);
        Some(rules)
    }

    fn time(&mut self, val: Option<&Val<Duration>>, min: u64, max: u64, default: u64) -> Option<u64> {
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

    pub(super) fn faults(
        &mut self,
        raw: &[At<RawFault>],
        guest: &RawGuest,
        rules: Option<&Rules>,
    ) -> Option<Vec<Fault>> {
        self.few(raw.get(MAX_ITEMS).map(|one| &one.at), MAX_ITEMS, "faults");
        let mut faults: Vec<Fault> = Vec::new();
        for (n, At { value: fault, .. }) in raw.iter().take(MAX_ITEMS).enumerate() {
            let at = self.read(&fault.at);
            let until = self.read_optional(fault.until.as_ref());
            let action = self.throttle(&fault.throttle, guest);
            let (Some(Duration(at_ms)), Some(until), Some(action)) = (at, until, action) else { continue };
            let until_ms = match until.unwrap_or(Until::Lift) {
                Until::Lift => None,
                Until::Time(ms) => Some(ms),
            };
            self.within(fault, at_ms, until_ms, rules);
            let new = Fault { at_ms, until_ms, action };
            if faults.len() == n
                && let Some(other) = faults.iter().position(|other| overlap(other, &new))
            {
                let message = "two faults slow one disk down at the same time";
                let problem = Problem::new(&fault.at.at, message, "expected to begin when the other has ended");
                self.report(problem.other(&raw[other].value.at.at, "the other one"));
            }
            faults.push(new);
        }
        (faults.len() == raw.len()).then_some(faults)
    }

    fn within(&mut self, fault: &RawFault, at_ms: u64, until_ms: Option<u64>, rules: Option<&Rules>) {
        if let (Some(until), Some(val)) = (until_ms.filter(|until| *until <= at_ms), &fault.until) {
            let message =
                format!("the fault ends at {} and begins at {}", format_duration(until), format_duration(at_ms));
            let problem = Problem::new(&val.at, message, "expected a later time than `at`, or `lift`");
            self.report(problem.other(&fault.at.at, "it begins here").help("both count from the start of pressure"));
        }
        let Some(pressure) = rules.map(|rules| rules.pressure_ms) else { return };
        let lasts = format!("pressure lasts {}", format_duration(pressure));
        if at_ms >= pressure {
            let message = "the fault would begin after pressure has ended";
            self.report(Problem::new(&fault.at.at, message, format!("expected an earlier time: {lasts}")));
        } else if let (true, Some(val)) = (until_ms.is_some_and(|until| until > pressure), &fault.until) {
            let message = "the fault would end after pressure has ended";
            self.report(Problem::new(&val.at, message, format!("expected an earlier time, or `lift`: {lasts}")));
        }
    }

    fn throttle(&mut self, At { value: raw, at }: &At<RawThrottle>, guest: &RawGuest) -> Option<FaultAction> {
        let unlimited = |val_at: &std::ops::Range<usize>, key: &str| {
            let problem =
                Problem::new(val_at, format!("`{key}` is 0, which QEMU reads as unlimited"), "expected at least 1");
            problem.help("to stop a disk: `iops: 1` and `bps: 1 B`")
        };
        let disk = self.read(&raw.disk);
        let iops = match &raw.iops {
            Some(val) if val.text == "0" => {
                self.report(unlimited(&val.at, "iops"));
                None
            }
            iops => self.read_optional(iops.as_ref()),
        };
        let bps = self.read_optional(raw.bps.as_ref());
        if let (Some(Some(Size(0))), Some(val)) = (bps, &raw.bps) {
            self.report(unlimited(&val.at, "bps"));
        }
        if raw.iops.is_none() && raw.bps.is_none() {
            self.report(Problem::new(at, "the throttle has no limit", "expected `iops: NUMBER`, `bps: SIZE` or both"));
        }
        let disk = disk?.0;
        let known: Vec<&str> =
            guest.disks.iter().flat_map(|disks| &disks.0).map(|(name, _)| name.text.as_str()).collect();
        if !known.contains(&disk.as_str()) {
            let right =
                if known.is_empty() { "the guest has no disks".into() } else { format!("expected {}", one_of(&known)) };
            let problem = Problem::new(&raw.disk.at, format!("there is no disk `{disk}`"), right);
            self.report(match nearest(&disk, &known) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem,
            });
        }
        Some(FaultAction::Throttle { disk, iops: iops?.map(|iops| iops.0), bps: bps?.map(|bps| bps.0) })
    }
}

/// Whether two faults are in force on one disk at the same time.
fn overlap(one: &Fault, other: &Fault) -> bool {
    let FaultAction::Throttle { disk: one_disk, .. } = &one.action;
    let FaultAction::Throttle { disk: other_disk, .. } = &other.action;
    let ends_before = |fault: &Fault, at_ms: u64| fault.until_ms.is_some_and(|until| until <= at_ms);
    one_disk == other_disk && !ends_before(one, other.at_ms) && !ends_before(other, one.at_ms)
}
