//! The fold: every event once, in order, to a timeline.
//! Lives here: which event shows where in the picture.
//! May not live here: fair time and what counts as a kill (`verdict`); how samples are thinned, how silence is measured (beside this).

use super::samples::Samples;
use super::silence::Silences;
use super::{MAX_KEPT, Mark, Marked, Span, Spanned, Timeline};
use crate::event::{Event, Kind, Phase};
use crate::kmsg::{self, Message};
use crate::verdict::{FairClock, Kills};
use oomph_wire::words::source;

/// Folds events into a [`Timeline`], as they come. Its memory is bounded, whatever comes.
#[derive(Debug, Default)]
pub struct Fold {
    clock: FairClock,
    kmsg: kmsg::Parser,
    kills: Kills,
    memcg: bool,
    phase: Option<Phase>,
    phases: Vec<(Phase, f64)>,
    samples: Samples,
    silences: Silences,
    /// Host faults in force, with since when.
    faults: Vec<(String, u64)>,
    spans: Vec<Span>,
    marks: Vec<Mark>,
}

/// Milliseconds as seconds.
fn s(ms: u64) -> f64 {
    // Run times are far below 2^52 ms, where f64 is exact.
    ms as f64 / 1000.0
}

impl Fold {
    /// Takes one event in.
    pub fn observe(&mut self, event: &Event) {
        self.clock.observe(event);
        let now = self.clock.fair_ms();
        self.kills.observe(event, now);
        match &event.kind {
            Kind::Plan(plan) => {
                self.memcg = plan.rules.memcg;
                self.silences = Silences::new(&plan.required, plan.rules.stall_after_ms);
            }
            Kind::Phase { phase } => self.enter(*phase, now),
            Kind::Tick(_) => self.silences.tick(now),
            Kind::Console { line } if kmsg::may_tell_of_kills(line.as_bytes()) => self.console(line, now),
            Kind::Beat(beat) => {
                self.hear(source::BEAT, now);
                self.samples.beat(beat, s(now));
            }
            Kind::Counters(counters) => self.samples.counters(counters, event.guest_ns, now),
            Kind::ProbeBegin { probe, .. } | Kind::ProbeEnd { probe, .. } => self.hear(probe, now),
            Kind::WorkloadExit { main: true, exit, .. } => {
                self.mark(Marked::Workload, format!("workload ended: {exit}"), now);
            }
            Kind::Released { .. } => self.mark(Marked::Workload, "workload killed".into(), now),
            Kind::Sysrq { key } => self.mark(Marked::Sysrq, format!("SysRq-{key}"), now),
            Kind::Fault { fault, active: true, .. } if self.faults.len() < MAX_KEPT => {
                self.faults.push((fault.clone(), now));
            }
            Kind::Fault { fault, active: false, .. } => {
                if let Some(at) = self.faults.iter().position(|(name, _)| name == fault) {
                    let (name, from) = self.faults.remove(at);
                    self.span(Spanned::Fault, name, from, now);
                }
            }
            Kind::Qmp { event, .. } if event == "GUEST_PANICKED" => self.panicked(now),
            _ => {}
        }
    }

    /// The timeline of what was seen so far: what has not ended lasts until now.
    pub fn finish(mut self) -> Timeline {
        for said in self.kmsg.finish() {
            self.message(&said.message, self.clock.fair_ms());
        }
        let now = self.clock.fair_ms();
        for (name, from) in self.silences.open() {
            self.span(Spanned::Stall, name, from, now);
        }
        for (name, from) in std::mem::take(&mut self.faults) {
            self.span(Spanned::Fault, name, from, now);
        }
        self.spans.sort_by(|a, b| a.from_s.total_cmp(&b.from_s));
        Timeline {
            length_s: s(now),
            samples: self.samples.finish(),
            phases: self.phases,
            spans: self.spans,
            marks: self.marks,
        }
    }

    fn enter(&mut self, phase: Phase, now: u64) {
        self.phase = Some(phase);
        if self.phases.len() < MAX_KEPT {
            self.phases.push((phase, s(now)));
        }
        self.silences.enter(phase, now);
    }

    fn hear(&mut self, probe: &str, now: u64) {
        if let Some(from) = self.silences.hear(probe, now) {
            self.span(Spanned::Stall, probe.to_owned(), from, now);
        }
    }

    fn console(&mut self, line: &str, now: u64) {
        for said in self.kmsg.feed(line) {
            self.message(&said.message, now);
        }
    }

    fn message(&mut self, message: &Message, now: u64) {
        match message {
            Message::Kill(kill) => {
                let kill = self.kills.add(kill, self.phase.unwrap_or(Phase::Boot), now, self.memcg);
                let counted = if kill.counts { "" } else { ", not counted" };
                self.mark(Marked::Kill, format!("{} ({}){counted}", kill.victim, kill.pid), now);
            }
            Message::Panic { .. } => self.panicked(now),
            _ => {}
        }
    }

    /// The console and pvpanic tell of the same panic.
    fn panicked(&mut self, now: u64) {
        if self.marks.iter().all(|mark| mark.what != Marked::Panic) {
            self.mark(Marked::Panic, "kernel panic".into(), now);
        }
    }

    fn mark(&mut self, what: Marked, name: String, now: u64) {
        if self.marks.len() < MAX_KEPT {
            self.marks.push(Mark { what, name, at_s: s(now) });
        }
    }

    fn span(&mut self, what: Spanned, name: String, from: u64, to: u64) {
        if self.spans.len() < MAX_KEPT {
            self.spans.push(Span { what, name, from_s: s(from), to_s: s(to) });
        }
    }
}
