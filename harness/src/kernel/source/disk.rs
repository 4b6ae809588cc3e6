//! Room on the disk for a build.
//! Lives here: what is free, what a build needs, the check before it.
//! May not live here: what a make says that ran out of it (`make`).

use crate::kernel::Error;
use crate::kernel::error::{At, FileError};
use std::io;
use std::path::Path;

/// Options that put debug information into every object: the switch up to 5.17, and the choice that it became.
pub(super) const DEBUG_INFO: [&str; 4] =
    ["DEBUG_INFO", "DEBUG_INFO_DWARF_TOOLCHAIN_DEFAULT", "DEBUG_INFO_DWARF4", "DEBUG_INFO_DWARF5"];

/// Kilobytes that an option that is on stands for in a build directory, and in one with debug information: 6.1 with our
/// base configuration has 830 of them and takes 206 MB.
const OPTION_KB: u64 = 300;
const OPTION_DEBUG_KB: u64 = 2500;
/// What is to be left over, in bytes: the results of runs, other builds.
const SPARE: u64 = 256 << 20;

/// Bytes that are free for an ordinary user on a path's filesystem.
pub(super) fn free(path: &Path) -> Result<u64, FileError> {
    let found = rustix::fs::statvfs(path).map_err(io::Error::from).at("look at the filesystem of", path)?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

/// Whether a .config makes objects with debug information.
pub(super) fn has_debug_info(config: &str) -> bool {
    config.lines().any(|line| line == "CONFIG_DEBUG_INFO=y")
}

/// Fails where a build of a .config has no room; `cold` is one from nothing.
pub(super) fn check(what: &str, directory: &Path, config: &str, modules: bool, cold: bool) -> Result<(), Error> {
    let (need, free) = (need(config, modules, cold), free(directory)?);
    if free < need {
        return Err(Error::NoRoom { what: what.to_owned(), directory: directory.to_owned(), need, free });
    }
    Ok(())
}

/// Bytes that a build takes, in its directory and in the cache. What is there already is written again in parts.
fn need(config: &str, modules: bool, cold: bool) -> u64 {
    let on = |line: &&str| line.ends_with("=y") || (modules && line.ends_with("=m"));
    let options = config.lines().filter(on).count() as u64;
    let each = if has_debug_info(config) { OPTION_DEBUG_KB } else { OPTION_KB };
    let whole = options * each * 1000;
    SPARE + if cold { whole } else { whole / 4 }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_free_is_read_from_the_filesystem() {
        assert!(free(Path::new("/")).is_ok());
        let error = free(Path::new("/no/such/place")).unwrap_err().to_string();
        assert!(error.starts_with("cannot look at the filesystem of /no/such/place"), "{error}");
    }

    #[test]
    fn need_grows_with_options_modules_and_debug_information() {
        let config = "CONFIG_A=y\nCONFIG_B=m\n# CONFIG_C is not set\n".repeat(1000);
        let small = need(&config, false, true);
        assert_eq!(small, SPARE + 300_000_000);
        assert_eq!(need(&config, true, true), SPARE + 600_000_000);
        assert_eq!(need(&config, false, false), SPARE + 75_000_000);
        assert!(need(&format!("{config}CONFIG_DEBUG_INFO=y\n"), false, true) > 2_000_000_000);
    }

    #[test]
    fn no_room_is_said_with_numbers() {
        let config = "CONFIG_A=y\n".repeat(1 << 26);
        let error = check("x", Path::new("/"), &config, false, true).unwrap_err().to_string();
        assert!(error.starts_with("x needs about 18.") && error.contains("are free; `oomph kernel prune`"), "{error}");
    }
}
