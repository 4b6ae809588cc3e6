//! Scenarios: what a run shall do and what should come of it.
//! Lives here: the YAML format (of kernels.yaml too), its units, its checks and their error messages, its JSON Schema.
//! May not live here: anything that knows QEMU, the network or a kernel's inside.
//!
//! file + overrides → text → raw types (keys and nesting) → checks → model; the model → raw types → YAML.

mod check;
mod choices;
mod decode;
mod expect;
mod image;
mod kernel;
mod load;
mod matrix;
mod model;
mod overrides;
mod places;
mod problem;
mod raw;
mod scalars;
mod schema;
mod suggest;
mod text;
mod transport;
mod tree;
mod units;
mod value;
mod version;
mod write;

pub use check::{FRAGMENTS, NamedImage, NamedSource, REPRODUCERS};
#[cfg(test)]
pub(crate) use expect::tests::expecting;
pub use expect::{Difference, Observed, check, matching};
pub use image::*;
pub use kernel::*;
pub use load::{load, load_image, load_kernels, load_matrix, parse, parse_image, parse_kernels};
pub use matrix::{Include, Matrix, Pick, Values};
pub use model::*;
pub use places::Places;
pub use problem::{Place, ScenarioError};
pub use schema::{json_schema, matrix_schema};
pub use suggest::{nearest, one_of};
pub use transport::Transport;
pub use units::{duration, format_duration, format_size, size};
pub use write::{to_yaml, what_runs};
