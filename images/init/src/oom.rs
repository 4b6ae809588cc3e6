//! What the OOM killer thinks of a process.
//! Lives here: writing and reading oom_score_adj.
//! May not live here: who gets which value.

use crate::failure::errno_of;
use rustix::io::Errno;
use std::fmt::Display;
use std::fs;

/// oom_score_adj of the agent and its probes: never a victim (OOM_SCORE_ADJ_MIN, include/uapi/linux/oom.h).
pub const EXEMPT: i32 = -1000;

/// Sets this process's oom_score_adj, from -1000 to 1000. Its children inherit it.
pub fn set_adj(adj: i32) -> Result<(), Errno> {
    fs::write("/proc/self/oom_score_adj", adj.to_string()).map_err(|error| errno_of(&error))
}

/// Reads the oom_score_adj of `pid` (a number or `self`).
pub fn adj(pid: impl Display) -> Result<i32, Errno> {
    let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).map_err(|error| errno_of(&error))?;
    text.trim().parse().map_err(|_| Errno::INVAL)
}
