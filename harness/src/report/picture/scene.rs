//! What a picture shows: panels of curves, and rows of what happened when.
//! Lives here: which curves and rows there are, their names, scales and breaks.
//! May not live here: coordinates, colours or characters.

use crate::timeline::{Marked, Sample, Spanned, Timeline};
use std::collections::BTreeMap;

/// Rows of each kind that are shown; more would be no picture.
const MAX_ROWS: usize = 8;
/// Work is counted over at least so long, in seconds: of less, a rate says nothing.
const RATE_OVER_S: f64 = 0.2;
/// A curve is broken where nothing was heard for so long, in seconds, …
const GAP_S: f64 = 5.0;
/// … or for so many times the usual, where samples are further apart.
const GAP_TIMES: f64 = 3.0;

/// All of a picture.
#[derive(Debug)]
pub(super) struct Scene {
    pub length_s: f64,
    pub panels: Vec<Panel>,
    pub rows: Vec<Row>,
}

/// Curves over one scale, which begins at 0.
#[derive(Debug)]
pub(super) struct Panel {
    pub what: What,
    /// The top of the scale; above 0.
    pub max: f64,
    pub curves: Vec<Curve>,
}

/// What a panel is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    /// MiB.
    Memory,
    /// Units of the workload's own, per second.
    Work,
    /// Shares of time.
    Waiting,
}

/// One curve: stretches of points, in seconds and in the panel's unit. Between stretches nothing is known.
#[derive(Debug)]
pub(super) struct Curve {
    pub name: &'static str,
    /// Which of the looks, from 1: a curve has its own wherever it is drawn.
    pub look: u8,
    pub stretches: Vec<Vec<(f64, f64)>>,
}

impl Curve {
    pub fn points(&self) -> impl Iterator<Item = (f64, f64)> {
        self.stretches.iter().flatten().copied()
    }

    /// The smallest and the largest value.
    pub fn range(&self) -> Option<(f64, f64)> {
        self.points().map(|(_, value)| (value, value)).reduce(|(low, high), (a, b)| (low.min(a), high.max(b)))
    }

    pub fn last(&self) -> Option<f64> {
        self.points().last().map(|(_, value)| value)
    }
}

/// Moments or stretches of one kind.
#[derive(Debug)]
pub(super) struct Row {
    pub of: Of,
    pub name: String,
    /// From when until when; the same twice for a moment.
    pub spans: Vec<(f64, f64)>,
    /// A word on all of it.
    pub note: String,
    /// Each in words, the first few.
    pub details: Vec<String>,
}

/// What a row is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Of {
    Kills,
    Stall,
    Fault,
    Keys,
    Other,
}

impl Scene {
    pub fn of(timeline: &Timeline) -> Self {
        // A run without length has no picture, but it has to be drawn.
        let length_s = Some(timeline.length_s).filter(|length| (0.1..1e9).contains(length)).unwrap_or(0.1);
        Self { length_s, panels: panels(timeline), rows: rows(timeline) }
    }
}

impl What {
    /// A value with its unit, short.
    pub fn value(self, value: f64) -> String {
        match self {
            Self::Memory => format!("{} MiB", number(value)),
            Self::Work => format!("{}/s", number(value)),
            Self::Waiting => format!("{:.0} %", value * 100.0),
        }
    }
}

/// A number in at most four characters or so: 0, 0.4, 7.3, 212, 1.2k, 34M.
pub(super) fn number(value: f64) -> String {
    match value {
        v if v >= 1e12 => format!("{v:.0e}"),
        v if v >= 9.95e9 => format!("{:.0}G", v / 1e9),
        v if v >= 9.995e8 => format!("{:.1}G", v / 1e9),
        v if v >= 9.95e6 => format!("{:.0}M", v / 1e6),
        v if v >= 9.995e5 => format!("{:.1}M", v / 1e6),
        v if v >= 9.95e3 => format!("{:.0}k", v / 1e3),
        v if v >= 999.5 => format!("{:.1}k", v / 1e3),
        v if v >= 9.95 => format!("{v:.0}"),
        v if v < 0.05 => "0".to_owned(),
        v => format!("{v:.1}"),
    }
}

/// Seconds as a person writes them.
pub(super) fn seconds(s: f64) -> String {
    if s < 9.95 { format!("{s:.1} s") } else { format!("{s:.0} s") }
}

