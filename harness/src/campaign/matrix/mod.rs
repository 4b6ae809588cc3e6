//! Matrices: scenarios × kernels × values × repeats.
//! Lives here: from a matrix to its cells, which run is next, when a cell is settled, shards, the forms of CI systems (all pure).
//! May not live here: running anything, files, clocks.

mod cell;
mod ci;
mod grid;
mod pool;
mod settle;
mod shard;

pub use cell::{Cell, cells};
pub use ci::{Form, plan};
pub use grid::{Grid, Tally};
pub use pool::{Need, Pool};
pub use settle::settled;
pub use shard::{Shard, shard};
