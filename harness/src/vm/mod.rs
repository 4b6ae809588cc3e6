//! The virtual machine: the only place that knows QEMU.
//! Lives here: QEMU's command line, process, sockets and QMP, the guest's ports, the host's view, the accelerator.
//! May not live here: anything about OOM, phases, probes' meaning or verdicts.
//!
//! Data comes in by four sockets, each owned by one reader that never waits for anything but its socket. The readers
//! put what they read, with the time of reading, into one bounded mailbox; [`Vm::next`] takes it out, cuts it into
//! lines and hands over one [`Seen`] after the other. So neither a flood on the console nor a slow consumer stalls
//! QEMU, QMP or the agent, and memory stays bounded: what does not fit is dropped and counted.

mod accel;
mod attach;
mod binary;
mod byhand;
pub mod capture;
mod cmdline;
mod command;
mod cpuinfo;
mod error;
#[cfg(test)]
pub mod fake;
mod faults;
mod guest;
mod inlet;
mod launch;
mod link;
pub mod login;
mod machine;
mod mailbox;
mod port;
mod process;
pub mod qmp;
mod ram;
mod runtime;
mod sample;
mod spawner;
mod spec;
mod split;
#[cfg(test)]
mod tests;
mod tsc;

pub use accel::{Proof, Wanted, choose, prove_kvm};
pub use attach::{Attached, Console};
pub use binary::{PROGRAM, Qemu};
pub use cmdline::kernel_command_line;
pub use command::Command;
pub use cpuinfo::cpu_model;
pub use error::Error;
pub use faults::{DiskFaults, Fails, Throttle};
pub use guest::{Guest, NoRegisters, NotAGuest, Running};
pub use link::Piece;
pub use machine::{Parts, Seen, Vm};
pub use port::{Connection, Stream, Wire};
pub use process::{Process, Signal};
pub use ram::Ram;
pub use runtime::RuntimeDir;
pub use sample::{Sampler, Snapshot, Thread};
pub use spec::{Accel, Doors, DriveSpec, GivenKernel, MACHINE, Ports, Sockets, Spec};
pub use tsc::tsc_word;
