//! The shape of a YAML text: which key stands where, and what lies below it.
//! Lives here: a tree of places, made from the parser's events.
//! May not live here: decoding; aliases stay aliases and merge keys are keys like others.

use serde_yaml::granit_parser::{Event, Parser, Span, StructureStyle};
use std::ops::Range;

/// Deepest nesting of a scenario file. The format itself needs six levels.
pub const MAX_DEPTH: usize = 32;

/// A node and the bytes that it takes up. A block's end with its last item, a bracket's with the bracket.
#[derive(Debug)]
pub struct Node {
    /// Its bytes.
    pub at: Range<usize>,
    /// What it is.
    pub shape: Shape,
}

/// What a node is.
#[derive(Debug)]
pub enum Shape {
    /// A single value.
    Scalar {
        /// Its text, quotes and escapes undone.
        text: String,
    },
    /// An alias (`*name`).
    Alias,
    /// A map.
    Map {
        /// Whether it is in braces.
        flow: bool,
        /// Its entries in their order.
        entries: Vec<Entry>,
    },
    /// A list.
    List {
        /// Whether it is in brackets.
        flow: bool,
        /// Its items in their order.
        items: Vec<Node>,
    },
}

/// An entry of a map.
#[derive(Debug)]
pub struct Entry {
    /// The key's text; empty where the key is no scalar.
    pub key: String,
    /// The key's bytes.
    pub at: Range<usize>,
    /// The value.
    pub value: Node,
}

impl Node {
    /// Reads a text of one document; `None` where it is none, or is nested deeper than [`MAX_DEPTH`].
    pub fn read(text: &str) -> Option<Self> {
        let mut open: Vec<Node> = Vec::new();
        let mut keys: Vec<Option<(String, Range<usize>)>> = Vec::new();
        let mut root = None;
        for event in Parser::new_from_str(text) {
            let (event, span) = event.ok()?;
            let at = bytes(&span)?;
            let done = match event {
                Event::Scalar(text, ..) => Node { at, shape: Shape::Scalar { text: text.into_owned() } },
                Event::Alias(_) => Node { at, shape: Shape::Alias },
                Event::MappingStart(style, ..) => {
                    open.push(Node { at, shape: Shape::Map { flow: is_flow(style), entries: Vec::new() } });
                    keys.push(None);
                    (open.len() <= MAX_DEPTH).then_some(())?;
                    continue;
                }
                Event::SequenceStart(style, ..) => {
                    open.push(Node { at, shape: Shape::List { flow: is_flow(style), items: Vec::new() } });
                    keys.push(None);
                    (open.len() <= MAX_DEPTH).then_some(())?;
                    continue;
                }
                Event::MappingEnd | Event::SequenceEnd => {
                    keys.pop();
                    let mut node = open.pop()?;
                    node.at.end = match &node.shape {
                        Shape::Map { flow: false, entries } => {
                            entries.last().map_or(node.at.end, |last| last.value.at.end)
                        }
                        Shape::List { flow: false, items } => items.last().map_or(node.at.end, |last| last.at.end),
                        _ => at.end,
                    };
                    node
                }
                _ => continue,
            };
            match open.last_mut().map(|node| &mut node.shape) {
                Some(Shape::List { items, .. }) => items.push(done),
                Some(Shape::Map { entries, .. }) => {
                    let key = keys.last_mut()?;
                    match key.take() {
                        Some((key, at)) => entries.push(Entry { key, at, value: done }),
                        None => *key = Some(done.into_key()),
                    }
                }
                _ => {
                    if root.replace(done).is_some() {
                        return None;
                    }
                }
            }
        }
        root
    }

    fn into_key(self) -> (String, Range<usize>) {
        match self.shape {
            Shape::Scalar { text } => (text, self.at),
            _ => (String::new(), self.at),
        }
    }

    /// The nodes directly below, each with its key.
    fn below(&self) -> Vec<(Option<&Range<usize>>, &Node)> {
        match &self.shape {
            Shape::Map { entries, .. } => entries.iter().map(|entry| (Some(&entry.at), &entry.value)).collect(),
            Shape::List { items, .. } => items.iter().map(|item| (None, item)).collect(),
            Shape::Scalar { .. } | Shape::Alias => Vec::new(),
        }
    }

    /// The place that stands for the innermost map around byte `at`, or that is the value of the key there: its key, or
    /// where it begins.
    pub fn map_around(&self, at: usize) -> Range<usize> {
        let mut node = self;
        let mut place = 0..0;
        loop {
            let next = node.below().into_iter().find(|(key, value)| {
                let on_key = key.is_some_and(|key| key.contains(&at));
                let empty = matches!(&value.shape, Shape::Map { entries, .. } if entries.is_empty());
                value.at.contains(&at) && !matches!(value.shape, Shape::Scalar { .. }) || on_key && empty
            });
            let Some((key, value)) = next else { return place };
            place = key.cloned().unwrap_or(value.at.start..value.at.start);
            node = value;
        }
    }
}

fn is_flow(style: StructureStyle) -> bool {
    matches!(style, StructureStyle::Flow)
}

fn bytes(span: &Span) -> Option<Range<usize>> {
    Some(span.start.byte_offset()?..span.end.byte_offset()?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn blocks_end_with_their_last_item_and_brackets_with_the_bracket() {
        let text = "a:\n  b: 1 # c\n  d: [x, y]\n\ne: {f: {}}\n";
        let root = Node::read(text).unwrap();
        let Shape::Map { entries, .. } = &root.shape else { panic!() };
        assert_eq!(&text[entries[0].value.at.clone()], "b: 1 # c\n  d: [x, y]");
        assert_eq!(&text[entries[1].value.at.clone()], "{f: {}}");
        assert_eq!(&text[root.map_around(text.find("d:").unwrap())], "a");
        assert_eq!(&text[root.map_around(text.find("f:").unwrap())], "f");
        assert_eq!(root.map_around(0), 0..0);
    }

    #[test]
    fn what_is_no_single_document_has_no_tree() {
        for text in ["a: [", "a: 1\n---\nb: 2\n", &"[".repeat(MAX_DEPTH + 1)] {
            assert!(Node::read(text).is_none(), "{text}");
        }
    }
}
