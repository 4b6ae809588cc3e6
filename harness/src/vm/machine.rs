//! A virtual machine that runs.
//! Lives here: what can be seen of it and done to it, over four streams and a process, real ones or scripted ones.
//! May not live here: how QEMU is started (`launch`), or when and why anything is done.

use super::Error;
use super::capture::{self, Capture, Taken, WhileHeld};
use super::command::Command;
use super::faults::{Filters, Pauses};
use super::inlet::Inlet;
use super::link::Piece;
use super::login::{Access, Bringer, Fetch, Fetcher, Freight, Login, Prober};
use super::mailbox::{Mailbox, Port};
use super::port::{self, Stream, Wire, Writer};
use super::process::{Process, Signal, ended};
use super::qmp::{Counts, Qmp, QmpError};
use super::ram::Ram;
use super::sample::Sampler;
use super::spec::{CONSOLE, SSH_PORT};
use crate::event::{Exit, Kind, Tick};
use crate::introspect::memory::Registers;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio::time::{Instant, sleep_until, timeout};

/// What a virtual machine is made of.
pub struct Parts {
    /// ttyS0.
    pub console: Wire,
    /// ttyS1.
    pub beat: Wire,
    /// ttyS2.
    pub agent: Wire,
    /// QMP, before its greeting.
    pub qmp: Stream,
    /// The process.
    pub process: Box<dyn Process>,
    /// The guest's memory, where it can be read from here.
    pub ram: Option<Ram>,
    /// The socket of the QMP for whoever else looks at the guest, which they reach by this file.
    pub visitors: Option<OwnedFd>,
}

/// Something that was seen. Times are those of reading the bytes, not of looking at them, and never go back.
#[derive(Clone, Debug, PartialEq)]
pub enum Seen {
    /// Bytes of the console as they came, for `console.log`. The lines that they end follow as events.
    ConsoleBytes {
        /// When the first of them was read.
        at: Instant,
        /// The bytes, at most 16 KiB.
        bytes: Vec<u8>,
    },
    /// A piece of a file that the guest was asked for.
    Piece(Piece),
    /// An event: a console line, a guest's line, a QMP event, losses, QEMU's end.
    Event {
        /// When it was read.
        at: Instant,
        /// The guest's CLOCK_MONOTONIC in nanoseconds, where the guest said it.
        guest_ns: Option<u64>,
        /// What.
        kind: Kind,
    },
}

/// How long the sockets may take to run dry after QEMU's end.
const DRAIN: Duration = Duration::from_secs(1);
/// How long QEMU may take to end after it has closed QMP.
const ENDING: Duration = Duration::from_secs(5);
/// How long SIGKILL may take.
const KILL: Duration = Duration::from_secs(10);

/// A virtual machine. Dropping it kills its process group.
pub struct Vm {
    qmp: Arc<Qmp>,
    process: Box<dyn Process>,
    mailbox: Arc<Mailbox>,
    inlet: Inlet,
    console: Writer,
    agent: Writer,
    /// Nothing is said to the beat; dropping this would end its reader.
    _beat: Writer,
    sampler: Sampler,
    sampled: Instant,
    commands: u64,
    asked: bool,
    end: AbortHandle,
    logins: Option<Prober>,
    /// The guest's own time, as it was told last.
    fair_ms: Arc<AtomicU64>,
    /// Calls its thread off when it goes.
    bringer: Option<Bringer>,
    ram: Option<Arc<Ram>>,
    /// Others find it by its place among this process's files.
    _visitors: Option<OwnedFd>,
    pub(super) filters: Filters,
    pub(super) pauses: Pauses,
}

impl Vm {
    /// Takes over a machine of any making; QMP has to greet within `deadline`.
    ///
    /// # Errors
    /// Where QMP does not come up; the process is killed.
    pub async fn from_parts(parts: Parts, deadline: Duration) -> Result<Self, Error> {
        let Parts { console, beat, agent, qmp, mut process, ram, visitors } = parts;
        let mailbox = Arc::new(Mailbox::default());
        let open = |port, wire| port::open(port, wire, Arc::clone(&mailbox)).map_err(Error::io("start to read a port"));
        let (console, console_closed) = open(Port::Console, console)?;
        let (beat, beat_closed) = open(Port::Beat, beat)?;
        let (agent, agent_closed) = open(Port::Agent, agent)?;
        // QMP's reader drops the sink at its end, and with it the sender: so its end is noticed.
        let (open, qmp_closed) = oneshot::channel::<()>();
        let sink = Arc::clone(&mailbox);
        let on_event = move |at, event, data| {
            let _ = &open;
            sink.put_qmp(at, event, data);
        };
        let qmp = match Qmp::connect(qmp, on_event, deadline).await {
            Ok(qmp) => qmp,
            Err(cause) => return Err(no_qmp(cause, process.as_ref()).await),
        };
        let closed = [console_closed, beat_closed, agent_closed, qmp_closed];
        let end = tokio::spawn(tell_end(process.exit(), closed, Arc::clone(&mailbox)));
        let mut sampler = Sampler::default();
        sampler.step(process.sample(), Duration::ZERO);
        Ok(Self {
            qmp: Arc::new(qmp),
            process,
            mailbox,
            inlet: Inlet::new(),
            console,
            agent,
            _beat: beat,
            sampler,
            sampled: Instant::now(),
            commands: 0,
            asked: false,
            end: end.abort_handle(),
            logins: None,
            fair_ms: Arc::default(),
            bringer: None,
            ram: ram.map(Arc::new),
            _visitors: visitors,
            filters: Filters::default(),
            pauses: Pauses::default(),
        })
    }

