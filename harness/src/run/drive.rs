//! The loop: what is seen becomes events, events go to the record and to the machine, the machine's actions go to the VM.
//! Lives here: the order of things, and time-stamping.
//! May not live here: a decision (that is the machine's) or QEMU's ways (those are the VM's).

use super::faults::{self, HostFaults};
use super::looks::{Lens, Looked, Looks};
use super::machine::{Action, Machine};
use crate::event::{Event, Kind, NOT_PRESSED, Plan, Reason, Register};
use crate::introspect::symbols::Symbols;
use crate::kmsg::{self, Timestamps};
use crate::scenario::Fault;
use crate::verdict::{Judge, View};
use crate::vm::capture::registers::next_instructions;
use crate::vm::capture::{Capture, Taken};
use crate::vm::login::{Access, Fetch, Fetched, Fetcher};
use crate::vm::qmp::QmpError;
use crate::vm::{Error, Piece, Seen, Vm};
use std::collections::{BTreeSet, VecDeque};
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// How often the host looks at its clock and at QEMU.
const TICK: Duration = Duration::from_millis(250);
/// What was read before a tick is taken in before it, so that no line looks older than it is; but no flood may hold up time.
const BEFORE_TICK: usize = 20_000;
/// Console lines are recorded as they stand up to so many bytes of them; after that only those that may bear on a verdict.
const CONSOLE_KEPT: usize = 4 << 20;
/// Dumps that the host asked for are recorded as they stand even then, up to so many bytes more.
const DUMPS_KEPT: usize = 8 << 20;

/// Disk errors that a fault asked for are recorded up to so many.
const DISK_ERRORS_KEPT: usize = 100;

/// Where events go besides the machine.
pub trait Sink {
    /// Records an event.
    ///
    /// # Errors
    /// Where the record cannot be written any more: the run is then spoiled.
    fn event(&mut self, event: &Event) -> std::io::Result<()>;
    /// Records what the console printed, byte for byte.
    ///
    /// # Errors
    /// As for events.
    fn console(&mut self, bytes: &[u8]) -> std::io::Result<()>;
    /// Takes a piece of a file that the guest sends.
    fn piece(&mut self, piece: &Piece);
    /// A file is through: what of it is here, or why it is not whole. `bytes` and `failed` are what the guest said.
    fn file(&mut self, path: &str, bytes: u64, failed: Option<String>) -> Option<String>;
    /// Shows how things stand; called once a tick and after each change of phase.
    fn show(&mut self, event: &Event, view: &View<'_>);
}

/// What is taken of a guest that hangs.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What, and into which files.
    pub capture: Capture,
    /// Names for addresses in the kernel's code, where they are at hand.
    pub symbols: Symbols,
}

/// What the host does with a guest, besides watching.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The scenario's faults.
    pub faults: &'a [Fault],
    /// What is taken of it if it hangs.
    pub evidence: &'a Evidence,
    /// How to look at its memory, where that is possible. Made ready when it is first needed.
    pub lens: Option<&'a Lens>,
    /// How to log in to it, where that can be done.
    pub access: Option<&'a Access>,
    /// What is brought back out of it over ssh.
    pub fetch: Option<&'a Fetch>,
}

/// Runs a guest from its first sign of life to its end, and gives back the judge. The guest may still be there: taking it
/// away is the caller's.
pub async fn drive(
    vm: &mut Vm,
    plan: Plan,
    means: Means<'_>,
    sink: &mut dyn Sink,
    mut cancelled: impl Future<Output = ()> + Unpin,
) -> Judge {
    let mut driver = Driver::new(vm, means, sink);
    driver.record(Instant::now(), None, Kind::Plan(plan)).await;
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut asked = false;
    while !driver.finished {
        tokio::select! {
            biased;
            () = &mut cancelled, if !asked => {
                asked = true;
                driver.record(Instant::now(), None, Kind::Cancelled).await;
            }
            now = ticks.tick() => driver.tick(now).await,
            taken = next(&mut driver.taking) => driver.taken(taken).await,
            looked = next(&mut driver.looking) => driver.looked(looked).await,
            came = came(&mut driver.fetching) => driver.came(came).await,
            seen = driver.vm.next(), if !driver.silent => driver.see(seen).await,
        }
    }
    driver.machine.into_judge()
}

/// Something that goes on beside the run: the state of a guest that is being taken, or a picture.
type Beside<T> = Pin<Box<dyn Future<Output = T>>>;

/// Its end; waits for ever where nothing goes on. Cancel-safe.
async fn next<T>(beside: &mut Option<Beside<T>>) -> T {
    match beside {
        Some(beside) => beside.await,
        None => std::future::pending().await,
    }
}

