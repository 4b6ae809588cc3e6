//! Choices: scalars that are one of a few words.
//! Lives here: the words for each enum of the model.
//! May not live here: what the words stand for.

use super::image::ImageKernel;
use super::model::{DiskError, Filesystem, Mechanism, Operation, Outcome, ProbeKind};
use super::suggest::{nearest, one_of};
use super::transport::Transport;
use super::value::{Scalar, Wrong};
use crate::event::ProofUse;
use schemars::{Schema, json_schema};

/// Reads one of a few words.
fn choice<T: Copy>(text: &str, what: &str, choices: &[(&'static str, T)]) -> Result<T, Wrong> {
    if let Some((_, value)) = choices.iter().find(|(name, _)| *name == text) {
        return Ok(*value);
    }
    let known: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    let wrong = Wrong::new(format!("`{text}` is not {what}"), one_of(&known));
    Err(match nearest(text, &known) {
        Some(known) => wrong.help(format!("did you mean `{known}`?")),
        None => wrong,
    })
}

/// Makes an enum of the model a scalar.
macro_rules! choices {
    ($kind:ident, $what:literal: $($name:literal => $value:ident),+) => {
        impl Scalar for $kind {
            fn read(text: &str) -> Result<Self, Wrong> {
                choice(text, $what, &[$(($name, Self::$value)),+])
            }

            fn text(&self) -> String {
                match self { $(Self::$value => $name.to_owned()),+ }
            }

            fn schema() -> Schema {
                json_schema!({"enum": [$($name),+]})
            }
        }
    };
}

choices!(Filesystem, "a filesystem that a disk can have": "xfs" => Xfs, "ext4" => Ext4, "btrfs" => Btrfs, "swap" => Swap);
choices!(ImageKernel, "a kernel that an image can boot with": "ours" => Ours, "own" => Own);
choices!(Transport, "a way for files": "serial" => Serial, "ssh" => Ssh);
choices!(DiskError, "an error that a disk can have": "EIO" => Io, "ENOSPC" => NoSpace);
choices!(ProofUse, "a use of a proof": "decides" => Decides, "told" => Told);
choices!(Operation, "an operation of a disk": "read" => Read, "write" => Write, "flush" => Flush);
choices!(ProbeKind, "a probe": "beat" => Beat, "counters" => Counters, "fault" => Fault, "spawn" => Spawn, "file" => File,
    "login" => Login);
choices!(Outcome, "an outcome": "recovered" => Recovered, "oom-killed" => OomKilled, "hung" => Hung, "panicked" => Panicked);
choices!(Mechanism, "a mechanism": "oom-deadlock" => OomDeadlock, "no-fs-livelock" => NoFsLivelock,
    "isolation-throttle" => IsolationThrottle, "io-stall" => IoStall, "unknown" => Unknown);
