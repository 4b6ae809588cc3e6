//! The fake guest itself.
//! Lives here: playing a script on the tokio clock, a tenth of a second at a time.
//! May not live here: the script's language (`script`), QMP's replies (`monitor`).

use super::monitor::{Effect, GREETING, Monitor, event};
use super::process::Host;
use super::script::{Act, Cure, Record, Script, Since, ms};
use crate::event::{Answer, Exit};
use crate::vm::Signal;
use oomph_wire::line::Line;
use oomph_wire::words::{command, kind, source};
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, DuplexStream, ReadHalf, WriteHalf};
use tokio::net::UnixStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, interval};

/// Length of a step, and of a probe's round.
pub(super) const STEP: Duration = ms(100);
/// Steps from one beat, and from one round's begin, to the next.
pub(super) const PERIOD: u64 = 10;
/// The workload's process id in the guest.
const WORKLOAD: u32 = 500;

type Result<T = ()> = io::Result<T>;

#[derive(Debug)]
pub(super) struct Probe {
    pub(super) name: String,
    pub(super) round: u64,
    pub(super) outstanding: bool,
    pub(super) answer: Answer,
    pub(super) dead: bool,
}

pub(super) struct Guest {
    pub(super) script: Script,
    pub(super) began: Instant,
    pub(super) started: Option<Instant>,
    pub(super) released: Option<Instant>,
    pub(super) release_after: Duration,
    /// QEMU ends so at the next step.
    pub(super) end: Option<Exit>,
    pub(super) step: u64,
    pub(super) ready: bool,
    pub(super) frozen: bool,
    pub(super) mute: bool,
    pub(super) deaf: bool,
    pub(super) working: bool,
    pub(super) memory: Option<(u64, u64, u64)>,
    pub(super) work_rate: u64,
    pub(super) work: u64,
    pub(super) allocstall: u64,
    pub(super) seqs: BTreeMap<String, u64>,
    pub(super) probes: Vec<Probe>,
    pub(super) monitor: Monitor,
    pub(super) host: Arc<Mutex<Host>>,
    pub(super) record: Arc<Mutex<Record>>,
    pub(super) console: WriteHalf<DuplexStream>,
    pub(super) beat: WriteHalf<DuplexStream>,
    pub(super) agent: WriteHalf<DuplexStream>,
    pub(super) qmp: WriteHalf<DuplexStream>,
    pub(super) inputs: Option<[ReadHalf<DuplexStream>; 3]>,
    pub(super) break_seen: bool,
}

impl Guest {
    pub(super) fn new(
        script: Script,
        [console, beat, agent, qmp]: [DuplexStream; 4],
        host: Arc<Mutex<Host>>,
        record: Arc<Mutex<Record>>,
    ) -> Self {
        let (console_in, console) = tokio::io::split(console);
        let (_, beat) = tokio::io::split(beat);
        let (agent_in, agent) = tokio::io::split(agent);
        let (qmp_in, qmp) = tokio::io::split(qmp);
        let probe =
            |name: &String| Probe { name: name.clone(), round: 0, outstanding: false, answer: Answer::Ok, dead: false };
        let probes = script.probes.iter().map(probe).collect();
        let monitor = Monitor { refuses: script.refuses.clone(), never_done: script.never_done, ..Monitor::new() };
        Self {
            script,
            began: Instant::now(),
            started: None,
            released: None,
            release_after: Duration::MAX,
            end: None,
            step: 0,
            ready: false,
            frozen: false,
            mute: false,
            deaf: false,
            working: false,
            memory: None,
            work_rate: 100,
            work: 0,
            allocstall: 0,
            seqs: BTreeMap::new(),
            probes,
            monitor,
            host,
            record,
            console,
            beat,
            agent,
            qmp,
            inputs: Some([console_in, agent_in, qmp_in]),
            break_seen: false,
        }
    }

    /// Plays until QEMU ends, then tells how.
    pub(super) async fn play(
        mut self,
        mut signals: mpsc::UnboundedReceiver<Signal>,
        tell: watch::Sender<Option<Exit>>,
    ) {
        let obeys_term = self.script.obeys_term;
        let killed = async {
            loop {
                match signals.recv().await {
                    Some(Signal::Term) if obeys_term => return Exit::Code(0),
                    Some(Signal::Term) => {}
                    Some(Signal::Kill) | None => return Exit::Signal(9),
                }
            }
        };
        let exit = tokio::select! {
            exit = self.run() => exit.unwrap_or(Exit::Signal(13)),
            exit = killed => exit,
        };
        // Streams close before the process is gone, as the kernel does it.
        drop(self);
        tell.send_replace(Some(exit));
    }

    async fn run(&mut self) -> Result<Exit> {
        let [mut console, agent, qmp] = self.inputs.take().expect("played once");
        let (mut agent, mut qmp) = (BufReader::new(agent).split(b'\n'), BufReader::new(qmp).lines());
        let mut key = [0];
        let mut steps = interval(STEP);
        self.qmp_line(GREETING).await?;
        loop {
            tokio::select! {
                _ = steps.tick() => self.step().await?,
                Ok(Some(line)) = agent.next_segment() => self.command(&line).await?,
                Ok(Some(line)) = qmp.next_line() => self.monitor(&line).await?,
                Ok(1) = console.read(&mut key) => self.key(char::from(key[0])).await?,
            }
            if let Some(exit) = self.end {
                return Ok(exit);
            }
        }
    }

