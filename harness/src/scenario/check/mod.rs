//! From raw types to a sound scenario: every rule of ours, and all that break one.
//! Lives here: the collector of problems, the scenario as a whole; a file each for its parts.
//! May not live here: decoding, or how problems are drawn.

mod expectations;
mod guest;
mod times;
mod workload;

pub use workload::REPRODUCERS;

use super::model::{KernelSource, KernelSpec, ProbeKind, Scenario};
use super::problem::Problem;
use super::raw::{RawKernel, RawScenario, RawSource};
use super::scalars::KernelName;
use super::text::{Origin, Text};
use super::value::{At, Scalar, Val};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most items of a list in a scenario.
const MAX_ITEMS: usize = 100;

/// Collects problems, so that all are told at once.
struct Checker<'a> {
    text: &'a Text,
    /// The scenario file's folder, absolute.
    folder: &'a Path,
    problems: Vec<Problem>,
}

/// Checks a scenario and resolves it; `folder` is the absolute one that paths in it start from.
///
/// # Errors
/// All rules that it breaks; never an empty list.
pub fn check(raw: &RawScenario, text: &Text, folder: &Path) -> Result<Scenario, Vec<Problem>> {
    let mut checker = Checker { text, folder, problems: Vec::new() };
    let scenario = checker.scenario(raw);
    match scenario {
        Some(scenario) if checker.problems.is_empty() => Ok(scenario),
        _ => Err(checker.problems),
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
        let faults = self.faults(&raw.faults, &raw.guest, rules.as_ref());
        let expect = self.expectations(&raw.expect);
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

    fn kernel(&mut self, kernel: &At<RawKernel>) -> Option<KernelSpec> {
        let source = match &kernel.value {
            RawKernel::Name(name) => {
                return match KernelName::read(name) {
                    Ok(name) => Some(KernelSpec::Named(name.0)),
                    Err(wrong) => {
                        self.report(Problem::of(wrong, &kernel.at));
                        None
                    }
                };
            }
            RawKernel::Source(source) => source,
        };
        match source {
            RawSource { debian: Some(debian), image: None, modules: None } => {
                self.read(debian).map(|debian| KernelSpec::Inline(KernelSource::Debian(debian.0)))
            }
            RawSource { debian: None, image: Some(image), modules } => {
                let image = self.path(image, Path::is_file, "file");
                let modules = match modules {
                    None => Some(None),
                    Some(modules) => self.path(modules, Path::is_dir, "folder").map(Some),
                };
                Some(KernelSpec::Inline(KernelSource::Image { image: image?, modules: modules? }))
            }
            RawSource { debian: Some(debian), image, modules } => {
                let other = image.as_ref().or(modules.as_ref()).map_or(&kernel.at, |other| &other.at);
                let problem =
                    Problem::new(other, "the kernel comes from two places", "this cannot stand beside `debian`");
                self.report(problem.other(&debian.at, "a package brings its own image and modules"));
                None
            }
            RawSource { debian: None, image: None, .. } => {
                let right = "expected `debian: RELEASE or PACKAGE`, or `image: PATH`";
                self.report(Problem::new(&kernel.at, "it is not said where the kernel comes from", right));
                None
            }
        }
    }

    fn probes(&mut self, raw: &RawScenario) -> Option<Vec<ProbeKind>> {
        let has_disks = raw.guest.disks.as_ref().is_some_and(|disks| !disks.0.is_empty());
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
                    "needs a disk in `guest.disks`",
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

    /// An absolute path to what must be there.
    fn path<T: Scalar>(&mut self, val: &Val<T>, is: fn(&Path) -> bool, kind: &str) -> Option<PathBuf> {
        let text = self.read(val)?.text();
        let set = matches!(self.text.origin(&val.at).0, Origin::Set(_));
        let path = if set { std::path::absolute(&text).ok()? } else { self.folder.join(&text) };
        if is(&path) && path.to_str().is_some() {
            return Some(path);
        }
        let message = match path.try_exists() {
            Ok(true) if path.to_str().is_none() => format!("`{text}` lies in a folder whose name is no UTF-8"),
            Ok(true) => format!("`{text}` is no {kind}"),
            Ok(false) => format!("`{text}` does not exist"),
            Err(error) => format!("`{text}` cannot be looked at: {error}"),
        };
        let from = if set { "the current folder" } else { "the scenario file's folder" };
        let problem = Problem::new(&val.at, message, format!("expected a {kind}"));
        self.report(match Path::new(&text).is_relative() {
            true => problem.help(format!("a relative path starts at {from}; here that makes {}", path.display())),
            false => problem,
        });
        None
    }
}
