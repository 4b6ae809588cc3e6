//! Stored runs of two sides, put together by what they were of.
//! Lives here: what makes a group, which values are parameters (pure).
//! May not live here: reading results, or printing.

use super::sides::Sides;
use crate::campaign::BadWhen;
use crate::results::{RunJson, Values};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// What runs of a group have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// The kernel's name.
    Kernel,
    /// The scenario's name.
    Scenario,
    /// The scenario's parameters.
    Parameter,
}

/// A stored run.
#[derive(Clone, Debug)]
pub struct Stored {
    /// Its record.
    pub run: RunJson,
    /// What its scenario was set to.
    pub values: Values,
}

/// Runs of two sides that have something in common.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Group {
    /// Their scenario, where groups are by scenario.
    pub scenario: Option<String>,
    /// Their kernel, where groups are by kernel.
    pub kernel: Option<String>,
    /// Their parameters, where groups are by parameter.
    pub parameters: Values,
    /// The kernels that ran, by side.
    pub kernels: [BTreeSet<String>; 2],
    /// Both sides in numbers.
    pub sides: Sides,
}

/// Keys of scenario.yaml that say what is run or kept, and not how it presses.
const NO_PARAMETERS: [&str; 6] = ["name", "summary", "references", "kernel", "expect", "evidence"];

/// What groups are by where nothing is said: scenario, kernel and parameters where the sides have a kernel in common, else scenario and
/// parameters (two kernels are compared then).
pub fn usual(sides: [&[Stored]; 2]) -> Vec<By> {
    let kernels = |side: usize| sides[side].iter().map(|one| &one.run.kernel).collect::<BTreeSet<_>>();
    match kernels(0).is_disjoint(&kernels(1)) {
        true => vec![By::Scenario, By::Parameter],
        false => vec![By::Scenario, By::Kernel, By::Parameter],
    }
}

/// Groups of runs, sorted. A parameter is a value that is not the same in all runs of a scenario, of either side. A group may have runs of
/// one side only.
pub fn groups(sides: [&[Stored]; 2], by: &[By], bad_when: &BadWhen) -> Vec<Group> {
    type Key = (Option<String>, Option<String>, Values);
    let parameters = parameters(sides);
    let mut found: BTreeMap<Key, [Vec<RunJson>; 2]> = BTreeMap::new();
    for (side, runs) in sides.iter().enumerate() {
        for one in *runs {
            let known = parameters.get(&one.run.scenario).filter(|_| by.contains(&By::Parameter));
            let own = one.values.iter().filter(|(key, _)| known.is_some_and(|known| known.contains(key.as_str())));
            let key = (
                by.contains(&By::Scenario).then(|| one.run.scenario.clone()),
                by.contains(&By::Kernel).then(|| one.run.kernel.clone()),
                own.map(|(key, value)| (key.clone(), value.clone())).collect(),
            );
            found.entry(key).or_default()[side].push(one.run.clone());
        }
    }
    let group = |((scenario, kernel, parameters), runs): (Key, [Vec<RunJson>; 2])| Group {
        scenario,
        kernel,
        parameters,
        kernels: runs.each_ref().map(|runs| runs.iter().map(|run| run.kernel.clone()).collect()),
        sides: Sides::of([&runs[0], &runs[1]], bad_when),
    };
    found.into_iter().map(group).collect()
}

/// Of each scenario the keys that are parameters.
fn parameters(sides: [&[Stored]; 2]) -> BTreeMap<String, BTreeSet<&str>> {
    let mut first: BTreeMap<&str, BTreeMap<&str, &str>> = BTreeMap::new();
    let mut differ: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for one in sides.into_iter().flatten() {
        let seen = first.entry(&one.run.scenario).or_default();
        for (key, value) in &one.values {
            let about = key.split('.').next().unwrap_or_default();
            if *seen.entry(key).or_insert(value) != value && !NO_PARAMETERS.contains(&about) {
                differ.entry(one.run.scenario.clone()).or_default().insert(key);
            }
        }
    }
    differ
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::campaign::HUNG;
    use crate::results::sample;

    fn stored(scenario: &str, kernel: &str, writers: &str) -> Stored {
        let run = RunJson { scenario: scenario.into(), kernel: kernel.into(), ..sample() };
        let pairs = [("name", scenario), ("kernel", kernel), ("memcg", "false"), ("workload.args.writers", writers)];
        Stored { run, values: pairs.map(|(key, value)| (key.into(), value.into())).into() }
    }

    fn names(sides: [&[Stored]; 2], by: &[By]) -> Vec<(String, [u64; 2])> {
        let name = |group: Group| {
            let values = group.parameters.iter().map(|(key, value)| format!("{key}={value}"));
            let words = group.scenario.into_iter().chain(group.kernel).chain(values).collect::<Vec<_>>();
            (words.join(" "), group.sides.runs)
        };
        groups(sides, by, &HUNG.parse().unwrap()).into_iter().map(name).collect()
    }

    #[test]
    fn runs_are_put_together_by_what_they_have_in_common() {
        let a = [stored("s", "k", "1"), stored("s", "k", "1"), stored("s", "k", "2"), stored("t", "k", "1")];
        let b = [stored("s", "k", "1"), stored("s", "l", "1"), stored("t", "k", "1")];
        let expected = [
            ("s k workload.args.writers=1", [2, 1]),
            ("s k workload.args.writers=2", [1, 0]),
            ("s l workload.args.writers=1", [0, 1]),
            // All runs of this one have one value, so it has no parameter.
            ("t k", [1, 1]),
        ];
        let by = usual([&a, &b]);
        assert_eq!(names([&a, &b], &by), expected.map(|(name, runs)| (name.to_owned(), runs)));
        assert_eq!(names([&a, &b], &[By::Scenario]), [("s".into(), [3, 2]), ("t".into(), [1, 1])]);
        assert_eq!(names([&a, &b], &[By::Kernel]), [("k".into(), [4, 2]), ("l".into(), [0, 1])]);
    }

    #[test]
    fn sides_of_two_kernels_are_two_kernels_compared() {
        let (a, b) = ([stored("s", "old", "1")], [stored("s", "new", "1")]);
        assert_eq!(usual([&a, &b]), [By::Scenario, By::Parameter]);
        let group = groups([&a, &b], &usual([&a, &b]), &HUNG.parse().unwrap()).remove(0);
        assert_eq!(group.kernels, [["old".to_owned()].into(), ["new".to_owned()].into()]);
        assert!(groups([&[], &[]], &[By::Scenario], &HUNG.parse().unwrap()).is_empty());
    }
}
