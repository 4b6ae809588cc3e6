//! What guest and host of oomph say to each other: lines on a serial port, and the page in which a workload counts.
//! Lives here: the line format, the names of sources, line kinds and fields, the layout of the shared page and of a swap area.
//! May not live here: allocation, I/O, std, or any meaning beyond the name of a thing.
//!
//! Guest and host speak through two ISA serial ports: the beat alone on ttyS1, everything else on ttyS2. A serial
//! port's write path allocates nothing once its buffer is warm (`drivers/tty/tty_io.c`, `do_tty_write`), so it goes on
//! in an OOM deadlock where a virtio port does not. Serial lines may be lost, torn or repeated, so each carries a
//! sequence number per source and a checksum; see [`line`].
#![no_std]

pub mod config;
pub mod line;
pub mod page;
pub mod swap;
pub mod words;

/// Version of the protocol; the guest's `hello` carries it and the host refuses any other.
pub const PROTOCOL: u64 = 1;
