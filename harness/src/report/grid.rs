//! A matrix as text.
//! Lives here: the marks of a grid that fills up, and the table at its end.
//! May not live here: counting (`campaign`).

use crate::campaign::matrix::{Cell, Grid, Tally};
use std::fmt::Write;

/// A row of the grid: the cells of a scenario with one set of values.
struct Line {
    name: String,
    cells: Vec<usize>,
}

/// Rows, one a scenario and set of values, in order of first appearance.
fn lines(cells: &[Cell]) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    for (index, cell) in cells.iter().enumerate() {
        let name = std::iter::once(cell.scenario_name()).chain(cell.overrides()).collect::<Vec<_>>().join(" ");
        match lines.iter_mut().find(|line| line.name == name) {
            Some(line) => line.cells.push(index),
            None => lines.push(Line { name, cells: vec![index] }),
        }
    }
    lines
}

/// A grid that fills up, a line a scenario and set of values: `+` a run as expected, `!` one that is not, `?` one without an outcome, `>` one
/// that goes on, `.` one to come, `x` a cell that cannot be run. Cells stand in the order of the file.
pub fn marks(grid: &Grid) -> String {
    let lines = lines(&grid.cells);
    let width = lines.iter().map(|line| line.name.chars().count()).max().unwrap_or(0);
    let cell = |&cell: &usize| {
        let tally = &grid.tallies[cell];
        let wrong = tally.done - tally.expected - tally.inconclusive;
        let told = [('+', tally.expected), ('!', wrong), ('?', tally.inconclusive), ('>', tally.running)];
        let mut marks: String = told.iter().map(|&(mark, count)| mark.to_string().repeat(count as usize)).collect();
        marks += &".".repeat(grid.wanting(cell) as usize);
        marks + if tally.lost { "x" } else { "" }
    };
    let line = |line: &Line| {
        let cells = line.cells.iter().map(cell).collect::<Vec<_>>().join(" ");
        format!("{:width$}  {cells}", line.name)
    };
    lines.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// The table at the end, in Markdown: a row a scenario and set of values, a column a kernel. A cell that is not all as expected is in
/// bold type.
pub fn matrix(grid: &Grid) -> String {
    let mut kernels: Vec<&str> = Vec::new();
    for cell in &grid.cells {
        let kernel = column(cell);
        if !kernels.contains(&kernel) {
            kernels.push(kernel);
        }
    }
    let mut text = format!("| | {} |\n|---|{}\n", kernels.join(" | "), "---|".repeat(kernels.len()));
    for line in lines(&grid.cells) {
        let _ = write!(text, "| {} |", line.name.replace('|', "\\|"));
        for kernel in &kernels {
            let cell = line.cells.iter().find(|&&cell| column(&grid.cells[cell]) == *kernel);
            let _ = write!(text, " {} |", cell.map_or(String::new(), |&cell| ends(&grid.tallies[cell])));
        }
        text.push('\n');
    }
    text
}

fn column(cell: &Cell) -> &str {
    cell.kernel.as_deref().unwrap_or("its own")
}

/// `oom-killed 3`, `**hung 1, oom-killed 2**`.
fn ends(tally: &Tally) -> String {
    let ends = tally.ends.iter().map(|(name, count)| format!("{name} {count}")).collect::<Vec<_>>().join(", ");
    match (tally.done, tally.lost) {
        (0, true) => "**not run**".into(),
        (0, false) => "–".into(),
        (done, false) if done == tally.expected => ends,
        _ => format!("**{ends}**"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::{RunJson, sample};

    #[test]
    fn a_grid_reads_well() {
        let cell = |scenario: &str, kernel: &str| Cell {
            id: format!("{scenario} {kernel}"),
            scenario: format!("/s/{scenario}.yaml").into(),
            kernel: Some(kernel.into()),
            set: vec![("x".into(), "1".into())],
            repeats: 3,
            expect: Vec::new(),
            include: None,
        };
        let mut grid = Grid::new(vec![cell("a", "k1"), cell("a", "k2"), cell("long", "k1")], None);
        let run = RunJson { expected: true, ..sample() };
        grid.tallies[0].add(&run);
        grid.tallies[0].add(&RunJson { expected: false, ..run.clone() });
        grid.tallies[0].running = 1;
        grid.tallies[1].lost = true;
        grid.tallies[2].add(&run);
        grid.tallies[2].add(&RunJson { outcome: None, expected: false, ..run });
        assert_eq!(marks(&grid), "a x=1     +!> x\nlong x=1  +?.");
        assert_eq!(
            matrix(&grid),
            "| | k1 | k2 |\n|---|---|---|\n| a x=1 | **hung 2** | **not run** |\n| long x=1 | **hung 1, inconclusive 1** |  |\n"
        );
    }
}
