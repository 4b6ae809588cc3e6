//! What a fake guest does, and when.
//! Lives here: the script's builder and what tests can ask afterwards.
//! May not live here: playing it (`guest`).

use super::guest::Guest;
use super::monitor::MEMORY;
use super::process::{FakeProcess, Host};
use crate::event::{Answer, Exit};
use crate::vm::{Parts, Vm, Wire};
use serde_json::Value;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// So many seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// So many milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// Something that happens in or to the guest.
#[derive(Clone, Debug)]
pub enum Act {
    /// A console line; it gets printk's time stamp.
    Console(String),
    /// The console lines of a global OOM kill as 6.1 prints them, and of the reaper 100 ms later.
    OomKill {
        /// The victim.
        pid: u32,
        /// Its name.
        name: String,
    },
    /// All probes but beat and counters stop answering, the workload stops working, memory stands still.
    Freeze,
    /// They answer again.
    Thaw,
    /// The guest says nothing at all any more, the beat included.
    Mute,
    /// It speaks again.
    Unmute,
    /// The probe answers so from now on.
    Answers {
        /// The probe.
        probe: String,
        /// Its answer.
        answer: Answer,
    },
    /// The probe's process ends; it starts no other round.
    ProbeDies {
        /// The probe.
        probe: String,
        /// How.
        exit: Exit,
    },
    /// A process of the workload is reaped; the main one's end ends the work.
    WorkloadExit {
        /// Its process id.
        pid: u32,
        /// Whether it is the main one.
        main: bool,
        /// How.
        exit: Exit,
        /// errno from the progress page.
        errno: i64,
    },
    /// Set-up fails and the guest powers off; meant for a time before `ready`.
    SetupFails {
        /// What failed.
        what: String,
        /// errno.
        errno: i64,
    },
    /// Free, file and anonymous memory in kB from now on, in place of what the phase would give.
    Memory {
        /// MemFree.
        free: u64,
        /// Active(file) + Inactive(file).
        file: u64,
        /// AnonPages.
        anon: u64,
    },
    /// Work per second from now on.
    Work(u64),
    /// Bytes on the agent's port.
    Garbage(Vec<u8>),
    /// So many console lines of 100 bytes, as fast as they are read.
    Flood(u64),
    /// The agent takes no commands any more.
    Deaf,
    /// QMP takes no commands any more.
    QmpDeaf,
    /// A QMP event.
    Qmp {
        /// Its name.
        event: String,
        /// Its data.
        data: Value,
    },
    /// QEMU stops the guest by itself: QMP STOP, and this run state; nothing is said any more.
    Stop(String),
    /// The kernel panics: console, pvpanic, reset, QEMU ends.
    Panic,
    /// QEMU ends.
    Die(Exit),
    /// The host stops QEMU (SIGSTOP), or lets it go on. What is sent to it meanwhile is lost.
    HostStops(bool),
    /// This share in percent of QEMU's time is spent waiting for a processor.
    HostWaits(u64),
}

/// What ends a freeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cure {
    /// The workload's death.
    Release,
    /// A SysRq key.
    Key(char),
}

/// From when an act's time counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Since {
    Boot,
    Start,
    Release,
}

/// A script.
#[derive(Clone, Debug)]
pub struct Script {
    pub(super) boot: Duration,
    pub(super) probes: Vec<String>,
    pub(super) acts: Vec<(Since, Duration, Act)>,
    pub(super) cures: Vec<Cure>,
    pub(super) presses: bool,
    pub(super) proto: u64,
    pub(super) adj: i64,
    pub(super) obeys_term: bool,
    pub(super) refuses: Vec<String>,
    pub(super) never_done: bool,
    pub(super) state: usize,
}

impl Default for Script {
    fn default() -> Self {
        Self::new()
    }
}

impl Script {
    /// A guest in good health with the probes beat, counters, fault, spawn and file:data.
    pub fn new() -> Self {
        Self {
            boot: secs(2),
            probes: ["beat", "counters", "fault", "spawn", "file:data"].map(str::to_owned).to_vec(),
            acts: Vec::new(),
            cures: Vec::new(),
            presses: true,
            proto: oomph_wire::PROTOCOL,
            adj: -1000,
            obeys_term: true,
            refuses: Vec::new(),
            never_done: false,
            state: MEMORY,
        }
    }

    /// Other probes.
    #[must_use]
    pub fn probes(mut self, probes: &[&str]) -> Self {
        self.probes = probes.iter().map(|&probe| probe.to_owned()).collect();
        self
    }

