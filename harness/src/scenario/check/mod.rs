//! From raw types to a sound scenario: every rule of ours, and all that break one.
//! Lives here: the collector of problems, the scenario as a whole; a file each for its parts.
//! May not live here: decoding, or how problems are drawn.

mod expectations;
mod faults;
mod guest;
mod image;
mod kernel;
mod matrix;
mod source;
mod times;
mod workload;

pub use image::{NamedImage, check_image};
pub use kernel::{NamedSource, check_kernels};
pub use matrix::check_matrix;
pub use source::FRAGMENTS;
pub use workload::REPRODUCERS;

use super::model::{Evidence, Filesystem, ProbeKind, Scenario};
use super::problem::{Problem, ScenarioError};
use super::raw::{RawEvidence, RawScenario};
use super::scalars::Flag;
use super::text::Text;
use super::value::{Scalar, Val};
use std::ops::Range;
use std::path::Path;

/// Most items of a list in a scenario.
const MAX_ITEMS: usize = 100;

/// Collects problems, so that all are told at once.
struct Checker<'a> {
    text: &'a Text,
    /// The file's folder, absolute.
    folder: &'a Path,
    problems: Vec<Problem>,
    /// Files that are named and are not there, or are no such files.
    missing: Vec<Problem>,
}

/// Checks a scenario and resolves it; `folder` is the absolute one that paths in it start from.
///
/// # Errors
/// All rules that it breaks; never an empty list.
pub fn check(raw: &RawScenario, text: &Text, folder: &Path) -> Result<Scenario, Vec<Problem>> {
    let mut checker = Checker::new(text, folder);
    let scenario = checker.scenario(raw);
    checker.problems.append(&mut checker.missing);
    match scenario {
        Some(scenario) if checker.problems.is_empty() => Ok(scenario),
        _ => Err(checker.problems),
    }
}

impl<'a> Checker<'a> {
    fn new(text: &'a Text, folder: &'a Path) -> Self {
        Self { text, folder, problems: Vec::new(), missing: Vec::new() }
    }

    /// What is missing of all that was checked since this was last asked for; `file` is the one that names it.
    fn take_missing(&mut self, file: &Path) -> Option<ScenarioError> {
        let missing = std::mem::take(&mut self.missing);
        (!missing.is_empty()).then(|| ScenarioError::new(file, self.text.clone(), missing))
    }
}

impl Checker<'_> {
    fn scenario(&mut self, raw: &RawScenario) -> Option<Scenario> {
        let name = self.read(&raw.name);
        let summary = self.read(&raw.summary);
        let references = self.all(&raw.references);
        let kernel = self.kernel(&raw.kernel);
        let guest = self.guest(&raw.guest);
        let workload = self.workload(&raw.workload);
        let rules = self.rules(raw.phases.as_ref(), raw.memcg.as_ref(), guest.as_ref());
        let probes = self.probes(raw);
        let faults = self.faults(&raw.faults, &raw.guest, guest.as_ref(), rules.as_ref());
        let evidence = self.evidence(raw.evidence.as_ref());
        self.few(raw.collect.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "files to collect");
        let collect = self.all(raw.collect.get(..MAX_ITEMS).unwrap_or(&raw.collect));
        let expect = self.expectations(&raw.expect);
        if let Some(probes) = &probes {
            self.logins_are_tried(&raw.expect, probes);
        }
        Some(Scenario {
            name: name?.0,
            summary: summary?.0,
            references: references?.into_iter().map(|line| line.0).collect(),
            kernel: kernel?,
            guest: guest?,
            workload: workload?,
            rules: rules?,
            probes: probes?,
            faults: faults?,
            evidence: evidence?,
            collect: collect?.into_iter().map(|path| path.0).collect(),
            expect: expect?,
        })
    }

    /// Reads a scalar.
    fn read<T: Scalar>(&mut self, val: &Val<T>) -> Option<T> {
        T::read(&val.text).map_err(|wrong| self.report(Problem::of(wrong, &val.at))).ok()
    }

    /// Reads a scalar that need not be there: `None` where it is wrong, `Some(None)` where it is not there.
    fn read_optional<T: Scalar>(&mut self, val: Option<&Val<T>>) -> Option<Option<T>> {
        val.map_or(Some(None), |val| self.read(val).map(Some))
    }

    /// Reads a list of scalars: `None` where one is wrong.
    fn all<T: Scalar>(&mut self, vals: &[Val<T>]) -> Option<Vec<T>> {
        let read: Vec<Option<T>> = vals.iter().map(|val| self.read(val)).collect();
        read.into_iter().collect()
    }

    /// Reports a list of more than `max` items; `item` is the first beyond that.
    fn few(&mut self, item: Option<&Range<usize>>, max: usize, what: &str) {
        if let Some(at) = item {
            self.report(Problem::new(at, format!("there are too many {what}"), format!("expected at most {max}")));
        }
    }

    fn report(&mut self, problem: Problem) {
        self.problems.push(problem);
    }

    fn evidence(&mut self, raw: Option<&RawEvidence>) -> Option<Evidence> {
        let Some(raw) = raw else { return Some(Evidence::default()) };
        let (core, keep) = (self.read_optional(raw.core.as_ref()), self.read_optional(raw.keep.as_ref()));
        let on = |flag: Option<Flag>| flag.is_some_and(|flag| flag.0);
        let sample = self.read_optional(raw.sample.as_ref())?.map_or(0, |hz| hz.0);
        Some(Evidence { core: on(core?), keep: on(keep?), sample: u32::try_from(sample).unwrap_or(0) })
    }

    fn probes(&mut self, raw: &RawScenario) -> Option<Vec<ProbeKind>> {
        let swap = Filesystem::Swap.text();
        let disks = raw.guest.disks.iter().flat_map(|disks| &disks.0);
        let has_disks = disks.clone().any(|(_, disk)| disk.filesystem.text != swap);
        let Some(list) = &raw.probes else {
            let mut probes = vec![ProbeKind::Beat, ProbeKind::Counters, ProbeKind::Fault, ProbeKind::Spawn];
            probes.extend(has_disks.then_some(ProbeKind::File));
            return Some(probes);
        };
        self.few(list.value.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "probes");
        let probes = self.all(list.value.get(..MAX_ITEMS).unwrap_or(&list.value))?;
        for (n, probe) in probes.iter().enumerate() {
            let at = &list.value[n].at;
            if let Some(first) = probes[..n].iter().position(|first| first == probe) {
                let problem =
                    Problem::new(at, format!("the probe `{}` is there twice", probe.text()), "once is enough");
                self.report(problem.other(&list.value[first].at, "first here"));
            }
            if *probe == ProbeKind::File && !has_disks {
                self.report(Problem::new(
                    at,
                    "the probe `file` has no disk to write to",
                    "needs a disk with a filesystem in `guest.disks`",
                ));
            }
        }
        if !probes.contains(&ProbeKind::Beat) {
            let problem = Problem::new(&list.at, "the probe `beat` is missing", "expected `beat` in this list");
            self.report(problem.help(
                "every other probe's silence is judged against the beat, and it carries free memory and progress",
            ));
        }
        if !probes.iter().any(|probe| matches!(probe, ProbeKind::Fault | ProbeKind::Spawn | ProbeKind::File)) {
            let problem =
                Problem::new(&list.at, "no probe can find a hang", "expected `fault`, `spawn` or `file` in this list");
            self.report(problem.help("the beat goes on in every OOM deadlock: alone it proves nothing"));
        }
        Some(probes)
    }
}
