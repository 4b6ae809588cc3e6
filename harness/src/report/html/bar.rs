//! Small bars: shares of runs, and how far a share can be trusted.
//! Lives here: their drawing, as SVG inside a line of text; the style sheet has their colours.
//! May not live here: numbers in words, which stand beside each bar; a bar alone tells a screen reader nothing.

use super::words::ENDS;
use crate::campaign::Interval;
use maud::{Markup, html};

/// Width of a bar in its own units.
const WIDTH: f64 = 100.0;

/// Runs by end, in the order of [`ENDS`], as one bar.
pub(super) fn shares(runs: [u64; 5]) -> Markup {
    let all = runs.iter().sum::<u64>().max(1) as f64;
    let mut from = 0.0;
    let parts = ENDS.iter().zip(runs).filter(|(_, runs)| *runs > 0).map(|(end, runs)| {
        let (x, width) = (from, runs as f64 / all * WIDTH);
        from += width;
        (end.class, x, width)
    });
    let parts: Vec<_> = parts.collect();
    html! {
        svg.bar viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true" {
            @for (class, x, width) in &parts {
                rect class=(class) x=(short(*x)) width=(short(*width)) height="6" {}
            }
        }
    }
}

/// A share as a point and its interval as a line, from 0 to 1.
pub(super) fn interval(share: Option<f64>, interval: Interval, class: &str) -> Markup {
    let [low, high] = [interval.low, interval.high].map(|end| end * WIDTH);
    html! {
        svg.interval viewBox="-3 0 106 12" aria-hidden="true" {
            line.axis x1="0" x2="100" y1="6" y2="6" {}
            @for x in ["0", "50", "100"] { line.axis x1=(x) x2=(x) y1="4" y2="8" {} }
            line class={ "range " (class) } x1=(short(low)) x2=(short(high)) y1="6" y2="6" {}
            @if let Some(share) = share {
                circle class=(class) cx=(short(share * WIDTH)) cy="6" r="3" {}
            }
        }
    }
}

/// A number with one digit behind the point where it needs one.
fn short(number: f64) -> String {
    let text = format!("{number:.1}");
    text.strip_suffix(".0").map_or(text.clone(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_fill_the_bar() {
        let bar = shares([1, 0, 3, 0, 0]).into_string();
        assert!(bar.contains(r#"<rect class="hung" x="0" width="25""#), "{bar}");
        assert!(bar.contains(r#"<rect class="oom-killed" x="25" width="75""#), "{bar}");
        assert!(!shares([0; 5]).into_string().contains("rect"));
    }

    #[test]
    fn an_interval_is_drawn_where_it_lies() {
        let bar = interval(Some(0.5), Interval { low: 0.125, high: 1.0 }, "a").into_string();
        assert!(bar.contains(r#"x1="12.5" x2="100""#) && bar.contains(r#"cx="50""#), "{bar}");
        assert!(!interval(None, Interval { low: 0.0, high: 1.0 }, "a").into_string().contains("circle"));
    }
}
