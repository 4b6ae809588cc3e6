//! A list of results as text.
//! Lives here: a line a run off a terminal; on one a table as wide as that.
//! May not live here: which runs are listed, and in which order (`results`).

use super::inert::plain;
use super::wrap::cut_middle;
use crate::results::Listed;
use anstyle::{AnsiColor, Style};
use std::borrow::Cow;

/// A name can be read when so much is left of it, and guessed when so much is.
const GOOD_NAME: usize = 18;
const MIN_NAME: usize = 12;
/// From this [`Column::spare`] on a column is for wide terminals only.
const LUXURY: u8 = 5;
const GAP: &str = "  ";

/// A run in one line, for `grep`, `sort` and `cut`: begun, `!` where it was not as expected, outcome, kills, longest stall, what ran on
/// what, folder. Colour is stripped where it is not wanted.
pub fn listing_line(run: &Listed) -> String {
    let (style, mark) = look(run);
    let (started, outcome) = (run.started.strftime("%Y-%m-%d %H:%M:%S"), run.outcome_name());
    let (kills, stall) = (run.kills, run.max_stall_s);
    let name = format!("{} on {}", run.scenario, run.kernel);
    let (name, folder) = (plain(&name), run.folder.display().to_string());
    format!(
        "{started}  {style}{mark}{outcome:<12}{style:#} {kills:3} kills {stall:6.1} s  {name:<40} {}",
        plain(&folder)
    )
}

/// Green is as expected, red is not, yellow is no answer; the last two have `!` too, and the outcome is a word: nobody has to see colours.
fn look(run: &Listed) -> (Style, char) {
    let (colour, mark) = match (run.outcome, run.expected) {
        (None, _) => (AnsiColor::Yellow, '!'),
        (Some(_), true) => (AnsiColor::Green, ' '),
        (Some(_), false) => (AnsiColor::Red, '!'),
    };
    (colour.on_default(), mark)
}

/// A column of the table.
struct Column {
    head: &'static str,
    cells: Vec<String>,
    /// Numbers stand to the right.
    right: bool,
    /// Names can be cut.
    name: bool,
    /// What goes first where there is no room for all; 0 stays.
    spare: u8,
}

impl Column {
    fn new(head: &'static str, spare: u8, cells: impl Iterator<Item = String>) -> Self {
        Self { head, cells: cells.collect(), right: false, name: false, spare }
    }

    fn numbers(head: &'static str, spare: u8, cells: impl Iterator<Item = String>) -> Self {
        Self { right: true, ..Self::new(head, spare, cells) }
    }

    fn names(head: &'static str, cells: impl Iterator<Item = String>) -> Self {
        Self { name: true, ..Self::new(head, 0, cells) }
    }

    fn width(&self) -> usize {
        self.cells.iter().map(|cell| cell.chars().count()).max().unwrap_or(0).max(self.head.len())
    }
}

/// A table at most `width` columns wide, with a head. The first column is the end of the result's name, by which `oomph results show` finds it.
/// Where there is no room for all, columns that tell least go, then names lose their middle.
pub fn table(runs: &[Listed], width: usize) -> String {
    fn text(cell: impl ToString) -> String {
        plain(&cell.to_string()).into_owned()
    }
    let mut columns = vec![
        Column::new("id", 0, runs.iter().map(|run| text(id(run)))),
        Column::new("started (UTC)", 3, runs.iter().map(|run| text(run.started.strftime("%Y-%m-%d %H:%M")))),
        Column::new("outcome", 0, runs.iter().map(|run| text(run.outcome_name()))),
        Column::new("why", 4, runs.iter().map(|run| text(run.why()))),
        Column::numbers("kills", 2, runs.iter().map(|run| text(run.kills))),
        Column::numbers("stall", 1, runs.iter().map(|run| format!("{:.1} s", run.max_stall_s))),
        Column::numbers("took", 5, runs.iter().map(|run| format!("{:.0} s", run.duration_s))),
        Column::names("scenario", runs.iter().map(|run| text(&run.scenario))),
        Column::names("kernel", runs.iter().map(|run| text(&run.kernel))),
        Column::new("folder", 6, runs.iter().map(|run| text(run.folder.display()))),
    ];
    let mut widths = fit(&mut columns, width);
    // Nothing follows the last: no blanks behind it, unless it is numbers.
    if let (Some(last), Some(column)) = (widths.last_mut(), columns.last()) {
        *last = if column.right { *last } else { 0 };
    }
    let mut out = String::new();
    let heads = columns.iter().zip(&widths).map(|(column, &width)| pad(column.head, width, column.right));
    line(&mut out, ' ', heads);
    for (row, run) in runs.iter().enumerate() {
        let (style, mark) = look(run);
        let cells = columns.iter().zip(&widths).map(|(column, &width)| {
            let cell = column.cells.get(row).map_or("", String::as_str);
            let cell = pad(cell, width, column.right);
            if column.head == "outcome" { format!("{style}{cell}{style:#}").into() } else { cell }
        });
        line(&mut out, mark, cells);
    }
    out
}

