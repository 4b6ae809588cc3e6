//! Results for other programs.
//! Lives here: one file a format, each one implementation of [`super::Format`]; what they share (`status`, `case`, `inert`).
//! May not live here: what people read.

mod case;
mod csv;
mod github;
mod gitlab;
#[cfg(test)]
mod hostile_tests;
mod inert;
mod jsonl;
mod junit;
mod kcidb;
mod ktap;
mod status;

pub use self::csv::{COLUMNS, Csv};
pub use github::{GithubAnnotations, GithubSummary};
pub use gitlab::Gitlab;
pub use jsonl::JsonLines;
pub use junit::Junit;
pub use kcidb::Kcidb;
pub use ktap::Ktap;
pub use status::Standing;
