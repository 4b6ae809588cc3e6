//! The fold: every event once, in order, to one end.
//! Lives here: the rules of a verdict, each where its event or the passing of time makes it decide.
//! May not live here: what to do next (`run`), how time, ages, movement and kills are kept (the files beside this one).

mod clocks;
mod host;
mod rules;

use super::captured::Captured;
use super::cause::Cause;
use super::chains::{Chains, Standing};
use super::clock::FairClock;
use super::escapes::Escapes;
use super::faults::Faults;
use super::guest_clock::GuestClock;
use super::kills::{Kills, Role};
use super::kswapd::Kswapd;
use super::logins::Logins;
use super::movement::Movement;
use super::pressure::Pressure;
use super::probes::Probes;
use super::proof::Watch;
use super::remarks::{is_detector, is_grave, remark, weight};
use super::stall::Stall;
use super::throttle::Throttle;
use super::view::View;
use super::{End, Evidence, PhaseTime, Proof, Verdict, Weight};
use crate::diagnose::Diagnosis;
use crate::event::{Answer, Beat, Counters, Event, Exit, Kind, Phase, Plan, Reason, Rules};
use crate::kmsg::{self, Message};
use crate::scenario::Outcome;
use oomph_wire::words::source::LOGIN;

/// Evidence is for people: the first so many pieces, then only what decides.
const EVIDENCE_MAX: usize = 60;
/// … and so many more of what must not be missed for others, each once.
const GRAVE_MAX: usize = 20;
/// Time for probes to settle beyond the settle phase itself.
pub(crate) const SETTLE_GRACE_MS: u64 = 60_000;

/// Folds events into a verdict. Total: any stream of events ends in exactly one end.
#[derive(Debug, Default)]
pub struct Judge {
    rules: Rules,
    clock: FairClock,
    probes: Probes,
    kmsg: kmsg::Parser,
    cause: Cause,
    movement: Movement,
    faults: Faults,
    kills: Kills,
    stalls: Vec<Stall>,
    phase: Option<PhaseEntry>,
    phases: Vec<PhaseTime>,
    end: Option<End>,
    evidence: Vec<Evidence>,
    escapes: Escapes,
    captured: Captured,
    watch: Watch,
    proof: Option<Proof>,
    throttle: Throttle,
    chains: Chains,
    chain: Option<Standing>,
    kswapd: Kswapd,
    logins: Logins,
    pressure: Pressure,
    guest: GuestState,
    max_stall_ms: u64,
    cancelled: bool,
    seq: u64,
}

#[derive(Debug)]
struct PhaseEntry {
    phase: Phase,
    fair_ms: u64,
    wall_ms: u64,
}

/// What the guest said of itself.
#[derive(Debug, Default)]
struct GuestState {
    ready: bool,
    beat: Beat,
    beat_times: Option<(u64, u64)>,
    clock: GuestClock,
    void_until_ms: u64,
    workload_failed: Option<String>,
    workload_gone: bool,
    released: bool,
    /// QEMU has failed to press a key, and has not been heard of over QMP since.
    qemu_mute: bool,
    last_line: String,
    last_remark: String,
}

