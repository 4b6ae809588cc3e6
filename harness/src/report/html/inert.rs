//! What a page may not hold, whoever said it.
//! Lives here: characters that act are shown in place of acting; texts that are too long are cut.
//! May not live here: markup. `<`, `&` and quotes are escaped where text becomes markup (`maud`).

use crate::report::inert::speaks;
use std::borrow::Cow;
use std::fmt::Write;

/// The page with every character that acts made visible: control characters (a terminal's colours, for one), marks that turn
/// the direction of what follows, characters without a width. It is the last step before a page is written, so that no part
/// of it can be forgotten. Markup, style and script of ours hold none of these but line ends and tabs.
pub(super) fn inert(page: &str) -> Cow<'_, str> {
    let Some(first) = page.find(acts) else { return Cow::Borrowed(page) };
    let (clean, rest) = page.split_at(first);
    let mut out = String::with_capacity(page.len() + 64);
    out.push_str(clean);
    for c in rest.chars() {
        match acts(c) {
            // Not the pictures that Unicode has of some: few fonts have them. Writing to a String cannot fail.
            true => _ = write!(out, "\u{27e8}U+{:04X}\u{27e9}", u32::from(c)),
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// Whether a character does something besides being seen; line ends and tabs of ours may.
fn acts(c: char) -> bool {
    !matches!(c, '\n' | '\t') && speaks(c)
}

/// A text of at most so many characters; what is cut is counted.
pub(super) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    let Some((at, _)) = text.char_indices().nth(most) else { return Cow::Borrowed(text) };
    let (kept, rest) = text.split_at(at);
    Cow::Owned(format!("{kept}… ({} more characters)", rest.chars().count()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_acts_is_seen_and_acts_no_more() {
        assert_eq!(inert("a\tb\nc ← ü 日本"), "a\tb\nc ← ü 日本");
        assert_eq!(inert("\x1b[31mred\x1b[0m\r\0\x7f"), "⟨U+001B⟩[31mred⟨U+001B⟩[0m⟨U+000D⟩⟨U+0000⟩⟨U+007F⟩");
        assert_eq!(inert("user\u{202e}gpj.exe\u{200b}"), "user⟨U+202E⟩gpj.exe⟨U+200B⟩");
        assert_eq!(inert("\u{9b}31m"), "⟨U+009B⟩31m");
    }

    #[test]
    fn what_is_too_long_is_cut_between_characters() {
        assert_eq!(cut("äöü", 3), "äöü");
        assert_eq!(cut("äöü€", 2), "äö… (2 more characters)");
    }

    proptest! {
        #[test]
        fn nothing_that_acts_is_left(text in "\\PC*|[\\x00-\\u{2fff}]*") {
            let clean = inert(&text);
            prop_assert!(!clean.chars().any(acts));
            prop_assert_eq!(inert(&clean), clean.as_ref());
        }
    }
}
