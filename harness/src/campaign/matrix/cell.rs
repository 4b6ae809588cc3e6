//! The cells of a matrix.
//! Lives here: every combination, what is left out and put in, which expectations each gets.
//! May not live here: loading a scenario.

use crate::scenario::{Expectation, Matrix, Pick, Values};
use std::path::{Path, PathBuf};

/// One scenario on one kernel with one set of values.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// Its name: `SCENARIO KERNEL KEY=VALUE…`, with the scenario by its file's name; unique in the matrix, and the same on every machine.
    pub id: String,
    /// The scenario file.
    pub scenario: PathBuf,
    /// The kernel's name; `None` for the scenario's own.
    pub kernel: Option<String>,
    /// Values of the scenario.
    pub set: Values,
    /// Its runs; at least 1.
    pub repeats: u32,
    /// What the matrix expects of it, before what its scenario does.
    pub expect: Vec<Expectation>,
    /// Its place among the cells that are put in; `None` for one of the lists.
    pub include: Option<usize>,
}

impl Cell {
    /// Its values as `--set` takes them.
    pub fn overrides(&self) -> Vec<String> {
        self.set.iter().map(|(key, value)| format!("{key}={value}")).collect()
    }

    /// The name of its scenario's file, without the ending.
    pub fn scenario_name(&self) -> String {
        name(&self.scenario)
    }

    fn fits(&self, pick: &Pick) -> bool {
        pick.scenario.as_ref().is_none_or(|scenario| *scenario == self.scenario)
            && pick.kernel.as_ref().is_none_or(|kernel| Some(kernel) == self.kernel.as_ref())
            && pick.set.iter().all(|value| self.set.contains(value))
    }
}

/// The cells in the order of the file: by scenario, then by values, then by kernel; those put in come last. One that is there already
/// is not there twice: it has the larger number of runs.
pub fn cells(matrix: &Matrix) -> Vec<Cell> {
    let mut cells: Vec<Cell> = Vec::new();
    for scenario in &matrix.scenarios {
        for set in combinations(&matrix.parameters) {
            for kernel in kernels(matrix) {
                let cell = cell(matrix, scenario, kernel, set.clone(), matrix.repeats);
                if !matrix.exclude.iter().any(|pick| cell.fits(pick)) {
                    cells.push(cell);
                }
            }
        }
    }
    for (index, one) in matrix.include.iter().enumerate() {
        let new = cell(matrix, &one.scenario, one.kernel.clone(), one.set.clone(), one.repeats);
        let new = Cell { include: Some(index), ..new };
        match cells.iter_mut().find(|cell| cell.id == new.id) {
            Some(cell) => cell.repeats = cell.repeats.max(new.repeats),
            None => cells.push(new),
        }
    }
    cells
}

fn cell(matrix: &Matrix, scenario: &Path, kernel: Option<String>, set: Values, repeats: u32) -> Cell {
    let mut id = name(scenario);
    for word in kernel.iter().cloned().chain(set.iter().map(|(key, value)| format!("{key}={value}"))) {
        id += " ";
        id += &word;
    }
    let mut cell = Cell { id, scenario: scenario.to_owned(), kernel, set, repeats, expect: Vec::new(), include: None };
    let fits = matrix.expect.iter().filter(|(pick, _)| cell.fits(pick));
    cell.expect = fits.map(|(_, expectation)| expectation.clone()).collect();
    cell
}

fn kernels(matrix: &Matrix) -> Vec<Option<String>> {
    match matrix.kernels.is_empty() {
        true => vec![None],
        false => matrix.kernels.iter().cloned().map(Some).collect(),
    }
}

/// Every combination of one value each; the last key changes fastest. One empty combination where there are no keys.
fn combinations(parameters: &[(String, Vec<String>)]) -> Vec<Values> {
    parameters.iter().fold(vec![Vec::new()], |all, (key, values)| {
        let with = |before: &Values| -> Vec<Values> {
            let add = |value: &String| before.iter().cloned().chain([(key.clone(), value.clone())]).collect();
            values.iter().map(add).collect()
        };
        all.iter().flat_map(with).collect()
    })
}