    /// The next thing seen, in the order of arrival; `None` after QEMU's end has been told. Cancel-safe. It waits as
    /// long as nothing happens: the deadline is the caller's.
    pub async fn next(&mut self) -> Option<Seen> {
        loop {
            if let Some(seen) = self.inlet.pop() {
                return Some(seen);
            }
            if self.inlet.ended() {
                return None;
            }
            let due = self.inlet.link_due();
            let item = tokio::select! {
                biased;
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {
                    self.inlet.tell_link(Instant::now());
                    continue;
                }
                item = self.mailbox.take() => item,
            };
            let (asked, process) = (self.asked, &self.process);
            self.inlet.digest(item, |exit| Kind::QemuExit { asked, exit, stderr: process.stderr() });
        }
    }

    /// Looks at QEMU and at the host: what was lost since the last look, or since the start. Reads /proc, waits for
    /// nothing.
    pub fn tick(&mut self) -> Tick {
        let now = Instant::now();
        let elapsed = now.duration_since(self.sampled);
        self.sampled = now;
        let mut tick = self.sampler.step(self.process.sample(), elapsed);
        if self.pauses.tick() {
            // A stop is seen at its ends only, so a stretch with one in it counts whole.
            tick.stopped_ns = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        }
        tick
    }

    /// Hands a command to the agent's port. Whether it arrives is told by its `Ack`.
    ///
    /// # Errors
    /// Where QEMU does not take it within 2 s.
    pub async fn command(&mut self, command: Command) -> Result<(), Error> {
        if command == Command::Poweroff {
            self.ask_to_end();
        }
        self.commands += 1;
        let line = command.line(self.commands);
        self.agent.write(&line).await.map_err(Error::io("write to the agent's port"))
    }

    /// Presses a SysRq key: a break on the console, then the key.
    ///
    /// # Errors
    /// Where the key is none (a letter or digit is expected), QMP fails, or QEMU does not take the key in time.
    pub async fn sysrq(&mut self, key: char) -> Result<(), Error> {
        let Some(byte) = u8::try_from(key).ok().filter(u8::is_ascii_alphanumeric) else {
            let cause = io::Error::new(io::ErrorKind::InvalidInput, "expected a letter or a digit");
            return Err(Error::Io { what: format!("press SysRq-{key:?}"), cause });
        };
        self.qmp.send_break(CONSOLE).await?;
        self.console.write(&[byte]).await.map_err(Error::io("write to the console"))
    }

    /// Logs in over and over from now on; each login is told by events. A second time does nothing.
    ///
    /// # Errors
    /// Where no port of this machine leads to the guest's, QMP fails, or no thread can be had.
    pub async fn begin_logins(&mut self, access: &Access) -> Result<(), Error> {
        if self.logins.is_some() {
            return Ok(());
        }
        let (address, access) = (self.door().await?, access.clone());
        let login = Login { address, access, command: "true".into(), input: Vec::new() };
        let prober = Prober::start(login, Arc::clone(&self.fair_ms), Arc::clone(&self.mailbox))
            .map_err(Error::io("start to log in"))?;
        self.logins = Some(prober);
        Ok(())
    }

    /// Where this machine's forwarded port for logins is.
    async fn door(&self) -> Result<SocketAddr, Error> {
        let missing = || Error::io("log in to the guest")(io::Error::other("QEMU forwards no port to it"));
        let port = self.qmp.forwarded(SSH_PORT).await?.ok_or_else(missing)?;
        Ok((Ipv4Addr::LOCALHOST, port).into())
    }

    /// Brings files into the guest and starts something there, as soon as it lets itself be logged in to. A failure that is final is
    /// told by an event.
    ///
    /// # Errors
    /// As [`Vm::begin_logins`].
    pub async fn bring(&mut self, freight: &Freight, access: &Access) -> Result<(), Error> {
        let Freight { input, command } = freight.clone();
        let login = Login { address: self.door().await?, access: access.clone(), command, input };
        let bringer = Bringer::start(login, Arc::clone(&self.mailbox)).map_err(Error::io("start to log in"))?;
        self.bringer = Some(bringer);
        Ok(())
    }

    /// Brings files back out of the guest.
    ///
    /// # Errors
    /// As [`Vm::begin_logins`].
    pub async fn fetch(&self, fetch: &Fetch, access: &Access) -> Result<Fetcher, Error> {
        let Fetch { command, asked } = fetch.clone();
        let login = Login { address: self.door().await?, access: access.clone(), command, input: Vec::new() };
        Fetcher::start(login, asked).map_err(Error::io("start to log in"))
    }

