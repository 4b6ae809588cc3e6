//! The types of a kernel that is built without debug information.
//! Lives here: which translation units are compiled once more for them, and where they go.
//! May not live here: compile lines (`line`), or what is read from the types (`introspect`).
//!
//! A build with debug information takes twice the time and ten times the room. Where the fields of a kernel's structures are is
//! in a few units of it, so these are compiled again as kbuild compiled them, but with debug information and to another place:
//! nothing in the build directory changes, and some 10 s and 3 MB are all that it costs. `-fno-eliminate-unused-debug-types`
//! keeps what a unit only includes.

mod line;

use super::make::Make;
use crate::kernel::Error;
use crate::kernel::child::{Call, ChildError, words};
use crate::kernel::job::Job;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

/// The directory of an entry that they are in.
pub const DIRECTORY: &str = "types";
/// For one unit on a busy machine.
const DEADLINE: Duration = Duration::from_secs(15 * 60);

/// Units, and the option without which one is not of the kernel. Most types are in the first two; the others are of one .c file
/// alone. Of those that moved, a tree has one.
const UNITS: [(&str, Option<&str>); 10] = [
    ("kernel/sched/core.o", None),
    ("mm/vmscan.o", None),
    ("kernel/locking/rwsem.o", None),
    // Until 5.2, and 3.14.
    ("kernel/locking/rwsem-xadd.o", None),
    ("lib/rwsem.o", None),
    ("kernel/locking/mutex.o", None),
    ("kernel/mutex.o", None),
    ("kernel/locking/semaphore.o", None),
    ("kernel/semaphore.o", None),
    ("fs/xfs/xfs_inode.o", Some("CONFIG_XFS_FS")),
];

/// Compiles the units that a build has for their types; says what did not come out. A kernel is good without.
///
/// # Errors
/// Only where it is called off.
pub(super) fn collect(make: &Make, config: &str, directory: &Path, job: &Job) -> Result<Vec<String>, Error> {
    if has(config, "CONFIG_DEBUG_INFO_BTF") {
        return Ok(Vec::new());
    }
    let directory = directory.join(DIRECTORY);
    let mut remarks = Vec::new();
    let mut made = 0;
    for (unit, option) in UNITS {
        let (place, name) = unit.rsplit_once('/').unwrap_or(("", unit));
        let recorded = make.output.join(place).join(format!(".{name}.cmd"));
        let Ok(recorded) = fs::read_to_string(recorded) else { continue };
        if option.is_some_and(|option| !has(config, option)) {
            continue;
        }
        match compile(make, &recorded, &directory, &unit.replace('/', "-"), job) {
            Ok(()) => made += 1,
            Err(Failed::Child(ChildError::Cancelled)) => return Err(Error::Cancelled),
            Err(why) => remarks.push(format!("no types of {unit}: {why}")),
        }
    }
    if made == 0 {
        // No empty directory: what an entry has is its files.
        fs::remove_dir(&directory).unwrap_or_default();
        if remarks.is_empty() {
            remarks.push("no types: kbuild recorded none of the compile lines that are needed for them".into());
        }
    }
    Ok(remarks)
}

/// Whether an option is on.
fn has(config: &str, option: &str) -> bool {
    config.lines().any(|line| line.strip_prefix(option).is_some_and(|value| matches!(value, "=y" | "=m")))
}

/// Why a unit has no types.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error("kbuild recorded no compile line that can be read")]
    Line,
    #[error(transparent)]
    File(#[from] std::io::Error),
    #[error(transparent)]
    Child(#[from] ChildError),
}

/// Compiles one unit into a file of this name.
fn compile(make: &Make, recorded: &str, directory: &Path, name: &str, job: &Job) -> Result<(), Failed> {
    fs::create_dir_all(directory)?;
    let whole = directory.join(format!("{name}.whole"));
    let line = line::recorded(recorded).and_then(|line| line::for_types(&line, &whole)).ok_or(Failed::Line)?;
    let (program, args) = line.split_first().ok_or(Failed::Line)?;
    let call = |program: &str, package, args: Vec<OsString>| {
        Call { program, package, args, directory: Some(&make.output), deadline: DEADLINE }.run(job)
    };
    let kept = call(program, "gcc", words(args)).and_then(|_| {
        let mut args = words(["--only-keep-debug", "--compress-debug-sections=zlib"]);
        args.extend([whole.clone().into(), directory.join(name).into()]);
        call("objcopy", "binutils", args)
    });
    // Where nothing was compiled there is nothing to remove.
    fs::remove_file(&whole).unwrap_or_default();
    if kept.is_err() {
        fs::remove_file(directory.join(name)).unwrap_or_default();
    }
    kept?;
    Ok(())
}
