//! Folded stacks as a drawing: where the tasks of a run were, in its pictures, each function as wide as it was often there.
//! Lives here: lines of folded stacks → a tree → boxes, the outermost function on top.
//! May not live here: what was folded (`introspect::account`), or reading files.
//!
//! The tools that draw flame graphs put a script, a style and ids of their own into each; a page of many runs without scripts can have none
//! of these.

use super::inert::cut;
use maud::{Markup, html};
use std::collections::BTreeMap;

/// Sizes in the drawing's own units.
const WIDTH: f64 = 720.0;
const ROW: usize = 17;
/// A box narrower than this is left out, one narrower than that has no text; so wide is a character.
const LEAST: f64 = 2.0;
const WORDS: f64 = 24.0;
const CHARACTER: f64 = 6.3;
/// Rows and boxes that are drawn.
const ROWS: usize = 32;
const BOXES: usize = 400;
/// Longest name, in characters.
const NAME: usize = 80;

/// A function with those that it called.
#[derive(Default)]
struct Call<'a> {
    count: u64,
    calls: BTreeMap<&'a str, Call<'a>>,
}

/// A box of the drawing.
struct Part<'a> {
    name: &'a str,
    count: u64,
    at: (f64, usize),
    width: f64,
}

/// The drawing of folded stacks: a line each, functions with `;` between them, outermost first, then a count. `None` where nothing can be
/// read of them. Lines that are none are passed over.
pub fn flame(folded: &str) -> Option<String> {
    let mut all = Call::default();
    for line in folded.lines() {
        let Some((stack, count)) = line.rsplit_once(' ') else { continue };
        let Some(count) = count.parse().ok().filter(|&count: &u64| count > 0 && count <= u64::from(u32::MAX)) else {
            continue;
        };
        let mut at = &mut all;
        at.count += count;
        for function in stack.split(';').take(ROWS) {
            at = at.calls.entry(function).or_default();
            at.count += count;
        }
    }
    let mut parts = Vec::new();
    place(&all, (0.0, 0), WIDTH / all.count.max(1) as f64, &mut parts);
    (!parts.is_empty()).then(|| drawing(&parts, all.count).into_string())
}

fn place<'a>(of: &Call<'a>, (mut x, row): (f64, usize), unit: f64, parts: &mut Vec<Part<'a>>) {
    // The widest first: what is left out is at the right.
    let mut calls: Vec<_> = of.calls.iter().collect();
    calls.sort_by_key(|(_, call)| std::cmp::Reverse(call.count));
    for (name, call) in calls {
        let width = call.count as f64 * unit;
        if width < LEAST || parts.len() == BOXES {
            return;
        }
        parts.push(Part { name, count: call.count, at: (x, row), width });
        place(call, (x, row + 1), unit, parts);
        x += width;
    }
}

fn drawing(parts: &[Part<'_>], all: u64) -> Markup {
    let rows = parts.iter().map(|part| part.at.1 + 1).max().unwrap_or(0);
    html! {
        svg.flame viewBox={ "0 0 " (WIDTH) " " (rows * ROW) } role="img" aria-label="Stacks of all tasks in the pictures, outermost function on top" {
            @for part in parts {
                g class=[crate::diagnose::is_allocator(part.name).then_some("allocator")] {
                    title { (cut(part.name, NAME)) ", " (format!("{:.1}", part.count as f64 * 100.0 / all as f64)) " %" }
                    rect x=(format!("{:.1}", part.at.0)) y=(part.at.1 * ROW) width=(format!("{:.1}", part.width - 0.5)) height=(ROW - 1) {}
                    @if part.width >= WORDS {
                        text x=(format!("{:.1}", part.at.0 + 3.0)) y=(part.at.1 * ROW + 12) { (short(part.name, part.width)) }
                    }
                }
            }
        }
    }
}

/// As much of a name as there is room for.
fn short(name: &str, width: f64) -> String {
    let room = (width / CHARACTER) as usize;
    if name.chars().count() <= room {
        name.into()
    } else {
        name.chars().take(room.saturating_sub(1)).chain(['…']).collect()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_function_is_as_wide_as_it_was_often_there() {
        let svg = flame("hog;write;down_write 3\nhog;write;__alloc_pages 1\ninit;poll 4\n").unwrap();
        assert_eq!(svg.matches("<rect").count(), 6);
        let halves = svg.matches(r#"width="359.5""#).count();
        assert_eq!(halves, 4, "hog, its write, init, its poll: {svg}");
        assert!(svg.contains(r#"<title>down_write, 37.5 %</title><rect x="0.0" y="34" width="269.5""#), "{svg}");
        assert!(svg.contains(r#"<g class="allocator"><title>__alloc_pages, 12.5 %"#), "{svg}");
    }

    #[test]
    fn what_is_no_stack_is_passed_over_and_nothing_of_it_acts() {
        assert_eq!(flame(""), None);
        assert_eq!(flame("no count\na;b x\na;b 0\n\u{fffd}"), None);
        let svg = flame("a<script>;\"b 1\n").unwrap();
        assert!(svg.contains("a&lt;script&gt;") && !svg.contains("<script"), "{svg}");
    }

    #[test]
    fn it_stays_small_whatever_it_is_made_of() {
        let lines: String = (0..4000).map(|n| format!("t{};{}f{} {}\n", n % 50, "g;".repeat(60), n, n)).collect();
        let svg = flame(&lines).unwrap();
        assert!(svg.len() < 120_000 && svg.matches("<rect").count() <= BOXES, "{}", svg.len());
        assert!(flame(&format!("a {}\n", u64::MAX)).is_none());
    }
}
