//! Scenarios: what a run shall do and what should come of it.
//! Lives here: the YAML format, its units, its checks and their error messages, its JSON Schema.
//! May not live here: anything that knows QEMU, the network or a kernel's inside.

mod model;

pub use model::*;
