//! Real QEMU, Debian's real kernel, real memory pressure.
//! They need QEMU and apt, which `make test` sees to, and take minutes together. Nothing here depends on absolute times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod attached;
mod host;
mod inside;
mod outcomes;
mod ran;
mod spoiled;