/// The next of what is being fetched, `None` at its end; waits for ever where nothing is. Cancel-safe.
async fn came(fetching: &mut Option<Fetcher>) -> Option<Fetched> {
    match fetching {
        Some(fetcher) => fetcher.next().await,
        None => std::future::pending().await,
    }
}

struct Driver<'a> {
    vm: &'a mut Vm,
    sink: &'a mut dyn Sink,
    means: Means<'a>,
    /// Which of its faults are in force.
    active: Vec<bool>,
    /// What QEMU has been brought to.
    applied: HostFaults,
    /// The guest is held: that QEMU stops it is our doing.
    taking: Option<Beside<Vec<Taken>>>,
    /// The picture that is taken while it is held.
    held: Option<oneshot::Receiver<Looked>>,
    /// A picture that is being taken.
    looking: Option<Beside<Looked>>,
    looks: Looks,
    fetching: Option<Fetcher>,
    machine: Machine,
    clock: Clock,
    finished: bool,
    /// Bytes of console lines recorded.
    console: usize,
    /// Bytes of console lines recorded because they belong to a dump.
    dumps: usize,
    /// Console lines left out since the last tick.
    left_out: u64,
    /// Disk errors that a fault asked for.
    disk_errors: usize,
    /// QEMU's end has been told: nothing more will be seen.
    silent: bool,
    /// Until the record fails: that it failed is judged, but cannot be recorded.
    recording: bool,
}

/// Numbers events and stamps them; time never goes back.
struct Clock {
    start: Instant,
    seq: u64,
    last_ns: u64,
}

impl Clock {
    fn new() -> Self {
        Self { start: Instant::now(), seq: 0, last_ns: 0 }
    }

    fn stamp(&mut self, at: Instant, guest_ns: Option<u64>, kind: Kind) -> Event {
        let ns = u64::try_from(at.saturating_duration_since(self.start).as_nanos()).unwrap_or(u64::MAX);
        self.last_ns = self.last_ns.max(ns);
        let event = Event { seq: self.seq, host_ns: self.last_ns, guest_ns, kind };
        self.seq += 1;
        event
    }
}

impl<'a> Driver<'a> {
    fn new(vm: &'a mut Vm, means: Means<'a>, sink: &'a mut dyn Sink) -> Self {
        let (machine, clock) = (Machine::new(means.faults), Clock::new());
        Self {
            vm,
            sink,
            means,
            active: vec![false; means.faults.len()],
            applied: HostFaults::default(),
            taking: None,
            held: None,
            looking: None,
            looks: Looks::new(means.lens.cloned()),
            fetching: None,
            machine,
            clock,
            finished: false,
            console: 0,
            dumps: 0,
            left_out: 0,
            disk_errors: 0,
            silent: false,
            recording: true,
        }
    }

    async fn tick(&mut self, now: Instant) {
        self.see_what_waits().await;
        if let lines @ 1.. = std::mem::take(&mut self.left_out) {
            self.record(now, None, Kind::Dropped { lines }).await;
        }
        let tick = self.vm.tick();
        self.record(now, None, Kind::Tick(tick)).await;
        self.vm.tell_time(self.machine.judge().view().fair_ms);
    }

    /// Takes in what was read already.
    async fn see_what_waits(&mut self) {
        for _ in 0..BEFORE_TICK {
            if self.finished || self.silent {
                break;
            }
            let seen = tokio::select! {
                biased;
                seen = self.vm.next() => seen,
                () = std::future::ready(()) => break,
            };
            self.see(seen).await;
        }
    }

    /// The state was taken and the guest goes on.
    async fn taken(&mut self, taken: Vec<Taken>) {
        // QEMU's words about the holding came before its last answer: they are still part of it.
        self.see_what_waits().await;
        self.taking = None;
        // First, for the functions' names come back with it.
        if let Some(looked) = self.held.take().and_then(|mut looked| looked.try_recv().ok()) {
            self.take_in(looked, true).await;
        }
        for taken in taken {
            let kind = match taken {
                Taken::Registers(text) => Kind::Registers { cpus: self.places(&text) },
                Taken::Stored(stored) => Kind::Stored(stored),
                Taken::Failed(state, why) => Kind::NotStored { state, why },
            };
            self.record(Instant::now(), None, kind).await;
        }
        self.record(Instant::now(), None, Kind::Capture { active: false }).await;
    }

    /// A picture was taken.
    async fn looked(&mut self, looked: Looked) {
        self.looking = None;
        self.take_in(looked, false).await;
    }

