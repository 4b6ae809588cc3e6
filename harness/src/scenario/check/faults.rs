//! Rules for faults: what the host does to the guest, and when.
//! Lives here: what each action needs, and times that contradict each other or the phases.
//! May not live here: how faults add up (`run::faults`), or how QEMU is told (`vm`).

use super::{Checker, MAX_ITEMS};
use crate::event::Rules;
use crate::scenario::model::{DiskError, Fault, FaultAction, Guest, Operation};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawBalloon, RawError, RawFault, RawGuest, RawPause, RawThrottle};
use crate::scenario::scalars::{DiskName, Duration, Size, Until};
use crate::scenario::suggest::{nearest, one_of};
use crate::scenario::units::{format_duration, format_size};
use crate::scenario::value::{At, Scalar, Val};
use std::ops::Range;

/// Longest pause, in milliseconds: the wall clock of the whole run goes on.
const MAX_PAUSE: u64 = 3_600_000;
/// Least memory that a balloon may leave: with less the guest kills its own init.
const MIN_LEFT: u64 = 64 << 20;
/// What a fault can do, as its key says.
const ACTIONS: [&str; 5] = ["throttle", "stop", "error", "balloon", "pause"];

impl Checker<'_> {
    pub(super) fn faults(
        &mut self,
        raw: &[At<RawFault>],
        raw_guest: &RawGuest,
        guest: Option<&Guest>,
        rules: Option<&Rules>,
    ) -> Option<Vec<Fault>> {
        self.few(raw.get(MAX_ITEMS).map(|one| &one.at), MAX_ITEMS, "faults");
        let mut faults: Vec<Fault> = Vec::new();
        for At { value: fault, at: place } in raw.iter().take(MAX_ITEMS) {
            let at = self.read(&fault.at);
            let until = self.read_optional(fault.until.as_ref());
            let action = self.action(fault, place, raw_guest, guest);
            let (Some(Duration(at_ms)), Some(until), Some(action)) = (at, until, action) else { continue };
            let until_ms = match until.unwrap_or(Until::Lift) {
                Until::Lift => None,
                Until::Time(ms) => Some(ms),
            };
            self.within(fault, at_ms, until_ms, rules);
            faults.push(Fault { at_ms, until_ms, action });
        }
        if let Some(rules) = rules {
            self.pauses_fit(raw, &faults, rules);
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

    /// Pauses take wall time that the phases do not have.
    fn pauses_fit(&mut self, raw: &[At<RawFault>], faults: &[Fault], rules: &Rules) {
        let length = |fault: &Fault| if let FaultAction::Pause { for_ms } = fault.action { for_ms } else { 0 };
        let pauses: u64 = faults.iter().map(length).sum();
        let phases = rules.boot_ms + rules.settle_ms + rules.pressure_ms + rules.verify_ms;
        let first = raw.iter().find_map(|fault| fault.value.pause.as_ref());
        if let Some(At { at, .. }) = first.filter(|_| rules.wall_ms < phases + pauses && rules.wall_ms >= phases) {
            let (pauses, wall) = (format_duration(pauses), format_duration(rules.wall_ms));
            let message = format!(
                "the phases take {} and pauses {pauses} more, and the whole run may take {wall}",
                format_duration(phases)
            );
            self.report(Problem::new(at, message, "expected shorter pauses, or a longer `wall` in `phases`"));
        }
    }

    /// The one action of a fault.
    fn action(
        &mut self,
        fault: &RawFault,
        place: &Range<usize>,
        raw_guest: &RawGuest,
        guest: Option<&Guest>,
    ) -> Option<FaultAction> {
        let places = [
            fault.throttle.as_ref().map(|action| &action.at),
            fault.stop.as_ref().map(|action| &action.at),
            fault.error.as_ref().map(|action| &action.at),
            fault.balloon.as_ref().map(|action| &action.at),
            fault.pause.as_ref().map(|action| &action.at),
        ];
        let given: Vec<(&str, &Range<usize>)> =
            ACTIONS.into_iter().zip(places).filter_map(|(name, at)| Some((name, at?))).collect();
        match given[..] {
            [_] => {}
            [] => {
                let problem = Problem::new(place, "the fault does nothing", format!("expected {}", one_of(&ACTIONS)));
                self.report(problem.help("for example `stop: {disk: data}`"));
                return None;
            }
            [(one, first), (other, second), ..] => {
                let message = format!("the fault has `{one}` and `{other}`");
                let problem = Problem::new(second, message, "expected one action a fault");
                self.report(problem.other(first, "the other one").help("faults may be in force at the same time"));
                return None;
            }
        }
        if let Some(throttle) = &fault.throttle {
            self.throttle(throttle, raw_guest)
        } else if let Some(At { value: stop, .. }) = &fault.stop {
            Some(FaultAction::Stop { disk: self.disk_of(&stop.disk, raw_guest)? })
        } else if let Some(At { value: error, .. }) = &fault.error {
            self.error(error, raw_guest)
        } else if let Some(At { value: balloon, .. }) = &fault.balloon {
            self.balloon(balloon, guest)
        } else {
            self.pause(&fault.pause.as_ref()?.value, fault)
        }
    }

    fn throttle(&mut self, At { value: raw, at }: &At<RawThrottle>, guest: &RawGuest) -> Option<FaultAction> {
        let unlimited = |val_at: &Range<usize>, key: &str| {
            let problem =
                Problem::new(val_at, format!("`{key}` is 0, which QEMU reads as unlimited"), "expected at least 1");
            problem.help("to stop a disk: `stop: {disk: NAME}`")
        };
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
        let disk = self.disk_of(&raw.disk, guest);
        Some(FaultAction::Throttle { disk: disk?, iops: iops?.map(|iops| iops.0), bps: bps?.map(|bps| bps.0) })
    }

    fn error(&mut self, raw: &RawError, guest: &RawGuest) -> Option<FaultAction> {
        let disk = self.disk_of(&raw.disk, guest);
        let errno = self.read_optional(raw.errno.as_ref());
        let on = match &raw.on {
            None => Some(Operation::ALL.to_vec()),
            Some(list) => self.operations(list),
        };
        Some(FaultAction::Error { disk: disk?, errno: errno?.unwrap_or(DiskError::Io), on: on? })
    }

    fn operations(&mut self, list: &At<Vec<Val<Operation>>>) -> Option<Vec<Operation>> {
        let all: Vec<&str> = Operation::ALL.iter().map(|one| one.name()).collect();
        if list.value.is_empty() {
            let right = format!("expected some of {}, or no `on` for all of them", all.join(", "));
            self.report(Problem::new(&list.at, "the error is on no operation", right));
            return None;
        }
        self.few(list.value.get(all.len()).map(|val| &val.at), all.len(), "operations");
        let mut read = self.all(list.value.get(..all.len()).unwrap_or(&list.value))?;
        for (n, one) in read.iter().enumerate() {
            if let Some(first) = read[..n].iter().position(|first| first == one) {
                let message = format!("`{}` is there twice", one.text());
                let problem = Problem::new(&list.value[n].at, message, "once is enough");
                self.report(problem.other(&list.value[first].at, "first here"));
            }
        }
        read.sort_unstable();
        Some(read)
    }

    fn balloon(&mut self, raw: &RawBalloon, guest: Option<&Guest>) -> Option<FaultAction> {
        let memory = self.size(&raw.memory, "memory")?;
        let of = guest.map(|guest| guest.memory);
        let problem = |message: String, right: String| Problem::new(&raw.memory.at, message, right);
        if let Some(of) = of.filter(|of| memory >= *of) {
            let message =
                format!("the balloon would leave {}, and the guest has {}", format_size(memory), format_size(of));
            self.report(problem(message, "expected less than `guest.memory`".into()));
        } else if memory < MIN_LEFT {
            let message = format!("the balloon would leave {}", format_size(memory));
            self.report(problem(message, format!("expected at least {}", format_size(MIN_LEFT))));
        }
        Some(FaultAction::Balloon { memory })
    }

    fn pause(&mut self, raw: &RawPause, fault: &RawFault) -> Option<FaultAction> {
        let for_ms = self.time(Some(&raw.time), 1, MAX_PAUSE, 0);
        if let Some(until) = &fault.until {
            let problem = Problem::new(&until.at, "a pause has no `until`", "leave it out");
            self.report(problem.help(
                "`until` counts the guest's own time, and a guest that is stopped has none: `for` says how long, in wall time",
            ));
        }
        Some(FaultAction::Pause { for_ms: for_ms? })
    }

    /// A disk by its name.
    fn disk_of(&mut self, val: &Val<DiskName>, guest: &RawGuest) -> Option<String> {
        let DiskName(disk) = self.read(val)?;
        let known: Vec<&str> =
            guest.disks.iter().flat_map(|disks| &disks.0).map(|(name, _)| name.text.as_str()).collect();
        if !known.contains(&disk.as_str()) {
            let right =
                if known.is_empty() { "the guest has no disks".into() } else { format!("expected {}", one_of(&known)) };
            let problem = Problem::new(&val.at, format!("there is no disk `{disk}`"), right);
            self.report(match nearest(&disk, &known) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem,
            });
        }
        Some(disk)
    }
}
