//! Many runs: what they say together.
//! Lives here: statistics over runs, and counts by scenario and kernel (pure).
//! May not live here: running anything, files, clocks.

mod bad_when;
pub mod bisect;
pub mod compare;
#[cfg(test)]
mod dice;
mod interval;
pub mod matrix;
mod summary;

pub use bad_when::{BadWhen, HUNG};
pub use interval::{Interval, wilson};
pub use summary::{Cycles, Row, Share, Spread, summarise};
