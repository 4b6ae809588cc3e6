//! The server for logins: dropbear and a shell, out of Debian's packages, with all that they need.
//! Lives here: which packages, and what lies where below the server's own root.
//! May not live here: getting packages (`kernel`), starting the server (the guest's init), logging in (`vm`).
//!
//! dropbear and not OpenSSH: 0.3 MB and one process against 5 MB and three. It asks less of a guest that has no memory, and where
//! it cannot be reached, nothing can.

use super::error::Error;
use super::initramfs::Entry;
use super::library::{Needs, Search};
use crate::kernel::job::Job;
use crate::kernel::{At, Cache, programs};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The server's root directory in the guest. It has one of its own, so that its libraries cannot meet the workload's.
pub(super) const ROOT: &str = "/login";
/// The release that the packages are of: its libc runs on every kernel since 3.2 (glibc 2.36, NEWS).
const RELEASE: &str = "bookworm";
/// The server, the shell, and the packages of the libraries that they need.
const PACKAGES: [&str; 8] =
    ["dropbear-bin", "dash", "libc6", "libcrypt1", "libgmp10", "libtomcrypt1", "libtommath1", "zlib1g"];
/// Where libraries lie: the dynamic linker looks there without being told.
const LIBRARIES: &str = "/lib/x86_64-linux-gnu";
/// The server in its root.
pub(super) const PROGRAM: &str = "/usr/sbin/dropbear";
/// Its arguments: in the foreground; no passwords; no forwarding; a host key made when it is first asked for (dropbear(8)).
pub(super) const ARGS: [&str; 5] = ["-F", "-s", "-j", "-k", "-R"];

/// What a login needs, ready for the initramfs.
///
/// # Errors
/// Where the packages cannot be had, or something in them needs what none of them has.
pub(super) fn entries(cache: &Cache, job: &Job) -> Result<Vec<Entry>, Error> {
    let (packages, _) = programs(RELEASE, &PACKAGES, cache, job)?;
    let mut files: BTreeMap<String, Entry> = BTreeMap::new();
    let mut add = |entry: Entry| files.insert(entry.path.clone(), entry);
    for (program, place) in [("usr/sbin/dropbear", PROGRAM), ("usr/bin/dash", "/bin/sh")] {
        let path = packages.join(program);
        pack(&path, place, &packages, &mut |entry| drop(add(entry)))?;
    }
    let text = |path: &str, text: &str| Entry::file(format!("{ROOT}{path}"), text.as_bytes().to_vec());
    add(text("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"));
    add(text("/etc/group", "root:x:0:\n"));
    add(text("/etc/shells", "/bin/sh\n"));
    // Where dropbear has its host key, and looks for the keys of those who may come in.
    for directory in ["/etc/dropbear", "/root/.ssh"] {
        add(Entry::directory(format!("{ROOT}{directory}")));
    }
    Ok(files.into_values().collect())
}

/// A program at its place below [`ROOT`], with its dynamic linker and libraries.
fn pack(path: &Path, place: &str, packages: &Path, add: &mut dyn FnMut(Entry)) -> Result<(), Error> {
    let wrong = |why: String| Error::Program { path: path.to_owned(), why };
    let search = Search::below(packages);
    let bytes = fs::read(path).at("read", path)?;
    let needs = Needs::read(&bytes).map_err(wrong)?;
    if let Some(linker) = &needs.interpreter {
        let missing =
            || wrong(format!("its dynamic linker {linker} is in none of the packages {}", PACKAGES.join(", ")));
        add(Entry::executable(format!("{ROOT}{linker}"), search.linker(linker).ok_or_else(missing)?));
    }
    for library in search.libraries(path, &needs).map_err(wrong)? {
        let name = library.path.file_name().unwrap_or_default().to_string_lossy();
        add(Entry::executable(format!("{ROOT}{LIBRARIES}/{name}"), library.bytes));
    }
    add(Entry::executable(format!("{ROOT}{place}"), bytes));
    Ok(())
}
