//! A matrix as it is written: scenarios, kernels, parameters, and what is left out or put in.
//! Lives here: its keys and nesting.
//! May not live here: what they mean together (`check::matrix`), or the cells that come of them (`campaign::matrix`).

use super::RawExpectation;
use crate::scenario::scalars::{ArgText, FilePath, KernelName, KeyPath, Line, Name, Share, Whole};
use crate::scenario::value::{At, Entries, Val};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A matrix of oomph: scenarios × kernels × values of parameters × repeats.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Matrix")]
pub struct RawMatrix {
    /// The matrix's name.
    pub name: Val<Name>,
    /// What it is for, in a sentence.
    pub summary: Val<Line>,
    /// Scenario files; a relative path starts at the matrix's folder.
    pub scenarios: At<Vec<Val<FilePath>>>,
    /// Names from kernels.yaml. Default: each scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernels: Option<At<Vec<Val<KernelName>>>>,
    /// Values of the scenarios by key, as `--set` takes them: each combination is a cell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"workload.args.hogs": [2, 4]}]))]
    pub parameters: Option<Entries<KeyPath, At<Vec<Val<ArgText>>>>>,
    /// Runs of each cell. Default: 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Val<Whole<1, 100_000>>>,
    /// A cell is settled, and gets no more runs, once most of its runs are as expected, or most are not, with this
    /// probability. Default: every cell gets all its runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [0.95]))]
    pub settle: Option<Val<Share>>,
    /// Cells that are left out: all that one of these fits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<At<RawPick>>,
    /// Cells that are put in besides, each with its scenario.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub include: Vec<At<RawInclude>>,
    /// What should come of some cells, before what their scenarios expect; the first that fits counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub expect: Vec<At<RawCellExpectation>>,
}

/// Cells: those of this scenario, on this kernel, with these values. What is not written fits all.
#[derive(Debug, Default, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pick")]
pub struct RawPick {
    /// The scenario, as it is written in `scenarios`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scenario: Option<Val<FilePath>>,
    /// The kernel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Val<KernelName>>,
    /// Values of parameters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Entries<KeyPath, Val<ArgText>>>,
}

/// A cell of its own.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Include")]
pub struct RawInclude {
    /// The scenario file.
    pub scenario: Val<FilePath>,
    /// The kernel. Default: the scenario's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kernel: Option<Val<KernelName>>,
    /// Values of the scenario, by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<Entries<KeyPath, Val<ArgText>>>,
    /// Its runs. Default: as all others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeats: Option<Val<Whole<1, 100_000>>>,
}

/// What should come of some cells.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "CellExpectation")]
pub struct RawCellExpectation {
    /// Which; an expectation may name kernels besides. Default: all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cells: Option<At<RawPick>>,
    /// What.
    pub be: At<RawExpectation>,
}