    /// Time until `ready`; `hello` comes halfway.
    #[must_use]
    pub fn boots_in(mut self, time: Duration) -> Self {
        self.boot = time;
        self
    }

    /// An act, so long after the machine's start.
    #[must_use]
    pub fn since_boot(mut self, time: Duration, act: Act) -> Self {
        self.acts.push((Since::Boot, time, act));
        self
    }

    /// An act, so long after the workload's start.
    #[must_use]
    pub fn since_start(mut self, time: Duration, act: Act) -> Self {
        self.acts.push((Since::Start, time, act));
        self
    }

    /// An act, so long after the workload's release.
    #[must_use]
    pub fn since_release(mut self, time: Duration, act: Act) -> Self {
        self.acts.push((Since::Release, time, act));
        self
    }

    /// What ends a freeze, besides [`Act::Thaw`].
    #[must_use]
    pub fn cured_by(mut self, cure: Cure) -> Self {
        self.cures.push(cure);
        self
    }

    /// The workload presses on nothing: no direct reclaim, memory stays free.
    #[must_use]
    pub fn without_pressure(mut self) -> Self {
        self.presses = false;
        self
    }

    /// The agent speaks this version of the protocol.
    #[must_use]
    pub fn protocol(mut self, proto: u64) -> Self {
        self.proto = proto;
        self
    }

    /// The probes' oom_score_adj as read back.
    #[must_use]
    pub fn probes_adj(mut self, adj: i64) -> Self {
        self.adj = adj;
        self
    }

    /// QEMU's process takes no notice of SIGTERM.
    #[must_use]
    pub fn ignores_term(mut self) -> Self {
        self.obeys_term = false;
        self
    }

    /// QMP refuses this command.
    #[must_use]
    pub fn refuses(mut self, command: &str) -> Self {
        self.refuses.push(command.to_owned());
        self
    }

    /// QEMU's dumps and migrations never come to their end.
    #[must_use]
    pub fn never_done(mut self) -> Self {
        self.never_done = true;
        self
    }

    /// So many bytes come where QEMU writes memory; it says 3 MiB whatever comes.
    #[must_use]
    pub fn writes(mut self, bytes: usize) -> Self {
        self.state = bytes;
        self
    }

    /// What QEMU writes of the guest.
    pub(super) fn state(&self) -> Vec<u8> {
        (0..self.state).map(|at| (at / 1000) as u8).collect()
    }

    /// Plays the script: what a [`Vm`] is made of, and the handle.
    pub fn play(self) -> (Parts, Fake) {
        let (console, far_console) = tokio::io::duplex(64 << 10);
        let (beat, far_beat) = tokio::io::duplex(16 << 10);
        let (agent, far_agent) = tokio::io::duplex(16 << 10);
        let (qmp, far_qmp) = tokio::io::duplex(16 << 10);
        let (tell, exit) = watch::channel(None);
        let (signal, signals) = mpsc::unbounded_channel();
        let host = Arc::new(Mutex::new(Host::default()));
        let record = Arc::new(Mutex::new(Record::default()));
        let guest =
            Guest::new(self, [far_console, far_beat, far_agent, far_qmp], Arc::clone(&host), Arc::clone(&record));
        tokio::spawn(guest.play(signals, tell));
        let process = Box::new(FakeProcess::new(exit, signal, host));
        let wire = |stream| Wire::Stream(Box::new(stream));
        let (console, beat, agent) = (wire(console), wire(beat), wire(agent));
        (Parts { console, beat, agent, qmp: Box::new(qmp), process, ram: None, visitors: None }, Fake(record))
    }

    /// Plays the script in a [`Vm`].
    pub async fn vm(self) -> (Vm, Fake) {
        let (parts, fake) = self.play();
        (Vm::from_parts(parts, secs(10)).await.expect("the fake speaks QMP"), fake)
    }
}

/// What was done to the guest.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record {
    /// Commands that reached the agent, with repetitions.
    pub commands: Vec<String>,
    /// SysRq keys.
    pub keys: Vec<char>,
    /// Throttles: device, bytes and operations per second, 0 for no bound.
    pub throttles: Vec<(String, i64, i64)>,
    /// Drives that were set: device and node.
    pub drives: Vec<(String, String)>,
    /// Sizes that the balloon was given, in bytes.
    pub balloons: Vec<i64>,
    /// QMP commands, in their order.
    pub qmp: Vec<String>,
}

/// The handle of a script that plays.
#[derive(Clone, Debug)]
pub struct Fake(Arc<Mutex<Record>>);

impl Fake {
    /// What was done to the guest so far.
    pub fn record(&self) -> MutexGuard<'_, Record> {
        self.0.lock().unwrap()
    }
}
