//! A timeline in characters, for terminals.
//! Lives here: rows of bars and lines, and how they fit a width.
//! May not live here: colours, or anything that a terminal would obey.

use super::curve::{column, columns};
use super::scene::{Of, Panel, Row, Scene, What, seconds};
use crate::report::inert::{cut, plain};
use crate::timeline::Timeline;
use std::fmt::Write;

/// What stands left of the picture: two spaces, a name of 10, two spaces.
const LEFT: usize = 14;
/// What stands right of it: two spaces and a note.
const RIGHT: usize = 14;
/// Widths outside of these are taken for the nearer one.
const WIDTHS: std::ops::RangeInclusive<usize> = 60..=160;

const BARS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// The picture, `width` columns wide at most (60 to 160), each line with its line ending.
pub fn timeline_text(timeline: &Timeline, width: usize) -> String {
    let scene = Scene::of(timeline);
    let across = width.clamp(*WIDTHS.start(), *WIDTHS.end()) - LEFT - RIGHT;
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, timeline, &scene, across);
    out
}

fn write(out: &mut String, timeline: &Timeline, scene: &Scene, across: usize) -> std::fmt::Result {
    line(out, "phase", &phases(timeline, scene, across), "")?;
    for panel in &scene.panels {
        draw(out, scene, panel, across)?;
    }
    for row in &scene.rows {
        line(out, &row.name, &happened(row, scene, across), &row.note)?;
    }
    line(out, "", &axis(scene.length_s, across), "")
}

/// One line. Names and notes are cut; what a guest wrote in them is made inert.
fn line(out: &mut String, name: &str, picture: &str, note: &str) -> std::fmt::Result {
    let short = |text: &str, most| cut(&plain(text), most).into_owned();
    let (name, note) = (short(name, LEFT - 4), short(note, RIGHT - 2));
    writeln!(out, "{}", format!("  {name:<10}  {picture}  {note}").trim_end())
}

/// Names at where phases begin, cut by the next; one that has no room is a stroke.
fn phases(timeline: &Timeline, scene: &Scene, across: usize) -> String {
    let mut cells = vec![' '; across];
    for (index, (phase, from)) in timeline.phases.iter().enumerate() {
        let next = timeline.phases.get(index + 1).map_or(across, |(_, at)| column(*at, scene.length_s, across));
        let from = column(*from, scene.length_s, across);
        let room = next.saturating_sub(from);
        let name = std::iter::once('│').chain(phase.name().chars()).take(room.max(1));
        for (cell, letter) in cells.iter_mut().skip(from).zip(name) {
            *cell = letter;
        }
    }
    cells.into_iter().collect()
}

/// Memory in two lines a curve, all on one scale; the rest in one. The note is the range.
fn draw(out: &mut String, scene: &Scene, panel: &Panel, across: usize) -> std::fmt::Result {
    let tall = if panel.what == What::Memory { 2 } else { 1 };
    for curve in &panel.curves {
        let values = columns(&curve.stretches, scene.length_s, across);
        let (low, high) = curve.range().unwrap_or_default();
        let range = format!(
            "{}–{}",
            panel.what.value(low).trim_end_matches(|c: char| !c.is_ascii_digit()),
            panel.what.value(high)
        );
        let levels: Vec<Option<usize>> =
            values.into_iter().map(|value| Some(level(value? / panel.max, 8 * tall))).collect();
        for above in (0..tall).rev() {
            let bar = |level: &Option<usize>| match level {
                // Nothing there is a line at the bottom, nothing known is a gap.
                Some(0) if above == 0 => '_',
                Some(level) => BARS.get(level.saturating_sub(8 * above).min(8)).copied().unwrap_or(' '),
                None => ' ',
            };
            let bars: String = levels.iter().map(bar).collect();
            let top = above == tall - 1;
            line(out, if top { curve.name } else { "" }, &bars, if top { &range } else { "" })?;
        }
    }
    Ok(())
}

/// How high a bar is: what is more than nothing can be seen.
fn level(share: f64, levels: usize) -> usize {
    if share <= 0.0 {
        return 0;
    }
    // Between 0 and 1 times a small number.
    ((share * levels as f64).round() as usize).clamp(1, levels)
}

/// Moments as marks, with their number where it is more than one; stretches as lines.
fn happened(row: &Row, scene: &Scene, across: usize) -> String {
    let mut counts = vec![0_u32; across];
    for &(from, to) in &row.spans {
        let (from, to) = (column(from, scene.length_s, across), column(to, scene.length_s, across));
        for count in counts.iter_mut().take(to + 1).skip(from) {
            *count += 1;
        }
    }
    let drawn = |count: u32| match (row.of, count) {
        (_, 0) => ' ',
        (Of::Stall, _) => '━',
        (Of::Fault, _) => '═',
        (Of::Kills, 1) => '×',
        (Of::Keys | Of::Other, 1) => '·',
        (_, 2..=9) => char::from_digit(count, 10).unwrap_or('+'),
        _ => '+',
    };
    counts.into_iter().map(drawn).collect()
}

/// Times below, as many as have room.
fn axis(length_s: f64, across: usize) -> String {
    let end = seconds(length_s);
    let mut axis = String::new();
    let step = step(length_s, across / 12);
    for tick in 0..=u32::try_from(across).unwrap_or(0) {
        let at = f64::from(tick) * step;
        let label = if tick == 0 { "0".to_owned() } else { format!("{at}") };
        let start = column(at, length_s, across);
        // The end has its own, with a space before it.
        if at > length_s || start + label.len() + end.len() + 2 > across {
            break;
        }
        let used = axis.chars().count();
        axis.extend(std::iter::repeat_n(' ', start.saturating_sub(used)));
        axis.push_str(&label);
    }
    let used = axis.chars().count();
    axis.extend(std::iter::repeat_n(' ', across.saturating_sub(used + end.chars().count())));
    axis + &end
}

/// A round number of seconds, so that there are at most `most` steps.
pub(super) fn step(length_s: f64, most: usize) -> f64 {
    const ROUND: [f64; 14] =
        [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 600.0, 1200.0, 1800.0, 3600.0, 7200.0];
    let least = length_s / most.max(1) as f64;
    ROUND.into_iter().find(|step| *step >= least).unwrap_or_else(|| (least / 3600.0).ceil() * 3600.0)
}
