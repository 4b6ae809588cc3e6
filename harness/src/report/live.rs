//! What a person sees while runs go on.
//! Lives here: live lines on a terminal, plain lines off it; always on stderr. How much, for all of the process.
//! May not live here: results (those go to stdout when the run is over), or how a terminal is drawn on (`screen`).

use super::inert::plain;
use super::screen::{Part, Screen};
use super::stream::Stream;
use super::wrap::wrap;
use crate::event::{Event, Kind, Phase};
use crate::verdict::View;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Mutex, PoisonError};

/// How much is told besides results and errors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Nothing.
    Quiet,
    /// How runs go on.
    Normal,
    /// What host and guest do to one another as well, in lines that stay.
    Verbose,
}

static VERBOSITY: AtomicU8 = AtomicU8::new(Verbosity::Normal as u8);

impl Verbosity {
    /// Sets it for the process.
    pub fn set(self) {
        VERBOSITY.store(self as u8, Ordering::Relaxed);
    }

    fn is(self) -> bool {
        VERBOSITY.load(Ordering::Relaxed) == self as u8
    }
}

/// Notes that are said once a process, unless more is wanted.
static SAID: Mutex<Vec<String>> = Mutex::new(Vec::new());
/// So many are remembered.
const REMEMBERED: usize = 100;

/// The displays of several runs at once, one below the other, with a last one for all.
#[derive(Clone, Debug)]
pub struct Board {
    screen: Option<Screen>,
    label: String,
}

impl Board {
    /// A board on stderr; `label` names what the runs are of. Off a terminal there is none, and lines are plain.
    pub fn new(label: &str) -> Self {
        let screen = if Verbosity::Quiet.is() { None } else { Screen::new() };
        Self { screen, label: label.to_owned() }
    }

    /// The display of one of the runs.
    pub fn run(&self, label: &str) -> Live {
        let line = self.screen.as_ref().map(|screen| (screen.clone(), screen.add(label)));
        Live { line, label: label.to_owned(), phase: Phase::Boot, kills: 0, stalled: false, stream: None }
    }

    /// How things stand: the lines of `grid` on a terminal, the one of `text` everywhere.
    pub fn show(&self, text: &str, grid: &str) {
        match &self.screen {
            Some(screen) => screen.foot(&format!("{grid}\n{}: {text}", self.label)),
            None if Verbosity::Quiet.is() => {}
            None => eprintln!("{}: {text}", self.label),
        }
    }

    /// Does something that prints, with the board out of the way.
    pub fn aside<T>(&self, print: impl FnOnce() -> T) -> T {
        match &self.screen {
            Some(screen) => screen.aside(print),
            None => print(),
        }
    }

    /// Takes the board away.
    pub fn done(&self) {
        if let Some(screen) = &self.screen {
            screen.foot("");
            screen.aside(|| ());
        }
    }
}

/// The display of one run. It goes when it is dropped.
#[derive(Debug)]
pub struct Live {
    /// On which screen, and which line.
    line: Option<(Screen, u64)>,
    label: String,
    phase: Phase,
    kills: usize,
    stalled: bool,
    stream: Option<Stream>,
}

impl Live {
    /// A display on stderr; `label` names the run.
    pub fn new(label: &str) -> Self {
        Board::new("").run(label)
    }

    /// Passes events on to `stream`, as well.
    #[must_use]
    pub fn streaming(mut self, stream: Option<Stream>) -> Self {
        self.stream = stream;
        self
    }

    /// A line that stays.
    pub fn note(&self, text: &str) {
        if Verbosity::Quiet.is() {
            return;
        }
        let line = format!("{}: {}", self.label, plain(text));
        match &self.line {
            Some((screen, _)) => screen.aside(|| eprint!("{}", wrap(&line, screen.width(), 2))),
            None => eprintln!("{line}"),
        }
    }

    /// A line that stays, and is said once of all runs: the hundredth need not say again what holds of the host.
    pub fn note_once(&self, text: &str) {
        let mut said = SAID.lock().unwrap_or_else(PoisonError::into_inner);
        let new = !said.iter().any(|before| before == text);
        if new && said.len() < REMEMBERED {
            said.push(text.to_owned());
        }
        drop(said);
        if new || Verbosity::Verbose.is() {
            self.note(text);
        }
    }

