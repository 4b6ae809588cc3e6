//! A guest made of events, for tests of the rules: no VM, no clock, microseconds.
//! Lives here: a world that emits what a guest would, obeys the machine, and is told when to misbehave.
//! May not live here: rules, or I/O.
#![allow(clippy::unwrap_used, clippy::expect_used, missing_docs)]

use super::machine::{Action, Machine};
use crate::event::{Answer, Beat, Counters, Event, Exit, Kind, Phase, Picture, Plan, Rules, SCHEMA, Tick};
use crate::scenario::Fault;
use crate::verdict::Verdict;
use crate::vm::Command;

pub const REQUIRED: [&str; 4] = ["beat", "fault", "spawn", "file:data"];

/// What the guest does at the moment; tests change it as the run goes on.
#[derive(Clone, Debug)]
pub struct Mood {
    /// Probes that do not answer (they have begun a round).
    pub silent: Vec<&'static str>,
    /// The answer of those that do.
    pub answer: Answer,
    /// Work per second.
    pub work: u64,
    pub free_kb: u64,
    pub anon_kb: u64,
    /// Direct reclaims per second.
    pub allocstall: u64,
    /// What the host takes away of every quarter of a second.
    pub tick: Tick,
    /// Whether the agent obeys.
    pub obeys: bool,
    /// What the console prints when a key is pressed.
    pub prints: Vec<(char, String)>,
    /// What a picture of its memory shows; `None` where it cannot be looked at.
    pub picture: Option<Picture>,
    /// What brings the silent probes back: `sysrq-f`, `release`, `sysrq-i`, or nothing.
    pub healed_by: Option<&'static str>,
}

impl Default for Mood {
    fn default() -> Self {
        Self {
            silent: Vec::new(),
            answer: Answer::Ok,
            work: 10,
            free_kb: 20_000,
            anon_kb: 90_000,
            allocstall: 0,
            tick: Tick::default(),
            obeys: true,
            prints: Vec::new(),
            picture: None,
            healed_by: None,
        }
    }
}

pub struct Sim {
    pub mood: Mood,
    pub events: Vec<Event>,
    pub phase: Option<Phase>,
    pub finished: bool,
    /// SysRq keys that were pressed, with the phase.
    pub keys: Vec<char>,
    machine: Machine,
    ms: u64,
    round: u64,
    work: u64,
    allocstall: u64,
    ready: bool,
}

impl Sim {
    pub fn new(rules: Rules) -> Self {
        Self::with_faults(rules, &[])
    }

    pub fn with_faults(rules: Rules, faults: &[Fault]) -> Self {
        let mut sim = Self {
            mood: Mood::default(),
            events: Vec::new(),
            phase: None,
            finished: false,
            keys: Vec::new(),
            machine: Machine::new(faults),
            ms: 0,
            round: 0,
            work: 0,
            allocstall: 0,
            ready: false,
        };
        let required = REQUIRED.map(str::to_owned).to_vec();
        sim.emit(Kind::Plan(Plan { schema: SCHEMA, scenario: "sim".into(), required, rules, ..Plan::default() }));
        sim
    }

    /// The agent is ready, as after a boot.
    pub fn boots(mut self) -> Self {
        self.ready = true;
        self.emit(Kind::Hello { proto: 1, kernel: "6.1.0".into(), version: String::new(), cpus: 2, mem_kb: 230_000 });
        for (pid, probe) in (10..).zip(REQUIRED) {
            self.emit(Kind::Probe { probe: probe.into(), pid, adj: -1000 });
        }
        self.emit(Kind::Ready { min_kb: 2_000, sysrq: 1 });
        self
    }

    /// Goes on until the phase begins.
    pub fn until(&mut self, phase: Phase) -> &mut Self {
        for _ in 0..10_000 {
            if self.phase == Some(phase) || self.finished {
                assert_eq!(self.phase, Some(phase), "finished before {phase:?}: {:?}", self.machine.judge().end());
                return self;
            }
            self.second();
        }
        panic!("{phase:?} never came");
    }

    pub fn seconds(&mut self, seconds: u64) -> &mut Self {
        for _ in 0..seconds {
            self.second();
        }
        self
    }

    /// Goes on until the run is over, and gives the verdict of the recorded stream.
    pub fn finish(&mut self) -> Verdict {
        for _ in 0..20_000 {
            if self.finished {
                let events = self.events.iter();
                let replayed = crate::verdict::judge(events);
                assert_eq!(self.machine.judge().end(), Some(&replayed.end), "live and replay differ");
                return replayed;
            }
            self.second();
        }
        panic!("never finished; {:?} in {:?}", self.machine.judge().view(), self.phase);
    }