    async fn take_in(&mut self, looked: Looked, held: bool) {
        if let Some(kind) = self.looks.take_in(looked, held) {
            self.record(Instant::now(), None, kind).await;
        }
    }

    async fn came(&mut self, came: Option<Fetched>) {
        match came {
            Some(Fetched::Piece(piece)) => self.sink.piece(&piece),
            Some(Fetched::Ended { path, bytes, failed }) => {
                let failed = self.sink.file(&path, bytes, failed);
                self.record(Instant::now(), None, Kind::Collected { path, bytes, failed }).await;
            }
            None => {
                self.fetching = None;
                self.record(Instant::now(), None, Kind::AllCollected).await;
            }
        }
    }

    /// Where the processors were, with names where there are any.
    fn places(&self, text: &str) -> Vec<Register> {
        let listed =
            |rip| self.means.evidence.symbols.function(rip).map(|(name, offset)| format!("{name}+{offset:#x}"));
        let name = |rip| self.looks.name(rip).or_else(|| listed(rip));
        let place = |(cpu, rip)| Register { cpu, rip: format!("{rip:#x}"), symbol: name(rip) };
        next_instructions(text).into_iter().map(place).collect()
    }

    async fn see(&mut self, seen: Option<Seen>) {
        match seen {
            Some(Seen::Event { kind: Kind::Console { line }, .. }) if self.is_too_much(&line) => self.left_out += 1,
            Some(Seen::Event { kind: Kind::Qmp { event, data }, .. }) if self.is_one_of_many(&event, &data) => {}
            Some(Seen::Event { at, guest_ns, kind: Kind::Collected { path, bytes, failed } }) => {
                let failed = self.sink.file(&path, bytes, failed);
                self.record(at, guest_ns, Kind::Collected { path, bytes, failed }).await;
            }
            Some(Seen::Event { at, guest_ns, kind }) => self.record(at, guest_ns, kind).await,
            Some(Seen::ConsoleBytes { at, bytes }) => {
                if self.recording
                    && let Err(error) = self.sink.console(&bytes)
                {
                    self.recording = false;
                    self.record(at, None, disk_error(&error)).await;
                }
            }
            // What cannot be written is told when the file is through; the verdict stands.
            Some(Seen::Piece(piece)) => self.sink.piece(&piece),
            None => self.silent = true,
        }
    }

    /// Whether a console line is left out of the record, so that a flood cannot fill the disk.
    fn is_too_much(&mut self, line: &str) -> bool {
        self.console += line.len();
        if self.console <= CONSOLE_KEPT {
            return false;
        }
        if self.dumps <= DUMPS_KEPT && self.machine.judge().view().dumping {
            self.dumps += line.len();
            return false;
        }
        !kmsg::matters(line, Timestamps::Required)
    }

    /// Whether an event tells of one disk error of many that a fault brings about: a guest may try again without a pause.
    fn is_one_of_many(&mut self, event: &str, data: &serde_json::Value) -> bool {
        let asked = self.machine.judge().asked_for(event, data);
        self.disk_errors += usize::from(asked);
        asked && self.disk_errors > DISK_ERRORS_KEPT
    }

    /// Records one event and does what the machine wants done about it, which leaves events in turn.
    async fn record(&mut self, at: Instant, guest_ns: Option<u64>, kind: Kind) {
        let mut queue = VecDeque::from([(at, guest_ns, kind)]);
        while let Some((at, guest_ns, kind)) = queue.pop_front() {
            let stopped = matches!(&kind, Kind::Qmp { event, .. } if event == "STOP");
            let event = self.clock.stamp(at, guest_ns, kind);
            if self.recording
                && let Err(error) = self.sink.event(&event)
            {
                self.recording = false;
                queue.push_back((Instant::now(), None, disk_error(&error)));
            }
            for action in self.machine.step(&event) {
                if let Some(kind) = self.act(action).await {
                    queue.push_back((Instant::now(), None, kind));
                }
            }
            // Asked for by a fault, or to hold the guest while its state is taken.
            if stopped && self.taking.is_none() && !self.vm.asked_to_stop() {
                let kind = self.why_stopped().await;
                queue.push_back((Instant::now(), None, kind));
            }
            if matches!(event.kind, Kind::Tick(_) | Kind::Phase { .. }) {
                self.sink.show(&event, &self.machine.judge().view());
            }
        }
    }

