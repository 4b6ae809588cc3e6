//! Reading pieces of the kernel's texts.
//! Lives here: numbers, `comm:pid`, `pid (comm)`, `key:value` pieces.
//! May not live here: any message.

use super::message::Task;

/// Longest comm kept, in bytes. The kernel's own bound is 16 (TASK_COMM_LEN), with room for kernels that have more.
const MAX_COMM: usize = 64;

/// Longest free text kept, in bytes.
const MAX_TEXT: usize = 512;

/// A comm, bounded.
pub(super) fn comm(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_COMM)].to_owned()
}

/// A free text, bounded.
pub(super) fn text(text: &str) -> String {
    text[..text.floor_char_boundary(MAX_TEXT)].to_owned()
}

/// The digits at the start as a number, and what follows.
pub(super) fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

/// The number behind the first `key`, for example `order=`; a minus sign is allowed.
pub(super) fn int_after(text: &str, key: &str) -> Option<i32> {
    let value = &text[text.find(key)? + key.len()..];
    let digits = value.strip_prefix('-').unwrap_or(value);
    let (_, rest) = number(digits)?;
    value[..value.len() - rest.len()].parse().ok()
}

/// The value of `key:NkB` behind the last such key; `None` where the unit is missing, as in a torn line.
pub(super) fn kb(text: &str, key: &str) -> Option<u64> {
    let (value, rest) = number(&text[text.rfind(key)? + key.len()..])?;
    rest.starts_with("kB").then_some(value)
}

/// `NAME:PID`, where the name may hold colons.
pub(super) fn comm_colon_pid(text: &str) -> Option<Task> {
    let (name, pid) = text.rsplit_once(':')?;
    Some(Task { comm: comm(name), pid: pid.parse().ok()? })
}

/// `PID (NAME)` at the start, where the name may hold parentheses: it reaches to the last `)` that stands before `end`.
/// Returns the task and what follows the parenthesis. Red Hat's kernels put `, UID N` or `, UID N,` behind the pid.
pub(super) fn pid_paren_comm<'a>(text: &'a str, end: &str) -> Option<(Task, &'a str)> {
    let (pid, rest) = number(text)?;
    let open = rest.find('(')?;
    let close = rest.rfind(&format!("){end}"))?;
    let name = rest.get(open + 1..close)?;
    if !rest[..open].chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, ' ' | ',')) {
        return None;
    }
    Some((Task { comm: comm(name), pid: u32::try_from(pid).ok()? }, &rest[close + 1..]))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn names_may_hold_anything() {
        let (task, rest) = pid_paren_comm("12 (a) (b) total-vm:1kB", " total-vm:").unwrap();
        assert_eq!((task.comm.as_str(), task.pid, rest), ("a) (b", 12, " total-vm:1kB"));
        assert_eq!(comm_colon_pid("kworker/u4:1:31").unwrap(), Task { comm: "kworker/u4:1".into(), pid: 31 });
        assert_eq!(pid_paren_comm("12 x", ""), None);
        assert_eq!(pid_paren_comm(")12 (x)", ""), None);
    }

    #[test]
    fn numbers_stand_behind_their_keys() {
        assert_eq!(int_after("order=-1, oom_score_adj=7", "order="), Some(-1));
        assert_eq!(int_after("order=", "order="), None);
        assert_eq!(kb("total-vm:12kB, anon-rss:3", "total-vm:"), Some(12));
        assert_eq!(kb("total-vm:12kB, anon-rss:3", "anon-rss:"), None);
    }
}
