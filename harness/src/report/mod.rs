//! What people and other programs read of results.
//! Lives here: one file a form.
//! May not live here: judging, or the results' own files.

mod bisect;
mod explain;
mod export;
mod format;
mod grid;
mod groups;
mod kernel;
mod listing;
mod live;
mod screen;
mod sides;
mod stacks;
mod stream;
mod summary;
mod text;
mod validated;
mod wrap;

pub use bisect::{Account, bisection, step as bisection_step};
pub use explain::{Entry, MECHANISMS, OUTCOMES, explanation, explanations, index_of_words};
pub use export::JsonLines;
pub use format::{Format, Report};
pub use grid::{marks, matrix};
pub use groups::{group, groups};
pub use kernel::kernel_block;
pub use listing::{plain, table as listing};
pub use live::{Board, Live, Verbosity};
pub use screen::leave;
pub use stacks::stacks;
pub use stream::Stream;
pub use summary::{row, table};
pub use text::block;
pub use validated::validated;
pub use wrap::{inert, inert_json, wrap};