    /// Does one thing; the event that tells of it.
    async fn act(&mut self, action: Action) -> Option<Kind> {
        match action {
            Action::Enter(phase) => Some(Kind::Phase { phase }),
            Action::Command { command, attempt } => {
                // One that did not go out is told all the same: it is sent again until it is acknowledged.
                let _ = self.vm.command(command).await;
                Some(Kind::Command { command: command.name().to_owned(), attempt })
            }
            Action::Sysrq(key) => match self.vm.sysrq(key).await {
                Ok(()) => Some(Kind::Sysrq { key }),
                Err(error) => Some(not_pressed(key, &error)),
            },
            Action::Fault { index, active } => {
                let fault = self.means.faults.get(index)?;
                let (described, fails) = (faults::describe(&fault.action), faults::fails(&fault.action));
                match self.switch(index, active).await {
                    Ok(()) => Some(Kind::Fault { fault: described, active, fails }),
                    Err(error) => {
                        let detail = format!("{described}: {error}");
                        Some(Kind::HostError { reason: Reason::HarnessError, detail })
                    }
                }
            }
            Action::Logins(true) => {
                let begun = match self.means.access {
                    Some(access) => self.vm.begin_logins(access).await.map_err(|error| error.to_string()),
                    None => Err("nobody knows how".to_owned()),
                };
                begun.err().map(|error| told("OOMPH_NO_LOGINS", serde_json::json!({ "error": error })))
            }
            Action::Logins(false) => {
                self.vm.end_logins();
                None
            }
            Action::Look => {
                if self.looking.is_none() && self.taking.is_none() {
                    self.looking = self.looks.begin(self.vm);
                }
                None
            }
            Action::Fetch => {
                let (fetch, access) = (self.means.fetch?, self.means.access?);
                let fetcher = self.vm.fetch(fetch, access).await;
                self.fetching = Some(fetcher.unwrap_or_else(|error| Fetcher::failed(&fetch.asked, &error.to_string())));
                None
            }
            Action::Capture => {
                let (look, held) = self.looks.while_held(self.vm).unzip();
                self.held = held;
                self.taking = Some(Box::pin(self.vm.capture(self.means.evidence.capture.clone(), look)));
                Some(Kind::Capture { active: true })
            }
            Action::Spoil(reason, detail) => Some(Kind::HostError { reason, detail }),
            Action::Finish => {
                self.finished = true;
                None
            }
        }
    }

    /// Switches a fault: brings QEMU to what the faults in force come to, as far as that is something else than before.
    async fn switch(&mut self, index: usize, active: bool) -> Result<(), QmpError> {
        if let Some(switch) = self.active.get_mut(index) {
            *switch = active;
        }
        let in_force = self.means.faults.iter().zip(&self.active).filter(|(_, active)| **active);
        let wanted = faults::sum(in_force.map(|(fault, _)| &fault.action));
        let before = std::mem::replace(&mut self.applied, wanted.clone());
        let disks: BTreeSet<&String> = before.disks.keys().chain(wanted.disks.keys()).collect();
        for disk in disks {
            let [before, wanted] = [&before, &wanted].map(|faults| faults.disks.get(disk).copied().unwrap_or_default());
            if wanted.fails != before.fails {
                self.vm.fail(disk, wanted.fails).await?;
            }
            if wanted.throttle != before.throttle {
                self.vm.throttle(disk, wanted.throttle).await?;
            }
        }
        if wanted.balloon != before.balloon {
            self.vm.balloon(wanted.balloon).await?;
        }
        match (before.paused, wanted.paused) {
            (false, true) => self.vm.pause().await,
            (true, false) => self.vm.resume().await,
            _ => Ok(()),
        }
    }

    /// QEMU stopped the guest, and nobody here had asked for it.
    async fn why_stopped(&mut self) -> Kind {
        let status = self.vm.status().await.unwrap_or_else(|error| format!("unknown ({error})"));
        let reason = if status == "internal-error" { Reason::KvmInternalError } else { Reason::QemuStopped };
        Kind::HostError { reason, detail: format!("QEMU stopped the guest; its status is {status}") }
    }
}

/// A SysRq that could not be sent is told, not judged: the guest is judged without it.
fn not_pressed(key: char, error: &Error) -> Kind {
    told(NOT_PRESSED, serde_json::json!({ "key": key, "error": error.to_string() }))
}

/// What went wrong on this side, and spoils nothing.
fn told(event: &str, data: serde_json::Value) -> Kind {
    Kind::Qmp { event: event.into(), data }
}

fn disk_error(error: &std::io::Error) -> Kind {
    let reason = if error.kind() == std::io::ErrorKind::StorageFull { Reason::DiskFull } else { Reason::HarnessError };
    Kind::HostError { reason, detail: format!("the result folder cannot be written: {error}") }
}
