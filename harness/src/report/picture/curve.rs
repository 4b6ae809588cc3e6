//! Curves as few numbers: the points that matter, on a grid of whole pixels.
//! Lives here: thinning a polyline, and SVG's path of it; rows of bars for terminals.
//! May not live here: what is drawn.

use std::fmt::Write;

/// A point in pixels.
pub(super) type Point = (i64, i64);

/// A point is left out that is off the line of its neighbours by no more than this, in pixels.
const OFF: f64 = 0.75;

/// The points that matter, at most about `most`: whichever are off the line between others by more than a bound, which grows until
/// they are few enough (Ramer, Douglas and Peucker).
pub(super) fn simplified(points: &[Point], most: usize) -> Vec<Point> {
    let mut points = points.to_vec();
    points.dedup();
    let mut off = OFF;
    loop {
        let kept = outline(&points, off);
        if kept.len() <= most.max(2) {
            return kept;
        }
        off *= 1.5;
    }
}

fn outline(points: &[Point], off: f64) -> Vec<Point> {
    let Some(end) = points.len().checked_sub(1) else { return Vec::new() };
    let mut keep = vec![false; points.len()];
    let mut open = vec![(0, end)];
    while let Some((from, to)) = open.pop() {
        for at in [from, to] {
            if let Some(keep) = keep.get_mut(at) {
                *keep = true;
            }
        }
        let (Some(&a), Some(&b)) = (points.get(from), points.get(to)) else { continue };
        let between = points.iter().enumerate().take(to).skip(from + 1);
        let farthest =
            between.map(|(at, &point)| (at, distance(point, a, b))).max_by(|one, other| one.1.total_cmp(&other.1));
        if let Some((at, _)) = farthest.filter(|(_, distance)| *distance > off) {
            open.push((from, at));
            open.push((at, to));
        }
    }
    points.iter().zip(keep).filter_map(|(&point, keep)| keep.then_some(point)).collect()
}

/// From a point to the line through two others, or to the one where both are one.
fn distance(point: Point, a: Point, b: Point) -> f64 {
    let f = |(x, y): Point| (x as f64, y as f64);
    let ((px, py), (ax, ay), (bx, by)) = (f(point), f(a), f(b));
    let length = (bx - ax).hypot(by - ay);
    if length == 0.0 {
        return (px - ax).hypot(py - ay);
    }
    ((bx - ax) * (ay - py) - (ax - px) * (by - ay)).abs() / length
}

/// SVG's path data of polylines: absolute beginnings, then steps, in as few characters as will do. One point alone is a dot.
pub(super) fn path(lines: &[Vec<Point>]) -> String {
    let mut out = String::new();
    for line in lines {
        let Some(&(x, y)) = line.first() else { continue };
        // Writing to a String cannot fail.
        let _ = write!(out, "M{x} {y}");
        let (mut last, mut first) = ((x, y), true);
        for &(x, y) in line.iter().skip(1) {
            let (dx, dy) = (x - last.0, y - last.1);
            let lead = match (first, dx < 0) {
                (true, _) => "l",
                (false, true) => "",
                (false, false) => " ",
            };
            let middle = if dy < 0 { "" } else { " " };
            let _ = write!(out, "{lead}{dx}{middle}{dy}");
            (last, first) = ((x, y), false);
        }
        if first {
            out.push_str("h1");
        }
    }
    out
}

/// A curve's values in `columns` of time, each the mean of what falls into it; where nothing does, that before, if it is in the same
/// stretch.
pub(super) fn columns(stretches: &[Vec<(f64, f64)>], length_s: f64, columns: usize) -> Vec<Option<f64>> {
    let at = |s: f64| column(s, length_s, columns);
    let mut sums = vec![(0.0, 0_u32); columns];
    let mut out = vec![None; columns];
    for stretch in stretches {
        for &(s, value) in stretch {
            if let Some((sum, count)) = sums.get_mut(at(s)) {
                *sum += value;
                *count += 1;
            }
        }
        let (Some(&(from, first)), Some(&(to, _))) = (stretch.first(), stretch.last()) else { continue };
        let mut last = first;
        for index in at(from)..=at(to) {
            if let (Some(&(sum, count @ 1..)), Some(out)) = (sums.get(index), out.get_mut(index)) {
                last = sum / f64::from(count);
                *out = Some(last);
            } else if let Some(out) = out.get_mut(index) {
                *out = Some(last);
            }
        }
    }
    out
}

/// The column of a moment.
pub(super) fn column(s: f64, length_s: f64, columns: usize) -> usize {
    // Times are within the run, and columns are few; a negative or broken time is the first column.
    ((s / length_s * columns as f64) as usize).min(columns.saturating_sub(1))
}