fn name(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{Include, Places};

    pub fn matrix() -> Matrix {
        let pair = |key: &str, values: &[&str]| (key.to_owned(), values.iter().map(|&value| value.into()).collect());
        Matrix {
            name: "m".into(),
            summary: "s".into(),
            scenarios: vec!["/s/a.yaml".into(), "/s/b.yaml".into()],
            kernels: vec!["k1".into(), "k2".into()],
            parameters: vec![pair("x", &["1", "2"]), pair("y", &["3"])],
            repeats: 3,
            settle: None,
            exclude: Vec::new(),
            include: Vec::new(),
            expect: Vec::new(),
            places: Places::default(),
        }
    }

    fn ids(matrix: &Matrix) -> Vec<String> {
        cells(matrix).into_iter().map(|cell| cell.id).collect()
    }

    #[test]
    fn every_combination_is_a_cell() {
        let expected = [
            "a k1 x=1 y=3",
            "a k2 x=1 y=3",
            "a k1 x=2 y=3",
            "a k2 x=2 y=3",
            "b k1 x=1 y=3",
            "b k2 x=1 y=3",
            "b k1 x=2 y=3",
            "b k2 x=2 y=3",
        ];
        assert_eq!(ids(&matrix()), expected);
        assert_eq!(cells(&matrix())[2].overrides(), ["x=2", "y=3"]);
        let plain = Matrix { kernels: Vec::new(), parameters: Vec::new(), ..matrix() };
        assert_eq!(ids(&plain), ["a", "b"]);
    }

    #[test]
    fn cells_are_left_out_and_put_in() {
        let pick = |scenario: Option<&str>, kernel: Option<&str>, set: &[(&str, &str)]| Pick {
            scenario: scenario.map(Into::into),
            kernel: kernel.map(Into::into),
            set: set.iter().map(|&(key, value)| (key.into(), value.into())).collect(),
        };
        let exclude = vec![pick(Some("/s/a.yaml"), Some("k2"), &[]), pick(None, None, &[("x", "2")])];
        let include = |scenario: &str, repeats| Include {
            scenario: scenario.into(),
            kernel: Some("k1".into()),
            set: vec![("x".into(), "1".into()), ("y".into(), "3".into())],
            repeats,
        };
        let matrix = Matrix { exclude, include: vec![include("/s/c.yaml", 9), include("/s/a.yaml", 5)], ..matrix() };
        assert_eq!(ids(&matrix), ["a k1 x=1 y=3", "b k1 x=1 y=3", "b k2 x=1 y=3", "c k1 x=1 y=3"]);
        assert_eq!(cells(&matrix).iter().map(|cell| cell.repeats).collect::<Vec<_>>(), [5, 3, 3, 9]);
    }

    #[test]
    fn a_cell_gets_the_expectations_that_fit_it() {
        let be = |kernel: &str| Expectation {
            kernel: Some(kernel.into()),
            tag: None,
            version: Vec::new(),
            outcome: crate::scenario::Outcome::Hung,
            mechanism: None,
            max_stall_ms: None,
            max_kills: None,
            victims: None,
            login_max_ms: None,
        };
        let of_b = Pick { scenario: Some("/s/b.yaml".into()), ..Pick::default() };
        let matrix = Matrix { expect: vec![(of_b, be("first")), (Pick::default(), be("second"))], ..matrix() };
        let of = |n: usize| -> Vec<String> {
            cells(&matrix)[n].expect.iter().map(|one| one.kernel.clone().unwrap()).collect()
        };
        assert_eq!((of(0), of(4)), (vec!["second".to_owned()], vec!["first".to_owned(), "second".to_owned()]));
    }
}
