//! From text to raw types, with what YAML or serde object to in our words.
//! Lives here: the limits of the YAML parser, the translation of its errors.
//! May not live here: rules of ours (`check`).

use super::problem::Problem;
use super::schema;
use super::suggest::{nearest, one_of};
use super::tree::{MAX_DEPTH, Node};
use super::value::bytes_of;
use serde::de::DeserializeOwned;
use serde_yaml::{Error, MessageFormatter, UserMessageFormatter};
use std::ops::Range;

/// Most YAML events (values, starts and ends of lists and maps) of a file, aliases unfolded.
const MAX_EVENTS: usize = 10_000;

/// Keys that a later version will know, so that the error says more than that this one does not.
const LATER: [&str; 2] = ["ssh", "login"];

/// Decodes a text that holds a `what`: a scenario, or a list of kernels.
///
/// # Errors
/// The first thing that keeps the text from having the wanted shape.
pub fn decode<T: DeserializeOwned>(text: &str, what: &str) -> Result<T, Box<Problem>> {
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! {
            max_events: MAX_EVENTS,
            max_nodes: MAX_EVENTS,
            max_depth: MAX_DEPTH,
            max_aliases: 1000,
            max_anchors: 1000,
            max_documents: 2,
            flow_nesting_limit: MAX_DEPTH,
        },
        alias_limits: serde_yaml::alias_limits! {
            max_total_replayed_events: MAX_EVENTS,
            max_replay_stack_depth: MAX_DEPTH,
        },
        strict_booleans: true,
        emit_comments: false,
        with_snippet: false,
    };
    serde_yaml::from_str_with_options(text, options).map_err(|error| Box::new(translate(text, what, &error)))
}

fn translate(text: &str, what: &str, error: &Error) -> Problem {
    let at = place(text, error);
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            let problem = match LATER.contains(&field.as_str()) {
                true => Problem::new(&at, format!("`{field}` is not supported here by this version of oomph"), ""),
                false => Problem::new(&at, format!("unknown key `{field}`"), ""),
            };
            let problem = Problem { right: format!("expected {}", one_of(expected)), ..problem };
            match nearest(field, expected) {
                Some(known) => problem.help(format!("did you mean `{known}`?")),
                None => problem,
            }
        }
        Error::SerdeMissingField { field, .. } => {
            let around = Node::read(text).map_or(at.clone(), |tree| tree.map_around(at.start));
            let problem = Problem::new(&around, format!("the key `{field}` is missing"), "expected in this map");
            match schema::describe(field, text.get(around).unwrap_or_default()) {
                Some(about) => problem.help(about),
                None => problem,
            }
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_ref().map_or("a key".into(), |key| format!("the key `{key}`"));
            Problem::new(&at, format!("{key} is there twice"), "each key can be there once in its map")
        }
        Error::Eof { .. } => Problem::new(&at, format!("the {what} ends too early"), "a value is missing here"),
        Error::MultipleDocuments { .. } => {
            Problem::new(&at, "a second YAML document begins", format!("a file holds one {what}"))
        }
        Error::NullIntoString { .. } => Problem::new(&at, "the value is missing", "expected a value"),
        Error::Unexpected { expected, .. } => {
            let expected = match *expected {
                "string scalar" => "a single value",
                "mapping start" => "a map (`key: value`)",
                "sequence start" => "a list (`[a, b]`, or lines that begin with `- `)",
                other => other,
            };
            Problem::new(&at, "the value has the wrong shape", format!("expected {expected}"))
        }
        Error::SerdeInvalidType { unexpected, expected, .. }
        | Error::SerdeInvalidValue { unexpected, expected, .. } => {
            Problem::new(&at, format!("{unexpected} cannot stand here"), format!("expected {expected}"))
        }
        Error::Budget { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => {
            let right = format!("a {what} has at most {MAX_EVENTS} values, aliases unfolded, and {MAX_DEPTH} levels");
            Problem::new(&at, "the YAML is too large, or too deeply nested", right)
        }
        other => {
            let message = UserMessageFormatter.format_message(other).into_owned();
            Problem::new(&at, format!("this is no YAML: {message}"), "here")
        }
    }
}

/// The bytes that an error is about.
fn place(text: &str, error: &Error) -> Range<usize> {
    let Some(location) = error.location().filter(|location| location.line() > 0) else {
        return 0..0;
    };
    if location.span().byte_offset().is_some() {
        return bytes_of(&location);
    }
    let number = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let line_start = match number(location.line()) {
        1 => 0,
        line => text.match_indices('\n').nth(line - 2).map_or(text.len(), |(end, _)| end + 1),
    };
    let column = number(location.column()).saturating_sub(1);
    let at = text[line_start..].char_indices().nth(column).map_or(text.len(), |(offset, _)| line_start + offset);
    at..at
}
