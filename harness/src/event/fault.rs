//! What a host fault makes fail.
//! Lives here: the operations of a disk that fail while a fault is in force, as its event has them.
//! May not live here: what else a fault does, or what follows from an error (`verdict`).

use serde::{Deserialize, Serialize};

/// Operations of a disk that fail.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailingDisk {
    /// The disk, by its name in the scenario.
    pub disk: String,
    /// Whether reads do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub read: bool,
    /// Whether writes do, or flushes: QEMU tells of both as writes (hw/block/virtio-blk.c).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub write: bool,
    /// Whether it is for want of space (ENOSPC).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub no_space: bool,
}

impl FailingDisk {
    /// Whether a BLOCK_IO_ERROR of QEMU's is one of those. Its data has the disk's name as `disk` beside what QEMU says.
    pub fn explains(&self, error: &serde_json::Value) -> bool {
        let text = |key: &str| error.get(key).and_then(serde_json::Value::as_str);
        let no_space = error.get("nospace").and_then(serde_json::Value::as_bool).unwrap_or(false);
        let fails = match text("operation") {
            Some("read") => self.read,
            Some("write") => self.write,
            _ => false,
        };
        text("disk") == Some(&self.disk) && fails && no_space == self.no_space
    }
}
