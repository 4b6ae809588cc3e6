//! What a guest boots into: its initramfs and its data disks.
//! Lives here: module closure, initramfs, disks, the workload's executable, the guest's configuration.
//! May not live here: where kernels come from (`kernel`), or how a guest is started (`vm`).

mod catalog;
mod closure;
mod config;
mod debian;
mod disk_file;
mod disks;
mod error;
mod freight;
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
mod server;
mod stage;
mod system_disk;

pub use catalog::{HereImage, ListedImage, ShownImage, describe_image, list_images, show_image, taken};
pub use config::{config, probe_names};
pub use debian::{Package, System, here, own_kernel, system};
pub use disk_file::{DiskFile, DiskFormat, disk_file};
pub use disks::PreparedDisk;
pub use error::Error;
pub use freight::send_command;
pub use initramfs::{Content, Entry, build};
pub use modules::{LoadedModule, wanted_modules};
pub use names::{Images, Named};
pub use prepare::{Executable, Image, prepare};
pub use program::Packed;
pub use stage::{ROOT_DISK, Stage, SystemImage, authorized_key, prepare_system, stage};
pub use system_disk::{ImageIdentity, SystemDisk, own_kernel_of};
