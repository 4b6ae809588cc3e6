//! One line: how it is written, and how it is found again in a noisy stream.
//! Lives here: encoding into a caller's buffer, decoding in place, escaping of values.
//! May not live here: what a kind or a field means (that is `words`).
//!
//! A line reads `@SOURCE SEQ GUEST_US KIND KEY=VALUE… *CRC`, for example
//!
//! ```text
//! @fault 17 12034567 end n=9 ok=1 *5c01d2aa
//! ```
//!
//! `SEQ` counts from 1 per source and tells loss and repetition; `GUEST_US` is the guest's CLOCK_MONOTONIC in
//! microseconds; `CRC` is the CRC-32 (IEEE) of everything between `@` and ` *`, in eight lower-case hex digits. Bytes of
//! a value outside `!`…`~`, and `%`, `@`, `*`, `=`, are written `%XX`.

use crate::config::Escaped;
use core::fmt::{self, Write};

/// Longest line in bytes, newline included. Far under the 2048 bytes that `do_tty_write` copies at a time, so that one
/// write(2) is one chunk and lines of different processes never interleave.
pub const MAX_LINE: usize = 768;

/// A line under construction in a fixed buffer: [`Encoder::new`], then fields, then [`Encoder::finish`].
///
/// Never allocates. A field that does not fit is left out and the line says so with `cut=1`.
#[derive(Debug)]
pub struct Encoder {
    bytes: [u8; MAX_LINE],
    len: usize,
    cut: bool,
}

/// Room kept for ` cut=1 *XXXXXXXX\n`.
const TAIL: usize = 6 + 10 + 1;

impl Encoder {
    /// Starts a line.
    pub fn new(source: &str, seq: u64, guest_us: u64, kind: &str) -> Self {
        let mut encoder = Self { bytes: [0; MAX_LINE], len: 0, cut: false };
        // Source and kind are short words of this crate; were they not, the line is marked as cut.
        encoder.cut = write!(encoder, "@{source} {seq} {guest_us} {kind}").is_err();
        encoder
    }

    /// Adds a number.
    #[must_use]
    pub fn num(self, key: &str, value: u64) -> Self {
        self.field(|line| write!(line, " {key}={value}"))
    }

    /// Adds a signed number.
    #[must_use]
    pub fn int(self, key: &str, value: i64) -> Self {
        self.field(|line| write!(line, " {key}={value}"))
    }

    /// Adds any bytes, escaped; an empty value is allowed.
    #[must_use]
    pub fn text(self, key: &str, value: &[u8]) -> Self {
        self.field(|line| write!(line, " {key}={}", Escaped(value)))
    }

    fn field(mut self, write: impl FnOnce(&mut Self) -> fmt::Result) -> Self {
        let start = self.len;
        if write(&mut self).is_err() {
            self.len = start;
            self.cut = true;
        }
        self
    }

    /// Ends the line with its checksum and a newline and hands out its bytes.
    pub fn finish(&mut self) -> &[u8] {
        if self.cut {
            self.push(b" cut=1");
        }
        let crc = crc32fast::hash(&self.bytes[1..self.len]);
        self.push(b" *");
        for shift in (0..8).rev() {
            self.push(&[b"0123456789abcdef"[(crc >> (4 * shift)) as usize & 15]]);
        }
        self.push(b"\n");
        &self.bytes[..self.len]
    }

    /// Appends into the room that `write_str` keeps free.
    fn push(&mut self, bytes: &[u8]) {
        let end = (self.len + bytes.len()).min(MAX_LINE);
        self.bytes[self.len..end].copy_from_slice(&bytes[..end - self.len]);
        self.len = end;
    }
}

impl Write for Encoder {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if self.len + text.len() + TAIL > MAX_LINE {
            return Err(fmt::Error);
        }
        self.push(text.as_bytes());
        Ok(())
    }
}

pub(crate) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_graphic() && !matches!(byte, b'%' | b'@' | b'*' | b'=')
}

/// A line that arrived whole; borrows from the bytes it was found in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Who wrote it (`words::source`).
    pub source: &'a str,
    /// Sequence number within its source, from 1.
    pub seq: u64,
    /// Guest CLOCK_MONOTONIC at the time of writing, in microseconds.
    pub guest_us: u64,
    /// What it tells (`words::kind`).
    pub kind: &'a str,
    fields: &'a str,
}

impl<'a> Line<'a> {
    /// Finds the one whole line in `bytes` (a stretch between two newlines). Noise before the line, such as the rest of a
    /// torn one, is passed over; `None` where no stretch of the bytes has a valid checksum.
    pub fn find(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while let Some(at) = rest.iter().position(|&byte| byte == b'@') {
            rest = &rest[at + 1..];
            if let Some(line) = Self::parse(rest) {
                return Some(line);
            }
        }
        None
    }

