//! What people and other programs read of results.
//! Lives here: one file a form.
//! May not live here: judging, or the results' own files.

mod bisect;
mod diagnosis;
mod escapes;
mod evidence;
mod explain;
mod export;
mod format;
mod grid;
mod groups;
mod html;
mod image;
mod inert;
mod kernel;
mod listing;
mod live;
mod logins;
mod picture;
mod pictures;
mod screen;
mod show;
mod sides;
mod stacks;
mod state;
mod stream;
mod summary;
mod text;
mod validated;
mod wrap;

pub use bisect::{Account, bisection, step as bisection_step};
pub use diagnosis::{Processor, diagnosis};
pub use explain::{Entry, MECHANISMS, OUTCOMES, explanation, explanations, index_of_words};
pub use export::{COLUMNS, Csv, GithubAnnotations, GithubSummary, Gitlab, JsonLines, Junit, Kcidb, Ktap, Standing};
pub use format::{Format, Report};
pub use grid::{marks, matrix};
pub use groups::{group, groups};
pub use html::{Beside, Html, Look, compared, flame, validation};
pub use image::image_block;
pub use inert::{cut, inert_json, plain, quoted, xml};
pub use kernel::kernel_block;
pub use listing::{listing_line, table as listing};
pub use live::{Board, Live, Verbosity};
pub use picture::{Form, TIMELINE_DARK, TIMELINE_LIGHT, in_words, timeline_svg, timeline_text};
pub use pictures::Pictures;
pub use screen::leave;
pub use show::{CONSOLE_LINES, Page, page};
pub use stacks::stacks;
pub use state::{Examined, State};
pub use stream::Stream;
pub use summary::{row, stored, table};
pub use text::{block, headline};
pub use validated::validated;
pub use wrap::wrap;
