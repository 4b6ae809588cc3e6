//! The timeline of a stored run.
//! Lives here: reading of events.jsonl what a timeline needs, and passing over the rest unread.
//! May not live here: what an event means to a timeline (`timeline`).
//!
//! A report of 500 runs reads 200 MB of events. Most lines are the console's, of which only those of kills matter, and serde's tagged
//! and flattened form costs several times what the fields do. So the head of a line is read by hand, in the form in which we write it,
//! and of the rest only what is asked for; a line with another head is read as any event is.

use super::store::file;
use crate::event::{Beat, Counters, Event, Kind, Tick};
use crate::kmsg::may_tell_of_kills;
use crate::timeline::{Fold, Timeline};
use serde::Deserialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// Longest line, in bytes, as for any stream of events.
const MAX_LINE: u64 = 8 << 20;
/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// The timeline of a result folder; `None` where it has no events that can be read (results in a repository, say, have none). It is the
/// same as [`Timeline::of`] makes of the same events. A last line that was torn off is left out.
pub fn timeline(folder: &Path) -> Option<Timeline> {
    read(BufReader::with_capacity(BUFFER, File::open(folder.join(file::EVENTS)).ok()?))
}

fn read(mut events: impl BufRead) -> Option<Timeline> {
    let mut fold = Fold::default();
    let mut line = Vec::new();
    let mut first = true;
    loop {
        line.clear();
        if events.by_ref().take(MAX_LINE).read_until(b'\n', &mut line).ok()? == 0 {
            return (!first).then(|| fold.finish());
        }
        let torn = !line.ends_with(b"\n");
        let event = match wanted(&line) {
            Ok(event) => event,
            Err(_) if torn && (line.len() as u64) < MAX_LINE => None,
            Err(_) => return None,
        };
        if std::mem::take(&mut first) && !matches!(event, Some(Event { kind: Kind::Plan(_), .. })) {
            return None;
        }
        if let Some(event) = event {
            fold.observe(&event);
        }
    }
}

/// A name in an event.
#[derive(Deserialize)]
struct Probe {
    probe: String,
}

/// The event of a line, as far as a timeline wants it: `None` where it does not, and a console's line without its text where that says
/// nothing of kills.
fn wanted(line: &[u8]) -> serde_json::Result<Option<Event>> {
    let Some(head) = Head::of(line) else { return serde_json::from_slice(line).map(Some) };
    let kind = match head.kind {
        b"console" if !may_tell_of_kills(line) => Kind::Console { line: String::new() },
        b"tick" => Kind::Tick(serde_json::from_slice::<Tick>(line)?),
        b"beat" => Kind::Beat(serde_json::from_slice::<Beat>(line)?),
        b"counters" => Kind::Counters(serde_json::from_slice::<Counters>(line)?),
        b"probe-begin" | b"probe-end" => {
            let Probe { probe } = serde_json::from_slice(line)?;
            Kind::ProbeBegin { probe, n: 0 }
        }
        b"kswapd" | b"ack" | b"link" | b"hello" | b"ready" | b"bye" | b"registers" | b"stored" | b"picture" => {
            return Ok(None);
        }
        _ => return serde_json::from_slice(line).map(Some),
    };
    Ok(Some(Event { seq: head.seq, host_ns: head.host_ns, guest_ns: head.guest_ns, kind }))
}

/// How each line of ours begins.
#[derive(Debug, PartialEq)]
struct Head<'a> {
    seq: u64,
    host_ns: u64,
    guest_ns: Option<u64>,
    kind: &'a [u8],
}

impl<'a> Head<'a> {
    fn of(line: &'a [u8]) -> Option<Self> {
        let (seq, rest) = number(line.strip_prefix(br#"{"seq":"#)?)?;
        let (host_ns, rest) = number(rest.strip_prefix(br#","host_ns":"#)?)?;
        let (guest_ns, rest) = match rest.strip_prefix(br#","guest_ns":"#) {
            Some(rest) => number(rest).map(|(ns, rest)| (Some(ns), rest))?,
            None => (None, rest),
        };
        let rest = rest.strip_prefix(br#","kind":""#)?;
        let (kind, _) = rest.split_at_checked(memchr::memchr(b'"', rest)?)?;
        Some(Self { seq, host_ns, guest_ns, kind })
    }
}

/// The digits at the start as a number, and what follows; `None` where that is no number of JSON.
fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let (number, rest) = text.split_at_checked(digits)?;
    let number =
        number.iter().try_fold(0_u64, |number, digit| number.checked_mul(10)?.checked_add(u64::from(digit - b'0')));
    // No digits, or a fraction: not ours.
    (digits > 0 && rest.first() == Some(&b',')).then_some((number?, rest))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::read_events;

    fn corpus() -> Vec<(String, String)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let read = |path: std::path::PathBuf| {
            let text = std::fs::read_to_string(&path).unwrap();
            (path.display().to_string(), text.split_once('\n').unwrap().1.to_owned())
        };
        std::fs::read_dir(folder).unwrap().map(|entry| read(entry.unwrap().path())).collect()
    }

    #[test]
    fn what_is_passed_over_would_change_nothing() {
        for (name, text) in corpus() {
            let whole = Timeline::of(&read_events(text.as_bytes()).unwrap());
            assert_eq!(read(text.as_bytes()), Some(whole), "{name}");
        }
    }

    #[test]
    fn lines_that_others_wrote_are_read_as_any_event() {
        let (_, text) = corpus().into_iter().find(|(name, _)| name.contains("oom-killed.")).unwrap();
        let respaced: String = text.lines().map(|line| line.replacen("{\"seq\":", "{ \"seq\": ", 1) + "\n").collect();
        assert_eq!(read(respaced.as_bytes()), read(text.as_bytes()));
        assert!(read(respaced.as_bytes()).is_some());
    }

    #[test]
    fn a_torn_end_is_left_out_and_what_is_no_stream_is_none() {
        let (_, text) = corpus().remove(0);
        let whole: String = text.lines().take(200).map(|line| format!("{line}\n")).collect();
        let torn = whole.clone() + r#"{"seq":9999,"host_ns":99999999999,"kind":"tick","stop"#;
        assert_eq!(read(torn.as_bytes()), read(whole.as_bytes()));
        assert!(read(whole.as_bytes()).is_some());
        let broken = whole.clone() + "{\"seq\":9999,\"host_ns\":1,\"kind\":\"tick\",\"stop\n";
        assert_eq!(read(broken.as_bytes()), None);
        let headless: String = text.lines().skip(1).map(|line| format!("{line}\n")).collect();
        assert_eq!(read(headless.as_bytes()), None);
        assert_eq!(read(&b""[..]), None);
        assert_eq!(timeline(Path::new("/nowhere")), None);
    }

    #[test]
    fn heads_are_read_as_they_are_written() {
        let head = Head::of(br#"{"seq":3,"host_ns":45,"guest_ns":6,"kind":"beat","n":1}"#).unwrap();
        assert_eq!(head, Head { seq: 3, host_ns: 45, guest_ns: Some(6), kind: b"beat" });
        for other in [
            r#"{"seq":3.0,"host_ns":45,"kind":"beat"}"#,
            r#"{"seq":99999999999999999999,"host_ns":45,"kind":"beat"}"#,
            r#"{"seq":,"host_ns":45,"kind":"beat"}"#,
            r#"{"host_ns":45,"seq":3,"kind":"beat"}"#,
            r#"{"seq":3,"host_ns":45,"kind":"beat"#,
        ] {
            assert_eq!(Head::of(other.as_bytes()), None, "{other}");
        }
    }
}
