//! Bisection with a reproducer that hits only sometimes, and verdicts that may, rarely, be wrong.
//! Lives here: the commits between two ends, what is believed of them, which to run next, when to stop (all pure).
//! May not live here: git, building, running, files, clocks.
//!
//! Every commit is a *suspect*: it may be the culprit, on which all runs of it and of its descendants hit at one unknown rate, and
//! all others at another, far lower one. One suspicion more is that the good end is bad as well. `Search` asks for the run from
//! which most is learnt for its cost, until one suspicion is believed enough.

mod belief;
mod broken;
mod graph;
mod rates;
mod report;
mod search;

pub use graph::{Graph, GraphError};
pub use report::{Count, Estimate, Report, Suspect};
pub use search::{At, Costs, End, Options, Search, Step};
