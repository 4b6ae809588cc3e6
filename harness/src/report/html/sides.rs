//! Two sides next to each other: a comparison of stored runs, and a validation.
//! Lives here: their views; the answer in words, tables with rates as bars, what the tests say.
//! May not live here: counting, or testing (`campaign::compare`).

use super::bar;
use super::inert::cut;
use super::order::{ids, order};
use super::page::{page, runs};
use super::report::Html;
use super::run::command;
use super::words::{count, end_called};
use crate::campaign::compare::{Answer, Group, Sides, Validated};
use crate::report::groups::name;
use crate::report::sides::{interval, p_value, tests};
use crate::report::validated::{kernel, rules};
use crate::results::RunJson;
use maud::{Markup, html};

/// Below this p a difference is called one.
const P: f64 = 0.05;
/// Longest text, in characters.
const TEXT: usize = 600;

/// The page of a comparison. `names` say what A and B are; `both` are their runs.
pub fn compared(html: &Html, groups: &[Group], names: [&str; 2], bad_when: &str, both: [&[RunJson]; 2]) -> String {
    let what = ["A", "B"];
    let main = html! {
        (differences(groups))
        dl.facts {
            @for (what, name) in what.iter().zip(names) { dt { (what) } dd { (cut(name, TEXT)) } }
            dt { "bad" } dd { "where " code { (cut(bad_when, TEXT)) } }
        }
        @for (number, group) in groups.iter().enumerate().filter(|(_, group)| comparable(&group.sides)) {
            section aria-labelledby={ "group-" (number + 1) } {
                h2 id={ "group-" (number + 1) } { (cut(&name(group), TEXT)) }
                p.answer { (difference(&group.sides, what)) }
                (table(&group.sides, what))
            }
        }
        (one_sided(groups))
        p.note {
            "Inconclusive runs count for neither side. No p value is corrected for the number of groups: of twenty without a difference, \
             one comes to p < 0.05 by chance."
        }
        (both_runs(html, both, what))
    };
    page("Two sides compared", html, &main)
}

/// The page of a validation. `both` are its runs without and with the change.
pub fn validation(html: &Html, done: &Validated, both: [&[RunJson]; 2]) -> String {
    let what = ["without", "with"];
    let main = html! {
        p.answer {
            strong { (sentence(done)) }
            @if done.interrupted { " It was interrupted." }
            @if done.same_image { " Both kernels are the same image, byte for byte." }
        }
        dl.facts {
            @for (what, side) in what.iter().zip(&done.kernels) { dt { (what) } dd { (cut(&kernel(side), TEXT)) } }
            @if let Some(host) = &done.host {
                dt { "machine" } dd { (cut(&host.qemu, TEXT)) ", " (cut(&host.accelerator, TEXT)) "; oomph " (cut(&host.oomph, TEXT)) }
            }
            dt { "command" } dd { (command(&cut(&done.command, 4000))) }
        }
        @for (number, one) in done.scenarios.iter().enumerate() {
            section aria-labelledby={ "scenario-" (number + 1) } {
                h2 id={ "scenario-" (number + 1) } { @if one.guard { "Guard " } (cut(&one.scenario, TEXT)) ": " (one.answer.text()) }
                p.answer { (count(one.pairs as usize, "pair", "pairs")) " of runs. " (difference(&one.sides, what)) }
                (table(&one.sides, what))
            }
        }
        section aria-labelledby="rules" {
            h2 id="rules" { "What the answer rests on" }
            // Emphasis as in Markdown.
            p { @for (number, part) in rules(done).split('*').enumerate() { @if number % 2 == 1 { em { (part) } } @else { (part) } } }
        }
        (both_runs(html, both, what))
    };
    page(&format!("Validation: {}", done.answer.text()), html, &main)
}

/// The answer of a validation, as one says it.
fn sentence(done: &Validated) -> String {
    let runs: u64 = done.scenarios.iter().flat_map(|one| one.sides.runs).sum();
    let after = format!("{runs} {}", if runs == 1 { "run" } else { "runs" });
    match done.answer {
        Answer::Fixes => format!("The change fixes it: runs are bad less often with it ({after})."),
        Answer::NoDifference => format!("No difference shown, after {after}."),
        Answer::Regresses => format!("The change makes it worse: runs are bad more often with it ({after})."),
        Answer::Undecided => format!("Undecided after {after}."),
    }
}

/// Which groups differ, in words and with links.
fn differences(groups: &[Group]) -> Markup {
    let both = groups.iter().filter(|group| comparable(&group.sides)).count();
    let differ: Vec<(usize, &Group)> =
        groups.iter().enumerate().filter(|(_, group)| comparable(&group.sides) && differs(&group.sides)).collect();
    html! {
        p.answer {
            strong {
                @if both == 0 { "Nothing can be compared: no group has runs with an outcome on both sides." }
                @else if differ.is_empty() { "No group differs with p < " (P) "." }
                @else { (count(differ.len(), "group differs", "groups differ")) "." }
            }
            @if both > 0 { " " (count(both, "group", "groups")) " compared." }
        }
        @if !differ.is_empty() {
            ul.wrong {
                @for (number, group) in differ.iter().take(40) {
                    li { a href={ "#group-" (number + 1) } { (cut(&name(group), TEXT)) } ": " (difference(&group.sides, ["A", "B"])) }
                }
            }
        }
    }
}

