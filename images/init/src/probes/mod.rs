//! The probes: small processes that do one thing over and over and say so.
//! Lives here: starting them from PID 1, their common set-up, the round that most of them go.
//! May not live here: what a probe does; judging its silence.
//!
//! A probe is a process of its own, started from this file's own program. It sets itself up, answers four bytes (an errno,
//! 0 for success) on its standard output, and only then goes to work.

mod beat;
mod counters;
mod fault;
mod file;
mod spawn;

use crate::config::Config;
use crate::failure::{Failure, Step, errno_of};
use crate::link::{AGENT_PORT, Port};
use crate::{clock, oom};
use oomph_wire::page::GUEST_VARIABLE;
use oomph_wire::words::{kind, source};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::Pid;
use std::convert::Infallible;
use std::ffi::CString;
use std::io::{Read, Write};
use std::process::{ChildStdout, Command, ExitCode, Stdio};
use std::time::Duration;

/// Pause between two rounds of a probe.
const INTERVAL: Duration = Duration::from_secs(1);

/// Time a probe has to set itself up. An emulated guest on a loaded host is slow.
const SET_UP: Duration = Duration::from_secs(30);

/// A running probe, as the agent knows it.
pub struct Probe {
    /// Its name, for example `file:data`.
    pub name: String,
    /// Its process.
    pub pid: Pid,
    /// Its oom_score_adj, read back.
    pub adj: i32,
}

impl Probe {
    /// Starts a probe and waits until it is set up. It inherits the agent's oom_score_adj; that is checked.
    pub fn start(name: &str, config: &Config) -> Result<Self, Failure> {
        let step = |what: &str| format!("probe {name}: {what}");
        let mut command = Command::new(std::env::current_exe().step(|| step("own file"))?);
        command.args(["probe", name]);
        if let Some(disk) = disk_of(name) {
            let found = config.disks().find(|known| known.name == disk);
            let found = found.ok_or_else(|| Failure { what: step("no such disk"), errno: Errno::NODEV })?;
            command.arg(&found.mount);
        }
        command.env_clear().env(GUEST_VARIABLE, "1").stdin(Stdio::null()).stdout(Stdio::piped());
        let mut child = command.spawn().step(|| step("start"))?;
        let pid = Pid::from_child(&child);
        let answer = child.stdout.take().ok_or(Errno::PIPE).and_then(answer_of);
        answer.step(|| step("set-up"))?;
        let adj = oom::adj(pid.as_raw_nonzero()).step(|| step("read oom_score_adj"))?;
        if adj != oom::EXEMPT {
            return Err(Failure { what: step(&format!("oom_score_adj is {adj}")), errno: Errno::INVAL });
        }
        Ok(Self { name: name.to_owned(), pid, adj })
    }
}

/// The disk of a `file:DISK` probe.
fn disk_of(name: &str) -> Option<&str> {
    name.strip_prefix(source::FILE)?.strip_prefix(':')
}

/// Waits for a probe's answer about its set-up.
fn answer_of(mut pipe: ChildStdout) -> Result<(), Errno> {
    let mut fds = [PollFd::new(&pipe, PollFlags::IN)];
    if poll(&mut fds, Some(&clock::timespec(SET_UP)))? == 0 {
        return Err(Errno::TIMEDOUT);
    }
    let mut answer = [0; 4];
    pipe.read_exact(&mut answer).map_err(|_| Errno::CHILD)?;
    match i32::from_ne_bytes(answer) {
        0 => Ok(()),
        errno => Err(Errno::from_raw_os_error(errno)),
    }
}

/// The probe's process: `mount` is that of its disk, where it has one.
pub fn run(name: &str, mount: Option<&str>) -> ExitCode {
    let Err(errno) = work(name, mount);
    // The agent is the reader; if it is gone there is nobody to tell.
    std::io::stdout().write_all(&errno.raw_os_error().to_ne_bytes()).and_then(|()| std::io::stdout().flush()).ok();
    ExitCode::FAILURE
}

fn work(name: &str, mount: Option<&str>) -> Result<Infallible, Errno> {
    // The process's name in the kernel's messages; the kernel keeps 15 bytes of it.
    let title = CString::new(format!("oomph-{name}")).map_err(|_| Errno::INVAL)?;
    rustix::thread::set_name(&title)?;
    match (name, disk_of(name), mount) {
        (source::BEAT, ..) => beat::run(),
        (source::COUNTERS, ..) => counters::run(),
        (source::FAULT, ..) => fault::run(),
        (source::SPAWN, ..) => spawn::run(),
        (_, Some(_), Some(mount)) => file::run(name, mount),
        _ => Err(Errno::INVAL),
    }
}

/// Tells the agent that set-up is done, and lets go of the pipe to it.
fn ready() -> Result<(), Errno> {
    let mut out = std::io::stdout();
    out.write_all(&0i32.to_ne_bytes()).and_then(|()| out.flush()).map_err(|error| errno_of(&error))?;
    rustix::stdio::dup2_stdout(rustix::stdio::stderr())
}

/// How a round ended.
enum Answer {
    /// Well.
    Ok,
    /// A system call failed.
    Errno(Errno),
    /// What was started was killed by this signal.
    Signal(i32),
    /// What was started exited with this code, not 0.
    Code(i32),
}

impl From<Result<(), Errno>> for Answer {
    fn from(result: Result<(), Errno>) -> Self {
        result.map_or_else(Self::Errno, |()| Self::Ok)
    }
}

/// Says that set-up is done, then goes round after round for ever: begin, the work, end, a pause.
fn rounds(name: &str, mut round: impl FnMut(u64) -> Answer) -> Result<Infallible, Errno> {
    let mut port = Port::open(AGENT_PORT, name)?;
    ready()?;
    let mut n = 0;
    loop {
        n += 1;
        port.send(kind::BEGIN, |line| line.num("n", n));
        let answer = round(n);
        port.send(kind::END, |line| {
            let line = line.num("n", n);
            match answer {
                Answer::Ok => line.num("ok", 1),
                Answer::Errno(errno) => line.int("errno", errno.raw_os_error().into()),
                Answer::Signal(signal) => line.int("signal", signal.into()),
                Answer::Code(code) => line.int("code", code.into()),
            }
        });
        clock::sleep(INTERVAL);
    }
}
