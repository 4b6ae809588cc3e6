//! Text that came out of a guest, made harmless for whoever shows it.
//! Lives here: one function a medium: terminals, XML.
//! May not live here: what is shown.

use std::borrow::Cow;

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
        '\u{80}'..='\u{9f}' => '\u{fffd}',
        // Line and paragraph separators, marks and overrides of direction, zero widths.
        '\u{2028}'
        | '\u{2029}'
        | '\u{200b}'..='\u{200f}'
        | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}'
        | '\u{feff}' => '\u{fffd}',
        c => c,
    }
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
            // No characters to XML 1.0.
            '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

/// At most so many characters, with an ellipsis for the rest.
pub fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some(_) => Cow::Owned(text.chars().take(most.saturating_sub(1)).chain(['…']).collect()),
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
    }
}
