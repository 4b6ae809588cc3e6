//! What people and other programs read of results.
//! Lives here: one file a form.
//! May not live here: judging, or the results' own files.

mod bisect;
mod export;
mod format;
mod grid;
mod groups;
mod html;
mod inert;
mod kernel;
mod live;
mod picture;
mod show;
mod sides;
mod stacks;
mod summary;
mod text;
mod validated;

pub use bisect::{Account, bisection, step as bisection_step};
pub use export::{COLUMNS, Csv, GithubAnnotations, GithubSummary, Gitlab, JsonLines, Junit, Kcidb, Ktap, Standing};
pub use format::{Format, Report};
pub use grid::{marks, matrix};
pub use groups::{group, groups};
pub use html::{Beside, Html, Look, compared, validation};
pub use inert::{cut, plain, xml};
pub use kernel::kernel_block;
pub use live::{Board, Live};
pub use picture::{Form, TIMELINE_DARK, TIMELINE_LIGHT, in_words, timeline_svg, timeline_text};
pub use show::{CONSOLE_LINES, Page, page};
pub use stacks::stacks;
pub use summary::{row, table};
pub use text::{block, headline};
pub use validated::validated;
