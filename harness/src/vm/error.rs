//! What can go wrong with a virtual machine.
//! Lives here: the error type of `vm`.
//! May not live here: errors of the guest, which are events.

use super::qmp::QmpError;
use crate::event::Exit;
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// Why QEMU could not be started or told something.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is no QEMU.
    #[error("{program} is not installed or not in PATH (Debian: apt-get install qemu-system-x86)")]
    NoQemu {
        /// The name that was looked for.
        program: String,
    },
    /// QEMU is there and cannot say its version.
    #[error("{} -version failed: {detail} (expected it to print a line with its version)", program.display())]
    BadQemu {
        /// The program.
        program: PathBuf,
        /// What it said instead.
        detail: String,
    },
    /// No directory for the sockets.
    #[error("no runtime directory for QEMU's sockets: {detail}")]
    Runtime {
        /// What was tried.
        detail: String,
    },
    /// A system call failed.
    #[error("cannot {what}: {cause}")]
    Io {
        /// What was being done.
        what: String,
        /// Why it failed.
        cause: io::Error,
    },
    /// QEMU ended while it was being started.
    #[error("QEMU ended before the guest ran ({exit}){}", said(stderr))]
    Ended {
        /// How.
        exit: Exit,
        /// The last of its stderr.
        stderr: String,
    },
    /// Something did not happen in time.
    #[error("{what} took longer than {} s{}", after.as_secs_f32(), said(stderr))]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        after: Duration,
        /// The last of QEMU's stderr.
        stderr: String,
    },
    /// QMP failed.
    #[error("{cause}{}", said(stderr))]
    Qmp {
        /// What failed.
        cause: QmpError,
        /// The last of QEMU's stderr, where QEMU was just being started.
        stderr: String,
    },
    /// QEMU did not take a kept guest in.
    #[error("QEMU cannot go on with the guest: {why}")]
    NotTaken {
        /// QEMU's words.
        why: String,
    },
    /// QEMU does not know the machine type of a kept guest.
    #[error(
        "{program} ({version}) has no machine type {machine}: the guest was kept by {kept_by}; use that QEMU or a later \
         one that still has the type (`{program} -M help` lists them)"
    )]
    NoMachine {
        /// The program.
        program: String,
        /// Its version.
        version: String,
        /// The type.
        machine: String,
        /// The QEMU that kept the guest.
        kept_by: String,
    },
    /// KVM was asked for and does not work here.
    #[error("KVM does not work here: {reason} (use --accel tcg, or --accel auto to let oomph choose)")]
    NoKvm {
        /// How that was found out.
        reason: String,
    },
}

fn said(stderr: &str) -> String {
    let stderr = stderr.trim();
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}

impl From<QmpError> for Error {
    fn from(cause: QmpError) -> Self {
        Self::Qmp { cause, stderr: String::new() }
    }
}

impl Error {
    pub(super) fn io(what: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let what = what.into();
        move |cause| Self::Io { what, cause }
    }
}
