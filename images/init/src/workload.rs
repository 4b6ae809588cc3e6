//! The workload: a process that waits, made before `ready`, and becomes the user's program when told to.
//! Lives here: both ends of that: the agent's handle, and the launcher's process.
//! May not live here: reaping and reporting (`agent`).
//!
//! The launcher exists from before `ready` on, so that the agent never forks afterwards. A byte on its standard input sets
//! it off. On its standard output it answers records of two numbers, a step and a value: first [`LAUNCHED`] with its
//! oom_score_adj as read back, and then nothing more (the pipe closes on exec), or the step that failed with its errno.

use crate::config::Config;
use crate::failure::{Failure, Step, errno_of};
use crate::{oom, progress};
use oomph_wire::page::{GUEST_VARIABLE, PATH_VARIABLE};
use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::{Errno, fcntl_dupfd_cloexec};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{ChildStdin, ChildStdout, Command, ExitCode, Stdio};

/// The steps by their numbers. The first is the launcher's life up to exec; its record carries oom_score_adj.
const STEPS: [&str; 6] = ["launcher", "oom_score_adj", "process group", "standard streams", "directory", "exec"];
const LAUNCHED: usize = 0;
const ADJ: usize = 1;
const GROUP: usize = 2;
const STREAMS: usize = 3;
const DIRECTORY: usize = 4;
const EXEC: usize = 5;
const RECORD: usize = 8;
const PATH: &str = "/bin:/sbin:/usr/bin:/usr/sbin";

/// The workload as the agent knows it. Nothing here allocates after [`Workload::prepare`].
pub struct Workload {
    launcher: Option<Launcher>,
    answer: Answer,
    /// Texts for `failed`, one a step.
    failures: [String; STEPS.len()],
}

struct Launcher {
    pid: Pid,
    go: ChildStdin,
    answers: ChildStdout,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    /// It was not told to start.
    NotAsked,
    /// It was told to start and has answered so much so far.
    Pending { adj: Option<i32> },
    /// It runs, or ran.
    Started,
    /// It could not be started.
    Failed,
}

/// What became of a start.
pub enum Start<'a> {
    /// The program runs.
    Started {
        /// Its process, which leads a group of its own.
        pid: Pid,
        /// Its oom_score_adj, read back.
        adj: i32,
    },
    /// It does not.
    Failed {
        /// The step that failed, and on what.
        what: &'a str,
        /// errno of the failure.
        errno: i32,
    },
}

impl Workload {
    /// Makes the launcher, if there is a program to be launched.
    pub fn prepare(config: &Config) -> Result<Self, Failure> {
        let program = config.program.as_ref().map(|program| program.display().to_string());
        let shown = program.as_deref().unwrap_or("(none: no program directive)");
        let failures = STEPS.map(|step| format!("workload {step} {shown}"));
        let launcher = program.is_some().then(Launcher::start).transpose()?;
        Ok(Self { launcher, answer: Answer::NotAsked, failures })
    }

    /// Sets the workload off. Doing it again does nothing.
    pub fn start(&mut self) -> Option<Start<'_>> {
        if self.answer != Answer::NotAsked {
            return None;
        }
        self.answer = Answer::Pending { adj: None };
        match &self.launcher {
            None => Some(self.failed(EXEC, Errno::NOENT.raw_os_error())),
            Some(launcher) => match rustix::io::write(&launcher.go, b"!") {
                Ok(_) => None,
                Err(errno) => Some(self.failed(LAUNCHED, errno.raw_os_error())),
            },
        }
    }

    /// What to poll while an answer is outstanding.
    pub fn pending(&self) -> Option<BorrowedFd<'_>> {
        let launcher = self.launcher.as_ref().filter(|_| matches!(self.answer, Answer::Pending { .. }))?;
        Some(launcher.answers.as_fd())
    }

    /// Reads what the launcher has answered. Never waits. Says what became of the start once that is known.
    pub fn poll(&mut self) -> Option<Start<'_>> {
        loop {
            let Answer::Pending { adj } = self.answer else { return None };
            let launcher = self.launcher.as_ref()?;
            let mut record = [0; RECORD];
            // Records are far below PIPE_BUF, so they come whole (pipe(7)).
            match rustix::io::read(&launcher.answers, &mut record) {
                Ok(RECORD) => {
                    let [step, value] = [&record[..4], &record[4..]].map(|half| {
                        let mut bytes = [0; 4];
                        bytes.copy_from_slice(half);
                        i32::from_ne_bytes(bytes)
                    });
                    match usize::try_from(step) {
                        Ok(step @ ADJ..=EXEC) => return Some(self.failed(step, value)),
                        _ => self.answer = Answer::Pending { adj: Some(value) },
                    }
                }
                Ok(_) => {
                    let pid = launcher.pid;
                    return Some(match adj {
                        Some(adj) => {
                            self.answer = Answer::Started;
                            Start::Started { pid, adj }
                        }
                        None => self.failed(LAUNCHED, Errno::CHILD.raw_os_error()),
                    });
                }
                Err(Errno::INTR) => {}
                Err(_) => return None,
            }
        }
    }

    fn failed(&mut self, step: usize, errno: i32) -> Start<'_> {
        self.answer = Answer::Failed;
        Start::Failed { what: &self.failures[step], errno }
    }

    /// Kills the workload's process group. One that is gone, or never was, needs nothing.
    pub fn kill(&self) {
        if let Some(launcher) = self.launcher.as_ref().filter(|_| self.answer != Answer::NotAsked) {
            // The process itself too: just after the start it does not lead its group yet.
            for result in [kill_process_group(launcher.pid, Signal::KILL), kill_process(launcher.pid, Signal::KILL)] {
                // ESRCH is all that can come: we are root and the signal is valid.
                result.ok();
            }
        }
    }

    /// Whether this is the process that the agent started.
    pub fn is_main(&self, pid: Pid) -> bool {
        self.launcher.as_ref().is_some_and(|launcher| launcher.pid == pid)
    }

    /// Whether the program ran.
    pub fn has_run(&self) -> bool {
        self.answer == Answer::Started
    }
}