    async fn step(&mut self) -> Result {
        let now = Instant::now();
        for act in self.due(now) {
            self.act(act).await?;
        }
        if self.silent() {
            return Ok(());
        }
        let half = u64::try_from(self.script.boot.as_millis() / 200).expect("a short boot");
        if self.step == half {
            self.console("Linux version 6.1.0-fake").await?;
            let proto = self.script.proto;
            self.say(source::AGENT, kind::HELLO, |line| {
                line.num("proto", proto).text("kernel", b"6.1.0-fake").num("cpus", 2).num("mem", 240_000)
            })
            .await?;
        }
        if self.step == 2 * half {
            for (pid, name) in (10..).zip(self.script.probes.clone()) {
                let adj = self.script.adj;
                self.say(source::AGENT, kind::PROBE, |line| {
                    line.text("probe", name.as_bytes()).num("pid", pid).int("adj", adj)
                })
                .await?;
            }
            self.say(source::AGENT, kind::READY, |line| line.num("min", 2_000).num("sysrq", 1)).await?;
            self.ready = true;
        }
        if self.started.is_some_and(|at| now >= at + self.release_after) {
            self.release(oomph_wire::words::TIMER).await?;
        }
        if self.ready {
            self.probes().await?;
        }
        self.step += 1;
        Ok(())
    }

    /// Acts whose time has come; each is due once.
    fn due(&mut self, now: Instant) -> Vec<Act> {
        let (began, started, released) = (Some(self.began), self.started, self.released);
        let due = |(since, after, _): &mut (Since, Duration, Act)| {
            let from = match since {
                Since::Boot => began,
                Since::Start => started,
                Since::Release => released,
            };
            from.is_some_and(|from| now >= from + *after)
        };
        self.script.acts.extract_if(.., due).map(|(_, _, act)| act).collect()
    }

    pub(super) fn silent(&self) -> bool {
        self.mute || self.end.is_some() || self.monitor.state != "running" || self.host.lock().unwrap().stopped
    }

    async fn command(&mut self, line: &[u8]) -> Result {
        let Some(line) = Line::find(line) else { return Ok(()) };
        if self.deaf || self.silent() {
            return Ok(());
        }
        self.record.lock().unwrap().commands.push(line.kind.to_owned());
        self.say(source::AGENT, kind::ACK, |ack| ack.text("cmd", line.kind.as_bytes()).num("n", line.seq)).await?;
        match line.kind {
            command::START if self.started.is_none() => {
                self.started = Some(Instant::now());
                self.working = true;
                self.release_after = ms(line.num("release_ms").expect("release_ms"));
                self.say(source::AGENT, kind::STARTED, |line| line.num("pid", WORKLOAD.into()).int("adj", 0)).await
            }
            command::RELEASE => self.release("host").await,
            command::COLLECT => self.collect().await,
            command::POWEROFF => self.power_off().await,
            _ => Ok(()),
        }
    }

    async fn release(&mut self, by: &str) -> Result {
        if self.started.is_none() || self.released.is_some() {
            return Ok(());
        }
        self.released = Some(Instant::now());
        self.say(source::AGENT, kind::RELEASED, |line| line.text("by", by.as_bytes())).await?;
        if self.working {
            self.workload_exit(WORKLOAD, true, Exit::Signal(9), 0).await?;
        }
        self.cure(Cure::Release).await
    }

    async fn monitor(&mut self, line: &str) -> Result {
        if self.monitor.deaf || self.host.lock().unwrap().stopped {
            return Ok(());
        }
        let (name, effect, answers) = self.monitor.command(line);
        self.record.lock().unwrap().qmp.push(name);
        for answer in answers {
            self.qmp_line(&answer).await?;
        }
        match effect {
            Effect::Break => self.break_seen = true,
            Effect::Throttle(device, bps, iops) => self.record.lock().unwrap().throttles.push((device, bps, iops)),
            Effect::Drive(device, node) => self.record.lock().unwrap().drives.push((device, node)),
            Effect::Balloon(bytes) => self.record.lock().unwrap().balloons.push(bytes),
            // A reader that goes away is the reader's matter.
            Effect::Dump(file) => drop(tokio::fs::write(file, self.script.state()).await),
            Effect::Migrate(socket) => {
                let mut stream = UnixStream::connect(socket).await?;
                drop(stream.write_all(&self.script.state()).await);
            }
            Effect::Quit => self.end = Some(Exit::Code(0)),
            Effect::None => {}
        }
        Ok(())
    }

    async fn key(&mut self, key: char) -> Result {
        if !std::mem::take(&mut self.break_seen) || self.silent() {
            return Ok(());
        }
        self.record.lock().unwrap().keys.push(key);
        let headline = match key {
            'w' => "Show Blocked State",
            'm' => "Show Memory",
            't' => "Show State",
            'l' => "Show backtrace of all active CPUs",
            'f' => "Manual OOM execution",
            'i' => "Kill All Tasks",
            _ => "HELP",
        };
        self.console(&format!("sysrq: {headline}")).await?;
        self.cure(Cure::Key(key)).await
    }

    async fn cure(&mut self, cure: Cure) -> Result {
        if self.script.cures.contains(&cure) { self.act(Act::Thaw).await } else { Ok(()) }
    }

    pub(super) async fn qmp_line(&mut self, line: &str) -> Result {
        self.qmp.write_all(format!("{line}\r\n").as_bytes()).await
    }

    pub(super) async fn qmp_event(&mut self, name: &str, data: serde_json::Value) -> Result {
        self.qmp_line(&event(name, &data)).await
    }
}
