//! Overrides: `--set guest.memory=512MiB`, put into the file's text before it is decoded.
//! Lives here: reading an override, finding its place, writing its value there.
//! May not live here: judging the value (decoding and `check` do, and their errors then name the override).

use super::problem::Problem;
use super::text::{Insert, Text};
use super::tree::{Node, Shape};
use std::ops::Range;

/// Maps from free names to single values: what follows them in a path is one key, dots and all.
const FREE: [[&str; 2]; 3] = [["guest", "sysctl"], ["workload", "args"], ["workload", "env"]];

/// Puts one override into the text. Where the text is no YAML document nothing is done: decoding says why.
///
/// # Errors
/// Where the override has no key, or its path leads through a single value or past the end of a list. Places in
/// the problem are bytes of the override itself.
pub fn apply(text: &mut Text, set: usize, argument: &str) -> Result<(), Box<Problem>> {
    let whole = 0..argument.len();
    let Some((path, value)) = argument.split_once('=') else {
        return Err(problem(whole, "the override has no `=`", "an override is `KEY=VALUE`: `guest.memory=512MiB`"));
    };
    let path = keys(path);
    if path.iter().any(|key| argument[key.clone()].is_empty()) {
        return Err(problem(
            whole,
            "the override has an empty key",
            "a key is names with dots between: `guest.memory`",
        ));
    }
    let value_at = argument.len() - value.len()..argument.len();
    let Some(mut node) = Node::read(text.as_str()) else { return Ok(()) };
    let mut before = 0..0;
    for (depth, key_at) in path.iter().enumerate() {
        let key = &argument[key_at.clone()];
        let next = match node.shape {
            Shape::Map { flow, entries } => {
                let mut entries = entries.into_iter().peekable();
                let first = entries.peek().map(|first| first.at.start);
                let Some(entry) = entries.find(|entry| entry.key == key) else {
                    let place = Place { flow, first, node: node.at };
                    place.insert(text, set, argument, &path[depth..], &value_at);
                    return Ok(());
                };
                before = entry.at;
                entry.value
            }
            Shape::List { items, .. } => {
                let count = items.len();
                let Some(item) = key.parse().ok().and_then(|index: usize| items.into_iter().nth(index)) else {
                    let right = format!("a number from 0, of {count} items");
                    return Err(problem(key_at.clone(), format!("`{key}` is no item of the list"), right));
                };
                before = item.at.start..item.at.start;
                item
            }
            Shape::Scalar { text: value } if value == "~" || value == "null" => {
                let new = nested(argument, &path[depth..], &value_at);
                replace(text, set, Node { at: node.at, shape: Shape::Scalar { text: value } }, &before, new);
                return Ok(());
            }
            Shape::Scalar { .. } | Shape::Alias => {
                let message = format!("there is nothing below `{}`", &argument[..key_at.start.saturating_sub(1)]);
                return Err(problem(key_at.clone(), message, "its value in the file is no map"));
            }
        };
        node = next;
    }
    replace(text, set, node, &before, nested(argument, &[], &value_at));
    Ok(())
}

fn problem(at: Range<usize>, message: impl Into<String>, right: impl Into<String>) -> Box<Problem> {
    Box::new(Problem::new(&at, message, right))
}

/// The bytes of each key of a path.
fn keys(path: &str) -> Vec<Range<usize>> {
    let free = FREE.iter().any(|[map, below]| path.starts_with(&format!("{map}.{below}.")));
    let mut start = 0;
    let key = |part: &str| {
        let key = start..start + part.len();
        start = key.end + 1;
        key
    };
    path.splitn(if free { 3 } else { usize::MAX }, '.').map(key).collect()
}

/// A map into which a key is put.
struct Place {
    flow: bool,
    first: Option<usize>,
    node: Range<usize>,
}

impl Place {
    fn insert(&self, text: &mut Text, set: usize, argument: &str, path: &[Range<usize>], value: &Range<usize>) {
        let Some((key, rest)) = path.split_first() else { return };
        let mut inserts = vec![piece(argument, key), Insert { text: ": ".into(), from: key.clone() }];
        inserts.extend(nested(argument, rest, value));
        let at = match self.first {
            None => self.node.start + 1,
            Some(first) => {
                let line = text.as_str()[..first].rfind('\n').map_or(0, |end| end + 1);
                let column = text.as_str()[line..first].chars().count();
                let end = if self.flow { ", ".to_owned() } else { format!("\n{}", " ".repeat(column)) };
                inserts.push(Insert { text: end, from: value.clone() });
                first
            }
        };
        text.splice(at..at, set, &inserts);
    }
}

/// Puts a value in place of a node. A block is replaced from its key's colon on, so that the value can stand on that line.
fn replace(text: &mut Text, set: usize, node: Node, key: &Range<usize>, mut new: Vec<Insert>) {
    let is_block = match &node.shape {
        Shape::Map { flow, .. } | Shape::List { flow, .. } => !flow,
        Shape::Scalar { .. } => node.at.is_empty() || text.as_str()[node.at.clone()].contains('\n'),
        Shape::Alias => false,
    };
    let mut place = node.at;
    if is_block {
        let from = text.as_str()[key.end..].find(':').filter(|_| !key.is_empty()).map(|colon| key.end + colon + 1);
        place = from.unwrap_or(place.start)..place.end.max(from.unwrap_or(0));
        // A block scalar ends with the indentation of what comes next.
        place.end = place.start + text.as_str()[place.clone()].trim_end_matches([' ', '\n', '\r']).len();
        new.insert(0, Insert { text: " ".into(), from: new.first().map_or(0..0, |first| first.from.clone()) });
    }
    text.splice(place, set, &new);
}

/// The value, with the rest of the path as braces around it.
fn nested(argument: &str, path: &[Range<usize>], value: &Range<usize>) -> Vec<Insert> {
    let mut inserts = Vec::new();
    for key in path {
        inserts.push(Insert { text: "{".into(), from: key.clone() });
        inserts.push(piece(argument, key));
        inserts.push(Insert { text: ": ".into(), from: key.clone() });
    }
    inserts.push(piece(argument, value));
    inserts.push(Insert { text: "}".repeat(path.len()), from: value.clone() });
    inserts
}

/// A part of the argument as YAML on one line, good inside braces too.
fn piece(argument: &str, part: &Range<usize>) -> Insert {
    let text = &argument[part.clone()];
    let plain = text.starts_with(|c: char| c.is_ascii_alphanumeric() || "/._".contains(c))
        && !text.ends_with(' ')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || " /._+-".contains(c));
    let flow = || {
        let node = Node::read(text).filter(|node| node.at == (0..text.len()) && !text.contains(['\n', '\r']));
        node.is_some_and(|node| matches!(node.shape, Shape::Map { flow: true, .. } | Shape::List { flow: true, .. }))
    };
    let text = if plain || flow() { text.to_owned() } else { serde_json::Value::from(text).to_string() };
    Insert { text, from: part.clone() }
}
