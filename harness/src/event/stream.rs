//! The stream of events as a file.
//! Lives here: reading JSON lines back, with the line of what is wrong.
//! May not live here: opening files, or judging what they say.

use super::{Event, Kind, SCHEMA};
use std::io::BufRead;

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
    let mut text = String::new();
    for line in 1.. {
        text.clear();
        if reader.read_line(&mut text)? == 0 {
            break;
        }
        match serde_json::from_str(&text) {
            Ok(event) => events.push(event),
            Err(_) if !text.ends_with('\n') => break,
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
    use crate::event::{Phase, Plan, Rules};

    fn two() -> String {
        let plan = Plan { schema: SCHEMA, scenario: "x".into(), required: vec![], rules: Rules::default() };
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
}
