//! The kernel log: from a console line to what the kernel said about memory, stalls and crashes.
//! Lives here: re-exports; one file an idea below. Pure, no clock, golden files in `tests/kmsg/`.
//! May not live here: I/O, kernel versions (every format of every version is tried), or what a message means for a run.

mod detectors;
mod faults;
mod join;
mod line;
mod message;
mod oom;
mod parser;
mod scan;
mod sift;
mod sysrq;

pub use line::{MAX_LINE, Record, Timestamps, record};
pub use message::{Constraint, Kill, Lock, Message, Scope, Stamped, Task};
pub use parser::{Parser, matters};
pub use sift::may_tell_of_kills;
