//! What the fake guest says by itself.
//! Lives here: acts, probes, the beat, the console.
//! May not live here: what it hears (`guest`).

use super::guest::{Guest, PERIOD};
use super::script::Act;
use crate::event::{Answer, Exit};
use oomph_wire::line::Encoder;
use oomph_wire::words::{kind, source};
use serde_json::json;
use std::io::Result;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

impl Guest {
    pub(super) async fn act(&mut self, act: Act) -> Result<()> {
        match act {
            Act::Console(line) => self.console(&line).await?,
            Act::OomKill { pid, name } => self.oom_kill(pid, &name).await?,
            Act::Freeze => self.frozen = true,
            Act::Thaw => self.frozen = false,
            Act::Mute => self.mute = true,
            Act::Unmute => self.mute = false,
            Act::Answers { probe, answer } => self.probe(&probe).answer = answer,
            Act::ProbeDies { probe, exit } => {
                self.probe(&probe).dead = true;
                self.say(source::AGENT, kind::DIED, |line| ended(line.text("probe", probe.as_bytes()), exit)).await?;
            }
            Act::WorkloadExit { pid, main, exit, errno } => self.workload_exit(pid, main, exit, errno).await?,
            Act::SetupFails { what, errno } => {
                self.say(source::AGENT, kind::FAILED, |line| line.text("what", what.as_bytes()).int("errno", errno))
                    .await?;
                self.power_off().await?;
            }
            Act::Memory { free, file, anon } => self.memory = Some((free, file, anon)),
            Act::Work(rate) => self.work_rate = rate,
            Act::Garbage(bytes) => self.agent.write_all(&bytes).await?,
            Act::Flood(lines) => {
                for n in 0..lines {
                    self.console.write_all(format!("{n:0>98}\r\n").as_bytes()).await?;
                }
            }
            Act::Deaf => self.deaf = true,
            Act::QmpDeaf => self.monitor.deaf = true,
            Act::Qmp { event, data } => self.qmp_event(&event, data).await?,
            Act::Stop(state) => {
                self.monitor.state = state;
                self.qmp_event("STOP", json!({})).await?;
            }
            Act::Panic => {
                self.console("Kernel panic - not syncing: Fatal exception").await?;
                self.qmp_event("GUEST_PANICKED", json!({"action": "run"})).await?;
                self.console("Rebooting in 0 seconds..").await?;
                self.qmp_event("SHUTDOWN", json!({"guest": true, "reason": "guest-reset"})).await?;
                self.end = Some(Exit::Code(0));
            }
            Act::Die(exit) => self.end = Some(exit),
            Act::HostStops(stopped) => self.host.lock().unwrap().stopped = stopped,
            Act::HostWaits(percent) => self.host.lock().unwrap().waits = percent,
        }
        Ok(())
    }

    fn probe(&mut self, name: &str) -> &mut super::guest::Probe {
        let found = self.probes.iter_mut().find(|probe| probe.name == name);
        found.unwrap_or_else(|| panic!("the script has no probe {name}"))
    }

    async fn oom_kill(&mut self, pid: u32, name: &str) -> Result<()> {
        self.console(&format!(
            "{name} invoked oom-killer: gfp_mask=0x140cca(GFP_HIGHUSER_MOVABLE|__GFP_COMP), order=0, oom_score_adj=0"
        ))
        .await?;
        self.console("Mem-Info:").await?;
        self.console(&format!("oom-kill:constraint=CONSTRAINT_NONE,nodemask=(null),cpuset=/,mems_allowed=0,global_oom,task_memcg=/,task={name},pid={pid},uid=0")).await?;
        self.console(&format!("Out of memory: Killed process {pid} ({name}) total-vm:90000kB, anon-rss:80000kB, file-rss:0kB, shmem-rss:0kB, UID:0 pgtables:200kB oom_score_adj:0")).await?;
        let reaped =
            format!("oom_reaper: reaped process {pid} ({name}), now anon-rss:0kB, file-rss:0kB, shmem-rss:0kB");
        self.later(Act::Console(reaped));
        Ok(())
    }

    pub(super) async fn workload_exit(&mut self, pid: u32, main: bool, exit: Exit, errno: i64) -> Result<()> {
        self.working &= !main;
        self.say(source::AGENT, kind::EXIT, |line| {
            ended(line.num("pid", pid.into()).num("main", main.into()), exit).int("errno", errno)
        })
        .await
    }

    /// A file in two pieces, and one that cannot be read.
    pub(super) async fn collect(&mut self) -> Result<()> {
        for (at, bytes) in [(0, b"nr_free_".as_slice()), (8, b"pages 1\n")] {
            let piece = |line: Encoder| line.text("path", b"/proc/vmstat").num("at", at).text("bytes", bytes);
            self.say(source::COLLECT, kind::DATA, piece).await?;
        }
        self.say(source::COLLECT, kind::FILE, |line| line.text("path", b"/proc/vmstat").num("size", 16).num("ok", 1))
            .await?;
        self.say(source::COLLECT, kind::FILE, |line| line.text("path", b"/none").num("size", 0).int("errno", 2))
            .await?;
        self.say(source::AGENT, kind::COLLECTED, |line| line).await
    }