    pub fn kills(&mut self, line: &str) -> &mut Self {
        let stamp = self.ms / 1000;
        self.emit(Kind::Console { line: format!("[{stamp:5}.000000] {line}") });
        self
    }

    pub fn emit(&mut self, kind: Kind) {
        if self.finished {
            return;
        }
        let guest_ns = matches!(kind, Kind::Beat(_)).then_some(self.ms * 1_000_000);
        let event = Event { seq: self.events.len() as u64, host_ns: self.ms * 1_000_000, guest_ns, kind };
        self.events.push(event.clone());
        for action in self.machine.step(&event) {
            self.obey(action);
        }
    }

    fn obey(&mut self, action: Action) {
        match action {
            Action::Enter(phase) => {
                self.phase = Some(phase);
                self.emit(Kind::Phase { phase });
            }
            Action::Command { command, attempt } => {
                self.emit(Kind::Command { command: command.name().into(), attempt });
                if self.mood.obeys {
                    self.command(command);
                }
            }
            Action::Sysrq(key) => {
                self.keys.push(key);
                self.emit(Kind::Sysrq { key });
                self.print(key);
                self.heal(if key == 'f' { "sysrq-f" } else { "sysrq-i" }, matches!(key, 'f' | 'i'));
            }
            Action::Fault { index, active } => {
                self.emit(Kind::Fault { fault: format!("fault {index}"), active, fails: None })
            }
            Action::Capture => {
                self.emit(Kind::Capture { active: true });
                self.emit(Kind::Capture { active: false });
            }
            Action::Look => {
                if let Some(picture) = self.mood.picture.clone() {
                    self.emit(Kind::Picture(Box::new(picture)));
                }
            }
            // Its guest has nobody who logs in.
            Action::Logins(_) => {}
            Action::Fetch => self.emit(Kind::AllCollected),
            Action::Spoil(reason, detail) => self.emit(Kind::HostError { reason, detail }),
            Action::Finish => self.finished = true,
        }
    }

    fn print(&mut self, key: char) {
        let prints = self.mood.prints.clone();
        for line in prints.iter().filter(|(on, _)| *on == key).flat_map(|(_, text)| text.lines()) {
            self.kills(line);
        }
    }

    fn command(&mut self, command: Command) {
        self.emit(Kind::Ack { command: command.name().into() });
        match command {
            Command::Start { .. } => self.emit(Kind::WorkloadStarted { pid: 50, adj: 0 }),
            Command::Release => {
                self.heal("release", true);
                self.mood.work = 0;
                self.emit(Kind::Released { by: "host".into() });
            }
            Command::Collect => self.emit(Kind::AllCollected),
            Command::Poweroff => {
                self.emit(Kind::Bye { allocs: 0 });
                self.emit(Kind::QemuExit { asked: true, exit: Exit::Code(0), stderr: String::new() });
            }
        }
    }

    fn heal(&mut self, action: &str, applies: bool) {
        if applies && self.mood.healed_by == Some(action) {
            self.mood.silent.clear();
            self.mood.free_kb += 50_000;
        }
    }

    fn second(&mut self) {
        if self.ready {
            self.round += 1;
            let running = matches!(self.phase, Some(Phase::Pressure | Phase::Lift | Phase::Escapes));
            if running {
                self.work += self.mood.work;
                self.allocstall += self.mood.allocstall;
            }
            if !self.mood.silent.contains(&"beat") {
                let Mood { free_kb, anon_kb, .. } = self.mood;
                let (n, work) = (self.round, self.work);
                self.emit(Kind::Beat(Beat { n, work, free_kb, anon_kb, ..Beat::default() }));
            }
            self.emit(Kind::Counters(Counters { allocstall: Some(self.allocstall), ..Counters::default() }));
            for probe in &REQUIRED[1..] {
                if !self.mood.silent.contains(probe) {
                    let (n, result) = (self.round, self.mood.answer);
                    self.emit(Kind::ProbeBegin { probe: (*probe).into(), n });
                    self.emit(Kind::ProbeEnd { probe: (*probe).into(), n, result });
                }
            }
        }
        for _ in 0..4 {
            self.ms += 250;
            let tick = self.mood.tick.clone();
            self.emit(Kind::Tick(tick));
        }
    }
}