    /// What is being done before there are events.
    pub fn doing(&self, text: &str) {
        match &self.line {
            Some((screen, id)) => screen.set(*id, vec![(0, text.to_owned())]),
            None => self.note(text),
        }
    }

    /// An event was recorded.
    pub fn event(&mut self, event: &Event) {
        if let Some(stream) = &mut self.stream {
            stream.event(event);
        }
        if Verbosity::Verbose.is()
            && let Some(text) = told(&event.kind)
        {
            self.note(&text);
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
        if let Some((screen, id)) = &self.line {
            screen.set(*id, parts(self.phase, view));
        }
    }

    /// Takes the live line away.
    pub fn done(&self) {
        if let Some((screen, id)) = &self.line {
            screen.remove(*id);
        }
    }

    /// A line only where there is no live one, or where all is to stay.
    fn plain(&self, text: impl FnOnce() -> String) {
        if self.line.is_none() || Verbosity::Verbose.is() {
            self.note(&text());
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.done();
    }
}

/// What of an event is worth a line to who wants to know all; the rest is probes and clocks, or told otherwise.
fn told(kind: &Kind) -> Option<String> {
    Some(match kind {
        Kind::Hello { kernel, cpus, mem_kb, .. } => {
            format!("the guest is up: {kernel}, {cpus} processors, {} MiB", mem_kb / 1024)
        }
        Kind::GuestFailed { what, errno } => format!("the guest failed at {what} (errno {errno})"),
        Kind::Ready { min_kb, .. } => format!("the guest is ready; its min watermark is {min_kb} kB"),
        Kind::ProbeDied { probe, exit } => format!("the probe {probe} ended with {exit}"),
        Kind::WorkloadStarted { pid, .. } => format!("the workload runs (process {pid})"),
        Kind::WorkloadExit { pid, main, exit, .. } => {
            let what = if *main { "the workload" } else { "a process of the workload" };
            format!("{what} ended with {exit} (process {pid})")
        }
        Kind::Released { by } => format!("the workload was killed (asked by {by})"),
        Kind::Command { command, attempt } => format!("told the agent to {command} (attempt {attempt})"),
        Kind::Sysrq { key } => format!("pressed SysRq-{key}"),
        Kind::Fault { fault, active, .. } => format!("host fault {}: {fault}", if *active { "on" } else { "off" }),
        Kind::Qmp { event, data } => format!("QEMU says {event} {data}"),
        Kind::QemuExit { exit, .. } => format!("QEMU ended with {exit}"),
        Kind::Dropped { lines } => format!("{lines} console lines were too many to be kept"),
        Kind::Capture { active } => format!("the guest {}", if *active { "is held" } else { "goes on" }),
        Kind::NotStored { state, why } => format!("{state:?} could not be taken: {why}"),
        Kind::HostError { reason, detail } => format!("{}: {detail}", reason.name()),
        Kind::Cancelled => "called off".into(),
        _ => return None,
    })
}

/// The live line. What says most about the guest stays longest where the terminal is narrow.
fn parts(phase: Phase, view: &View<'_>) -> Vec<Part> {
    let mut parts = vec![(0, format!("{} {}", phase.name(), seconds(view.phase_ms)))];
    if view.beat.n > 0 {
        parts.push((4, format!("guest {}", seconds(view.guest_ms))));
        parts.push((3, format!("{} MiB free", view.beat.free_kb / 1024)));
        parts.push((1, if view.kills == 1 { "1 kill".into() } else { format!("{} kills", view.kills) }));
    }
    if let Some((probe, age)) = view.oldest.filter(|_| view.ready) {
        parts.push((2, format!("{probe} {}", seconds(age))));
    }
    if view.stalled {
        parts.push((0, format!("STALLED, still for {}", seconds(view.frozen_ms))));
    }
    parts
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
            frozen_ms: 12_000,
            answered_twice: false,
            answers: false,
            workload_gone: false,
            escaped: false,
            oldest: Some(("file:data", 22_000)),
            kills: 4,
            beat: &beat,
            guest_ms: 71_000,
        };
        let text: Vec<String> = parts(Phase::Pressure, &view).into_iter().map(|(_, text)| text).collect();
        assert_eq!(
            text.join(", "),
            "pressure 61 s, guest 71 s, 32 MiB free, 4 kills, file:data 22 s, STALLED, still for 12 s"
        );
    }
}
