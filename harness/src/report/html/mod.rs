//! Results as one page to read: no network, no other file, no script that it did not bring.
//! Lives here: a report as a page; parts of it one file each, its style and its script beside them.
//! May not live here: reading results, clocks, counting (`campaign`), drawing timelines.

mod bar;
mod console;
mod cycle;
mod flame;
mod glossary;
mod grid;
mod inert;
mod order;
mod page;
mod report;
mod run;
mod sides;
mod stacks;
#[cfg(test)]
mod tests;
mod words;

pub use flame::flame;
pub use report::{Beside, Html, Look};
pub use sides::{compared, validation};
