//! What people and other programs read of results.
//! Lives here: one file a form.
//! May not live here: judging, or the results' own files.

mod bisect;
mod export;
mod format;
mod grid;
mod groups;
mod html;
mod kernel;
mod live;
mod sides;
mod stacks;
mod summary;
mod text;
mod validated;

pub use bisect::{Account, bisection, step as bisection_step};
pub use export::JsonLines;
pub use format::{Format, Report};
pub use grid::{marks, matrix};
pub use groups::{group, groups};
pub use html::{Beside, Html, Look, compared, validation};
pub use kernel::kernel_block;
pub use live::{Board, Live};
pub use stacks::stacks;
pub use summary::{row, table};
pub use text::block;
pub use validated::validated;