    /// Tells the guest's own time so far, in which logins have their deadlines.
    pub fn tell_time(&self, fair_ms: u64) {
        self.fair_ms.store(fair_ms, Ordering::Relaxed);
    }

    /// Tries no more to log in.
    pub fn end_logins(&mut self) {
        self.logins = None;
    }

    /// The machine's run state as QMP says it, for example `running`.
    ///
    /// # Errors
    /// Where QMP fails.
    pub async fn status(&self) -> Result<String, QmpError> {
        self.qmp.status().await
    }

    /// Holds the guest, takes its state and lets it go on. The future is its own: what the guest says can be read meanwhile.
    /// Dropped, it leaves no half file behind, but may leave the guest held.
    /// Meanwhile others do what they want with the registers.
    pub fn capture(&self, what: Capture, others: Option<WhileHeld>) -> impl Future<Output = Vec<Taken>> + 'static {
        capture::take(Arc::clone(&self.qmp), what, others)
    }

    /// The guest's memory, which may be read at any time; `None` where it is out of reach.
    pub fn ram(&self) -> Option<Arc<Ram>> {
        self.ram.clone()
    }

    /// The processors' registers as they are now, without holding the guest; empty where QMP does not tell within its time.
    pub fn registers(&self) -> impl Future<Output = Vec<Registers>> + 'static {
        let qmp = Arc::clone(&self.qmp);
        async move { qmp.registers().await.map_or_else(|_| Vec::new(), |text| capture::registers::all(&text)) }
    }

    /// For all else that QMP can do.
    pub fn qmp(&self) -> &Qmp {
        &self.qmp
    }

    /// What QMP's connection saw besides replies and events.
    pub fn qmp_counts(&self) -> Counts {
        self.qmp.counts()
    }

    /// QMP events that were dropped because too many waited.
    pub fn qmp_dropped(&self) -> u64 {
        self.mailbox.qmp_dropped()
    }

    /// QEMU's process id, where there is a real process.
    pub fn pid(&self) -> Option<u32> {
        self.process.pid()
    }

    /// Ends QEMU: `quit`, then SIGTERM, then SIGKILL to its group, `grace` apart. Meanwhile all that comes in is read;
    /// [`Vm::next`] still hands it over, with QEMU's end last. `None` where even SIGKILL did not end it within 10 s.
    pub async fn shutdown(&mut self, grace: Duration) -> Option<Exit> {
        self.ask_to_end();
        end(&self.qmp, self.process.as_ref(), grace).await
    }

    /// From now on QEMU's end is no surprise, unless it has come already.
    fn ask_to_end(&mut self) {
        self.asked |= self.process.exit().borrow().is_none();
    }
}

impl Drop for Vm {
    fn drop(&mut self) {
        self.end.abort();
    }
}

/// Ends QEMU: `quit`, then SIGTERM, then SIGKILL to its group, `grace` apart. `None` where even SIGKILL did not end it within
/// 10 s.
pub(super) async fn end(qmp: &Qmp, process: &dyn Process, grace: Duration) -> Option<Exit> {
    let exit = process.exit();
    let quit = async {
        // One that refuses or does not answer gets no time to obey.
        let asked = qmp.quit(grace).await.is_ok();
        if asked { ended(exit.clone(), grace).await } else { None }
    };
    // QEMU may end for other reasons while it does not answer.
    let exited = tokio::select! {
        exit = quit => exit,
        exit = ended(exit.clone(), grace.saturating_mul(2)) => exit,
    };
    if exited.is_some() {
        return exited;
    }
    for (signal, time) in [(Signal::Term, grace), (Signal::Kill, KILL)] {
        // A signal that cannot be sent is followed by the next, and the last by the answer that it did not help.
        if process.signal(signal).is_ok()
            && let Some(exit) = ended(exit.clone(), time).await
        {
            return Some(exit);
        }
    }
    None
}

/// Says why QMP did not come up: where QEMU is ending, how it ended tells more.
async fn no_qmp(cause: QmpError, process: &dyn Process) -> Error {
    let exit = if matches!(cause, QmpError::Closed { .. }) { ended(process.exit(), ENDING).await } else { None };
    let stderr = process.stderr();
    match exit {
        Some(exit) => Error::Ended { exit, stderr },
        None => Error::Qmp { cause, stderr },
    }
}

/// Waits for QEMU's end, then for its sockets to run dry, so that the last console lines come before it.
async fn tell_end(
    mut exit: tokio::sync::watch::Receiver<Option<Exit>>,
    closed: [oneshot::Receiver<()>; 4],
    mailbox: Arc<Mailbox>,
) {
    let how = exit.wait_for(Option::is_some).await.map_or(None, |exit| *exit);
    let drained = async {
        for closed in closed {
            // Always an error: the reader drops its sender and never uses it.
            let _ = closed.await;
        }
    };
    // What holds the sockets open after QEMU's end is not QEMU.
    let _ = timeout(DRAIN, drained).await;
    mailbox.put_exit(Instant::now(), how.unwrap_or(Exit::Code(-1)));
}
