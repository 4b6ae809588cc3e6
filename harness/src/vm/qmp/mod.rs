//! QMP, QEMU's control protocol (docs/interop/qmp-spec.rst), over a transport of our own.
//! Lives here: messages, the client, the few commands that are used.
//! May not live here: sockets' paths, or what an event means.
//!
//! The types of commands and replies are `qapi`'s. The transport is not: its async client gives every command the same
//! id, so that a late reply is taken for another command's.

mod client;
mod commands;
mod message;
mod state;

pub use client::{Counts, DEADLINE, Qmp, QmpError};
pub use state::{Progress, over};
