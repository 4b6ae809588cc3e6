//! Two sides next to each other, as a table in Markdown.
//! Lives here: its rows, the sentences on its tests; lines that fit into a mail.
//! May not live here: counting, or testing (`campaign::compare`).

use crate::campaign::compare::{Method, Rate, Sides};
use std::fmt::Write;

/// Longest line of what may be wrapped, in characters: mails are read with quotes before them.
pub(super) const WIDTH: usize = 75;

/// The table: outcomes, bad runs with Wilson's intervals of 95 %, the middle of the longest stalls; then the tests.
pub(super) fn sides(sides: &Sides, names: [&str; 2]) -> String {
    let mut rows: Vec<[String; 3]> = vec![["".into(), names[0].into(), names[1].into()]];
    let mut row = |name: String, cells: [String; 2]| {
        let [a, b] = cells;
        rows.push([name, a, b]);
    };
    for (name, runs) in &sides.outcomes {
        row((*name).to_owned(), runs.map(|count| count.to_string()));
    }
    for (reason, runs) in &sides.inconclusive {
        row(format!("inconclusive ({reason})"), runs.map(|count| count.to_string()));
    }
    row("bad".into(), sides.bad.map(|rate| format!("{} of {}", rate.bad, rate.of)));
    row("bad, 95 % (Wilson)".into(), sides.bad.map(interval));
    let seconds = |time: Option<f64>| time.map_or("–".to_owned(), |time| format!("{time:.1} s"));
    row("longest stall, median".into(), sides.max_stall_median_s.map(seconds));
    table(&rows) + "\n" + &wrap(&tests(sides), "", "") + "\n"
}

pub(super) fn interval(rate: Rate) -> String {
    format!("{:.0}–{:.0} %", rate.interval.low * 100.0, rate.interval.high * 100.0)
}

/// `4 of 4 (51–100 %)`.
pub(super) fn bad(rate: Rate) -> String {
    format!("{} of {} ({})", rate.bad, rate.of, interval(rate))
}

/// What the tests of a table say, in one line.
pub(super) fn tests(sides: &Sides) -> String {
    let of = |p: Option<f64>| p.map_or("not gone through, there are too many tables".to_owned(), p_value);
    let mut text = format!(
        "Fisher's exact test, two-sided: bad {}, outcomes {}.",
        of(sides.fisher_bad_p),
        of(sides.fisher_outcomes_p)
    );
    if let Some(ranks) = sides.max_stall {
        let method = match ranks.method {
            Method::Exact => "exact",
            Method::Normal => "normal approximation",
        };
        let _ = write!(text, " Longest stalls, Mann-Whitney: U = {}, {} ({method}).", ranks.u, p_value(ranks.p));
    }
    text
}

/// `p = 0.0079`, two digits that matter.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.0001 {
        "p < 0.0001".into()
    } else if p < 0.001 {
        format!("p = {p:.5}")
    } else if p < 0.1 {
        format!("p = {p:.4}")
    } else {
        format!("p = {p:.2}")
    }
}

/// A table whose columns stand below each other in plain text too; the first row is the head.
pub(super) fn table(rows: &[[String; 3]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [first, a, b] = [0, 1, 2].map(width);
    let mut text = String::new();
    for (number, [name, one, other]) in rows.iter().enumerate() {
        let _ = writeln!(text, "| {name:first$} | {one:>a$} | {other:>b$} |");
        if number == 0 {
            let line = |width: usize| "-".repeat(width + 1);
            let _ = writeln!(text, "|-{}|{}:|{}:|", line(first), line(a), line(b));
        }
    }
    text
}

/// Text in lines of at most 75 characters where its words allow; the first line begins with `first`, the others with `next`.
pub(super) fn wrap(text: &str, first: &str, next: &str) -> String {
    let mut lines = vec![first.to_owned()];
    let mut begun = false;
    for word in text.split_whitespace() {
        let last = lines.last().map_or(0, |line| line.chars().count());
        if begun && last + 1 + word.chars().count() > WIDTH {
            lines.push(next.to_owned());
            begun = false;
        }
        if let Some(line) = lines.last_mut() {
            *line += if begun { " " } else { "" };
            *line += word;
        }
        begun = true;
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_short_where_words_allow() {
        let text = wrap(&"four ".repeat(40), "- ", "  ");
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH) && text.lines().count() == 3, "{text}");
        assert!(text.starts_with("- four") && text.lines().nth(1).is_some_and(|line| line.starts_with("  four")));
        assert_eq!(wrap(&"x".repeat(90), "- ", "  "), format!("- {}", "x".repeat(90)));
    }

    #[test]
    fn p_values_have_the_digits_that_matter() {
        let values = [0.000_01, 0.000_54, 0.0079, 0.286, 1.0].map(p_value);
        assert_eq!(values, ["p < 0.0001", "p = 0.00054", "p = 0.0079", "p = 0.29", "p = 1.00"]);
    }
}