impl Launcher {
    fn start() -> Result<Self, Failure> {
        let own_file = std::env::current_exe().step(|| "own file".to_owned())?;
        let mut command = Command::new(own_file);
        command.arg("launch").env_clear().env(GUEST_VARIABLE, "1").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().step(|| "start the launcher".to_owned())?;
        let pid = Pid::from_child(&child);
        let pipes = child.stdin.take().zip(child.stdout.take()).ok_or(Errno::PIPE);
        let (go, answers) = pipes.step(|| "the launcher's pipes".to_owned())?;
        let flags = fcntl_getfl(&answers).step(|| "the launcher's pipes".to_owned())?;
        fcntl_setfl(&answers, flags | OFlags::NONBLOCK).step(|| "the launcher's pipes".to_owned())?;
        Ok(Self { pid, go, answers })
    }
}

/// The launcher's process: waits for the word, becomes the workload.
pub fn launch() -> ExitCode {
    // Everything that can be done before is done before.
    let text = std::fs::read_to_string(oomph_wire::config::PATH).unwrap_or_default();
    let Ok(config) = Config::read(&text) else { return ExitCode::FAILURE };
    let Some(program) = &config.program else { return ExitCode::FAILURE };
    let mut command = Command::new(program);
    command.args(&config.args).env_clear().env("PATH", PATH).env("HOME", "/");
    command.envs(config.env.iter().map(|(name, value)| (name, value)));
    command.env(GUEST_VARIABLE, "1").env(PATH_VARIABLE, progress::PATH);
    let Ok(answers) = fcntl_dupfd_cloexec(rustix::stdio::stdout(), 3) else { return ExitCode::FAILURE };
    let mut answers = File::from(answers);
    if std::io::stdin().read_exact(&mut [0]).is_err() {
        return ExitCode::FAILURE;
    }
    let (step, errno) = become_workload(&mut command, &config, &mut answers);
    answer(&mut answers, step, errno.raw_os_error());
    // What a shell answers when it cannot start a program.
    ExitCode::from(127)
}

/// Returns only with the step that failed.
fn become_workload(command: &mut Command, config: &Config, answers: &mut File) -> (usize, Errno) {
    let at = |step| move |errno| (step, errno);
    let prepare = || {
        oom::set_adj(0).map_err(at(ADJ))?;
        let adj = oom::adj("self").map_err(at(ADJ))?;
        rustix::process::setpgid(None, None).map_err(at(GROUP))?;
        streams().map_err(at(STREAMS))?;
        std::env::set_current_dir(config.working_directory()).map_err(|error| (DIRECTORY, errno_of(&error)))?;
        Ok(adj)
    };
    match prepare() {
        Err(failure) => failure,
        Ok(adj) => {
            answer(answers, LAUNCHED, adj);
            (EXEC, errno_of(&command.exec()))
        }
    }
}

/// Nothing to read, and the console to write to.
fn streams() -> Result<(), Errno> {
    let null = File::open("/dev/null").map_err(|error| errno_of(&error))?;
    let console = OpenOptions::new().write(true).open("/dev/console").map_err(|error| errno_of(&error))?;
    rustix::stdio::dup2_stdin(null)?;
    rustix::stdio::dup2_stdout(&console)?;
    rustix::stdio::dup2_stderr(&console)
}

fn answer(answers: &mut File, step: usize, value: i32) {
    let step = i32::try_from(step).unwrap_or(i32::MAX);
    let record: Vec<u8> = [step, value].iter().flat_map(|number| number.to_ne_bytes()).collect();
    // The agent is the reader; if it is gone there is no guest any more.
    answers.write_all(&record).ok();
}
