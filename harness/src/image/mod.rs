//! What a guest boots into: its initramfs and its data disks.
//! Lives here: module closure, initramfs, disks, the workload's executable, the guest's configuration.
//! May not live here: where kernels come from (`kernel`), or how a guest is started (`vm`).

mod closure;
mod config;
mod disks;
mod error;
mod index;
mod initramfs;
mod library;
mod mkfs;
mod modinfo;
mod modules;
mod names;
mod prepare;
mod program;
pub mod programs;

pub use config::{config, probe_names};
pub use disks::PreparedDisk;
pub use error::Error;
pub use initramfs::{Content, Entry, build};
pub use modules::{LoadedModule, wanted_modules};
pub use names::{Images, Named};
pub use prepare::{Executable, Image, prepare};
pub use program::Packed;
