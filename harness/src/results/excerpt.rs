//! The console around some events of a result.
//! Lives here: which lines of events.jsonl those are, bounded.
//! May not live here: what is looked for, or how it is shown.

use super::store::file;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest line of events.jsonl that is taken, in bytes; a longer one ends the search.
const MAX_LINE: u64 = 8 << 20;

/// A line of the console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExcerptLine {
    /// The event's `seq`.
    pub seq: u64,
    /// The text, as the guest printed it.
    pub text: String,
    /// Lines between this one and the one before are left out.
    pub after_gap: bool,
}

/// How much is taken around each event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Around {
    /// Lines before it.
    pub before: usize,
    /// Lines after it.
    pub after: usize,
    /// Lines in all, at most.
    pub most: usize,
}

/// The lines that are events of these numbers, with lines around them, in their order. Empty where the result has no events.jsonl that can
/// be read, or none of the events is a line; what can be read of a broken one is taken.
pub fn excerpt(folder: &Path, wanted: &BTreeSet<u64>, around: Around) -> Vec<ExcerptLine> {
    match (File::open(folder.join(file::EVENTS)), wanted.last()) {
        (Ok(file), Some(&last)) => lines(BufReader::with_capacity(1 << 18, file), wanted, last, around),
        _ => Vec::new(),
    }
}

fn lines(mut reader: impl BufRead, wanted: &BTreeSet<u64>, last: u64, around: Around) -> Vec<ExcerptLine> {
    #[derive(Deserialize)]
    struct Line<'a> {
        seq: u64,
        #[serde(borrow)]
        line: Cow<'a, str>,
    }
    let console = memchr::memmem::Finder::new(br#""kind":"console""#);
    let mut found: Vec<ExcerptLine> = Vec::new();
    let mut before: VecDeque<(u64, String)> = VecDeque::new();
    // Lines that are still to come after the last event, and whether some were left out since.
    let (mut after, mut gap) = (0, false);
    let mut bytes = Vec::new();
    while found.len() < around.most {
        bytes.clear();
        match reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut bytes) {
            Ok(1..) if bytes.ends_with(b"\n") => {}
            _ => break,
        }
        // The kind stands near the line's begin.
        let head = bytes.get(..bytes.len().min(160)).unwrap_or_default();
        if console.find(head).is_none() {
            continue;
        }
        let Ok(Line { seq, line }) = serde_json::from_slice::<Line<'_>>(&bytes) else { continue };
        let line = (seq, line.into_owned());
        if wanted.contains(&seq) {
            for (seq, text) in before.drain(..).chain([line]) {
                found.push(ExcerptLine { seq, text, after_gap: std::mem::take(&mut gap) });
            }
            after = around.after;
        } else if after > 0 {
            found.push(ExcerptLine { seq: line.0, text: line.1, after_gap: false });
            after -= 1;
        } else if seq > last {
            break;
        } else {
            before.push_back(line);
            if before.len() > around.before {
                before.pop_front();
                gap = true;
            }
        }
    }
    found.truncate(around.most);
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const AROUND: Around = Around { before: 1, after: 1, most: 100 };

    fn event(seq: u64) -> String {
        match seq % 2 {
            0 => format!("{{\"seq\":{seq},\"host_ns\":1,\"kind\":\"console\",\"line\":\"line \\u001b {seq}\"}}\n"),
            _ => {
                format!("{{\"seq\":{seq},\"host_ns\":1,\"kind\":\"tick\",\"line\":\"\\\"kind\\\":\\\"console\\\"\"}}\n")
            }
        }
    }

    fn found(text: &str, wanted: &[u64], around: Around) -> Vec<(u64, bool)> {
        let wanted: BTreeSet<u64> = wanted.iter().copied().collect();
        let lines = lines(text.as_bytes(), &wanted, *wanted.last().unwrap(), around);
        lines.iter().map(|line| (line.seq, line.after_gap)).collect()
    }

    #[test]
    fn lines_around_events_come_once_and_gaps_are_told() {
        let text: String = (0..40).map(event).collect();
        assert_eq!(found(&text, &[10], AROUND), [(8, true), (10, false), (12, false)]);
        let near = [(8, true), (10, false), (12, false), (14, false), (16, false), (18, false)];
        assert_eq!(found(&text, &[10, 16], AROUND), near, "they touch");
        assert_eq!(found(&text, &[0, 30], AROUND), [(0, false), (2, false), (28, true), (30, false), (32, false)]);
        assert_eq!(found(&text, &[11], AROUND), [], "a tick is no line");
        assert_eq!(found(&text, &[0, 30], Around { most: 3, ..AROUND }), [(0, false), (2, false), (28, true)]);
        assert_eq!(found(&text, &[38], AROUND), [(36, true), (38, false)]);
    }

    #[test]
    fn of_a_torn_stream_what_is_whole_is_taken() {
        let text: String = (0..9).map(event).collect();
        assert_eq!(found(text.trim_end(), &[8], AROUND), [], "the last line may be torn");
        assert_eq!(found(&(event(0) + "nonsense\n" + &event(2)), &[2], AROUND), [(0, false), (2, false)]);
        let nowhere = excerpt(Path::new("/nowhere"), &[1].into(), AROUND);
        assert_eq!(nowhere, []);
    }
}