fn line<'a>(out: &mut String, mark: char, cells: impl Iterator<Item = Cow<'a, str>>) {
    out.push(mark);
    for (at, cell) in cells.enumerate() {
        out.push_str(if at == 0 { " " } else { GAP });
        out.push_str(&cell);
    }
    out.push('\n');
}

/// The four letters that a result's name ends in.
fn id(run: &Listed) -> String {
    let name = run.folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
    name.rsplit('-').next().unwrap_or_default().to_owned()
}

/// Takes columns away and cuts names until the rest fits; the widths.
fn fit(columns: &mut Vec<Column>, width: usize) -> Vec<usize> {
    loop {
        let mut widths: Vec<usize> = columns.iter().map(Column::width).collect();
        let most = columns.iter().map(|column| column.spare).max().unwrap_or(0);
        // For what can be had elsewhere no name is cut; for the rest a little, and more only when nothing else can go.
        let least = match most {
            LUXURY.. => usize::MAX,
            1.. => GOOD_NAME,
            0 => MIN_NAME,
        };
        if squeeze(columns, &mut widths, width, least) || most == 0 {
            for (column, &width) in columns.iter_mut().zip(&widths).filter(|(column, _)| column.name) {
                for cell in &mut column.cells {
                    *cell = cut_middle(cell, width).into_owned();
                }
            }
            return widths;
        }
        columns.retain(|column| column.spare < most);
    }
}

/// Makes names narrower, the widest first, though none narrower than `least`; whether all fits then.
fn squeeze(columns: &[Column], widths: &mut [usize], width: usize, least: usize) -> bool {
    loop {
        let all = 2 + widths.iter().sum::<usize>() + GAP.len() * widths.len().saturating_sub(1);
        if all <= width {
            return true;
        }
        let names = columns.iter().zip(widths.iter_mut()).filter(|(column, width)| column.name && **width > least);
        let Some((_, widest)) = names.max_by_key(|(_, width)| **width) else { return false };
        *widest -= 1;
    }
}

fn pad(text: &str, width: usize, right: bool) -> Cow<'_, str> {
    if right { format!("{text:>width$}").into() } else { format!("{text:<width$}").into() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::sample_listed;
    use crate::scenario::Outcome;

    fn runs() -> Vec<Listed> {
        let run = sample_listed();
        let killed = Listed {
            folder: "results/isolation-storm/20261129T160242Z-debian-6.1-unbounded-isolation-xsda".into(),
            outcome: Some(Outcome::OomKilled),
            mechanism: None,
            expected: true,
            kills: 36,
            scenario: "isolation-storm".into(),
            kernel: "debian-6.1-unbounded-isolation".into(),
            duration_s: 95.4,
            ..run.clone()
        };
        let lost = Listed {
            folder: "results/x/20261129T160242Z-k-1amt".into(),
            outcome: None,
            mechanism: None,
            inconclusive: Some(Reason::KvmInternalError),
            max_stall_s: 0.0,
            kernel: "\x1b[31mk\n\u{9b}".into(),
            ..run.clone()
        };
        vec![
            Listed { folder: "results/y/20261129T160242Z-k-3ad9".into(), kernel: "debian-6.1".into(), ..run },
            killed,
            lost,
        ]
    }

    fn stripped(text: &str) -> String {
        anstream::adapter::strip_str(text).to_string()
    }

    #[test]
    fn a_table_fits_the_terminal() {
        let tables = [200, 120, 80, 60].map(|width| stripped(&table(&runs(), width)));
        for (table, width) in tables.iter().zip([200, 120, 80, 60]) {
            assert!(table.lines().all(|line| line.chars().count() <= width && line.trim_end() == line), "{table}");
        }
        insta::assert_snapshot!(tables.join("\n"));
        for width in 0..200 {
            assert_eq!(table(&runs(), width).lines().count(), 4, "never without a run");
        }
    }

    #[test]
    fn a_line_off_a_terminal_is_greppable() {
        let lines: Vec<String> = runs().iter().map(|run| stripped(&listing_line(run))).collect();
        insta::assert_snapshot!(lines.join("\n"));
    }
}
