//! Results for other programs.
//! Lives here: one file a format, each one implementation of [`super::Format`].
//! May not live here: what people read.

mod jsonl;

pub use jsonl::JsonLines;
