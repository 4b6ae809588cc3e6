//! One run: a pure phase machine, and the loop that feeds it.
//! Lives here: what happens when, and the recording of it.
//! May not live here: what it means (`verdict`), how QEMU is spoken to (`vm`).

mod machine;
#[cfg(test)]
pub(crate) mod sim;

pub use machine::{Action, Machine};
