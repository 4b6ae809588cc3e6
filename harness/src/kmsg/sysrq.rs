//! SysRq keys as drivers/tty/sysrq.c reports them.
//! Lives here: the three prefixes by age, the names of the actions.
//! May not live here: what a key does to a run.

/// The action's name in the kernel, all versions, for SysRq-f.
pub(super) const MANUAL_OOM: &str = "Manual OOM execution";

/// How the names of all actions begin (3.10 to 7.2); told apart from other lines only where the prefix was lost.
const ACTIONS: [&str; 18] = [
    MANUAL_OOM,
    "Changing Loglevel",
    "SAK",
    "Keyboard mode set",
    "Trigger a crash",
    "Resetting",
    "Emergency ",
    "Show ",
    "Dump ftrace buffer",
    "Terminate All Tasks",
    "Kill All Tasks",
    "Nice All RT Tasks",
    "Replay kernel logs",
    "HELP : ",
    "This sysrq operation is disabled",
    "DEBUG",
    "Enter KGDB",
    "Force ",
];

/// The action of a line: `SysRq : X` (up to 4.4), `sysrq: SysRq : X` (up to 4.20), `sysrq: X` (5.0 and later).
pub(super) fn action(text: &str) -> Option<&str> {
    let bare = text.strip_prefix("sysrq: ").unwrap_or(text);
    let action = bare.strip_prefix("SysRq : ").unwrap_or(bare).trim_end();
    // SysRq-l prints its dumps under the same prefix.
    (action.len() < text.len() && !action.is_empty() && !action.starts_with("CPU")).then_some(action)
}

/// Whether a line is the prefix alone: up to 4.20 the action is printed by a second printk.
pub(super) fn is_prefix(text: &str) -> bool {
    matches!(text.trim_end(), "SysRq :" | "sysrq: SysRq :")
}

/// Whether a line can be an action without its prefix.
pub(super) fn is_action(text: &str) -> bool {
    ACTIONS.iter().any(|action| text.starts_with(action))
}
