//! Stored runs of two sides next to each other.
//! Lives here: their wording, as text and as Markdown.
//! May not live here: what makes a group, or the tests (`campaign::compare`).

use super::sides::{bad, sides, tests, wrap};
use crate::campaign::compare::Group;
use std::fmt::Write;

/// What a group is of: `scenario on kernel, key=value`.
pub(super) fn name(group: &Group) -> String {
    let mut parts = group.scenario.clone().map_or_else(Vec::new, |scenario| vec![scenario]);
    match (&group.kernel, parts.last_mut()) {
        (Some(kernel), Some(scenario)) => *scenario += &format!(" on {kernel}"),
        (Some(kernel), None) => parts.push(kernel.clone()),
        (None, _) => {}
    }
    parts.extend(group.parameters.iter().map(|(key, value)| format!("{key}={value}")));
    if parts.is_empty() { "all runs".into() } else { parts.join(", ") }
}

/// Three lines: what was run, what each side came to, what the tests say.
pub fn group(group: &Group) -> String {
    let mut text = name(group);
    for (side, what) in ["A", "B"].into_iter().enumerate() {
        let ends = group.sides.outcomes.iter().chain(&group.sides.inconclusive);
        let ends = ends.filter(|(_, runs)| runs[side] > 0).map(|(end, runs)| format!("{end} {}", runs[side]));
        let ends = ends.collect::<Vec<_>>().join(", ");
        let ends = if ends.is_empty() { "no runs".into() } else { ends };
        let _ = write!(text, "\n  {what}  bad {}; {ends}", bad(group.sides.bad[side]));
    }
    if group.sides.runs.iter().all(|runs| *runs > 0) {
        let _ = write!(text, "\n{}", wrap(&tests(&group.sides), "  ", "  "));
    }
    text
}

/// All groups with their tables in Markdown. `names` say what the sides are.
pub fn groups(groups: &[Group], names: [&str; 2], bad_when: &str) -> String {
    let mut text = format!("- A: {}\n- B: {}\n", names[0], names[1]);
    for group in groups {
        let _ = write!(text, "\n### {}\n\n{}", name(group), sides(&group.sides, ["A", "B"]));
    }
    let foot = format!(
        "A run is bad where {bad_when}; inconclusive runs count for neither. No p value is corrected for the number of groups: of twenty \
         without a difference, one comes to p < 0.05 by chance."
    );
    text + "\n" + &wrap(&foot, "", "") + "\n"
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::campaign::HUNG;
    use crate::campaign::compare::{By, Stored, groups};
    use crate::results::{RunJson, sample};
    use crate::scenario::Outcome;

    #[test]
    fn groups_read_well() {
        let stored = |scenario: &str, outcome, writers: &str| {
            let run = RunJson { scenario: scenario.into(), kernel: "k".into(), outcome: Some(outcome), ..sample() };
            Stored { run, values: [("workload.args.writers".to_owned(), writers.to_owned())].into() }
        };
        let a = vec![stored("s", Outcome::Hung, "20"); 4];
        let b = [vec![stored("s", Outcome::Recovered, "20"); 4], vec![stored("s", Outcome::Recovered, "40")]].concat();
        let all = groups([&a, &b], &[By::Scenario, By::Kernel, By::Parameter], &HUNG.parse().unwrap());
        let text = all.iter().map(super::group).collect::<Vec<_>>().join("\n");
        assert_eq!(
            text,
            "s on k, workload.args.writers=20\n  A  bad 4 of 4 (51–100 %); hung 4\n  B  bad 0 of 4 (0–49 %); recovered 4\n  \
             Fisher's exact test, two-sided: bad p = 0.0286, outcomes p = 0.0286.\n  \
             Longest stalls, Mann-Whitney: U = 16, p = 0.0286 (exact).\n\
             s on k, workload.args.writers=40\n  A  bad 0 of 0 (0–100 %); no runs\n  B  bad 0 of 1 (0–79 %); recovered 1"
        );
        insta::assert_snapshot!(super::groups(&all, ["results/old", "results/new"], HUNG));
    }
}
