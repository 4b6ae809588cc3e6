//! One process of make and the log that it writes.
//! Lives here: starting it, reading its log as it grows, ending it and all that it started.
//! May not live here: what its lines mean (`reader`).
//!
//! Both streams go to the log file itself: no pipe can fill up, and the log is whole however the harness ends. make is
//! ended by SIGTERM, on which it ends its children and removes the targets they were at, so that a later make goes on
//! with nothing but whole files. It gets that signal also when the thread that waits for it ends, as in `child`.

use super::create;
use crate::kernel::Error;
use crate::kernel::child::{self, ChildError};
use crate::kernel::error::At;
use crate::kernel::job::Job;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fd::OwnedFd;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How often the log is read, and a wait looks whether it was called off.
const SLICE: Duration = Duration::from_millis(200);
/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(10);
/// Most bytes of a log: a build of everything with every warning writes some 20 MB.
const MAX_LOG: u64 = 256 << 20;
/// Most bytes of a line that are read.
const MAX_LINE: usize = 16 << 10;

/// How make ended.
#[derive(Debug)]
pub(super) enum Ended {
    /// By itself.
    Exit(ExitStatus),
    /// It took too long.
    Deadline,
    /// It wrote too much.
    TooMuch,
    /// The caller went away.
    Cancelled,
}

/// make while it runs; ended with all that it started when dropped.
#[derive(Debug)]
pub(super) struct Process {
    child: Child,
    group: Pid,
    handle: OwnedFd,
    log: File,
    line: Vec<u8>,
    read: u64,
    reaped: bool,
}

fn wrong(cause: io::Error) -> Error {
    ChildError::Run { program: "make".into(), cause }.into()
}

impl Process {
    /// Starts make in a process group of its own.
    pub fn start(arguments: Vec<OsString>, environment: &[(OsString, OsString)], log: &Path) -> Result<Self, Error> {
        let make = child::find("make", "make")?;
        let out = create(log)?;
        let mut command = Command::new(child::find("setpriv", "util-linux")?);
        command.args(["--pdeathsig", "SIGTERM", "--"]).arg(make).args(arguments);
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).process_group(0);
        command.stdout(out.try_clone().map_err(wrong)?).stderr(out);
        let log = File::open(log).at("open", log)?;
        let mut child = command.spawn().map_err(wrong)?;
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        let handle = pid.ok_or(io::ErrorKind::InvalidInput.into()).and_then(|pid| {
            let handle = pidfd_open(pid, PidfdFlags::empty())?;
            Ok((pid, handle))
        });
        match handle {
            Ok((group, handle)) => Ok(Self { child, group, handle, log, line: Vec::new(), read: 0, reaped: false }),
            Err(cause) => {
                child.kill().and_then(|()| child.wait()).map_err(wrong)?;
                Err(wrong(cause))
            }
        }
    }

    /// Waits a moment and hands over the lines that came; how make ended, once it has.
    pub fn step(&mut self, end: Instant, job: &Job, take: &mut dyn FnMut(&str)) -> Result<Option<Ended>, Error> {
        // Before the log is read: what was written until then is in it.
        let gone = self.wait(SLICE.min(end.saturating_duration_since(Instant::now()))).map_err(wrong)?;
        self.read(take).map_err(wrong)?;
        if gone {
            self.line_ended(take);
            let status = self.end_group().map_err(wrong)?;
            return Ok(Some(Ended::Exit(status)));
        }
        let why = if job.check().is_err() {
            Ended::Cancelled
        } else if Instant::now() >= end {
            Ended::Deadline
        } else if self.read > MAX_LOG {
            Ended::TooMuch
        } else {
            return Ok(None);
        };
        self.terminate().map_err(wrong)?;
        Ok(Some(why))
    }

    /// Whether make is gone within a time. It is not reaped yet, so that its group's number stays taken.
    fn wait(&self, time: Duration) -> io::Result<bool> {
        let time = Timespec::try_from(time).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.handle, PollFlags::IN)], Some(&time)) {
            Ok(ready) => Ok(ready > 0),
            Err(rustix::io::Errno::INTR) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    fn read(&mut self, take: &mut dyn FnMut(&str)) -> io::Result<()> {
        let mut buffer = [0; 16 << 10];
        loop {
            let length = self.log.read(&mut buffer)?;
            if length == 0 || self.read > MAX_LOG {
                return Ok(());
            }
            self.read += length as u64;
            for &byte in &buffer[..length] {
                if byte == b'\n' {
                    self.line_ended(take);
                } else if self.line.len() < MAX_LINE {
                    self.line.push(byte);
                }
            }
        }
    }

    fn line_ended(&mut self, take: &mut dyn FnMut(&str)) {
        if !self.line.is_empty() {
            take(&String::from_utf8_lossy(&self.line));
            self.line.clear();
        }
    }

    /// SIGTERM to all, and time to clean up.
    fn terminate(&mut self) -> io::Result<()> {
        signal(self.group, Signal::TERM)?;
        let end = Instant::now() + GRACE;
        while !self.wait(SLICE)? && Instant::now() < end {}
        self.end_group()?;
        Ok(())
    }

    /// Ends what is left of the group and reaps make.
    fn end_group(&mut self) -> io::Result<ExitStatus> {
        signal(self.group, Signal::KILL)?;
        let status = self.child.wait()?;
        self.reaped = true;
        Ok(status)
    }
}

/// A group whose last process is gone is no error.
fn signal(group: Pid, signal: Signal) -> io::Result<()> {
    match kill_process_group(group, signal) {
        Ok(()) | Err(rustix::io::Errno::SRCH) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if !self.reaped {
            // An error has ended the wait; there is nothing left to do about another.
            self.terminate().unwrap_or_default();
        }
    }
}
