//! One run: a pure phase machine, and the loop that feeds it.
//! Lives here: what happens when, and the recording of it.
//! May not live here: what it means (`verdict`), how QEMU is spoken to (`vm`).

mod attach;
pub mod bisect;
mod boots;
mod debuggers;
mod drive;
#[cfg(test)]
mod drive_tests;
mod execute;
mod faults;
mod host;
pub mod lens;
mod looks;
mod machine;
mod many;
mod pictures;
mod prepare;
#[cfg(test)]
pub(crate) mod sim;
pub mod validate;

pub use attach::{Reopened, attach};
pub use boots::{Boots, image_for, past};
pub use debuggers::CORE;
pub use drive::{Evidence, Means, Sink, drive};
pub use execute::execute;
pub use host::Host;
pub use looks::Lens;
pub use machine::{Action, Machine};
pub(crate) use machine::{END_MS, OBEY_MS, STALLS_DUMPED};
pub use many::{Ended, Past, Watch, Work, many};
pub use prepare::describe;
pub(crate) use prepare::{BOOT_KVM_MS, BOOT_TCG_MS};
