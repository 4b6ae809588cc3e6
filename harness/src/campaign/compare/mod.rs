//! Two kernels, or two folders of results, compared.
//! Lives here: the tests of tables and of ranks, the sequential test, which run is next, groups of stored runs (all pure).
//! May not live here: running anything, files, clocks.

mod fisher;
mod groups;
mod ranks;
mod sequential;
mod sides;
mod trial;
mod validated;

pub use fisher::fisher;
pub use groups::{By, Group, Stored, groups, usual};
pub use ranks::{Method, Ranks, mann_whitney};
pub use sequential::{Answer, Rules, Sequential};
pub use sides::{Rate, Sides};
pub use trial::{IN_VAIN, Trial, Trials};
pub use validated::{Judged, Side, Validated};
