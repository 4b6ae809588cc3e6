//! A scripted guest in place of QEMU, for tests under a paused clock.
//! Lives here: a script and what plays it: console, agent, probes, QMP and process.
//! May not live here: tests of anything but the fake itself.
//!
//! ```ignore
//! let (mut vm, fake) = Script::new().since_start(secs(12), Act::Freeze).cured_by(Cure::Release).vm().await;
//! ```
//!
//! A fresh [`Script`] is a guest in good health: it boots in 2 s, its probes answer every second, a workload presses
//! and works, and it obeys `start`, `release` and `poweroff`. Everything else is an [`Act`] at a time.

#![allow(clippy::unwrap_used, clippy::expect_used)]

mod body;
mod guest;
mod monitor;
mod process;
mod script;

pub use script::{Act, Cure, Fake, Record, Script, ms, secs};