    fn parse(body: &'a [u8]) -> Option<Self> {
        let star = body.iter().position(|&byte| byte == b'*')?;
        let crc = core::str::from_utf8(body.get(star + 1..star + 9)?).ok()?;
        if u32::from_str_radix(crc, 16).ok()? != crc32fast::hash(body.get(..star.checked_sub(1)?)?) {
            return None;
        }
        let text = core::str::from_utf8(&body[..star - 1]).ok()?;
        let mut words = text.splitn(5, ' ');
        Some(Self {
            source: words.next()?,
            seq: words.next()?.parse().ok()?,
            guest_us: words.next()?.parse().ok()?,
            kind: words.next()?,
            fields: words.next().unwrap_or(""),
        })
    }

    /// All fields in their order, values still escaped.
    pub fn fields(&self) -> impl Iterator<Item = (&'a str, &'a str)> + use<'a> {
        self.fields.split(' ').filter_map(|field| field.split_once('='))
    }

    /// The raw value of a field.
    pub fn get(&self, key: &str) -> Option<&'a str> {
        self.fields().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    /// A field as a number; `None` where it is missing or no number.
    pub fn num(&self, key: &str) -> Option<u64> {
        self.get(key)?.parse().ok()
    }

    /// A field as a signed number; `None` where it is missing or no number.
    pub fn int(&self, key: &str) -> Option<i64> {
        self.get(key)?.parse().ok()
    }

    /// A field's bytes with the escapes undone; empty where it is missing.
    pub fn text(&self, key: &str) -> Unescaped<'a> {
        unescape(self.get(key).unwrap_or(""))
    }
}

/// Undoes the escapes of a value byte by byte.
pub fn unescape(value: &str) -> Unescaped<'_> {
    Unescaped { rest: value.as_bytes() }
}

/// The bytes of an escaped value; a broken escape comes through as it stands.
#[derive(Clone, Debug)]
pub struct Unescaped<'a> {
    rest: &'a [u8],
}

impl Iterator for Unescaped<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        let (&first, rest) = self.rest.split_first()?;
        let escaped = (first == b'%').then(|| rest.get(..2)).flatten();
        let decoded = escaped.and_then(|hex| u8::from_str_radix(core::str::from_utf8(hex).ok()?, 16).ok());
        self.rest = if decoded.is_some() { &rest[2..] } else { rest };
        Some(decoded.unwrap_or(first))
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use super::*;
    use proptest::prelude::*;
    use std::vec::Vec;

    #[test]
    fn reads_like_the_documentation() {
        let mut line = Encoder::new("fault", 17, 12_034_567, "end").num("n", 9).num("ok", 1);
        let text = core::str::from_utf8(line.finish()).unwrap();
        assert!(text.starts_with("@fault 17 12034567 end n=9 ok=1 *"), "{text}");
        let found = Line::find(text.trim_end().as_bytes()).unwrap();
        assert_eq!((found.source, found.seq, found.kind, found.num("n")), ("fault", 17, "end", Some(9)));
    }

    #[test]
    fn finds_a_line_behind_a_torn_one() {
        let mut torn = Encoder::new("beat", 1, 5, "tick").num("free", 1);
        let mut whole = Encoder::new("beat", 2, 6, "tick").num("free", 2);
        let mut bytes = torn.finish()[..14].to_vec();
        bytes.extend_from_slice(whole.finish());
        assert_eq!(Line::find(&bytes).unwrap().seq, 2);
    }

    #[test]
    fn a_line_too_long_says_that_it_was_cut() {
        let mut line = Encoder::new("agent", 1, 1, "failed").text("what", &[b' '; 400]).num("errno", 28);
        let bytes = line.finish().to_vec();
        assert!(bytes.len() <= MAX_LINE);
        let found = Line::find(&bytes).unwrap();
        assert_eq!((found.get("what"), found.num("errno"), found.num("cut")), (None, Some(28), Some(1)));
    }

    proptest! {
        #[test]
        fn any_value_survives(value in prop::collection::vec(any::<u8>(), 0..120), n in any::<i64>()) {
            let mut line = Encoder::new("agent", 3, 4, "x").text("v", &value).int("n", n);
            let bytes = line.finish();
            let found = Line::find(bytes).unwrap();
            prop_assert_eq!(found.text("v").collect::<Vec<u8>>(), value);
            prop_assert_eq!(found.int("n"), Some(n));
        }

        #[test]
        fn any_damage_is_noticed(at in 1usize..30, bit in 0u8..8) {
            let mut line = Encoder::new("fault", 17, 12_034_567, "end").num("n", 9);
            let mut bytes = line.finish().to_vec();
            bytes[at] ^= 1 << bit;
            let intact = Line { source: "fault", seq: 17, guest_us: 12_034_567, kind: "end", fields: "n=9" };
            prop_assert!(Line::find(&bytes).is_none_or(|found| found == intact));
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Line::find(&bytes);
        }
    }
}
