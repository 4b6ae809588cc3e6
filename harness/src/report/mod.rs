//! What people and other programs read of results.
//! Lives here: one file a form.
//! May not live here: judging, or the results' own files.

mod bisect;
mod grid;
mod kernel;
mod live;
mod stacks;
mod summary;
mod text;

pub use bisect::{Account, bisection, step as bisection_step};
pub use grid::{marks, matrix};
pub use kernel::kernel_block;
pub use live::{Board, Live};
pub use stacks::stacks;
pub use summary::{row, table};
pub use text::block;
