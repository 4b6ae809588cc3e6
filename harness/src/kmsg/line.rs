//! One console line: what printk put around the text, taken off.
//! Lives here: timestamp, caller tag, loglevel; which lines can be the kernel's at all.
//! May not live here: what the text says.

/// Longest line that is looked at, in bytes; the rest is ignored. printk's own records end at 1024 bytes
/// (LOG_LINE_MAX).
pub const MAX_LINE: usize = 4096;

/// Longest timestamp in bytes, brackets included: 20 digits of a u64 would do.
const MAX_STAMP: usize = 32;

/// Whether the kernel stamps its lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// `printk.time=1` is set: a line without a timestamp is some program's and says nothing about the kernel.
    ///
    /// This keeps a program's ordinary output from being taken for the kernel's. It does not stop forgery: whoever may
    /// write to /dev/kmsg, or prints a timestamp to the console, looks like the kernel. `printk.devkmsg=off` closes the
    /// first way (4.8 and later).
    Required,
    /// Timestamps are off: any line may be the kernel's. Only for logs from elsewhere.
    Absent,
}

/// A line of the kernel with its dress taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record<'a> {
    /// Timestamp in microseconds.
    pub at_us: Option<u64>,
    /// Caller tag (CONFIG_PRINTK_CALLER, 5.1 and later): `T31` for a task, `C1` for a CPU in interrupt context.
    pub caller: Option<&'a str>,
    /// The text. A leading space belongs to it.
    pub text: &'a str,
}

/// Takes a line apart; `None` where it cannot be the kernel's.
///
/// The timestamp (`[%5lu.%06lu]`, kernel/printk/printk.c `print_time`) need not stand first: a program may have left an
/// unfinished line on the console before it, and older kernels put `** N printk messages dropped **` there.
pub fn record(line: &str, timestamps: Timestamps) -> Option<Record<'_>> {
    let line = &line[..line.floor_char_boundary(MAX_LINE)];
    let line = line.trim_end_matches(['\r', '\n']).trim_start_matches('\r');
    let mut from = 0;
    while let Some(at) = line[from..].find('[') {
        let start = from + at;
        if let Some((at_us, rest)) = timestamp(&line[start..]) {
            let (caller, rest) = caller(rest);
            return Some(Record { at_us: Some(at_us), caller, text: rest.strip_prefix(' ').unwrap_or(rest) });
        }
        from = start + 1;
    }
    match timestamps {
        Timestamps::Required => None,
        Timestamps::Absent => Some(Record { at_us: None, caller: None, text: loglevel(line) }),
    }
}

/// `[   12.345678]` at the start: microseconds, and what follows.
fn timestamp(text: &str) -> Option<(u64, &str)> {
    let close = text.bytes().take(MAX_STAMP).position(|byte| byte == b']')?;
    let (inner, rest) = (text.get(1..close)?, &text[close + 1..]);
    let (secs, micros) = inner.trim_start_matches(' ').split_once('.')?;
    if micros.len() != 6 || !digits(micros) || !digits(secs) {
        return None;
    }
    let secs: u64 = secs.parse().ok()?;
    Some((secs.checked_mul(1_000_000)?.checked_add(micros.parse().ok()?)?, rest))
}

/// `[    T31]` or `[     C1]` at the start.
fn caller(text: &str) -> (Option<&str>, &str) {
    let Some((inner, rest)) = text.strip_prefix('[').and_then(|text| text.split_once(']')) else {
        return (None, text);
    };
    let tag = inner.trim_start_matches(' ');
    match tag.strip_prefix(['T', 'C']) {
        Some(id) if digits(id) => (Some(tag), rest),
        _ => (None, text),
    }
}

/// Takes `<6>` off, as `console_msg_format=syslog` prints it before the timestamp.
fn loglevel(text: &str) -> &str {
    let level = text.strip_prefix('<').and_then(|text| text.split_once('>'));
    level.filter(|(level, _)| level.len() <= 3 && digits(level)).map_or(text, |(_, rest)| rest)
}

fn digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn stamped(line: &str) -> Option<(u64, Option<&str>, &str)> {
        record(line, Timestamps::Required).map(|record| (record.at_us.unwrap(), record.caller, record.text))
    }

    #[test]
    fn takes_off_what_printk_puts_on() {
        assert_eq!(stamped("[    6.987618] tail invoked\r"), Some((6_987_618, None, "tail invoked")));
        assert_eq!(stamped("[12345.000001][  T31] x"), Some((12_345_000_001, Some("T31"), "x")));
        assert_eq!(stamped("[    0.000000][    C1]  x"), Some((0, Some("C1"), " x")));
        assert_eq!(stamped("<6>[    6.987618] x"), Some((6_987_618, None, "x")));
        assert_eq!(stamped("[    6.987618] [ T1] x"), Some((6_987_618, None, "[ T1] x")));
    }

    #[test]
    fn finds_the_kernel_behind_an_unfinished_line() {
        assert_eq!(stamped("Starting [ok] [    6.987618] x"), Some((6_987_618, None, "x")));
        assert_eq!(stamped("** 12 printk messages dropped ** [    6.987618] x"), Some((6_987_618, None, "x")));
    }

    #[test]
    fn a_line_without_a_timestamp_is_not_the_kernels() {
        for line in ["Out of memory", "[ 6.98] x", "[6.9876180] x", "[ OK ] x", "[-1.000000] x", "[", ""] {
            assert_eq!(stamped(line), None, "{line}");
        }
        assert_eq!(record("<4>x", Timestamps::Absent).unwrap().text, "x");
    }

    #[test]
    fn only_the_head_of_a_long_line_is_looked_at() {
        let long = format!("[    6.987618] {}", "ä".repeat(MAX_LINE));
        assert!(stamped(&long).unwrap().2.len() <= MAX_LINE);
    }
}
