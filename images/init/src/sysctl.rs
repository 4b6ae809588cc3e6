//! Kernel settings.
//! Lives here: writing and reading /proc/sys.
//! May not live here: which settings, but for the SysRq mask that every guest needs.

use crate::failure::{Failure, Step};
use rustix::io::Errno;
use std::fs;
use std::path::PathBuf;

/// Writes a setting; `name` has dots.
pub fn set(name: &str, value: &[u8]) -> Result<(), Failure> {
    fs::write(path(name), value).step(|| format!("sysctl {name}={}", String::from_utf8_lossy(value)))
}

/// Allows every SysRq key and says what the kernel made of that: 1, or 0 for a kernel without SysRq.
pub fn allow_sysrq() -> Result<u64, Failure> {
    let file = path("kernel.sysrq");
    if !file.exists() {
        return Ok(0);
    }
    set("kernel.sysrq", b"1")?;
    let value = fs::read_to_string(file).step(|| "sysctl kernel.sysrq".to_owned())?;
    match value.trim().parse() {
        Ok(1) => Ok(1),
        _ => Err(Failure { what: format!("sysctl kernel.sysrq=1 reads back {}", value.trim()), errno: Errno::INVAL }),
    }
}

fn path(name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/sys/{}", name.replace('.', "/")))
}
