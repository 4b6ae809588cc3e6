//! What all faults that are in force come to.
//! Lives here: faults added up to one state of the host, and how an event tells of one (pure).
//! May not live here: when a fault is in force (`machine`), or how QEMU is told (`vm`).

use crate::event::FailingDisk;
use crate::scenario::{DiskError, FaultAction, Operation, format_duration, format_size};
use crate::vm::{DiskFaults, Throttle};
use std::collections::BTreeMap;

/// What the host does to a guest at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct HostFaults {
    /// Disks that do not simply work.
    pub disks: BTreeMap<String, DiskFaults>,
    /// What memory is left to the guest, in bytes; `None`: all of it.
    pub balloon: Option<u64>,
    /// Whether the machine is stopped.
    pub paused: bool,
}

/// Adds up faults, in whatever order: of bounds the smallest holds, of errors the one that stands first in C's list, a
/// machine is stopped while any pause lasts.
pub(super) fn sum<'a>(actions: impl IntoIterator<Item = &'a FaultAction>) -> HostFaults {
    let mut sum = HostFaults::default();
    for action in actions {
        match action {
            FaultAction::Throttle { disk, iops, bps } => sum.slow(disk, Throttle { iops: *iops, bps: *bps }),
            FaultAction::Stop { disk } => sum.slow(disk, Throttle::STOP),
            FaultAction::Error { disk, errno, on } => {
                let fails = &mut sum.disks.entry(disk.clone()).or_default().fails;
                for operation in on {
                    let errno = Some(errno.errno());
                    match operation {
                        Operation::Read => fails.read = smaller(fails.read, errno),
                        Operation::Write => fails.write = smaller(fails.write, errno),
                        Operation::Flush => fails.flush = smaller(fails.flush, errno),
                    }
                }
            }
            FaultAction::Balloon { memory } => sum.balloon = smaller(sum.balloon, Some(*memory)),
            FaultAction::Pause { .. } => sum.paused = true,
        }
    }
    sum
}

impl HostFaults {
    fn slow(&mut self, disk: &str, bound: Throttle) {
        let throttle = &mut self.disks.entry(disk.to_owned()).or_default().throttle;
        throttle.iops = smaller(throttle.iops, bound.iops);
        throttle.bps = smaller(throttle.bps, bound.bps);
    }
}

/// The smaller of two bounds; none is no bound.
fn smaller<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    one.into_iter().chain(other).min()
}

/// A fault in words, as an event tells it.
pub(super) fn describe(action: &FaultAction) -> String {
    match action {
        FaultAction::Throttle { disk, iops, bps } => {
            let part = |name, value: &Option<u64>| value.map(|value| format!(" {name} {value}")).unwrap_or_default();
            format!("throttle {disk}{}{}", part("iops", iops), part("bps", bps))
        }
        FaultAction::Stop { disk } => format!("stop {disk}"),
        FaultAction::Error { disk, errno, on } => {
            let on: Vec<&str> = on.iter().map(|one| one.name()).collect();
            format!("error {disk} {} on {}", errno.name(), on.join(", "))
        }
        FaultAction::Balloon { memory } => format!("balloon {}", format_size(*memory)),
        FaultAction::Pause { for_ms } => format!("pause for {}", format_duration(*for_ms)),
    }
}

/// What a fault makes fail, as an event tells it.
pub(super) fn fails(action: &FaultAction) -> Option<FailingDisk> {
    let FaultAction::Error { disk, errno, on } = action else { return None };
    let on = |wanted: &[Operation]| on.iter().any(|operation| wanted.contains(operation));
    Some(FailingDisk {
        disk: disk.clone(),
        read: on(&[Operation::Read]),
        write: on(&[Operation::Write, Operation::Flush]),
        no_space: *errno == DiskError::NoSpace,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vm::Fails;
    use proptest::prelude::*;

    fn action() -> impl Strategy<Value = FaultAction> {
        let disk = || prop::sample::select(vec!["a".to_owned(), "b".to_owned()]);
        let bound = || prop::option::of(1u64..5);
        let errno = prop::sample::select(vec![DiskError::Io, DiskError::NoSpace]);
        let on = prop::sample::subsequence(Operation::ALL.to_vec(), 1..=3);
        prop_oneof![
            (disk(), bound(), bound()).prop_map(|(disk, iops, bps)| FaultAction::Throttle { disk, iops, bps }),
            disk().prop_map(|disk| FaultAction::Stop { disk }),
            (disk(), errno, on).prop_map(|(disk, errno, on)| FaultAction::Error { disk, errno, on }),
            (100u64..105).prop_map(|memory| FaultAction::Balloon { memory }),
            (1u64..5).prop_map(|for_ms| FaultAction::Pause { for_ms }),
        ]
    }

    #[test]
    fn the_strictest_bounds_hold_and_errors_lie_beside_them() {
        let disk = || "data".to_owned();
        let actions = [
            FaultAction::Throttle { disk: disk(), iops: Some(100), bps: None },
            FaultAction::Throttle { disk: disk(), iops: Some(7), bps: Some(4096) },
            FaultAction::Error { disk: disk(), errno: DiskError::NoSpace, on: vec![Operation::Write] },
            FaultAction::Error { disk: disk(), errno: DiskError::Io, on: vec![Operation::Write, Operation::Flush] },
        ];
        let throttle = Throttle { iops: Some(7), bps: Some(4096) };
        let fails = Fails { read: None, write: Some(5), flush: Some(5) };
        assert_eq!(sum(&actions).disks, BTreeMap::from([(disk(), DiskFaults { throttle, fails })]));
        let stopped = [&actions[..], &[FaultAction::Stop { disk: disk() }]].concat();
        assert_eq!(sum(&stopped).disks["data"].throttle, Throttle::STOP, "nothing is slower than a stopped disk");
        assert_eq!(sum([]), HostFaults::default());
    }

    proptest! {
        #[test]
        fn neither_order_nor_repetition_matters(actions in prop::collection::vec(action(), 0..6)) {
            let mut other: Vec<_> = actions.iter().rev().cloned().collect();
            prop_assert_eq!(sum(&actions), sum(&other));
            other.extend(actions.clone());
            prop_assert_eq!(sum(&actions), sum(&other));
        }
    }
}
