//! A run over its time, as a picture: as SVG for pages and files, as text for terminals.
//! Lives here: what both show (`scene`, `words`), and one file a form.
//! May not live here: how a timeline is made (`timeline`), or anything that judges.

mod curve;
mod scene;
mod style;
mod svg;
#[cfg(test)]
mod tests;
mod text;
mod words;

pub use style::{TIMELINE_DARK, TIMELINE_LIGHT};
pub use svg::{Form, timeline_svg};
pub use text::timeline_text;
pub use words::in_words;
