//! Text that came out of a guest, made harmless for whoever shows it.
//! Lives here: which characters do more than be seen; one function a medium: terminals, XML, JSON, shells.
//! May not live here: what is shown.

use crate::results::RunJson;
use serde_json::Value;
use std::borrow::Cow;
use std::fmt::Write;

/// For a terminal: one line, no control characters, nothing that turns the direction of writing. Control characters become their
/// pictures (␛), the rest a replacement character; so does everything keep its place, one character for one.
pub fn plain(text: &str) -> Cow<'_, str> {
    if text.chars().all(|c| shown(c) == c) {
        Cow::Borrowed(text)
    } else {
        Cow::Owned(text.chars().map(shown).collect())
    }
}

fn shown(c: char) -> char {
    match c {
        '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
        '\x7f' => '␡',
        c if speaks(c) => '\u{fffd}',
        c => c,
    }
}

/// Whether a character does something other than be seen: controls, separators of lines and paragraphs, marks and overrides of direction,
/// what has no width, tags, and what is no character to XML 1.0.
pub fn speaks(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}' | '\u{e0000}'..='\u{e007f}')
}

/// For XML's text and quoted values: [`plain`], with the characters that mean something to XML escaped.
pub fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars().map(shown) {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

/// JSON text in which control characters are all written as escapes. JSON itself asks that only of those below U+0020; the others can
/// only stand in strings, and a terminal obeys some of them.
pub fn inert_json(text: String) -> String {
    let is_raw = |c: char| matches!(c, '\u{7f}'..='\u{9f}');
    // Their first or only byte; so the text is gone through once, quickly.
    if memchr::memchr2_iter(0x7f, 0xc2, text.as_bytes()).next().is_none() || !text.contains(is_raw) {
        return text;
    }
    let mut out = String::with_capacity(text.len() + 64);
    for c in text.chars() {
        if is_raw(c) {
            // Writing to a String cannot fail.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out
}

/// For a shell: one word.
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=+:,@%".contains(c);
    match !word.is_empty() && word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}

/// A record with all its texts changed, by way of JSON, where texts are told from all else. A change that no record can have is none.
pub(super) fn texts(run: &RunJson, change: impl Fn(&mut String)) -> RunJson {
    fn walk(value: &mut Value, change: &impl Fn(&mut String)) {
        match value {
            Value::String(text) => change(text),
            Value::Array(list) => list.iter_mut().for_each(|one| walk(one, change)),
            Value::Object(map) => map.values_mut().for_each(|one| walk(one, change)),
            _ => {}
        }
    }
    let mut record = serde_json::to_value(run).unwrap_or_default();
    walk(&mut record, &change);
    serde_json::from_value(record).unwrap_or_else(|_| run.clone())
}

/// At most so many characters, with an ellipsis for the rest.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) if most == 0 => Cow::Borrowed(""),
        Some(_) => Cow::Owned(text.chars().take(most - 1).chain(['…']).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_obeys_nothing_of_it() {
        assert_eq!(plain("a\x1b[31mb\r\nc\t\u{9b}1m\u{202e}d\x7f"), "a␛[31mb␍␊c␉\u{fffd}1m\u{fffd}d␡");
        assert!(matches!(plain("hog (1) ü"), Cow::Borrowed("hog (1) ü")));
    }

    #[test]
    fn xml_takes_it_for_text() {
        assert_eq!(xml("<script>&\"']]>\x1b\u{ffff}"), "&lt;script&gt;&amp;&quot;&#39;]]&gt;␛\u{fffd}");
    }

    #[test]
    fn what_is_long_is_cut_at_a_character() {
        assert_eq!((cut("äöü", 3).as_ref(), cut("äöüß", 3).as_ref()), ("äöü", "äö…"));
        assert_eq!((cut("abc", 1), cut("abc", 0)), ("…".into(), "".into()));
    }

    #[test]
    fn json_has_no_control_characters() {
        let text = serde_json::to_string("\u{9b}31m\u{7f} ä Â\x1b").unwrap_or_default();
        let out = inert_json(text);
        assert_eq!(out, "\"\\u009b31m\\u007f ä Â\\u001b\"");
        assert_eq!(serde_json::from_str::<String>(&out).unwrap_or_default(), "\u{9b}31m\u{7f} ä Â\x1b");
    }

    #[test]
    fn a_command_can_be_given_to_a_shell() {
        assert_eq!(quoted("a/b-1.yaml"), "a/b-1.yaml");
        assert_eq!(quoted("it's $(x)"), r"'it'\''s $(x)'");
        assert_eq!(quoted(""), "''");
    }
}
