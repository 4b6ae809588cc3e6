//! The phase machine: what to do next, as a plain function of what was seen.
//! Lives here: phases, deadlines of commands, evidence and escapes: `(state, event) -> (state, actions)`.
//! May not live here: I/O, clocks, QEMU; and no judgement (that is asked of `verdict::Judge`).

use crate::event::{Event, Kind, Phase, Reason};
use crate::scenario::{Fault, FaultAction, Outcome};
use crate::verdict::{End, Judge, SIGN_MS, View};
use crate::vm::Command;
use std::collections::VecDeque;

/// What the loop is asked to do. Each leaves an event, which comes back to [`Machine::step`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Record that a phase begins.
    Enter(Phase),
    /// Send a command to the agent.
    Command {
        /// Which.
        command: Command,
        /// The how manieth sending of it, from 1.
        attempt: u32,
    },
    /// Press a SysRq key.
    Sysrq(char),
    /// Switch a host fault.
    Fault {
        /// Its place in the scenario.
        index: usize,
        /// On or off.
        active: bool,
    },
    /// Log in to the guest over and over, or no more.
    Logins(bool),
    /// Take a picture of the guest's memory, unless one is being taken.
    Look,
    /// Fetch files from the guest over ssh; ends with an event.
    Fetch,
    /// Hold the guest, take its state, let it go on; begins and ends with an event.
    Capture,
    /// Record that the run is spoiled.
    Spoil(Reason, String),
    /// End the run: take the machine away.
    Finish,
}

/// A command is sent again after so long without an acknowledgement.
const RESEND_MS: u64 = 2_000;
/// A guest whose probes answer and which does not take a command for so long does not obey.
pub(crate) const OBEY_MS: u64 = 60_000;
/// For power off, and for QEMU to end after a panic, in wall time.
pub(crate) const END_MS: u64 = 10_000;
/// For all files to be brought back, in wall time.
const COLLECT_MS: u64 = 120_000;
/// Ticks in a second of wall time.
const TICKS_PER_S: u32 = 4;
/// Dumps are taken at the beginning of so many stalls of a run: each costs the guest seconds.
pub(crate) const STALLS_DUMPED: usize = 3;
/// What is asked when a stall begins: blocked tasks, what the processors are at (who loops in the allocator is not blocked, and
/// is to be known from now on), memory.
const AT_STALL: [char; 3] = ['w', 'l', 'm'];
/// What is asked once when a guest is hung, before anything is killed: all tasks, backtraces of all processors, memory, and
/// the backtraces once more: a task that runs is caught at the same place twice only if it stays there.
const AT_HANG: [char; 4] = ['t', 'l', 'm', 'l'];
/// What may end a hang, mildest first.
const ESCAPES: [Escape; 3] = [Escape::Sysrq('f'), Escape::Release, Escape::Sysrq('i')];

#[derive(Clone, Copy, Debug)]
enum Escape {
    Sysrq(char),
    Release,
}

/// Whether a guest whose run ended without an outcome was there and answered, when it did.
fn still_answers(reason: Reason) -> bool {
    matches!(reason, Reason::NoPressure | Reason::WorkloadFailed | Reason::ProbeFailing | Reason::ProbeKilled)
}

/// The state of a run.
#[derive(Debug)]
pub struct Machine {
    judge: Judge,
    stage: Stage,
    faults: Vec<Switch>,
    pending: Option<Pending>,
    dumps: VecDeque<char>,
    stalls: usize,
    was_stalled: bool,
    released: bool,
    qemu_gone: bool,
    /// Whether somebody logs in.
    logins: bool,
    /// Whether files are brought back.
    collects: bool,
    /// How many times a second pictures are taken; 0 for while it stalls only.
    samples: u32,
    /// Ticks so far.
    ticks: u64,
    /// … over ssh.
    fetches: bool,
}

