//! From a build directory to an entry, and from an entry to a directory of the user's.
//! Lives here: which files make a kernel, their names, modules_install.
//! May not live here: building them.
//!
//! An entry and `--output` have one layout: `bzImage`, `vmlinux`, `System.map`, `.config`, `lib/modules/RELEASE/`, `types/`
//! (objects with the kernel's types, where its vmlinux has none), `build.json` (what it was made of) and `make.log`.

use super::make::Make;
use super::record;
use crate::kernel::child::{Call, words};
use crate::kernel::error::At;
use crate::kernel::job::Job;
use crate::kernel::manifest::{self, files_below};
use crate::kernel::{Error, Kernel};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The image's name.
pub(super) const IMAGE: &str = "bzImage";
/// The log's name.
const LOG: &str = "make.log";
/// The build directory's name of each file that is kept, and ours.
const FILES: [(&str, &str); 3] =
    [("arch/x86/boot/bzImage", IMAGE), ("System.map", "System.map"), (".config", ".config")];
/// The ELF file.
const VMLINUX: &str = "vmlinux";
/// For reading and writing a vmlinux of a gigabyte.
const STRIP: Duration = Duration::from_secs(300);

/// Copies what was built into an empty directory. A vmlinux keeps its symbols, and its debug information where `debug` says
/// that somebody asked for that: it has hundreds of megabytes.
pub(super) fn collect(make: &Make, debug: bool, directory: &Path, job: &Job) -> Result<(), Error> {
    for (from, to) in FILES {
        copy(&make.output.join(from), &directory.join(to))?;
    }
    let vmlinux = make.output.join(VMLINUX);
    if vmlinux.is_file() {
        if debug {
            copy(&vmlinux, &directory.join(VMLINUX))?;
        } else {
            let mut args = words(["--strip-debug", "-o"]);
            args.extend([directory.join(VMLINUX).into(), vmlinux.into()]);
            Call { program: "strip", package: "binutils", args, directory: None, deadline: STRIP }.run(job)?;
        }
    }
    Ok(())
}

/// Copies make's log into the directory, with remarks on what came after it.
pub(super) fn log(log: &Path, remarks: &[String], directory: &Path) -> Result<(), Error> {
    let to = directory.join(LOG);
    fs::copy(log, &to).at("copy", log)?;
    let mut copy = fs::File::options().append(true).open(&to).at("open", &to)?;
    remarks.iter().try_for_each(|remark| writeln!(copy, "oomph: {remark}")).at("write", &to)?;
    Ok(())
}

/// Installs modules below a directory, without debug information.
pub(super) fn install_modules(make: &Make, directory: &Path, job: &Job) -> Result<(), Error> {
    let mut make = make.clone();
    make.variables.insert("INSTALL_MOD_PATH".into(), directory.display().to_string());
    make.variables.insert("INSTALL_MOD_STRIP".into(), "1".into());
    make.quick(&["modules_install"], job)?;
    // Links to the source and the build directory, which are ours and change.
    for (release, link) in modules_in(directory)?.iter().flat_map(|path| [(path, "build"), (path, "source")]) {
        let link = release.join(link);
        if link.is_symlink() {
            fs::remove_file(&link).at("remove", &link)?;
        }
    }
    Ok(())
}

/// `lib/modules/RELEASE` below a directory; one at most.
pub(super) fn modules_in(directory: &Path) -> Result<Option<PathBuf>, Error> {
    let place = directory.join("lib/modules");
    if !place.is_dir() {
        return Ok(None);
    }
    let entry = fs::read_dir(&place).at("list", &place)?.next().transpose().at("list", &place)?;
    Ok(entry.map(|entry| entry.path()))
}

/// Copies a built kernel into a directory for use elsewhere; it is made if need be, and replaced where it holds a kernel
/// that was written by this function.
///
/// # Errors
/// Where the directory holds anything else, or a file cannot be written.
pub fn export(kernel: &Kernel, directory: &Path) -> Result<(), Error> {
    let Some(entry) = kernel.image.parent().filter(|_| kernel.build.is_some()) else {
        return Err(Error::NotBuilt { name: kernel.name.clone() });
    };
    if directory.exists() {
        let mut there = fs::read_dir(directory).at("list", directory)?;
        if there.next().is_some() && !directory.join(record::NAME).is_file() {
            return Err(Error::NotEmpty(directory.to_owned()));
        }
    }
    // Modules of another release would stay beside the new ones.
    if let Some(old) = modules_in(directory)? {
        fs::remove_dir_all(&old).at("remove", &old)?;
    }
    for path in files_below(entry)? {
        if path != Path::new(manifest::NAME) {
            let to = directory.join(&path);
            if let Some(parent) = to.parent() {
                fs::create_dir_all(parent).at("make the directory", parent)?;
            }
            copy(&entry.join(&path), &to)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), Error> {
    fs::copy(from, to).at("copy", from)?;
    Ok(())
}
