//! The stream of events as a file.
//! Lives here: reading JSON lines back, with the line of what is wrong.
//! May not live here: opening files, or judging what they say.

use super::{Event, Kind, SCHEMA};
use std::io::{BufRead, Read};

/// Longest line, in bytes. The longest that is written holds a QMP message of 1 MiB.
const MAX_LINE: u64 = 8 << 20;

/// Why a stream cannot be replayed.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes could not be read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A line is no event.
    #[error("line {line}: {cause} (expected one event, a JSON object, per line)")]
    Syntax {
        /// Line number, from 1.
        line: usize,
        /// What serde_json found.
        cause: serde_json::Error,
    },
    /// A line does not end.
    #[error("line {line}: longer than {MAX_LINE} bytes (expected one event, a JSON object, per line)")]
    TooLong {
        /// Line number, from 1.
        line: usize,
    },
    /// The first event is not the plan.
    #[error("line 1: expected the event `plan`, with which every stream begins")]
    NoPlan,
    /// Written by a newer oomph.
    #[error("line 1: written with schema {found}, this oomph knows up to {SCHEMA}")]
    TooNew {
        /// The writer's schema.
        found: u32,
    },
}

/// Reads a whole stream. A last line that was torn off, as by a killed harness, is left out.
///
/// # Errors
/// Where a line is no event, or the first is no plan of a known schema.
pub fn read_events(mut reader: impl BufRead) -> Result<Vec<Event>, ReadError> {
    let mut events: Vec<Event> = Vec::new();
    // Bytes, as a line may be torn off within a character.
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        if reader.by_ref().take(MAX_LINE).read_until(b'\n', &mut text)? == 0 {
            break;
        }
        let torn = !text.ends_with(b"\n");
        if torn && text.len() as u64 == MAX_LINE {
            return Err(ReadError::TooLong { line });
        }
        match serde_json::from_slice(&text) {
            Ok(event) => events.push(event),
            Err(_) if torn => break,
            Err(cause) => return Err(ReadError::Syntax { line, cause }),
        }
    }
    match events.first().map(|event| &event.kind) {
        Some(Kind::Plan(plan)) if plan.schema > SCHEMA => Err(ReadError::TooNew { found: plan.schema }),
        Some(Kind::Plan(_)) => Ok(events),
        _ => Err(ReadError::NoPlan),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{Phase, Plan};

    fn two() -> String {
        let plan = Plan { schema: SCHEMA, scenario: "x".into(), ..Plan::default() };
        let events = [
            Event { seq: 0, host_ns: 0, guest_ns: None, kind: Kind::Plan(plan) },
            Event { seq: 1, host_ns: 7, guest_ns: Some(3), kind: Kind::Phase { phase: Phase::Boot } },
        ];
        events.iter().map(|event| serde_json::to_string(event).unwrap() + "\n").collect()
    }

    #[test]
    fn comes_back_as_it_was_written() {
        let text = two();
        let events = read_events(text.as_bytes()).unwrap();
        assert_eq!(events.len(), 2);
        assert!(text.contains(r#"{"seq":1,"host_ns":7,"guest_ns":3,"kind":"phase","phase":"boot"}"#), "{text}");
    }

    #[test]
    fn a_torn_last_line_is_left_out_and_a_broken_one_named() {
        let torn = two() + r#"{"seq":2,"ho"#;
        assert_eq!(read_events(torn.as_bytes()).unwrap().len(), 2);
        let broken = two() + "nonsense\n";
        assert!(read_events(broken.as_bytes()).unwrap_err().to_string().starts_with("line 3: "));
        assert!(matches!(read_events(&b""[..]), Err(ReadError::NoPlan)));
    }

    #[test]
    fn a_line_torn_within_a_character_is_torn_all_the_same() {
        let torn =
            [two().as_bytes(), "{\"seq\":2,\"host_ns\":8,\"kind\":\"console\",\"line\":\"\u{fffd}".as_bytes()].concat();
        for cut in 0..3 {
            assert_eq!(read_events(&torn[..torn.len() - cut]).unwrap().len(), 2);
        }
        let broken = [two().as_bytes(), b"\xff\n"].concat();
        assert!(read_events(&broken[..]).unwrap_err().to_string().starts_with("line 3: "));
    }

    #[test]
    fn a_line_without_end_is_refused_not_held() {
        let endless = std::io::BufReader::new(std::io::repeat(b' '));
        assert!(matches!(read_events(endless), Err(ReadError::TooLong { line: 1 })));
    }
}
