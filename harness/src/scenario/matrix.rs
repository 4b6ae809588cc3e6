//! A matrix: which scenarios run on which kernels with which values, how often.
//! Lives here: the model of the file.
//! May not live here: its cells (`campaign::matrix`), or reading it (`load`, `check`).

use super::{Expectation, Places};
use std::path::PathBuf;

/// Values of a scenario by key, as `--set` takes them.
pub type Values = Vec<(String, String)>;

/// A matrix file.
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub summary: String,
    /// Scenario files, absolute; at least one.
    pub scenarios: Vec<PathBuf>,
    /// Names of kernels; empty for each scenario's own.
    pub kernels: Vec<String>,
    /// Keys of the scenarios, each with the values that it takes; at least one each.
    pub parameters: Vec<(String, Vec<String>)>,
    /// Runs of each cell; at least 1.
    pub repeats: u32,
    /// With which probability a cell's answer must be known for it to get no more runs, over 0.5 and under 1; `None` where each gets
    /// all its runs.
    pub settle: Option<f64>,
    /// Cells left out.
    pub exclude: Vec<Pick>,
    /// Cells put in.
    pub include: Vec<Include>,
    /// What should come of some, the first that fits first.
    pub expect: Vec<(Pick, Expectation)>,
    /// Where its words stand.
    pub places: Places,
}

/// Cells; what is not named fits all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pick {
    /// The scenario file, absolute.
    pub scenario: Option<PathBuf>,
    /// The kernel's name.
    pub kernel: Option<String>,
    /// Values of parameters.
    pub set: Values,
}

/// A cell of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Include {
    /// The scenario file, absolute.
    pub scenario: PathBuf,
    /// The kernel's name; `None` for the scenario's own.
    pub kernel: Option<String>,
    /// Values of the scenario.
    pub set: Values,
    /// Its runs.
    pub repeats: u32,
}
