//! A timeline as SVG.
//! Lives here: where everything stands, in whole pixels.
//! May not live here: colours (`style`), or what is shown (`scene`).

use super::curve::{Point, path, simplified};
use super::scene::{Curve, Of, Panel, Row, Scene, What, seconds};
use super::style::{GROUND, TIMELINE_DARK, TIMELINE_LIGHT};
use super::text::step;
use super::words::in_words;
use crate::report::inert::{cut, xml};
use crate::timeline::Timeline;
use std::fmt::Write;

/// The picture's width, and where its curves begin and end.
const WIDTH: i64 = 680;
const LEFT: i64 = 80;
const RIGHT: i64 = 596;
/// Where labels stand that are left and right of the curves.
const LABEL_LEFT: i64 = LEFT - 8;
const LABEL_RIGHT: i64 = RIGHT + 6;
/// Heights.
const HEAD: i64 = 32;
const TALL: i64 = 110;
const LOW: i64 = 34;
const GAP: i64 = 14;
const ROW: i64 = 15;
const AXIS: i64 = 22;
/// A letter of the labels is about so wide, and a line of them so high.
const LETTER: i64 = 6;
const LINE: i64 = 12;
/// Most points of a curve; most pieces of a row, fewer where there are many rows; most OOM kills that are drawn through the memory.
const POINTS: usize = 80;
const PIECES: usize = 60;
const PIECES_OF_ALL: usize = 240;
const LINES: usize = 30;
/// Longest name of a row, longest note on it, and longest text behind a mark, in characters.
const NAME: usize = 12;
const NOTE: usize = 14;
const DETAILS: usize = 160;

/// Where a picture is to stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A file by itself: with its namespace, size, ground and style.
    Standalone,
    /// In a page, which has [`TIMELINE_LIGHT`] and [`TIMELINE_DARK`] once for all.
    Inline,
}

/// The picture. `title` is its name for who does not see it; what it shows is told in words. All text in it is inert, and its
/// size is bounded: 6 KB are usual, 16 KB the most, and 3 KB of style where it stands by itself.
pub fn timeline_svg(timeline: &Timeline, title: &str, form: Form) -> String {
    let mut out = String::with_capacity(8 << 10);
    // Writing to a String cannot fail.
    let _ = Picture::new(timeline).write(&mut out, title, form);
    out
}

struct Picture<'a> {
    timeline: &'a Timeline,
    scene: Scene,
    /// Top and height of each panel.
    panels: Vec<(i64, i64)>,
    /// The bottom of the last panel, and of the last row.
    middle: i64,
    bottom: i64,
}

impl<'a> Picture<'a> {
    fn new(timeline: &'a Timeline) -> Self {
        let scene = Scene::of(timeline);
        let mut y = HEAD;
        let mut panels = Vec::new();
        for panel in &scene.panels {
            let height = if panel.what == What::Memory { TALL } else { LOW };
            panels.push((y, height));
            y += height + GAP;
        }
        let middle = y - GAP;
        let rows = ROW * i64::try_from(scene.rows.len()).unwrap_or(0);
        let bottom = middle + if rows > 0 { rows + 6 } else { 4 };
        Self { timeline, scene, panels, middle, bottom }
    }

    fn x(&self, s: f64) -> i64 {
        let share = (s / self.scene.length_s).clamp(0.0, 1.0);
        // Between 0 and the width.
        LEFT + (share * (RIGHT - LEFT) as f64).round() as i64
    }

