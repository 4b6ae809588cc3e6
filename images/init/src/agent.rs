//! The agent: PID 1 after `ready`.
//! Lives here: the loop that obeys the host, reaps children and keeps its own time.
//! May not live here: allocation, fork, or anything that may wait for memory or a disk.

use crate::boot::{Parts, power_off};
use crate::link::{Input, Port};
use crate::workload::Start;
use crate::{clock, memory, signals};
use oomph_wire::line::{Encoder, Line};
use oomph_wire::words::{TIMER, command, kind, source};
use rustix::process::{Pid, WaitOptions, WaitStatus, wait};
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// After a release by its own timer, the agent waits so long for a command and then powers off: a host that cannot reach
/// the guest cannot send `poweroff` either.
const ORPHANED: Duration = Duration::from_secs(300);

/// PID 1 after `ready`.
pub struct Agent {
    port: Port,
    parts: Parts,
    release_at: Option<Duration>,
    released: bool,
    power_off_at: Option<Duration>,
    /// Allocations before `ready`.
    allocations: u64,
}

/// A command from the host; everything in it is copied out of the line.
enum Order {
    Start { release_after: Option<Duration> },
    Release,
    Collect,
    PowerOff,
}

impl Agent {
    /// The loop's state.
    pub fn new(port: Port, parts: Parts) -> Self {
        Self { port, parts, release_at: None, released: false, power_off_at: None, allocations: memory::allocations() }
    }

    /// Obeys until the guest powers off.
    pub fn run(mut self) -> ! {
        let mut input = Input::new();
        loop {
            self.reap();
            let timeout = self.timers();
            let [command, answer] = signals::wait([Some(self.port.as_fd()), self.parts.workload.pending()], timeout);
            if answer {
                self.tell_start();
            }
            if command {
                input.fill(&self.port);
                input.lines(|line| self.obey(line));
            }
        }
    }

    fn obey(&mut self, line: &Line<'_>) {
        if line.source != source::HOST {
            return;
        }
        let order = match line.kind {
            command::START => Order::Start { release_after: line.num("release_ms").map(Duration::from_millis) },
            command::RELEASE => Order::Release,
            command::COLLECT => Order::Collect,
            command::POWEROFF => Order::PowerOff,
            _ => return,
        };
        self.power_off_at = None;
        self.port.send(kind::ACK, |ack| ack.text("cmd", line.kind.as_bytes()).num("n", line.seq));
        match order {
            Order::Start { release_after } => self.start(release_after),
            Order::Release => self.release("host"),
            Order::Collect => self.collect(),
            Order::PowerOff => self.power_off(),
        }
    }

    fn start(&mut self, release_after: Option<Duration>) {
        if self.release_at.is_none() && !self.released {
            self.release_at = release_after.map(|after| clock::now() + after);
        }
        if let Some(start) = self.parts.workload.start() {
            tell(&mut self.port, &start);
        }
    }

    fn tell_start(&mut self) {
        if let Some(start) = self.parts.workload.poll() {
            tell(&mut self.port, &start);
        }
    }

    fn release(&mut self, by: &str) {
        self.release_at = None;
        self.parts.workload.kill();
        if !self.released {
            self.released = true;
            self.port.send(kind::RELEASED, |line| line.text("by", by.as_bytes()));
        }
    }

    fn collect(&mut self) {
        match &self.parts.collector {
            Some(collector) => collector.start(),
            None => self.port.send(kind::COLLECTED, |line| line),
        }
    }

    fn power_off(&mut self) -> ! {
        let allocations = memory::allocations() - self.allocations;
        self.port.send(kind::BYE, |line| line.num("allocs", allocations));
        power_off(Some(&self.port))
    }

    /// Does what is due, and says how long nothing will be.
    fn timers(&mut self) -> Option<Duration> {
        let now = clock::now();
        if self.release_at.is_some_and(|at| at <= now) {
            self.release(TIMER);
            self.power_off_at = Some(now + ORPHANED);
        }
        if self.power_off_at.is_some_and(|at| at <= now) {
            self.power_off();
        }
        let next = [self.release_at, self.power_off_at].into_iter().flatten().min()?;
        Some(next.saturating_sub(now))
    }

    /// Reaps every child that has ended, and tells of each.
    fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if let Some(probe) = self.parts.probes.iter().find(|probe| probe.pid == pid) {
                self.port.send(kind::DIED, |line| {
                    ended(line.text("probe", probe.name.as_bytes()).num("pid", number(pid)), status)
                });
                continue;
            }
            if self.parts.collector.as_ref().is_some_and(|collector| collector.pid == pid) {
                self.parts.collector = None;
                self.port.send(kind::COLLECTED, |line| line);
                continue;
            }
            let main = self.parts.workload.is_main(pid);
            if main {
                // It is over, so its answer is complete; `started` has to come before `exit`.
                self.tell_start();
            }
            if !main || self.parts.workload.has_run() {
                let errno = self.parts.progress.errno.load(Relaxed);
                self.port.send(kind::EXIT, |line| {
                    ended(line.num("pid", number(pid)).num("main", main.into()), status).num("errno", errno)
                });
            }
        }
    }
}

fn tell(port: &mut Port, start: &Start<'_>) {
    match *start {
        Start::Started { pid, adj } => {
            port.send(kind::STARTED, |line| line.num("pid", number(pid)).int("adj", adj.into()));
        }
        Start::Failed { what, errno } => {
            port.send(kind::FAILED, |line| line.text("what", what.as_bytes()).int("errno", errno.into()));
        }
    }
}

/// How a process ended, as fields.
fn ended(line: Encoder, status: WaitStatus) -> Encoder {
    match status.terminating_signal() {
        Some(signal) => line.int("signal", signal.into()),
        None => line.int("code", status.exit_status().unwrap_or(-1).into()),
    }
}

fn number(pid: Pid) -> u64 {
    pid.as_raw_nonzero().get().unsigned_abs().into()
}
