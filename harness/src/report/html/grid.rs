//! The answer of many runs: what was not as expected, and scenarios × kernels.
//! Lives here: both, as markup.
//! May not live here: counting (`campaign::summarise`).

use super::bar::shares;
use super::inert::cut;
use super::words::{ENDS, count, end_called, percent};
use crate::campaign::{Row, summarise};
use crate::results::RunJson;
use maud::{Markup, html};
use std::collections::{BTreeMap, BTreeSet};

/// Kinds of what is not as expected that are shown; the runs are all below.
const KINDS: usize = 12;
/// Longest name, in characters.
const NAME: usize = 80;

/// The answer in a sentence: how many runs, of what, how many as expected.
pub(super) fn answer(runs: &[RunJson]) -> Markup {
    let [scenarios, kernels] = [|run: &RunJson| run.scenario.clone(), |run: &RunJson| run.kernel.clone()]
        .map(|of| runs.iter().map(of).collect::<BTreeSet<_>>().len());
    let expected = runs.iter().filter(|run| run.expected).count();
    let lost = runs.iter().filter(|run| run.outcome.is_none()).count();
    let wrong = runs.len() - expected - lost.min(runs.len() - expected);
    html! {
        p.answer {
            @if runs.is_empty() { strong { "No runs." } }
            @else if expected == runs.len() { strong { "All as expected." } }
            @else {
                strong {
                    @if wrong > 0 { (count(wrong, "run is", "runs are")) " not as expected" }
                    @else { "Nothing unexpected" }
                    @if lost > 0 { ", " (lost) " without an outcome" }
                    "."
                }
            }
            " " (count(runs.len(), "run", "runs")) " of " (count(scenarios, "scenario", "scenarios")) " on "
            (count(kernels, "kernel", "kernels")) ", " (expected) " as expected."
        }
    }
}

/// What was not as expected, by scenario, kernel and in which way; the first run of each is linked to.
pub(super) fn unexpected(runs: &[RunJson], ids: &[String], order: &[usize]) -> Markup {
    type Kind<'a> = (bool, &'a str, &'a str, String);
    let mut kinds: BTreeMap<Kind<'_>, (usize, &str)> = BTreeMap::new();
    for (run, id) in order.iter().filter_map(|&at| Some((runs.get(at)?, ids.get(at)?))).filter(|(run, _)| !run.expected)
    {
        let how = match (run.outcome, run.inconclusive) {
            (Some(_), _) => run.differences.iter().take(3).map(|one| cut(one, 200)).collect::<Vec<_>>().join("; "),
            (None, Some(reason)) => format!("inconclusive ({})", reason.name()),
            (None, None) => "inconclusive".into(),
        };
        kinds.entry((run.outcome.is_none(), &run.scenario, &run.kernel, how)).or_insert((0, id)).0 += 1;
    }
    if kinds.is_empty() {
        return html! {};
    }
    let mut all: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for run in runs {
        *all.entry((&run.scenario, &run.kernel)).or_default() += 1;
    }
    html! {
        section aria-labelledby="unexpected" {
            h2 id="unexpected" { "Not as expected" }
            ul.wrong {
                @for ((_, scenario, kernel, how), (found, id)) in kinds.iter().take(KINDS) {
                    li {
                        a href={ "#" (id) } { (cut(scenario, NAME)) " on " (cut(kernel, NAME)) } ": "
                        (how) " " span.note { (found) " of " (count(all.get(&(*scenario, *kernel)).copied().unwrap_or(*found), "run", "runs")) }
                    }
                }
                @if kinds.len() > KINDS { li.note { "and " (kinds.len() - KINDS) " more kinds, among the runs below" } }
            }
        }
    }
}