impl Judge {
    /// The end, once there is one; it never changes.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The times and bounds in force.
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// How things stand.
    pub fn view(&self) -> View<'_> {
        let now = self.clock.fair_ms();
        let began = self.phase.as_ref().map_or(0, |entry| entry.fair_ms);
        // Stalls follow one another: the last to end ended last.
        let calm = self.stalls.iter().rev().find_map(|stall| stall.ended_ms).map_or(began, |ended| ended.max(began));
        View {
            fair_ms: now,
            wall_ms: self.clock.wall_ms(),
            phase_ms: now - began,
            calm_ms: now - calm,
            ready: self.guest.ready,
            stalled: self.open_stall().is_some(),
            dumping: self.clock.dumping(),
            frozen_ms: self.open_stall().map_or(0, |stall| stall.frozen_ms(now)),
            answered_twice: self.probes.answered(2),
            answers: self.probes.answer(now),
            workload_gone: self.guest.workload_gone,
            escaped: self.escapes.helped(),
            oldest: self.probes.oldest(now),
            kills: self.kills.counting().count(),
            beat: &self.guest.beat,
            guest_ms: self.guest.beat_times.map_or(0, |(guest, _)| guest),
        }
    }

    /// Whether an event of QEMU's tells of a disk error that a host fault asks for.
    pub fn asked_for(&self, event: &str, data: &serde_json::Value) -> bool {
        event == "BLOCK_IO_ERROR" && self.faults.explain(data, self.clock.wall_ms())
    }

    /// Takes one event in.
    pub fn observe(&mut self, event: &Event) {
        self.seq = event.seq;
        self.clock.observe(event);
        let now = self.clock.fair_ms();
        self.kills.observe(event, now);
        self.logins.observe(&event.kind, self.phase.as_ref().map(|entry| entry.phase), now);
        match &event.kind {
            Kind::Plan(plan) => self.plan(plan),
            Kind::Phase { phase } => self.enter(*phase),
            Kind::Tick(_) => self.time_passes(),
            Kind::Dropped { .. } => self.pressure.lost |= self.under_pressure(),
            Kind::Console { line } => self.console(line),
            Kind::Hello { proto, .. } if *proto != oomph_wire::PROTOCOL => {
                let wanted = oomph_wire::PROTOCOL;
                self.spoil(Reason::ProtocolError, format!("the agent speaks protocol {proto}, this oomph {wanted}"));
            }
            Kind::Hello { kernel, .. } => self.cause.release(kernel),
            Kind::GuestFailed { what, errno } => self.guest_failed(what, *errno),
            Kind::Remark { text } => {
                self.guest.last_remark.clone_from(text);
                self.note(Weight::Other, text.clone());
            }
            Kind::Probe { probe, adj, .. } if *adj != -1000 => {
                let detail = format!("{probe} runs with oom_score_adj {adj} where -1000 was set");
                self.spoil(Reason::SetupFailed, detail);
            }
            Kind::Ready { min_kb, .. } => {
                self.guest.ready = true;
                self.pressure.min_kb = *min_kb;
            }
            Kind::Beat(beat) => {
                self.guest_clock(event);
                self.beat(beat);
            }
            Kind::ProbeBegin { probe, n } => self.probes.begin(probe, *n, now),
            Kind::ProbeEnd { probe, n, result } => self.probe_end(probe, *n, *result),
            // No outcome rests on logins, so none is lost with the server for them.
            Kind::ProbeDied { probe, exit } if probe == LOGIN => {
                self.note(Weight::Other, format!("the server for logins ended with {exit}"))
            }
            Kind::ProbeDied { probe, exit } => {
                self.probes.died(probe);
                self.spoil(Reason::ProbeKilled, format!("{probe} ended with {exit}"));
            }
            Kind::Counters(counters) => self.counters(counters),
            Kind::Kswapd(look) => {
                if let Some(text) = self.kswapd.look(now, look) {
                    self.note(Weight::Kswapd, text);
                }
            }
            Kind::WorkloadStarted { adj, .. } => {
                self.pressure.started = true;
                if *adj != 0 {
                    let detail = format!("the workload runs with oom_score_adj {adj} where 0 was set");
                    self.spoil(Reason::SetupFailed, detail);
                }
            }
            Kind::WorkloadExit { pid, main, exit, errno } => self.workload_exit(*pid, *main, *exit, *errno),
            Kind::Released { by } => self.released(by),
            Kind::Command { command, attempt: 1 } if command == oomph_wire::words::command::RELEASE => {
                self.escape("release");
            }
            Kind::Sysrq { key } => self.sysrq(*key),
            Kind::Fault { fault, active, fails } => {
                self.faults.switch(*active, fails.as_ref(), self.clock.wall_ms());
                self.watch.moved();
                self.note(Weight::Course, format!("host fault {}: {fault}", if *active { "on" } else { "off" }));
            }
            Kind::Qmp { event: name, data } => self.qmp(name, data),
            Kind::QemuExit { asked: false, exit, stderr } => {
                let said = stderr.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                self.spoil(Reason::QemuDied, format!("QEMU ended by itself with {exit}{said}"));
            }
            Kind::Registers { cpus } => self.registers(cpus),
            // What is seen of a guest that is held comes after the verdict, and is for people.
            Kind::Picture(picture) if picture.held => {}
            Kind::Picture(picture) => {
                self.watch.observe(now, picture);
                self.chains.observe(now, picture);
                self.throttle.observe(now, picture);
            }
            Kind::NoPictures { why } => self.note(Weight::Course, format!("no pictures of the guest's memory: {why}")),
            Kind::Stored(stored) => self.stored(*stored),
            Kind::NotStored { state, why } => self.not_stored(*state, why),
            Kind::Cancelled => self.cancelled(),
            Kind::HostError { reason, detail } => self.spoil(*reason, detail.clone()),
            Kind::Collected { path, failed: Some(why), .. } => {
                self.note(Weight::Other, format!("{path} was not brought back whole: {why}"))
            }
            // The clock and the lists of kills and logins have had what is in these for them.
            Kind::Probe { .. }
            | Kind::Capture { .. }
            | Kind::Collected { .. }
            | Kind::AllCollected
            | Kind::Login { .. }
            | Kind::Command { .. }
            | Kind::QemuExit { .. }
            | Kind::Ack { .. }
            | Kind::Bye { .. }
            | Kind::Link { .. } => {}
        }
    }

    /// All that the console told of the guest's tasks, up to the first escape from a hang.
    pub fn diagnosis(&mut self) -> &Diagnosis {
        self.cause.diagnosis()
    }

    /// The verdict on what was seen so far. A stream that ends before anything was decided is inconclusive.
    pub fn verdict(mut self) -> Verdict {
        self.leave_phase();
        let end = self.end.take().unwrap_or_else(|| End::Inconclusive {
            reason: Reason::Truncated,
            detail: "the events end before anything was decided".into(),
        });
        let (mechanism, waits) = match self.cause.find().filter(|_| end == End::Outcome(Outcome::Hung)) {
            Some(found) => {
                let behind = self.evidence.iter().take_while(|piece| piece.seq <= found.hang_seq).count();
                self.evidence.splice(behind..behind, found.evidence);
                (Some(found.mechanism), found.waits)
            }
            None => (None, Vec::new()),
        };
        Verdict {
            end,
            mechanism,
            waits,
            evidence: self.evidence,
            first_kill_ms: self.kills.counting().find_map(|kill| kill.pressure_ms),
            kills: self.kills.list().to_vec(),
            max_stall_ms: self.max_stall_ms,
            longest_frozen_ms: self.stalls.iter().map(|stall| stall.longest_frozen_ms).max().unwrap_or(0),
            stalls: self.stalls,
            phases: self.phases,
            escapes: self.escapes.into_list(),
            cancelled: self.cancelled,
            captured: self.captured,
            proof: self.proof,
            cycles: self.watch.seen(),
            throttled: self.throttle.seen(),
            chain: self.chain,
            logins: self.logins.into_list(),
            work: self.guest.beat.work,
            fair_ms: self.clock.fair_ms(),
            wall_ms: self.clock.wall_ms(),
        }
    }

    fn plan(&mut self, plan: &Plan) {
        self.rules = plan.rules.clone();
        self.probes = Probes::new(&plan.required);
    }

    fn enter(&mut self, phase: Phase) {
        self.leave_phase();
        let now = self.clock.fair_ms();
        self.phase = Some(PhaseEntry { phase, fair_ms: now, wall_ms: self.clock.wall_ms() });
        // Ages begin with the pressure: what a probe needed before says nothing about it.
        self.probes.mark(now, phase == Phase::Pressure);
    }

    fn leave_phase(&mut self) {
        if let Some(entry) = self.phase.take() {
            self.phases.push(PhaseTime {
                phase: entry.phase,
                fair_ms: self.clock.fair_ms() - entry.fair_ms,
                wall_ms: self.clock.wall_ms() - entry.wall_ms,
            });
        }
    }

    fn in_phase(&self, phases: &[Phase]) -> bool {
        self.phase.as_ref().is_some_and(|entry| phases.contains(&entry.phase))
    }

    /// From the start of pressure to the end of verify: where a stall is judged.
    fn under_judgement(&self) -> bool {
        self.end.is_none() && self.in_phase(&[Phase::Pressure, Phase::Lift, Phase::Release, Phase::Verify])
    }

    /// Between the start of pressure and release: where pressure and failures of the workload are its own.
    fn under_pressure(&self) -> bool {
        self.in_phase(&[Phase::Pressure, Phase::Lift]) && !self.guest.released
    }

    // --- what the guest says ------------------------------------------------------------------------------------------

    fn console(&mut self, line: &str) {
        if self.in_phase(&[Phase::Boot]) && !line.trim().is_empty() {
            line.clone_into(&mut self.guest.last_line);
        }
        let (now, said) = (self.clock.fair_ms(), self.kmsg.feed(line));
        for said in &said {
            self.cause.message(self.seq, now, &said.message);
        }
        self.cause.line(self.seq, now, line);
        for said in &said {
            self.message(&said.message);
        }
    }

    fn message(&mut self, message: &Message) {
        match message {
            Message::Kill(kill) => self.kill(kill),
            Message::Panic { text } => self.panicked(format!("Kernel panic: {text}")),
            Message::Lost { what, .. } if what == "printk" => self.pressure.lost |= self.under_pressure(),
            other => {
                if let Some(text) = remark(other) {
                    let void = self.clock.fair_ms() < self.guest.void_until_ms && is_detector(other);
                    let mark = if void { " (not believed: the guest's clock has jumped)" } else { "" };
                    match is_grave(other) {
                        true => self.grave(weight(other), text),
                        false => self.note(weight(other), format!("{text}{mark}")),
                    }
                }
            }
        }
    }

    fn kill(&mut self, said: &kmsg::Kill) {
        let phase = self.phase.as_ref().map_or(Phase::Boot, |entry| entry.phase);
        let kill = self.kills.add(said, phase, self.clock.fair_ms(), self.rules.memcg);
        self.escapes.kill();
        self.watch.moved();
        if kill.counts {
            self.moved(format!("OOM kill of {} ({})", kill.victim, kill.pid));
            self.pressure.see(|| format!("the OOM killer killed {}", kill.victim));
        }
        let counted = if kill.counts { "" } else { ", not counted" };
        self.note(Weight::Other, format!("OOM kill of {} ({}){counted}", kill.victim, kill.pid));
        if kill.role == Role::Probe {
            self.spoil(Reason::ProbeKilled, format!("the OOM killer killed a probe: {} ({})", kill.victim, kill.pid));
        }
    }

    fn panicked(&mut self, text: String) {
        match self.phase.as_ref().map(|entry| entry.phase) {
            None | Some(Phase::Boot) => self.spoil(Reason::NoBoot, text),
            // Nobody had pressed it yet.
            Some(Phase::Settle) => self.spoil(Reason::NotSettled, text),
            Some(_) => self.decide(End::Outcome(Outcome::Panicked), text),
        }
    }

    fn guest_failed(&mut self, what: &str, errno: i64) {
        let error = std::io::Error::from_raw_os_error(i32::try_from(errno).unwrap_or(0));
        let reason = if self.guest.ready { Reason::WorkloadFailed } else { Reason::SetupFailed };
        self.spoil(reason, format!("{what}: {error}"));
    }

    fn beat(&mut self, beat: &Beat) {
        let now = self.clock.fair_ms();
        self.probes.begin(oomph_wire::words::source::BEAT, beat.n, now);
        self.probes.end(oomph_wire::words::source::BEAT, beat.n, Answer::Ok, now);
        if self.under_pressure() && beat.free_kb < 2 * self.pressure.min_kb {
            let (free, min) = (beat.free_kb, self.pressure.min_kb);
            self.pressure.see(|| format!("{free} kB free with a min watermark of {min} kB"));
        }
        if let Some(what) = self.movement.beat(beat, self.rules.movement_kb) {
            self.moved(what);
        }
        self.escapes.answer(oomph_wire::words::source::BEAT, now);
        self.escapes.free(beat.free_kb);
        self.guest.beat = beat.clone();
    }

    fn probe_end(&mut self, probe: &str, n: u64, answer: Answer) {
        self.probes.end(probe, n, answer, self.clock.fair_ms());
        if probe != LOGIN {
            self.movement.probed();
        }
        if answer == Answer::Ok {
            self.escapes.answer(probe, self.clock.fair_ms());
        } else if self.probes.requires(probe) {
            self.note(Weight::Other, format!("{probe} answered with an error ({answer:?})"));
        }
    }

    fn counters(&mut self, counters: &Counters) {
        if let Some(allocstall) = counters.allocstall {
            self.cause.reclaims(self.clock.fair_ms(), allocstall);
        }
        let (begun, pressed) = (self.kills.under_pressure(), self.under_pressure());
        self.pressure.counters(counters, begun, pressed);
    }

    fn workload_exit(&mut self, pid: u64, main: bool, exit: Exit, errno: i64) {
        self.escapes.exit();
        if self.guest.released || !self.under_pressure() {
            return;
        }
        self.moved(format!("process {pid} of the workload ended with {exit}"));
        if main {
            self.guest.workload_gone = true;
            self.note(Weight::Course, format!("the workload ended with {exit}"));
            if exit != Exit::Code(0) {
                let error = match i32::try_from(errno) {
                    Ok(errno @ 1..) => format!(": {}", std::io::Error::from_raw_os_error(errno)),
                    _ => String::new(),
                };
                self.guest.workload_failed = Some(format!("the workload ended with {exit}{error}"));
            }
        }
    }

    fn released(&mut self, by: &str) {
        self.guest.released = true;
        self.note(Weight::Other, format!("the workload was killed by the agent (asked by {by})"));
        if by == oomph_wire::words::TIMER {
            // Whatever comes of it is no merit of the kernel's.
            self.spoil(Reason::HostStarved, "the agent's own timer ended the workload before the host did".into());
        }
    }

    // --- ends ---------------------------------------------------------------------------------------------------------

    fn open_stall(&self) -> Option<&Stall> {
        self.stalls.last().filter(|stall| stall.ended_ms.is_none())
    }

    fn moved(&mut self, what: String) {
        let now = self.clock.fair_ms();
        // A cycle may stand before its stall is declared.
        self.watch.moved();
        if self.under_judgement()
            && let Some(stall) = self.stalls.last_mut().filter(|stall| stall.ended_ms.is_none())
        {
            stall.moved(now);
            self.cause.moved();
            self.note(Weight::Other, format!("movement: {what}"));
        }
    }

    fn note(&mut self, weight: Weight, text: String) {
        if self.evidence.len() < EVIDENCE_MAX {
            self.add(weight, text);
        }
    }

    /// What is few, and not to be crowded out by what is many.
    fn grave(&mut self, weight: Weight, text: String) {
        if self.evidence.len() < EVIDENCE_MAX + GRAVE_MAX && self.evidence.iter().all(|piece| piece.text != text) {
            self.add(weight, text);
        }
    }

    fn add(&mut self, weight: Weight, text: String) {
        self.evidence.push(Evidence { seq: self.seq, at_ms: self.clock.fair_ms(), weight, text });
    }

    fn spoil(&mut self, reason: Reason, detail: String) {
        let text = format!("{}: {detail}", reason.name());
        self.decide(End::Inconclusive { reason, detail }, text);
    }

    fn decide(&mut self, end: End, text: String) {
        if self.end.is_none() {
            self.end = Some(end);
            self.add(Weight::Decided, text);
        }
    }
}
