//! In which order runs stand on the page, and what each is called there.
//! Lives here: what comes first, ids that stay the same from page to page.
//! May not live here: markup.

use crate::results::RunJson;
use crate::scenario::Outcome;
use std::collections::BTreeMap;

/// How much a reader wants to see a run; 0 is first. Not as expected, then without an outcome, then hangs and panics that were
/// expected, then the rest.
pub(super) fn rank(run: &RunJson) -> u8 {
    match (run.outcome, run.expected) {
        (Some(Outcome::Hung | Outcome::Panicked), false) => 0,
        (Some(_), false) => 1,
        (None, _) => 2,
        (Some(Outcome::Hung | Outcome::Panicked), true) => 3,
        (Some(_), true) => 4,
    }
}

/// Places of the runs, most wanted first; runs of one scenario and kernel that are alike in this stand together, oldest first.
pub(super) fn order(runs: &[RunJson]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..runs.len()).collect();
    order.sort_by_cached_key(|&at| {
        runs.get(at).map(|run| (rank(run), run.scenario.clone(), run.kernel.clone(), run.started, run.result.clone()))
    });
    order
}

/// An id for each run, of the name of its folder, so that a link into one page leads to the same run in the next one.
pub(super) fn ids(runs: &[RunJson]) -> Vec<String> {
    let mut taken: BTreeMap<String, usize> = BTreeMap::new();
    let id = |run: &RunJson| {
        let folder = run.result.as_deref().and_then(|folder| folder.file_name()).map(|name| name.to_string_lossy());
        let name = folder.map_or_else(|| format!("{}-{}", run.scenario, run.started), |name| name.into_owned());
        let plain = |c: char| if c.is_ascii_alphanumeric() || "-._".contains(c) { c } else { '-' };
        let id = format!("run-{}", name.chars().take(120).map(plain).collect::<String>());
        let number = taken.entry(id.clone()).or_default();
        *number += 1;
        // `~` stands in no other id.
        if *number == 1 { id } else { format!("{id}~{number}") }
    };
    runs.iter().map(id).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::sample;

    #[test]
    fn what_is_wrong_comes_first() {
        let run = |outcome, expected| RunJson { outcome, expected, ..sample() };
        let lost = RunJson { inconclusive: Some(Reason::QemuDied), ..run(None, false) };
        let runs = [
            run(Some(Outcome::Recovered), true),
            run(Some(Outcome::Hung), true),
            lost,
            run(Some(Outcome::Recovered), false),
            run(Some(Outcome::Hung), false),
        ];
        assert_eq!(order(&runs), [4, 3, 2, 1, 0]);
    }

    #[test]
    fn ids_are_stable_plain_and_each_is_there_once() {
        let run = |folder: Option<&str>| RunJson { result: folder.map(Into::into), ..sample() };
        let runs = [run(Some("a/one")), run(Some("b/one")), run(Some("c/x\"><script>")), run(None)];
        let found = ids(&runs);
        assert_eq!(found[..3], ["run-one", "run-one~2", "run-x---script-"]);
        assert_eq!(found[3], "run-xfs-inode-mutex-2026-11-24T19-33-21Z");
        assert_eq!(ids(&runs[..1]), ["run-one"]);
    }
}