fn panels(timeline: &Timeline) -> Vec<Panel> {
    let samples = &timeline.samples;
    let gap = gap(samples);
    let mib = |kib: u64| kib as f64 / 1024.0;
    let curve = |name, look, value: &dyn Fn(&Sample) -> Option<f64>| {
        let points = samples.iter().filter_map(|sample| Some((sample.at_s, value(sample)?)));
        Curve { name, look, stretches: stretches(points, gap) }
    };
    let mut memory = vec![
        curve("free", 1, &|sample| Some(mib(sample.free_kib))),
        curve("file", 2, &|sample| Some(mib(sample.file_kib))),
        curve("anon", 3, &|sample| Some(mib(sample.anon_kib))),
    ];
    // Nobody says how large the swap is: when it is switched on, it is empty, and before, none of it is free.
    let swap = samples.iter().map(|sample| sample.swap_free_kib).max().unwrap_or(0);
    let on = samples.iter().find(|sample| sample.swap_free_kib > 0).map_or(f64::MAX, |sample| sample.at_s);
    if swap > 0 {
        let used = |sample: &Sample| if sample.at_s < on { 0 } else { swap - sample.swap_free_kib };
        memory.push(curve("swap", 4, &|sample| Some(mib(used(sample)))));
    }
    let work = Curve { name: "work", look: 5, stretches: stretches(rates(samples).into_iter(), gap) };
    let waiting = vec![
        curve("mem some", 1, &|sample| sample.mem_some),
        curve("mem full", 3, &|sample| sample.mem_full),
        curve("I/O full", 2, &|sample| sample.io_full),
    ];
    let most = |curves: &[Curve]| curves.iter().filter_map(Curve::range).map(|(_, high)| high).fold(0.0, f64::max);
    [(What::Memory, memory), (What::Work, vec![work]), (What::Waiting, waiting)]
        .into_iter()
        .filter_map(|(what, mut curves)| {
            curves.retain(|curve| !curve.stretches.is_empty());
            let max = if what == What::Waiting { 1.0 } else { most(&curves) };
            (max > 0.0 && !curves.is_empty()).then_some(Panel { what, max, curves })
        })
        .collect()
}

/// From how long on nothing is known between two points.
fn gap(samples: &[Sample]) -> f64 {
    let mut steps: Vec<f64> =
        samples.iter().zip(samples.iter().skip(1)).map(|(one, next)| next.at_s - one.at_s).collect();
    steps.sort_by(f64::total_cmp);
    steps.get(steps.len() / 2).map_or(GAP_S, |usual| (usual * GAP_TIMES).max(GAP_S))
}

fn stretches(points: impl Iterator<Item = (f64, f64)>, gap: f64) -> Vec<Vec<(f64, f64)>> {
    let mut stretches: Vec<Vec<(f64, f64)>> = Vec::new();
    for point in points {
        let near = |stretch: &&mut Vec<(f64, f64)>| stretch.last().is_some_and(|(at, _)| point.0 - at <= gap);
        match stretches.last_mut().filter(near) {
            Some(stretch) => stretch.push(point),
            None => stretches.push(vec![point]),
        }
    }
    stretches
}

/// Work per second, at the end of the time that it was counted over.
fn rates(samples: &[Sample]) -> Vec<(f64, f64)> {
    let mut rates = Vec::new();
    let mut from = samples.first();
    for sample in samples.iter().skip(1) {
        let Some(before) = from else { break };
        let elapsed = sample.at_s - before.at_s;
        if elapsed >= RATE_OVER_S {
            rates.push((sample.at_s, sample.work.saturating_sub(before.work) as f64 / elapsed));
            from = Some(sample);
        }
    }
    rates
}

fn rows(timeline: &Timeline) -> Vec<Row> {
    let marked = |what: Marked| timeline.marks.iter().filter(move |mark| mark.what == what);
    let moments = |of, name: &str, what, note: String| {
        let details = marked(what).take(MAX_ROWS).map(|mark| format!("{} at {}", mark.name, seconds(mark.at_s)));
        let spans: Vec<_> = marked(what).map(|mark| (mark.at_s, mark.at_s)).collect();
        (!spans.is_empty()).then(|| Row { of, name: name.to_owned(), note, details: details.collect(), spans })
    };
    let keys: Vec<&str> = marked(Marked::Sysrq).filter_map(|mark| mark.name.strip_prefix("SysRq-")).collect();
    let ended = marked(Marked::Workload).next_back().map_or("", |mark| mark.name.trim_start_matches("workload "));
    let ended = ended.split(':').next().unwrap_or_default();
    let mut rows = Vec::new();
    rows.extend(moments(Of::Kills, "OOM kills", Marked::Kill, marked(Marked::Kill).count().to_string()));
    rows.extend(moments(Of::Other, "panic", Marked::Panic, String::new()));
    rows.extend(spanned(timeline, Spanned::Stall));
    rows.extend(spanned(timeline, Spanned::Fault));
    rows.extend(moments(Of::Keys, "SysRq", Marked::Sysrq, keys.join("")));
    rows.extend(moments(Of::Other, "workload", Marked::Workload, ended.to_owned()));
    rows
}

/// A row for each name.
fn spanned(timeline: &Timeline, what: Spanned) -> Vec<Row> {
    let mut by_name: BTreeMap<&str, Vec<(f64, f64)>> = BTreeMap::new();
    for span in timeline.spans.iter().filter(|span| span.what == what) {
        by_name.entry(&span.name).or_default().push((span.from_s, span.to_s));
    }
    let (of, word) = match what {
        Spanned::Stall => (Of::Stall, "silent"),
        Spanned::Fault => (Of::Fault, "on"),
    };
    let row = |(name, spans): (&str, Vec<(f64, f64)>)| {
        let total: f64 = spans.iter().map(|(from, to)| to - from).sum();
        let open = spans.iter().any(|(_, to)| *to >= timeline.length_s);
        let details = spans.iter().take(MAX_ROWS).map(|&(from, to)| {
            let until = if to >= timeline.length_s { "the end".to_owned() } else { seconds(to) };
            format!("from {} to {until}", seconds(from))
        });
        Row {
            of,
            name: name.to_owned(),
            note: format!("{word} {}{}", seconds(total), if open { "→" } else { "" }),
            details: details.collect(),
            spans,
        }
    };
    by_name.into_iter().take(MAX_ROWS).map(row).collect()
}
