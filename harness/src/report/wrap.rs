//! Text for a terminal of some width.
//! Lives here: breaking lines at blanks, cutting their middle out (pure).
//! May not live here: what is said.

use super::inert::cut;
use std::borrow::Cow;

/// Breaks lines that are wider than `width` columns at blanks; what is broken off is indented by `indent` columns. A word that is wider
/// stays whole: whoever copies a path wants all of it. Colour takes no columns.
pub fn wrap(text: &str, width: usize, indent: usize) -> String {
    let mut out = String::with_capacity(text.len() + text.len() / 8);
    for line in text.lines() {
        wrap_line(&mut out, line, width, indent);
        out.push('\n');
    }
    out
}

fn wrap_line(out: &mut String, line: &str, width: usize, indent: usize) {
    if columns(line) <= width {
        out.push_str(line);
        return;
    }
    let lead = line.len() - line.trim_start_matches(' ').len();
    out.push_str(&line[..lead]);
    let (mut at, mut gap) = (lead, 0);
    let mut first = true;
    // Blanks that stand between words are kept where both stay on one line: they make columns.
    for word in line[lead..].split(' ') {
        if word.is_empty() {
            gap += 1;
            continue;
        }
        let wide = columns(word);
        if !first && at + gap + wide > width && at > indent {
            out.push('\n');
            out.push_str(&" ".repeat(indent));
            at = indent;
        } else {
            out.push_str(&" ".repeat(gap));
            at += gap;
        }
        out.push_str(word);
        (at, gap, first) = (at + wide, 1, false);
    }
}

/// Columns that a text takes: its characters, without sequences that set colours.
fn columns(text: &str) -> usize {
    let (mut columns, mut escaped) = (0, false);
    for c in text.chars() {
        match (escaped, c) {
            (false, '\x1b') => escaped = true,
            (true, 'm') => escaped = false,
            (true, _) => {}
            (false, _) => columns += 1,
        }
    }
    columns
}

/// A text of at most `width` characters, with the middle lost: of `debian-6.1-no-oom-reaper` both ends tell.
pub fn cut_middle(text: &str, width: usize) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= width || width < 3 {
        return cut(text, width);
    }
    let (head, tail) = (width / 2, width - width / 2 - 1);
    let head: String = text.chars().take(head).collect();
    head.chars().chain(['…']).chain(text.chars().skip(length - tail)).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_at_blanks_and_paths_stay_whole() {
        let text =
            "  why         no direct reclaim, no kill, and free\n  result      results/a/very/long/path/that/is/wider";
        assert_eq!(
            wrap(text, 40, 14),
            "  why         no direct reclaim, no\n              kill, and free\n  result      \
             results/a/very/long/path/that/is/wider\n"
        );
        assert_eq!(wrap("a  b   c", 80, 4), "a  b   c\n");
        assert_eq!(
            wrap("\x1b[1m\x1b[32mhung\x1b[0m  on it", 12, 4),
            "\x1b[1m\x1b[32mhung\x1b[0m  on it\n",
            "colour is no text"
        );
        assert_eq!(wrap(&"x".repeat(50), 20, 4), format!("{}\n", "x".repeat(50)));
        assert_eq!(wrap("", 20, 4), "");
    }

    #[test]
    fn what_is_cut_says_so() {
        assert_eq!(cut_middle("debian-6.1-no-oom-reaper", 13), "debian…reaper");
        assert_eq!(cut_middle("äöü", 3), "äöü");
    }
}
