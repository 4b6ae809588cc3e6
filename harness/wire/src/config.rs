//! What a guest is told before it starts: the file [`PATH`] in its initramfs.
//! Lives here: the directives, reading one, escaping a value for one.
//! May not live here: reading the file, or carrying a directive out.
//!
//! One directive a line: a word, then `KEY=VALUE` fields, values escaped as in [`crate::line`]. Empty lines and lines that
//! start with `#` say nothing. The agent carries them out in their order, except that probes and the workload come last.
//!
//! | directive | fields | meaning |
//! |---|---|---|
//! | `module` | `path`, `optional` | load this .ko (plain, not compressed), then unlink it: it takes up memory. With `optional=1` the guest goes on where it does not load |
//! | `disk` | `name`, `fs`, `mount` | find the virtio disk whose serial is `name`, mount it at `mount` as `fs` |
//! | `swap` | `name` | find the virtio disk whose serial is `name` and swap to it |
//! | `sysctl` | `name`, `value` | write `value` to /proc/sys/NAME (dots are slashes) |
//! | `network` | `address`, `prefix` | give the first network interface this IPv4 address, with so many bits for the network |
//! | `login` | `root`, `program` | with `root` as its root directory, start this server, and start it with the `login-arg`s; logins are with the key that the kernel's command line has after [`KEY_WORD`] |
//! | `login-arg` | `value` | one more argument of the server |
//! | `collect` | `path` | when the host asks for it, send this file, or all regular files below this directory |
//! | `root` | `name`, `fs`, `partition` | after the modules: find the virtio disk whose serial is `name`, mount it, or its partition of that number, as `fs`, and go on with the system on it; no directive but `module` and `network` has a meaning then |
//! | `own-kernel` | | the kernel has been started by the system's bootloader: set through /proc what the host's command line would have set, and fail or say so where that cannot be |
//! | `probe` | `name` | run this probe (`beat`, `counters`, `fault`, `spawn`, `file:DISK`) |
//! | `program` | `path` | the workload's executable |
//! | `arg` | `value` | one more argument of the workload |
//! | `env` | `name`, `value` | one more variable in the workload's environment |
//! | `dir` | `path` | the workload's working directory (default: the first disk's mount, else `/`) |

use crate::line::{Unescaped, is_plain, unescape};
use core::fmt;
use core::net::Ipv4Addr;

/// Where the file lies in the initramfs.
pub const PATH: &str = "/oomph.conf";

/// The guest's address in the network that QEMU makes for it (`-netdev user`, qemu(1): the first that it would give out).
pub const GUEST_ADDRESS: Ipv4Addr = Ipv4Addr::new(10, 0, 2, 15);
/// Bits of that network's address.
pub const GUEST_PREFIX: u8 = 24;

/// How much is collected of a guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Most bytes of one file.
    pub file: usize,
    /// Most bytes of all files.
    pub total: usize,
    /// Most files.
    pub files: u64,
}

/// By the serial port, which files share with the probes; and the end of a run shall stay short.
pub const BY_SERIAL: Bounds = Bounds { file: 256 << 10, total: 1 << 20, files: 1_000 };
/// By ssh: what a slow guest can send within the two minutes that it has.
pub const BY_SSH: Bounds = Bounds { file: 64 << 20, total: 256 << 20, files: 10_000 };

/// Begins the word of the kernel's command line that holds the public key with which the host logs in, as in an
/// authorized_keys file with `,` in place of the space. A public key is no secret, and what differs from run to run is not
/// in the initramfs, so that one initramfs serves them all.
pub const KEY_WORD: &str = "oomph.login=";

/// One directive; borrows from its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Directive<'a> {
    /// The first word.
    pub word: &'a str,
    fields: &'a str,
}

impl<'a> Directive<'a> {
    /// Reads a line; `None` for one that says nothing.
    pub fn read(line: &'a str) -> Option<Self> {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            return None;
        }
        let (word, fields) = line.split_once(' ').unwrap_or((line, ""));
        Some(Self { word, fields })
    }

    /// A field's bytes, unescaped; `None` where it is missing.
    pub fn get(&self, key: &str) -> Option<Unescaped<'a>> {
        self.fields
            .split(' ')
            .filter_map(|field| field.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, value)| unescape(value))
    }
}

/// A value to be written into a directive; its Display is escaped.
#[derive(Clone, Copy, Debug)]
pub struct Escaped<'a>(pub &'a [u8]);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|&byte| {
            if is_plain(byte) { fmt::Write::write_char(f, char::from(byte)) } else { write!(f, "%{byte:02x}") }
        })
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use std::{format, vec::Vec};

    #[test]
    fn a_value_with_anything_in_it_comes_back() {
        let line = format!("arg value={}", Escaped(b"--x=a b%\xff"));
        let directive = Directive::read(&line).unwrap();
        assert_eq!(directive.word, "arg");
        assert_eq!(directive.get("value").unwrap().collect::<Vec<u8>>(), b"--x=a b%\xff");
        assert!(directive.get("path").is_none());
    }

    #[test]
    fn comments_and_empty_lines_say_nothing() {
        assert_eq!(Directive::read("  # x"), None);
        assert_eq!(Directive::read(""), None);
    }
}
