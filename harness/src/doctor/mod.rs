//! Whether this host can run scenarios, and how to mend it where it cannot.
//! Lives here: facts about the host, what they mean, and the gathering of them, each apart from the others.
//! May not live here: printing, or mending anything.
//!
//! host → [`gather`] → [`Facts`] → [`evaluate`] → [`Check`]s. Only the first arrow does I/O.

mod check;
mod facts;
mod gather;
mod host;
mod proof;
mod resources;
mod time;
mod tools;

pub use check::{Check, Status, worst};
pub use facts::{
    Apt, CachedKernel, Clock, Device, Facts, Kvm, Memory, Place, Processors, Proof, QemuFacts, Room, Schedstat, Space,
    Tool,
};
pub use gather::{Wanted, gather, memory_left};

/// What the facts mean, in a fixed order: what runs need first, then what they run in.
pub fn evaluate(facts: &Facts) -> Vec<Check> {
    let mut checks = vec![tools::qemu(&facts.qemu), tools::kvm(&facts.kvm)];
    checks.extend(facts.tools.iter().map(tools::tool));
    checks.push(tools::apt(&facts.apt));
    checks.extend(facts.places.iter().map(resources::place));
    checks.push(resources::memory(&facts.memory));
    checks.push(resources::open_files(facts.open_files));
    checks.push(resources::processes(facts.processes));
    checks.extend([time::clock(&facts.clock), time::date(&facts.clock), time::source(&facts.clock)]);
    checks.extend([time::steal(&facts.processors), time::load(&facts.processors), time::schedstat(&facts.schedstat)]);
    checks
}
