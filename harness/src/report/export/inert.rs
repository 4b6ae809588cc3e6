//! Text of a guest, so that no reader takes it for more than text.
//! Lives here: what is alike in all formats: control characters, what changes the direction of writing, what is invisible, length.
//! May not live here: what only one format gives a meaning to.

use crate::report::inert::{speaks, texts};
use crate::results::RunJson;

/// One line of at most `most` characters. Control characters, line ends, and characters that are invisible or change the direction of
/// writing become escapes as in Rust (`\n`, `\u{1b}`), and so do those that XML does not admit; a cut is marked by `…`.
pub fn line(text: &str, most: usize) -> String {
    let mut out = String::new();
    let mut length = 0;
    for c in text.chars() {
        let start = out.len();
        if speaks(c) {
            out.extend(c.escape_default())
        } else {
            out.push(c)
        };
        length += if speaks(c) { out.len() - start } else { 1 };
        if length > most {
            out.truncate(start);
            out.push('…');
            break;
        }
    }
    out
}

/// A name for places that take few characters: letters, digits and `also`; every other becomes `_`, and nothing becomes `unnamed`.
pub fn name(text: &str, also: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || also.contains(c) { c } else { '_' };
    let name: String = text.chars().take(100).map(plain).collect();
    if name.is_empty() { "unnamed".to_owned() } else { name }
}

/// A run whose texts are one line each, of at most `most` characters, so that what is written of it has only the lines of who writes.
pub fn run(run: &RunJson, most: usize) -> RunJson {
    // What is only a character long may be a letter by its type.
    texts(run, |text| {
        if text.chars().count() > 1 {
            *text = line(text, most);
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::results::sample;

    #[test]
    fn a_run_keeps_all_but_what_its_guest_made_of_its_lines() {
        let clean = sample();
        assert_eq!(run(&clean, 400), clean);
        let mut evil = sample();
        evil.kills.iter_mut().for_each(|kill| kill.victim = "a\n  expected    yes".to_owned());
        assert!(
            !evil.kills.is_empty() && run(&evil, 400).kills.iter().all(|kill| kill.victim == "a\\n  expected    yes")
        );
    }

    #[test]
    fn what_commands_a_terminal_is_seen_and_not_obeyed() {
        assert_eq!(line("a\u{1b}[31mb\r\n\0c\u{9b}d", 80), "a\\u{1b}[31mb\\r\\n\\u{0}c\\u{9b}d");
        assert_eq!(line("evil\u{202e}txt\u{2028}\u{fffe}", 80), "evil\\u{202e}txt\\u{2028}\\u{fffe}");
        assert_eq!(line("Größe → ok <b>&amp; 日本", 80), "Größe → ok <b>&amp; 日本");
    }

    #[test]
    fn a_long_line_is_cut_where_it_is_said() {
        assert_eq!(line("abcdef", 6), "abcdef");
        assert_eq!(line("abcdefg", 6), "abcdef…");
        assert_eq!(line("abcd\n\n\n", 6), "abcd\\n…");
        assert_eq!(line(&"é".repeat(1000), 10).chars().count(), 11);
    }

    #[test]
    fn a_name_has_only_what_is_allowed() {
        assert_eq!(name("debian-6.1 #x/ü", "-."), "debian-6.1__x__");
        assert_eq!(name("", "-"), "unnamed");
    }
}
