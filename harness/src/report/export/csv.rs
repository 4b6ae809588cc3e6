//! Results as a table for spreadsheets: RFC 4180, one row a run.
//! Lives here: the columns.
//! May not live here: another form.

use super::case::suites;
use super::inert;
use crate::report::{Format, Report};
use crate::results::RunJson;
use csv::{Terminator, WriterBuilder};
use std::io::{self, Write};

/// Longest cell, in characters.
const CELL: usize = 2000;

/// The names of the columns, in their order. Columns may be added at the end, never renamed or given another meaning. Times are in seconds of
/// fair time unless they say otherwise; what is not known is empty.
pub const COLUMNS: [&str; 29] = [
    "scenario",
    "kernel",
    "run",
    "standing",
    "outcome",
    "mechanism",
    "inconclusive",
    "expected",
    "detail",
    "differences",
    "counted_kills",
    "kills",
    "victims",
    "time_to_first_kill_s",
    "max_stall_s",
    "longest_frozen_s",
    "ended_by",
    "work",
    "fair_s",
    "wall_s",
    "started",
    "kernel_release",
    "kernel_origin",
    "kernel_hash",
    "accelerator",
    "qemu",
    "evidence",
    "result",
    "cancelled",
];

/// One row a run under [`COLUMNS`]. A cell whose text a spreadsheet would take for a formula begins with an apostrophe.
#[derive(Debug)]
pub struct Csv;

impl Format for Csv {
    fn write(&self, report: &Report, out: &mut dyn Write) -> io::Result<()> {
        let mut table = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        table.write_record(COLUMNS)?;
        for suite in suites(report) {
            for case in &suite.cases {
                table.write_record(row(case.run, case.number, case.standing.name()))?;
            }
        }
        table.flush()
    }
}

fn row(run: &RunJson, number: usize, standing: &str) -> [String; COLUMNS.len()] {
    let seconds = |time: f64| format!("{time:.3}");
    let victims: Vec<&str> = run.kills.iter().filter(|kill| kill.counts).map(|kill| kill.victim.as_str()).collect();
    let evidence: Vec<String> =
        run.evidence.iter().map(|piece| format!("{:.1} s {}", piece.time_s, piece.text)).collect();
    let kernel = &run.kernel_identity;
    [
        cell(&run.scenario),
        cell(&run.kernel),
        number.to_string(),
        standing.to_owned(),
        run.outcome.map(|outcome| outcome.name().to_owned()).unwrap_or_default(),
        run.mechanism.map(|mechanism| mechanism.name().to_owned()).unwrap_or_default(),
        run.inconclusive.map(|reason| reason.name().to_owned()).unwrap_or_default(),
        run.expected.to_string(),
        cell(run.detail.as_deref().unwrap_or_default()),
        cell(&run.differences.join("; ")),
        run.counted_kills().to_string(),
        run.kills.len().to_string(),
        cell(&victims.join("; ")),
        run.time_to_first_kill_s.map(seconds).unwrap_or_default(),
        seconds(run.max_stall_s),
        seconds(run.longest_frozen_s),
        cell(run.ended_by.as_deref().unwrap_or_default()),
        run.work.to_string(),
        seconds(run.fair_s),
        seconds(run.duration_s),
        run.started.to_string(),
        cell(&kernel.release),
        cell(&kernel.origin),
        cell(&kernel.hash),
        cell(&run.host.accelerator),
        cell(&run.host.qemu),
        cell(&evidence.join("; ")),
        cell(&run.result.as_ref().map(|folder| folder.display().to_string()).unwrap_or_default()),
        run.is_cancelled().to_string(),
    ]
}

/// Text of others as a cell. A spreadsheet takes for a formula what begins with one of these signs, full-width ones too, and leading
/// blanks do not keep it from that.
fn cell(text: &str) -> String {
    let text = inert::line(text, CELL);
    let formula = text.trim_start().starts_with(['=', '+', '-', '@', '＝', '＋', '－', '＠', '|']);
    if formula { format!("'{text}") } else { text }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::one_of_each;
    use super::*;

    #[test]
    fn the_table_is_the_documented_one() {
        let mut text = Vec::new();
        Csv.write(&one_of_each(), &mut text).unwrap();
        insta::assert_snapshot!(String::from_utf8(text).unwrap().replace("\r\n", "\n"));
    }

    #[test]
    fn what_looks_like_a_formula_is_text() {
        for evil in ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "＝1", "\u{a0}=1", "|cmd"] {
            assert!(cell(evil).starts_with('\''), "{evil}");
        }
        assert_eq!(cell("\t=1"), "\\t=1");
        assert_eq!(cell("xfs-inode-mutex"), "xfs-inode-mutex");
        assert_eq!(cell("'=1"), "'=1");
    }

    #[test]
    fn the_columns_are_in_the_manual() {
        let manual = include_str!("../../../../docs/ci/README.md");
        for column in COLUMNS {
            assert!(manual.contains(&format!("`{column}`")), "docs/ci/README.md does not tell of column `{column}`");
        }
    }
}
