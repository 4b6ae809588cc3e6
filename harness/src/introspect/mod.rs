//! Virtual machine introspection: a guest's memory → what its kernel is doing, without the guest's help.
//! Lives here: reading physical and virtual memory, symbols, types, tasks, stacks, locks, and who waits for whom (pure).
//! May not live here: mapping a guest's memory, files, QEMU, or a verdict.
//!
//! What is read may change while it is read, or be hostile: every pointer is checked by reading through it, every list and walk
//! has a bound, and what cannot be read is missing from the picture and said to be.

pub mod account;
pub mod build_id;
pub mod chain;
pub mod code;
pub mod disks;
pub mod graph;
mod introspector;
pub mod kernel;
pub mod layout;
pub mod locks;
pub mod memory;
pub mod oom;
pub mod picture;
pub mod request;
pub mod stack;
pub mod symbols;
pub mod tasks;
pub mod types;
pub mod vmstat;

pub use build_id::BuildId;
pub use introspector::Introspector;
pub use kernel::NotFound;

#[cfg(any(test, feature = "fixture"))]
pub mod ages;
#[cfg(test)]
mod ages_tests;
#[cfg(test)]
mod chain_tests;
#[cfg(any(test, feature = "fixture"))]
pub mod deadlock;
#[cfg(test)]
mod disks_tests;
#[cfg(any(test, feature = "fixture"))]
pub mod fixture;
#[cfg(test)]
mod tests;
