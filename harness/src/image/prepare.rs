//! A scenario's image, from all its parts.
//! Lives here: their order.
//! May not live here: how any of them is made.

use super::config::config;
use super::disks::{self, PreparedDisk};
use super::error::Error;
use super::initramfs::{self, Content, Entry};
use super::modules::{self, helpful_modules, wanted_modules};
use super::program::Packed;
use super::server;
use crate::kernel::job::{Job, Progress, blocking};
use crate::kernel::{At, Cache, Kernel};
use crate::scenario::Scenario;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The workload's executable.
#[derive(Clone, Copy, Debug)]
pub enum Executable<'a> {
    /// One of ours: name and static ELF file.
    Embedded(&'a str, &'a [u8]),
    /// A file on this machine.
    Host(&'a Path),
}

impl Executable<'_> {
    /// What packs it, where it may wait for the disk.
    pub(super) fn packer(self) -> impl FnOnce() -> Result<Packed, Error> + Send + use<> {
        let program = match self {
            Executable::Embedded(name, bytes) => Ok(Packed::embedded(name, bytes)),
            Executable::Host(path) => Err(path.to_owned()),
        };
        move || program.or_else(|path| Packed::from_host(&path))
    }
}

/// What a guest boots into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// The initramfs, in the cache.
    pub initramfs: PathBuf,
    /// BLAKE3 of the initramfs, in hex.
    pub hash: String,
    /// The guest's configuration, `/oomph.conf`.
    pub config: String,
    /// Names of the modules that the guest loads, in their order.
    pub modules: Vec<String>,
    /// Data disks, by name.
    pub disks: Vec<PreparedDisk>,
    /// What the user should know about it.
    pub notes: Vec<String>,
}

/// Makes the image of a scenario on a kernel: the initramfs with `init` as PID 1, and an overlay in `directory` for each
/// disk. What does not change from run to run comes from the cache.
///
/// # Errors
/// Where the kernel lacks a module that is needed, the executable cannot be packed, a tool is missing or fails, or there
/// is no room.
pub async fn prepare(
    scenario: &Scenario,
    kernel: &Kernel,
    init: &[u8],
    program: Executable<'_>,
    directory: &Path,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<Image, Error> {
    let pack = program.packer();
    let (scenario, kernel, cache) = (scenario.clone(), kernel.clone(), cache.clone());
    let (init, directory) = (init.to_vec(), directory.to_owned());
    blocking(progress, move |job| assemble(&scenario, &kernel, init, pack()?, &directory, &cache, job)).await
}

/// The host's files that a scenario puts into the guest.
pub(super) fn files(scenario: &Scenario) -> Result<Vec<Entry>, Error> {
    let read = |(place, file): (&String, &PathBuf)| {
        let mode = file.metadata().at("look at", file)?.permissions().mode() & 0o7777;
        let content = Content::File(fs::read(file).at("read", file)?);
        Ok(Entry { path: place.clone(), mode, content })
    };
    scenario.guest.files.iter().map(read).collect()
}

fn assemble(
    scenario: &Scenario,
    kernel: &Kernel,
    init: Vec<u8>,
    program: Packed,
    directory: &Path,
    cache: &Cache,
    job: &Job,
) -> Result<Image, Error> {
    let modules = modules::prepare(kernel, &wanted_modules(scenario), &helpful_modules(scenario), cache, job)?;
    let config = config(scenario, &modules, &program);
    let mut entries = initramfs::skeleton();
    entries.push(Entry::executable("/init", init));
    entries.push(Entry::file(oomph_wire::config::PATH, config.clone().into_bytes()));
    entries.extend(modules::entries(&modules)?);
    entries.extend(program.entries);
    entries.extend(files(scenario)?);
    if scenario.is_logged_in_to() {
        entries.extend(server::entries(cache, job)?);
    }
    let (initramfs, hash) = initramfs::store(&initramfs::build(&entries)?, cache, job)?;
    let disks = disks::prepare(&scenario.guest.disks, kernel.version, directory, cache, job)?;
    let modules = modules.into_iter().map(|module| module.name).collect();
    Ok(Image { initramfs, hash, config, modules, disks, notes: program.notes })
}
