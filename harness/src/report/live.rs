//! What a person sees while runs go on.
//! Lives here: live lines on a terminal, plain lines off it; always on stderr.
//! May not live here: results (those go to stdout when the run is over).

use crate::event::{Event, Kind, Phase};
use crate::verdict::View;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

/// The displays of several runs at once, one below the other, with a last one for all.
#[derive(Clone, Debug)]
pub struct Board {
    lines: Option<(MultiProgress, ProgressBar)>,
    label: String,
}

impl Board {
    /// A board on stderr; `label` names what the runs are of. Off a terminal there is none, and lines are plain.
    pub fn new(label: &str) -> Self {
        let lines = std::io::stderr().is_terminal().then(|| {
            let lines = MultiProgress::with_draw_target(ProgressDrawTarget::stderr_with_hz(8));
            let last = lines.add(ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden()));
            if let Ok(style) = ProgressStyle::with_template("{msg}") {
                last.set_style(style);
            }
            (lines, last)
        });
        Self { lines, label: label.to_owned() }
    }

    /// The display of one of the runs.
    pub fn run(&self, label: &str) -> Live {
        let bar = self.lines.as_ref().map(|(lines, last)| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
            styled(lines.insert_before(last, bar), label)
        });
        Live { bar, board: Some(self.clone()), label: label.to_owned(), phase: Phase::Boot, kills: 0, stalled: false }
    }

    /// How things stand: the lines of `grid` on a terminal, the one of `text` everywhere.
    pub fn show(&self, text: &str, grid: &str) {
        match &self.lines {
            Some((_, last)) => last.set_message(format!("{grid}\n{}: {text}", self.label)),
            None => eprintln!("{}: {text}", self.label),
        }
    }

    /// Does something that prints, with the board out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.lines {
            Some((lines, _)) => lines.suspend(print),
            None => print(),
        }
    }

    /// Takes the board away.
    pub fn done(&self) {
        if let Some((lines, last)) = &self.lines {
            last.finish_and_clear();
            // What cannot be cleared stays on the screen.
            lines.clear().ok();
        }
    }
}

fn styled(bar: ProgressBar, label: &str) -> ProgressBar {
    // The template is a constant of this file; were it wrong, the bare message is still shown.
    if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix}: {wide_msg}") {
        bar.set_style(style);
    }
    bar.set_prefix(label.to_owned());
    bar.enable_steady_tick(Duration::from_millis(250));
    bar
}

/// The display of one run.
#[derive(Debug)]
pub struct Live {
    bar: Option<ProgressBar>,
    /// Of which this is a line.
    board: Option<Board>,
    label: String,
    phase: Phase,
    kills: usize,
    stalled: bool,
}

impl Live {
    /// A display on stderr; `label` names the run.
    pub fn new(label: &str) -> Self {
        let bar = std::io::stderr()
            .is_terminal()
            .then(|| styled(ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(8)), label));
        Self { bar, board: None, label: label.to_owned(), phase: Phase::Boot, kills: 0, stalled: false }
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        let line = format!("{}: {text}", self.label);
        match (&self.board, &self.bar) {
            (Some(board), _) => board.aside(|| eprintln!("{line}")),
            (None, Some(bar)) => bar.suspend(|| eprintln!("{line}")),
            (None, None) => eprintln!("{line}"),
        }
    }

    /// What is being done before there are events.
    pub fn doing(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.set_message(text.to_owned()),
            None => self.note(text),
        }
    }

    /// How things stand.
    pub fn show(&mut self, event: &Event, view: &View<'_>) {
        if let Kind::Phase { phase } = event.kind {
            self.phase = phase;
            self.plain(|| format!("{} at {}", phase.name(), seconds(view.fair_ms)));
        }
        if view.kills > self.kills {
            self.kills = view.kills;
            self.plain(|| format!("OOM kill number {} at {}", view.kills, seconds(view.fair_ms)));
        }
        if view.stalled != self.stalled {
            self.stalled = view.stalled;
            let what = if view.stalled { "stalled" } else { "answers again" };
            self.plain(|| format!("{what} at {}", seconds(view.fair_ms)));
        }
        if let Some(bar) = &self.bar {
            bar.set_message(line(self.phase, view));
        }
    }

    /// Takes the live line away.
    pub fn done(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// A line only where there is no live one.
    fn plain(&self, text: impl FnOnce() -> String) {
        if self.bar.is_none() {
            self.note(&text());
        }
    }
}

/// The live line: cut by the terminal where it is narrow.
fn line(phase: Phase, view: &View<'_>) -> String {
    let mut line = format!("{} {}", phase.name(), seconds(view.phase_ms));
    if view.beat.n > 0 {
        line +=
            &format!(", guest {}, {} MiB free, {} kills", seconds(view.guest_ms), view.beat.free_kb / 1024, view.kills);
    }
    if let Some((probe, age)) = view.oldest.filter(|_| view.ready) {
        line += &format!(", {probe} {}", seconds(age));
    }
    if view.stalled {
        line += &format!(" STALLED, frozen {}", seconds(view.frozen_ms));
    }
    line
}

fn seconds(ms: u64) -> String {
    format!("{} s", ms / 1000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Beat;

    #[test]
    fn the_line_says_what_matters_in_one_line() {
        let beat = Beat { n: 1, free_kb: 33_000, ..Beat::default() };
        let view = View {
            fair_ms: 90_000,
            wall_ms: 90_000,
            phase_ms: 61_000,
            calm_ms: 0,
            ready: true,
            stalled: true,
            dumping: false,
            faulted: false,
            frozen_ms: 12_000,
            answered_twice: false,
            answered: false,
            workload_gone: false,
            escaped: false,
            oldest: Some(("file:data", 22_000)),
            kills: 4,
            beat: &beat,
            guest_ms: 71_000,
        };
        let text = line(Phase::Pressure, &view);
        assert_eq!(text, "pressure 61 s, guest 71 s, 32 MiB free, 4 kills, file:data 22 s STALLED, frozen 12 s");
    }
}