/// What cannot be compared, in a list.
fn one_sided(groups: &[Group]) -> Markup {
    let groups: Vec<&Group> = groups.iter().filter(|group| !comparable(&group.sides)).collect();
    let said = |group: &Group, side: usize| {
        let ends = group.sides.outcomes.iter().chain(&group.sides.inconclusive).filter(|(_, runs)| runs[side] > 0);
        let ends = ends.map(|(end, runs)| format!("{end} {}", runs[side])).collect::<Vec<_>>().join(", ");
        if ends.is_empty() { "no runs".to_owned() } else { ends }
    };
    html! {
        @if !groups.is_empty() {
            section aria-labelledby="one-sided" {
                h2 id="one-sided" { "With an outcome on one side at most" }
                ul {
                    @for group in groups.iter().take(200) {
                        li { strong { (cut(&name(group), TEXT)) } ": " (said(group, 0)) " on A; " (said(group, 1)) " on B" }
                    }
                    @if groups.len() > 200 { li.note { "and " (groups.len() - 200) " more" } }
                }
            }
        }
    }
}

fn comparable(sides: &Sides) -> bool {
    sides.bad.iter().all(|rate| rate.of > 0)
}

fn differs(sides: &Sides) -> bool {
    [sides.fisher_bad_p, sides.fisher_outcomes_p].into_iter().flatten().any(|p| p < P)
}

/// What differs, in a sentence.
fn difference(sides: &Sides, what: [&str; 2]) -> String {
    let share = |side: usize| sides.bad[side].bad as f64 / sides.bad[side].of.max(1) as f64;
    let counts = format!(
        "{} of {} are bad {} and {} of {} {}",
        sides.bad[0].bad,
        sides.bad[0].of,
        on(what[0]),
        sides.bad[1].bad,
        sides.bad[1].of,
        on(what[1])
    );
    match (sides.fisher_bad_p, sides.fisher_outcomes_p) {
        _ if !comparable(sides) => "One side has no runs with an outcome.".into(),
        (Some(p), _) if p < P => {
            let way = if share(1) < share(0) { "less" } else { "more" };
            format!("Runs are bad {way} often {}: {counts}, {}.", on(what[1]), p_value(p))
        }
        (_, Some(p)) if p < P => format!("The outcomes differ, {}; {counts}.", p_value(p)),
        // Not "no difference shown": that is the name of an answer with an error rate, which counts alone do not have.
        _ => format!("{counts}."),
    }
}

/// `on A`, `without it`.
fn on(what: &str) -> String {
    if what.len() == 1 { format!("on {what}") } else { format!("{what} the change") }
}

/// Outcomes of both sides, rates with their intervals, the tests.
fn table(sides: &Sides, what: [&str; 2]) -> Markup {
    let seconds = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.1} s"));
    html! {
        div.scroll tabindex="0" role="group" aria-label="Table" {
            table.sides {
                thead { tr { th scope="col" { "runs" } @for what in what { th.num scope="col" { (what) } } } }
                tbody {
                    @for (name, runs) in &sides.outcomes {
                        @let end = end_called(name);
                        tr {
                            th scope="row" { span class={ "end " (end.class) } { span.sign aria-hidden="true" { (end.sign) } " " (name) } }
                            @for count in runs { td.num { (count) } }
                        }
                    }
                    @for (reason, runs) in &sides.inconclusive {
                        tr {
                            th scope="row" { span.end.inconclusive { span.sign aria-hidden="true" { "?" } " inconclusive" } " " span.note { (reason) } }
                            @for count in runs { td.num { (count) } }
                        }
                    }
                    tr {
                        th scope="row" { "bad, 95 %" }
                        @for (rate, class) in sides.bad.iter().zip(["a", "b"]) {
                            td.num {
                                (rate.bad) " of " (rate.of) " " span.note { "(" (interval(*rate)) ")" }
                                (bar::interval((rate.of > 0).then(|| rate.bad as f64 / rate.of as f64), rate.interval, class))
                            }
                        }
                    }
                    tr { th scope="row" { "longest stall, median" } @for time in sides.max_stall_median_s { td.num { (seconds(time)) } } }
                }
            }
        }
        p.note { (tests(sides)) }
    }
}

fn both_runs(html: &Html, both: [&[RunJson]; 2], what: [&str; 2]) -> Markup {
    let all: Vec<RunJson> = both.concat();
    let side: Vec<&str> = both.iter().zip(what).flat_map(|(runs, what)| runs.iter().map(move |_| what)).collect();
    let (ids, order) = (ids(&all), order(&all));
    runs(&all, &html.items(&all, &ids, &order, &side), &what)
}