/// A table: a row a scenario, a column a kernel, oldest kernels first.
pub(super) fn grid(runs: &[RunJson], ids: &[String], order: &[usize]) -> Markup {
    let rows = summarise(runs);
    let mut cells: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in &rows {
        cells.entry((&row.scenario, &row.kernel)).or_default().push(row);
    }
    // Of each cell the run that stands first below.
    let mut first: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for (run, id) in order.iter().filter_map(|&at| Some((runs.get(at)?, ids.get(at)?))) {
        first.entry((&run.scenario, &run.kernel)).or_insert(id);
    }
    let scenarios: BTreeSet<&str> = cells.keys().map(|(scenario, _)| *scenario).collect();
    let kernels: BTreeSet<(Vec<u64>, &str)> =
        runs.iter().map(|run| (version(&run.kernel_identity.release), run.kernel.as_str())).collect();
    // A name that stood for kernels of two versions has one column.
    let mut columns: Vec<&str> = Vec::new();
    for (_, kernel) in kernels {
        if !columns.contains(&kernel) {
            columns.push(kernel);
        }
    }
    html! {
        section aria-labelledby="grid" {
            h2 id="grid" { "Scenarios and kernels" }
            div.scroll tabindex="0" role="region" aria-labelledby="grid" {
                // Roles, since on a narrow screen the style sheet makes a list of it.
                table.grid role="table" {
                    thead role="rowgroup" {
                        tr role="row" {
                            th scope="col" role="columnheader" { "scenario" }
                            @for kernel in &columns { th scope="col" role="columnheader" { (cut(kernel, NAME)) } }
                        }
                    }
                    tbody role="rowgroup" {
                        @for scenario in scenarios {
                            tr role="row" {
                                th scope="row" role="rowheader" { (cut(scenario, NAME)) }
                                @for kernel in &columns {
                                    @match cells.get(&(scenario, *kernel)) {
                                        Some(rows) => td role="cell" data-kernel=(cut(kernel, NAME)) {
                                            @for row in rows {
                                                (cell(row, first.get(&(scenario, *kernel)).copied(), rows.len() > 1))
                                            }
                                        },
                                        None => td.none role="cell" { span.note aria-label="not run" { "–" } },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// What the runs of a scenario on a kernel came to.
fn cell(row: &Row, first: Option<&str>, several: bool) -> Markup {
    let conclusive: u64 = row.outcomes.values().map(|share| share.runs).sum();
    let lost = row.runs - conclusive;
    let wrong = conclusive.saturating_sub(row.expected);
    let ends = ENDS.iter().filter_map(|end| row.outcomes.get(end.name).map(|share| (end, share)));
    let bar = ENDS.map(|end| match end.name {
        "inconclusive" => lost,
        name => row.outcomes.get(name).map_or(0, |share| share.runs),
    });
    let list = |counts: &BTreeMap<String, u64>| {
        counts
            .iter()
            .map(|(name, runs)| if counts.len() == 1 { name.clone() } else { format!("{name} {runs}") })
            .collect::<Vec<_>>()
            .join(", ")
    };
    html! {
        a.cell href=[first.map(|id| format!("#{id}"))] data-scenario=(cut(&row.scenario, 600)) data-kernel=(cut(&row.kernel, 600)) {
            @if several { span.note { (cut(&row.origin, NAME)) } }
            @for (end, share) in ends {
                span.share {
                    span class={ "end " (end.class) } { span.sign aria-hidden="true" { (end.sign) } " " (end.name) }
                    " " span.of { (share.runs) " of " (conclusive) }
                    " " span.note { "(" (percent(share.interval.low)) "–" (percent(share.interval.high)) " %)" }
                }
            }
            @if lost > 0 {
                @let end = end_called("inconclusive");
                span.share {
                    span class={ "end " (end.class) } { span.sign aria-hidden="true" { (end.sign) } " " (end.name) }
                    " " span.of { (lost) } " " span.note { (list(&row.inconclusive)) }
                }
            }
            (shares(bar))
            @if !row.mechanisms.is_empty() { span.note { (list(&row.mechanisms)) } }
            @if wrong > 0 { strong.wrong { "✗ " (wrong) " not as expected" } }
        }
    }
}

/// The numbers that a release begins with, so that 6.12 comes after 6.1.
fn version(release: &str) -> Vec<u64> {
    let numbers = release.split(['.', '-', '+', '_']).map_while(|part| part.parse().ok());
    numbers.take(3).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::sample;
    use crate::scenario::Outcome;

    fn run(scenario: &str, release: &str, outcome: Option<Outcome>) -> RunJson {
        let mut run = sample();
        run.kernel_identity.release = format!("{release}.0-x");
        run.inconclusive = outcome.is_none().then_some(Reason::QemuDied);
        run.expected = outcome.is_some_and(|outcome| outcome != Outcome::Hung);
        run.mechanism = run.mechanism.filter(|_| outcome == Some(Outcome::Hung));
        RunJson { scenario: scenario.into(), kernel: format!("debian-{release}"), outcome, ..run }
    }

    #[test]
    fn a_grid_counts_what_it_shows() {
        let runs = [
            run("a", "6.12", Some(Outcome::Hung)),
            run("a", "6.12", Some(Outcome::OomKilled)),
            run("a", "6.12", None),
            run("b", "6.1", Some(Outcome::Recovered)),
        ];
        let ids = super::super::order::ids(&runs);
        let order = super::super::order::order(&runs);
        let text = grid(&runs, &ids, &order).into_string();
        insta::assert_snapshot!(text.replace("><", ">\n<"));
        assert!(text.find("debian-6.1<") < text.find("debian-6.12<"), "older kernels first");
    }

    #[test]
    fn the_answer_says_what_is_wrong_first() {
        let good = run("a", "6.1", Some(Outcome::Recovered));
        let text = |runs: &[RunJson]| answer(runs).into_string();
        assert!(text(&[]).contains("No runs."));
        assert!(
            text(std::slice::from_ref(&good)).contains("All as expected.</strong> 1 run of 1 scenario on 1 kernel")
        );
        let all = [good.clone(), run("a", "6.1", Some(Outcome::Hung)), run("b", "6.1", None)];
        assert!(text(&all).contains("1 run is not as expected, 1 without an outcome."), "{}", text(&all));
        assert!(text(&[good, run("b", "6.1", None)]).contains("Nothing unexpected, 1 without an outcome."));
    }

    #[test]
    fn what_is_not_expected_is_told_by_kind() {
        let hung = RunJson {
            differences: vec!["outcome: expected x, saw hung".into()],
            ..run("a", "6.1", Some(Outcome::Hung))
        };
        let runs = [hung.clone(), hung, run("a", "6.1", None), run("a", "6.1", Some(Outcome::Recovered))];
        let ids = super::super::order::ids(&runs);
        let text = unexpected(&runs, &ids, &super::super::order::order(&runs)).into_string();
        assert!(text.contains("saw hung <span class=\"note\">2 of 4 runs") && text.contains("(qemu-died)"), "{text}");
        assert_eq!(unexpected(&runs[3..], &ids[3..], &[0]).into_string(), "");
    }
}
