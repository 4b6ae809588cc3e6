//! Logging in to the guest, as an operator would who wants to know what is wrong.
//! Lives here: keys, one login from connection to exit status, and the thread that tries over and over.
//! May not live here: what a login that does not come through means (`verdict`), or what serves it (`image`).
//!
//! libssh2 is used without blocking, and each wait is a poll(2) with the login's own deadline: no call of it can hold a thread,
//! so nothing has to shut a socket under it, and no thread or socket is left behind.

mod access;
mod attempt;
mod bring;
mod fetch;
mod key;
mod prober;
#[cfg(test)]
mod tests;

pub use access::{Access, KeyError, Proof, key_file};
pub use attempt::{Failed, Limits, Login, STARVED, attempt};
pub(super) use bring::Bringer;
pub use bring::Freight;
pub use fetch::{Fetch, Fetched, Fetcher};
pub use key::Key;
pub(super) use prober::Prober;

use std::time::Duration;

/// A login that has not come through after so long of the guest's own time is given up. Ten times as long as the slowest that was seen under
/// pressure on a sound kernel, and less than `frozen_for`, so that a guest that hangs is tried more than once.
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Pause between two logins.
pub const INTERVAL: Duration = Duration::from_secs(1);
