//! Counts of many runs, as text.
//! Lives here: the lines of a row.
//! May not live here: counting (`campaign`).

use crate::campaign::{Cycles, Row, Spread};
use crate::results::RunJson;
use std::collections::BTreeMap;

/// What the runs ended in, each outcome with its share of the runs that have one.
fn ends(row: &Row) -> String {
    let conclusive: u64 = row.outcomes.values().map(|share| share.runs).sum();
    let outcomes = row.outcomes.iter().map(|(name, share)| {
        let percent = |share: f64| (share * 100.0).round();
        let (low, high) = (percent(share.interval.low), percent(share.interval.high));
        format!("{name} {} of {conclusive} ({low}–{high} %)", share.runs)
    });
    let inconclusive = row.inconclusive.iter().map(|(reason, runs)| format!("inconclusive ({reason}) {runs}"));
    outcomes.chain(inconclusive).collect::<Vec<_>>().join(", ")
}

/// Why those that hung did; empty where none did.
fn mechanisms(row: &Row) -> String {
    let mechanisms = row.mechanisms.iter().map(|(name, runs)| format!("{name} {runs}"));
    mechanisms.collect::<Vec<_>>().join(", ")
}

/// What is stored already of a series that goes on, in a sentence.
pub fn stored(runs: &[RunJson]) -> String {
    let mut ends: BTreeMap<&str, u64> = BTreeMap::new();
    for run in runs {
        *ends.entry(run.outcome_name()).or_default() += 1;
    }
    let ends: Vec<String> = ends.iter().map(|(end, runs)| format!("{runs} {end}")).collect();
    let (are, count) = if runs.len() == 1 { ("run is", "counts") } else { ("runs are", "count") };
    format!("{} {are} stored already and {count}: {}", runs.len(), ends.join(", "))
}

/// Two lines: what was run, and what it came to.
pub fn row(row: &Row) -> String {
    let runs = if row.runs == 1 { "run" } else { "runs" };
    let mechanisms = match mechanisms(row) {
        none if none.is_empty() => none,
        some => format!("; mechanism {some}"),
    };
    let spread = |what: &str, spread: Option<Spread>| {
        spread.map_or(String::new(), |one| format!("; {what} {:.1} s, at worst {:.1} s", one.median, one.worst))
    };
    let ended = match row.ended_stalls {
        (0, _) => String::new(),
        (stalls, still) => {
            format!("; {stalls} stalls ended by themselves, nothing moved for at most {still:.1} s of one")
        }
    };
    let cycles = row.cycles.map_or(String::new(), |Cycles { runs, with, longest_s }| {
        format!("; a cycle was closed for a moment in {with} of {runs} that did not hang, the same for at most {longest_s:.1} s")
    });
    format!(
        "{} on {} ({}): {} {runs}, {} as expected\n  {}{mechanisms}; {}–{} kills, longest stalls {:.1}–{:.1} s{}{}{ended}{cycles}",
        row.scenario,
        row.kernel,
        row.origin,
        row.runs,
        row.expected,
        ends(row),
        row.kills.0,
        row.kills.1,
        row.max_stall_s.0,
        row.max_stall_s.1,
        spread("stalled after", row.stall_after_s),
        spread("verdict after", row.verdict_after_s),
    )
}

/// A table in Markdown, for a patch mail or a README.
pub fn table(rows: &[Row]) -> String {
    let mut text = String::from(
        "| scenario | kernel | outcomes | mechanism | kills | stalled after | verdict after | stalls that ended: still for at most | cycles that opened: stood for at most |\n\
         |---|---|---|---|---|---|---|---|---|\n",
    );
    for row in rows {
        let spread = |spread: Option<Spread>| {
            spread.map_or("–".to_owned(), |one| format!("{:.1} s (worst {:.1})", one.median, one.worst))
        };
        let still = match row.ended_stalls {
            (0, _) => "–".to_owned(),
            (stalls, still) => format!("{still:.1} s ({stalls})"),
        };
        let stood = match row.cycles {
            None => "–".to_owned(),
            Some(Cycles { runs, with, longest_s }) => format!("{longest_s:.1} s ({with} of {runs})"),
        };
        let mechanisms = Some(mechanisms(row)).filter(|text| !text.is_empty()).unwrap_or_else(|| "–".to_owned());
        text.push_str(&format!(
            "| {} | {} | {} | {mechanisms} | {}–{} | {} | {} | {still} | {stood} |\n",
            row.scenario,
            row.kernel,
            ends(row),
            row.kills.0,
            row.kills.1,
            spread(row.stall_after_s),
            spread(row.verdict_after_s),
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use crate::campaign::summarise;
    use crate::event::Reason;
    use crate::results::{CyclesJson, RunJson, sample};
    use crate::scenario::Outcome;

    #[test]
    fn a_row_reads_well() {
        let mut run = sample();
        run.kernel_identity.origin = "linux-image 6.1.1".into();
        let run = RunJson { scenario: "s".into(), kernel: "k".into(), max_stall_s: 61.5, expected: true, ..run };
        let lost = RunJson { outcome: None, inconclusive: Some(Reason::QemuDied), expected: false, ..run.clone() };
        let cycles = CyclesJson { pictures: 150, closed: 20, longest_s: 1.75 };
        let killed = RunJson { outcome: Some(Outcome::OomKilled), cycles: Some(cycles), ..run.clone() };
        let rows = summarise([&run, &run, &lost, &killed]);
        assert_eq!(
            super::row(&rows[0]),
            "s on k (linux-image 6.1.1): 4 runs, 3 as expected\n  \
             hung 2 of 3 (21–94 %), oom-killed 1 of 3 (6–79 %), inconclusive (qemu-died) 1; mechanism unknown 2; 1–1 kills, longest \
             stalls 61.5–61.5 s; stalled after 7.8 s, at worst 7.8 s; verdict after 70.0 s, at worst 70.0 s; a cycle was closed for a \
             moment in 1 of 1 that did not hang, the same for at most 1.8 s"
        );
        let table = super::table(&rows);
        let last = table.lines().last().unwrap_or_default();
        assert_eq!(
            last,
            "| s | k | hung 2 of 3 (21–94 %), oom-killed 1 of 3 (6–79 %), inconclusive (qemu-died) 1 | unknown 2 | 1–1 | 7.8 s (worst 7.8) | 70.0 s (worst 70.0) | – | 1.8 s (1 of 1) |"
        );
    }
}