    fn write(&self, out: &mut String, title: &str, form: Form) -> std::fmt::Result {
        let height = self.bottom + AXIS;
        match form {
            Form::Inline => write!(out, r#"<svg class="tl" viewBox="0 0 {WIDTH} {height}" role="img">"#)?,
            Form::Standalone => write!(
                out,
                r#"<svg xmlns="http://www.w3.org/2000/svg" class="tl" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img">"#
            )?,
        }
        write!(out, "<title>{}</title><desc>{}</desc>", xml(title), xml(&cut(&in_words(self.timeline), 1000)))?;
        if form == Form::Standalone {
            let [light, dark] = GROUND;
            write!(
                out,
                "<style>{light}{TIMELINE_LIGHT}@media screen and (prefers-color-scheme:dark){{{dark}{TIMELINE_DARK}}}</style>"
            )?;
            write!(out, r#"<path class="w" d="M0 0h{WIDTH}v{height}H0z"/>"#)?;
        }
        self.ground(out)?;
        self.phases(out)?;
        for (panel, &(top, height)) in self.scene.panels.iter().zip(&self.panels) {
            self.panel(out, panel, top, height)?;
        }
        if self.scene.panels.is_empty() {
            write!(out, r#"<text class="q" x="{LEFT}" y="{}">no heartbeat</text>"#, HEAD - 4)?;
        }
        let mut y = self.middle + 6;
        for row in &self.scene.rows {
            self.row(out, row, y)?;
            y += ROW;
        }
        self.axis(out)?;
        out.push_str("</svg>");
        Ok(())
    }

    /// Behind all: where some probe was stalled, the lines between phases, the bottoms of panels, the ticks of the axis.
    fn ground(&self, out: &mut String) -> std::fmt::Result {
        let stalls = self.scene.rows.iter().filter(|row| row.of == Of::Stall).flat_map(|row| &row.spans);
        let bands = self.pieces(stalls.copied(), 1);
        if !bands.is_empty() {
            out.push_str(r#"<path class="b" d=""#);
            for (from, width) in bands {
                write!(out, "M{from} {HEAD}h{width}V{}h-{width}z", self.bottom)?;
            }
            out.push_str(r#""/>"#);
        }
        out.push_str(r#"<path class="g" d=""#);
        let mut last = LEFT;
        for (_, from) in self.timeline.phases.iter().take(PIECES) {
            let x = self.x(*from);
            if x > last {
                write!(out, "M{x} {HEAD}V{}", self.bottom)?;
                last = x;
            }
        }
        for (top, height) in &self.panels {
            write!(out, "M{LEFT} {}H{RIGHT}", top + height)?;
        }
        write!(out, "M{LEFT} {0}H{RIGHT}", self.bottom)?;
        for (at, _) in self.ticks() {
            write!(out, "M{} {}v4", self.x(at), self.bottom)?;
        }
        out.push_str(r#""/>"#);
        if let Some((_, (top, height))) =
            self.scene.panels.iter().zip(&self.panels).find(|(panel, _)| panel.what == What::Memory)
        {
            let kills = self.scene.rows.iter().find(|row| row.of == Of::Kills);
            let kills = kills.map(|row| self.pieces(row.spans.iter().copied(), 1)).unwrap_or_default();
            if (1..=LINES).contains(&kills.len()) {
                out.push_str(r#"<path class="kh" d=""#);
                for (x, _) in kills {
                    write!(out, "M{x} {top}v{height}")?;
                }
                out.push_str(r#""/>"#);
            }
        }
        Ok(())
    }

    /// Names of the phases, in two lines where one is too narrow, farther in where both are taken; one that has no room even so is left to
    /// its line.
    fn phases(&self, out: &mut String) -> std::fmt::Result {
        let mut ends = [i64::MIN; 2];
        for (index, (phase, from)) in self.timeline.phases.iter().take(PIECES).enumerate() {
            let (begin, name) = (self.x(*from) + 2, phase.name());
            let width = LETTER * i64::try_from(name.len()).unwrap_or(0);
            let next = self.timeline.phases.get(index + 1).map_or(WIDTH, |(_, at)| self.x(*at));
            let (line, x) = match ends.iter().position(|end| *end < begin) {
                Some(line) => (line, begin),
                None => (0, ends[0] + LETTER),
            };
            if x + width <= if x == begin { WIDTH } else { next } {
                write!(out, r#"<text class="q" x="{x}" y="{}">{name}</text>"#, HEAD - 5 - LINE * line as i64)?;
                ends[line] = x + width;
            }
        }
        Ok(())
    }

    fn panel(&self, out: &mut String, panel: &Panel, top: i64, height: i64) -> std::fmt::Result {
        let bottom = top + height;
        let most = panel.what.value(panel.max);
        write!(out, r#"<text class="q e" x="{LABEL_LEFT}" y="{}">{most}</text>"#, top + 8)?;
        write!(out, r#"<text class="q e" x="{LABEL_LEFT}" y="{bottom}">0</text>"#)?;
        let y = |value: f64| bottom - ((value / panel.max).clamp(0.0, 1.0) * height as f64).round() as i64;
        let line = |stretch: &Vec<(f64, f64)>| -> Vec<Point> {
            stretch.iter().map(|&(at, value)| (self.x(at), y(value))).collect()
        };
        for curve in &panel.curves {
            let all: usize = curve.stretches.iter().map(Vec::len).sum();
            // Each stretch has its part of the points.
            let lines = curve.stretches.iter().take(PIECES / 2);
            let lines: Vec<Vec<Point>> =
                lines.map(|stretch| simplified(&line(stretch), POINTS * stretch.len() / all.max(1))).collect();
            write!(out, r#"<path class="l{}" d="{}"/>"#, curve.look, path(&lines))?;
        }
        for (curve, y) in labels(&panel.curves, y, top, bottom) {
            let last = match panel.what {
                // How much everybody waits at last is of no interest, and the names are long.
                What::Waiting => String::new(),
                what => format!(" {}", what.value(curve.last().unwrap_or_default())),
            };
            write!(out, r#"<text class="t{}" x="{LABEL_RIGHT}" y="{y}">{}{last}</text>"#, curve.look, curve.name)?;
        }
        Ok(())
    }

    fn row(&self, out: &mut String, row: &Row, top: i64) -> std::fmt::Result {
        let (look, least) = match row.of {
            Of::Kills => ("k", 2),
            Of::Stall => ("s", 2),
            Of::Fault => ("f", 2),
            Of::Keys | Of::Other => ("m", 1),
        };
        let base = top + ROW - 4;
        write!(out, r#"<text class="e" x="{LABEL_LEFT}" y="{base}">{}</text>"#, xml(&cut(&row.name, NAME)))?;
        write!(out, r#"<path class="{look}" d=""#)?;
        for (x, width) in self.pieces(row.spans.iter().copied(), least) {
            write!(out, "M{x} {}h{width}", top + ROW / 2)?;
        }
        let details = format!("{}: {}", row.name, row.details.join(", "));
        write!(out, r#""><title>{}</title></path>"#, xml(&cut(&details, DETAILS)))?;
        write!(out, r#"<text class="q" x="{LABEL_RIGHT}" y="{base}">{}</text>"#, xml(&cut(&row.note, NOTE)))
    }

    /// Stretches in pixels, from where and how wide, at least `least`: in order, those that touch as one, few enough to be drawn.
    fn pieces(&self, spans: impl Iterator<Item = (f64, f64)>, least: i64) -> Vec<(i64, i64)> {
        let mut all: Vec<(i64, i64)> =
            spans.map(|(from, to)| (self.x(from), self.x(to).max(self.x(from) + least))).collect();
        all.sort_unstable();
        let most = (PIECES_OF_ALL / self.scene.rows.len().max(1)).min(PIECES);
        let mut apart = 1;
        loop {
            let mut joined: Vec<(i64, i64)> = Vec::new();
            for &(from, to) in &all {
                match joined.last_mut().filter(|last| from <= last.1 + apart) {
                    Some(last) => last.1 = last.1.max(to),
                    None => joined.push((from, to)),
                }
            }
            if joined.len() <= most.max(1) {
                return joined.into_iter().map(|(from, to)| (from, to - from)).collect();
            }
            apart += 1;
        }
    }

    /// The times at which the axis has ticks, with labels.
    fn ticks(&self) -> Vec<(f64, String)> {
        let length = self.scene.length_s;
        let step = step(length, 8);
        let mut ticks = vec![(0.0, "0".to_owned())];
        for tick in 1_u32..=8 {
            let at = f64::from(tick) * step;
            if RIGHT - self.x(at) < 8 * LETTER {
                break;
            }
            ticks.push((at, format!("{at}")));
        }
        ticks.push((length, seconds(length)));
        ticks
    }

    fn axis(&self, out: &mut String) -> std::fmt::Result {
        for (at, label) in self.ticks() {
            write!(out, r#"<text class="q c" x="{}" y="{}">{label}</text>"#, self.x(at), self.bottom + 16)?;
        }
        Ok(())
    }
}

/// Labels at the curves' ends, in their order, moved apart where they would lie over one another.
fn labels<'a>(curves: &'a [Curve], y: impl Fn(f64) -> i64, top: i64, bottom: i64) -> Vec<(&'a Curve, i64)> {
    let at = |curve: &'a Curve| (curve, y(curve.last().unwrap_or_default()) + 4);
    let mut labels: Vec<(&Curve, i64)> = curves.iter().map(at).collect();
    labels.sort_by_key(|(_, y)| *y);
    // Down from the top, each clear of the one above; then up from the bottom, as far as they overhang.
    let mut above = top + 8 - LINE;
    for (_, y) in &mut labels {
        *y = (*y).max(above + LINE);
        above = *y;
    }
    let mut below = bottom + 4 + LINE;
    for (_, y) in labels.iter_mut().rev() {
        *y = (*y).min(below - LINE);
        below = *y;
    }
    labels
}