    pub(super) async fn power_off(&mut self) -> Result<()> {
        self.say(source::AGENT, kind::BYE, |line| line.num("allocs", 0)).await?;
        self.console("reboot: Power down").await?;
        self.qmp_event("SHUTDOWN", json!({"guest": true, "reason": "guest-shutdown"})).await?;
        self.end = Some(Exit::Code(0));
        Ok(())
    }

    /// One step of every probe. Rounds begin once in a [`PERIOD`] and end a step later, unless the guest is frozen.
    pub(super) async fn probes(&mut self) -> Result<()> {
        if self.step.is_multiple_of(PERIOD) {
            self.account();
        }
        for index in 0..self.probes.len() {
            let begins = self.step.is_multiple_of(PERIOD);
            let frozen = self.frozen;
            let probe = &mut self.probes[index];
            let (name, answer) = (probe.name.clone(), probe.answer);
            match name.as_str() {
                _ if probe.dead => {}
                source::BEAT if begins => self.tick().await?,
                source::COUNTERS if begins => self.counters().await?,
                source::BEAT | source::COUNTERS => {}
                _ if probe.outstanding && !frozen => {
                    probe.outstanding = false;
                    let round = probe.round;
                    self.say(&name, kind::END, |line| answered(line.num("n", round), answer)).await?;
                }
                _ if !probe.outstanding && begins => {
                    probe.outstanding = true;
                    probe.round += 1;
                    let round = probe.round;
                    self.say(&name, kind::BEGIN, |line| line.num("n", round)).await?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// A second's work and reclaim. A frozen guest spins in the allocator: 13,000 stalls a second were measured.
    fn account(&mut self) {
        let works = self.working && !self.frozen;
        self.work += if works { self.work_rate } else { 0 };
        let presses = self.script.presses && self.working;
        self.allocstall += match (presses, self.frozen) {
            (false, _) => 0,
            (true, false) => 1_000,
            (true, true) => 13_000,
        };
    }

    async fn tick(&mut self) -> Result<()> {
        let presses = self.script.presses && self.working;
        // Memory under pressure moves by more than a verdict's threshold from one second to the next.
        let wave = if self.frozen { 0 } else { 1_000 * (self.step / PERIOD % 2) };
        let usual = if presses { (4_000 + wave, 10_000 - wave, 190_000) } else { (200_000, 10_000, 5_000) };
        let (free, file, anon) = self.memory.unwrap_or(usual);
        let work = self.work;
        let mut line = self.line(source::BEAT, kind::TICK);
        line = line.num("work", work).num("exits", 0).num("free", free).num("avail", free).num("file", file);
        line = line.num("anon", anon).num("shmem", 0).num("dirty", 0).num("writeback", 0).num("swapfree", 0);
        self.beat.write_all(line.num("allocs", 0).finish()).await
    }

    async fn counters(&mut self) -> Result<()> {
        let stalls = self.allocstall;
        self.say(source::COUNTERS, kind::VM, |line| {
            line.num("allocstall", stalls).num("pgscan_kswapd", stalls).num("pgscan_direct", stalls).num("oom_kill", 0)
        })
        .await
    }

    /// A line of the console with printk's time stamp.
    pub(super) async fn console(&mut self, text: &str) -> Result<()> {
        if self.silent() {
            return Ok(());
        }
        let time = self.began.elapsed();
        let line = format!("[{:5}.{:06}] {text}\r\n", time.as_secs(), time.subsec_micros());
        self.console.write_all(line.as_bytes()).await
    }

    /// Says a line on the agent's port.
    pub(super) async fn say(&mut self, source: &str, kind: &str, fill: impl FnOnce(Encoder) -> Encoder) -> Result<()> {
        if self.silent() {
            return Ok(());
        }
        let mut line = fill(self.line(source, kind));
        self.agent.write_all(line.finish()).await
    }

    fn line(&mut self, source: &str, kind: &str) -> Encoder {
        let seq = self.seqs.entry(source.to_owned()).or_default();
        *seq += 1;
        let guest_us = u64::try_from(self.began.elapsed().as_micros()).expect("a short run");
        Encoder::new(source, *seq, guest_us, kind)
    }

    /// An act at the next step.
    fn later(&mut self, act: Act) {
        let after = Instant::now() - self.began + super::guest::STEP;
        self.script.acts.push((super::script::Since::Boot, after, act));
    }
}

fn ended(line: Encoder, exit: Exit) -> Encoder {
    match exit {
        Exit::Code(code) => line.int("code", code),
        Exit::Signal(signal) => line.int("signal", signal),
    }
}

fn answered(line: Encoder, answer: Answer) -> Encoder {
    match answer {
        Answer::Ok => line.num("ok", 1),
        Answer::Errno(errno) => line.int("errno", errno),
        Answer::Signal(signal) => line.int("signal", signal),
        Answer::Code(code) => line.int("code", code),
    }
}