/// A fault, and how it stands.
#[derive(Debug)]
struct Switch {
    fault: Fault,
    active: bool,
    /// When it was switched on, in wall time.
    since_wall_ms: Option<u64>,
}

impl Switch {
    /// Whether its time is over. A pause's is wall time, since the guest has none of its own meanwhile.
    fn over(&self, pressed_ms: u64, wall_ms: u64) -> bool {
        match self.fault.action {
            FaultAction::Pause { for_ms } => {
                self.since_wall_ms.is_some_and(|since| wall_ms.saturating_sub(since) >= for_ms)
            }
            _ => self.fault.until_ms.is_some_and(|until| pressed_ms >= until),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stage {
    New,
    Run(Phase),
    /// Hung: dumps are being taken.
    Evidence,
    /// Hung: the host holds the guest to take its state. Whoever does it has deadlines.
    Capture,
    /// Hung: this escape is being tried, since then (fair time).
    Escape {
        index: usize,
        since_ms: u64,
    },
    /// Files are being brought back, since then (wall time).
    Collecting {
        since_ms: u64,
    },
    /// Waiting for QEMU to end, since then (wall time).
    Ending {
        since_ms: u64,
    },
    Finished,
}

/// A command without an acknowledgement.
#[derive(Debug)]
struct Pending {
    command: Command,
    attempt: u32,
    since_fair_ms: u64,
    sent_wall_ms: u64,
}

impl Machine {
    /// A run that has not begun.
    pub fn new(faults: &[Fault]) -> Self {
        Self {
            judge: Judge::default(),
            stage: Stage::New,
            faults: faults
                .iter()
                .map(|fault| Switch { fault: fault.clone(), active: false, since_wall_ms: None })
                .collect(),
            pending: None,
            dumps: VecDeque::new(),
            stalls: 0,
            was_stalled: false,
            released: false,
            qemu_gone: false,
            logins: false,
            collects: false,
            samples: 0,
            ticks: 0,
            fetches: false,
        }
    }

    /// The judge, for whoever shows how things stand.
    pub fn judge(&self) -> &Judge {
        &self.judge
    }

    /// The judge, at the end.
    pub fn into_judge(self) -> Judge {
        self.judge
    }

    /// Takes an event in and says what to do.
    pub fn step(&mut self, event: &Event) -> Vec<Action> {
        self.judge.observe(event);
        match &event.kind {
            Kind::Plan(plan) => {
                (self.logins, self.collects, self.fetches) = (plan.login, plan.collect, plan.fetch);
                self.samples = plan.sample;
                self.stage = Stage::Run(Phase::Boot);
                return vec![Action::Enter(Phase::Boot)];
            }
            Kind::Ack { command } => self.pending = self.pending.take().filter(|one| one.command.name() != command),
            Kind::Released { .. } => self.released = true,
            Kind::QemuExit { .. } => self.qemu_gone = true,
            Kind::Capture { active: false } if self.stage == Stage::Capture => {
                let mut actions = Vec::new();
                self.enter(Phase::Escapes, &mut actions);
                self.escape(0, self.judge.view().fair_ms, &mut actions);
                return actions;
            }
            Kind::Ready { .. } if self.logins => return vec![Action::Logins(true)],
            Kind::AllCollected if matches!(self.stage, Stage::Collecting { .. }) => {
                let mut actions = Vec::new();
                self.power_off(&mut actions);
                return actions;
            }
            // Even in the middle of escapes: the end stays as it was found.
            Kind::Cancelled => self.stage = Stage::Finished,
            _ => {}
        }
        let mut actions = Vec::new();
        if matches!(event.kind, Kind::Cancelled) {
            actions.push(Action::Finish);
        }
        if self.judge.end().is_some() && matches!(self.stage, Stage::Run(phase) if phase != Phase::Collect) {
            self.ended(&mut actions);
        }
        if matches!(event.kind, Kind::Tick(_)) || self.qemu_gone {
            self.tick(&mut actions);
        }
        actions
    }

    /// The judge has just come to an end.
    fn ended(&mut self, actions: &mut Vec<Action>) {
        self.pending = None;
        match self.judge.end() {
            Some(End::Outcome(Outcome::Hung)) => {
                self.dumps = AT_HANG.into();
                self.stage = Stage::Evidence;
            }
            Some(End::Outcome(Outcome::OomKilled | Outcome::Recovered)) => self.collect(actions),
            Some(End::Outcome(Outcome::Panicked)) => self.stage = Stage::Ending { since_ms: self.judge.view().wall_ms },
            // What a guest that answers has to say may tell why the run came to nothing.
            Some(End::Inconclusive { reason, .. }) if self.collects && still_answers(*reason) => self.collect(actions),
            Some(End::Inconclusive { .. }) | None => self.finish(actions),
        }
    }

    fn tick(&mut self, actions: &mut Vec<Action>) {
        if self.qemu_gone && self.stage != Stage::Finished {
            self.finish(actions);
            return;
        }
        self.ticks += 1;
        if self.looks() {
            actions.push(Action::Look);
        }
        self.switch_faults(actions);
        let pressed = self.take_dumps(actions);
        self.resend(actions);
        let View { fair_ms, wall_ms, phase_ms, ready, stalled, dumping, .. } = self.judge.view();
        let View { answers, answered_twice, workload_gone, escaped, .. } = self.judge.view();
        let rules = self.judge.rules();
        match self.stage {
            Stage::Run(Phase::Boot) if ready => self.enter(Phase::Settle, actions),
            Stage::Run(Phase::Settle) if answered_twice && phase_ms >= rules.settle_ms => {
                let release_ms = rules.wall_ms;
                self.enter(Phase::Pressure, actions);
                self.command(Command::Start { release_ms }, actions);
            }
            Stage::Run(Phase::Pressure) if phase_ms >= rules.pressure_ms || workload_gone => {
                self.enter(Phase::Lift, actions);
            }
            // With the workload still in place every probe must answer anew, and none may be silent: a hang that began a
            // moment ago must not be healed by the release.
            Stage::Run(Phase::Lift) if !stalled && answers => {
                self.enter(Phase::Release, actions);
                self.command(Command::Release, actions);
            }
            Stage::Run(Phase::Release) if self.released => self.enter(Phase::Verify, actions),
            // A key that was pressed a moment ago is not known to print yet; two at once are no keys to a serial port.
            Stage::Evidence if self.dumps.is_empty() && !dumping && !pressed => {
                self.stage = Stage::Capture;
                actions.push(Action::Capture);
            }
            Stage::Escape { .. } if escaped => self.collect(actions),
            Stage::Escape { index, since_ms } if fair_ms.saturating_sub(since_ms) >= rules.escape_ms => {
                self.escape(index + 1, fair_ms, actions);
            }
            Stage::Collecting { since_ms } if wall_ms.saturating_sub(since_ms) >= COLLECT_MS => self.power_off(actions),
            Stage::Ending { since_ms } if wall_ms.saturating_sub(since_ms) >= END_MS => self.finish(actions),
            _ => {}
        }
    }

    /// Whether it is time for a picture: from the first sign of a stall until the first escape.
    fn looks(&self) -> bool {
        let judged = matches!(
            self.stage,
            Stage::Run(Phase::Pressure | Phase::Lift | Phase::Release | Phase::Verify) | Stage::Evidence
        );
        let View { oldest, stalled, .. } = self.judge.view();
        let due =
            self.samples > 0 && self.ticks.is_multiple_of(u64::from(TICKS_PER_S / self.samples.clamp(1, TICKS_PER_S)));
        judged && (due || stalled || oldest.is_some_and(|(_, age_ms)| age_ms >= SIGN_MS))
    }

    fn enter(&mut self, phase: Phase, actions: &mut Vec<Action>) {
        self.stage = Stage::Run(phase);
        actions.push(Action::Enter(phase));
    }

    fn finish(&mut self, actions: &mut Vec<Action>) {
        self.stage = Stage::Finished;
        actions.push(Action::Finish);
    }

    fn collect(&mut self, actions: &mut Vec<Action>) {
        if self.logins {
            actions.push(Action::Logins(false));
        }
        self.enter(Phase::Collect, actions);
        // A hung guest that nothing has woken sends no files.
        let hung = self.judge.end() == Some(&End::Outcome(Outcome::Hung));
        if self.collects && (!hung || self.judge.view().escaped) {
            match self.fetches {
                true => actions.push(Action::Fetch),
                false => self.command(Command::Collect, actions),
            }
            self.stage = Stage::Collecting { since_ms: self.judge.view().wall_ms };
        } else {
            self.power_off(actions);
        }
    }

    fn power_off(&mut self, actions: &mut Vec<Action>) {
        self.command(Command::Poweroff, actions);
        self.stage = Stage::Ending { since_ms: self.judge.view().wall_ms };
    }

    fn escape(&mut self, index: usize, since_ms: u64, actions: &mut Vec<Action>) {
        let Some(escape) = ESCAPES.get(index) else {
            self.collect(actions);
            return;
        };
        self.stage = Stage::Escape { index, since_ms };
        self.pending = None;
        match escape {
            Escape::Sysrq(key) => actions.push(Action::Sysrq(*key)),
            Escape::Release => self.command(Command::Release, actions),
        }
    }

    fn command(&mut self, command: Command, actions: &mut Vec<Action>) {
        let view = self.judge.view();
        actions.push(Action::Command { command, attempt: 1 });
        self.pending = Some(Pending { command, attempt: 1, since_fair_ms: view.fair_ms, sent_wall_ms: view.wall_ms });
    }

    fn resend(&mut self, actions: &mut Vec<Action>) {
        let view = self.judge.view();
        let Some(pending) = &mut self.pending else { return };
        if view.wall_ms.saturating_sub(pending.sent_wall_ms) < RESEND_MS {
            return;
        }
        if matches!(self.stage, Stage::Run(_)) && !view.stalled {
            let waited = view.fair_ms - pending.since_fair_ms;
            if waited >= OBEY_MS {
                let (name, waited) = (pending.command.name(), waited / 1000);
                let detail = format!("the probes answer, but the agent has not taken `{name}` for {waited} s");
                actions.push(Action::Spoil(Reason::ProtocolError, detail));
                return;
            }
        }
        pending.attempt += 1;
        pending.sent_wall_ms = view.wall_ms;
        actions.push(Action::Command { command: pending.command, attempt: pending.attempt });
    }

    fn switch_faults(&mut self, actions: &mut Vec<Action>) {
        let View { phase_ms, wall_ms, .. } = self.judge.view();
        let pressed_ms = (self.stage == Stage::Run(Phase::Pressure)).then_some(phase_ms);
        for (index, switch) in self.faults.iter_mut().enumerate() {
            let wanted = pressed_ms.is_some_and(|ms| ms >= switch.fault.at_ms && !switch.over(ms, wall_ms));
            if wanted != switch.active {
                switch.active = wanted;
                switch.since_wall_ms.get_or_insert(wall_ms);
                actions.push(Action::Fault { index, active: wanted });
            }
        }
    }

    /// Presses the next key that is due; whether there was one.
    fn take_dumps(&mut self, actions: &mut Vec<Action>) -> bool {
        let View { stalled, dumping, .. } = self.judge.view();
        if stalled && !self.was_stalled {
            self.stalls += 1;
            if self.stalls <= STALLS_DUMPED {
                self.dumps.extend(AT_STALL);
            }
        }
        self.was_stalled = stalled;
        let taking = matches!(self.stage, Stage::Run(_) | Stage::Evidence);
        if taking
            && !dumping
            && let Some(key) = self.dumps.pop_front()
        {
            actions.push(Action::Sysrq(key));
            return true;
        }
        false
    }
}
