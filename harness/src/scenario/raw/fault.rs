//! Faults as they are written: when, and one action with its own keys.
//! Lives here: one type an action.
//! May not live here: what they mean together (`check`).

use crate::scenario::model::{DiskError, Operation};
use crate::scenario::scalars::{DiskName, Duration, Size, Until, Whole};
use crate::scenario::value::{At, Val};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Something that the host does to the guest during pressure: `at`, `until`, and one of the other keys.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct RawFault {
    /// When: time since pressure began.
    #[schemars(extend("examples" = ["5s"]))]
    pub at: Val<Duration>,
    /// Until when: `lift`, or time since pressure began. Default: lift. A pause has `for` instead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<Val<Until>>,
    /// Slows a disk down. Of several in force the smallest bounds hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"disk": "data", "iops": 1}]))]
    pub throttle: Option<At<RawThrottle>>,
    /// Holds all reads and writes of a disk; they go on at once when it is over. One that comes first may still go through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"disk": "data"}]))]
    pub stop: Option<At<RawStop>>,
    /// Makes operations of a disk fail.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"disk": "data", "errno": "EIO", "on": ["write"]}]))]
    pub error: Option<At<RawError>>,
    /// Takes memory away by the guest's balloon driver, and gives it back. Best effort: a guest that is stuck cannot help.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"memory": "128 MiB"}]))]
    pub balloon: Option<At<RawBalloon>>,
    /// Stops the whole machine for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("examples" = [{"for": "10s"}]))]
    pub pause: Option<At<RawPause>>,
}

/// How a disk is slowed down.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Throttle")]
pub struct RawThrottle {
    /// The disk, by its name.
    #[schemars(extend("examples" = ["data"]))]
    pub disk: Val<DiskName>,
    /// Operations per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub iops: Option<Val<Whole<1, 1_000_000>>>,
    /// Bytes per second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bps: Option<Val<Size>>,
}

/// Which disk is stopped.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Stop")]
pub struct RawStop {
    /// The disk, by its name.
    #[schemars(extend("examples" = ["data"]))]
    pub disk: Val<DiskName>,
}

/// How a disk fails.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Error")]
pub struct RawError {
    /// The disk, by its name.
    #[schemars(extend("examples" = ["data"]))]
    pub disk: Val<DiskName>,
    /// With what. Default: EIO. The guest of a virtio disk reads each as EIO: its status knows no other; ENOSPC is seen in
    /// QEMU's BLOCK_IO_ERROR events only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno: Option<Val<DiskError>>,
    /// Which operations. Default: all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on: Option<At<Vec<Val<Operation>>>>,
}

/// How much memory is left.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Balloon")]
pub struct RawBalloon {
    /// What is left to the guest, in whole MiB, less than it has.
    #[schemars(extend("examples" = ["128 MiB"]))]
    pub memory: Val<Size>,
}

/// How long the machine is stopped.
#[derive(Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Pause")]
pub struct RawPause {
    /// For how long, in wall time: the guest has none of its own meanwhile.
    #[serde(rename = "for")]
    #[schemars(extend("examples" = ["10s"]))]
    pub time: Val<Duration>,
}
