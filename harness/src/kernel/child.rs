//! Programs of the host that are called and waited for: apt, mkfs, qemu-img.
//! Lives here: finding one, running it to its end with a deadline, its output.
//! May not live here: what its output means.
//!
//! A child gets SIGKILL when the thread that waits for it ends (`PR_SET_PDEATHSIG` by setpriv(1) of util-linux, because
//! Rust's own hook between fork and exec is unsafe code), so it does not outlive a harness that was killed. It is the
//! leader of a process group, so that what it started ends with it too.

use super::error::{At, FileError};
use super::job::{Cancelled, Job};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Most bytes of a child's output that are kept, of each stream.
const MAX_OUTPUT: u64 = 8 << 20;
/// How often a wait looks whether it was called off.
const SLICE: Duration = Duration::from_millis(200);
/// Directories where an ordinary user's PATH does not lead on Debian, though mkfs is there.
const SYSTEM_DIRECTORIES: [&str; 3] = ["/usr/local/sbin", "/usr/sbin", "/sbin"];

/// Why a program did not do what it was called for.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// It is not installed.
    #[error("{program} is not installed; it comes with the package {package} (apt-get install {package})")]
    Missing {
        /// The program.
        program: String,
        /// Debian's package that has it.
        package: &'static str,
    },
    /// It could not be started or waited for.
    #[error("cannot run {program}: {cause}")]
    Run {
        /// The program.
        program: String,
        /// Why.
        #[source]
        cause: io::Error,
    },
    /// It took too long and was killed.
    #[error("{program} did not end within {} s and was killed{}", deadline.as_secs(), tail(stderr))]
    Deadline {
        /// The program.
        program: String,
        /// Its time.
        deadline: Duration,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// It failed.
    #[error("{program} failed ({status}){}", tail(stderr))]
    Failed {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
    /// A file for its output.
    #[error(transparent)]
    File(#[from] FileError),
    /// The caller went away.
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for ChildError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

fn tail(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(4)..].join("; ");
    if last.is_empty() { last } else { format!(": {last}") }
}

/// A call of a program.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    /// Its name, looked up in PATH and the system's directories.
    pub program: &'a str,
    /// Debian's package that has it.
    pub package: &'static str,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// Its working directory, where it matters.
    pub directory: Option<&'a Path>,
    /// How long it may take.
    pub deadline: Duration,
}

/// What a program is given besides its arguments; nothing of it by default.
#[derive(Debug, Default)]
pub(crate) struct Given<'a> {
    /// Its standard input; none where there is none.
    pub stdin: Option<File>,
    /// Where its standard output goes; kept in memory, with a bound, where it is not said.
    pub stdout: Option<File>,
    /// Variables of its environment; `None` takes one away.
    pub env: &'a [(&'a str, Option<&'a str>)],
}

/// What a program that succeeded wrote, as far as it is kept; bytes that are no UTF-8 are replaced.
#[derive(Debug)]
pub(crate) struct Output {
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Where a program is.
pub(crate) fn find(program: &str, package: &'static str) -> Result<PathBuf, ChildError> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let directories = std::env::split_paths(&path).chain(SYSTEM_DIRECTORIES.map(PathBuf::from));
    let runnable =
        |path: &PathBuf| path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0);
    let mut places = directories.map(|directory| directory.join(program));
    places.find(runnable).ok_or_else(|| ChildError::Missing { program: program.to_owned(), package })
}

impl Call<'_> {
    /// Runs the program to its end.
    pub fn run(&self, job: &Job) -> Result<Output, ChildError> {
        self.run_with(Given::default(), job)
    }

    /// Runs the program to its end, with an input, an output and an environment.
    pub fn run_with(&self, given: Given<'_>, job: &Job) -> Result<Output, ChildError> {
        job.check()?;
        let wrong = |cause| ChildError::Run { program: self.program.to_owned(), cause };
        let program = find(self.program, self.package)?;
        let (mut stdout, mut stderr) = (given.stdout.map_or_else(file, Ok)?, file()?);
        let mut command = Command::new(find("setpriv", "util-linux")?);
        command.args(["--pdeathsig", "SIGKILL", "--"]).arg(program).args(&self.args).env("LC_ALL", "C.UTF-8");
        command.stdin(given.stdin.map_or_else(Stdio::null, Stdio::from)).process_group(0);
        command.stdout(stdout.try_clone().map_err(wrong)?).stderr(stderr.try_clone().map_err(wrong)?);
        if let Some(directory) = self.directory {
            command.current_dir(directory);
        }
        for (name, value) in given.env {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let ended = wait(command.spawn().map_err(wrong)?, self.deadline, job).map_err(wrong)?;
        let stderr = text(&mut stderr).map_err(wrong)?;
        match ended {
            Ended::Exit(status) if status.success() => Ok(Output { stdout: text(&mut stdout).map_err(wrong)?, stderr }),
            Ended::Exit(status) => Err(ChildError::Failed { program: self.program.to_owned(), status, stderr }),
            Ended::Deadline => {
                Err(ChildError::Deadline { program: self.program.to_owned(), deadline: self.deadline, stderr })
            }
            Ended::Cancelled => Err(ChildError::Cancelled),
        }
    }
}

/// Arguments from anything that reads like words.
pub(crate) fn words<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Vec<OsString> {
    words.into_iter().map(|word| word.as_ref().to_owned()).collect()
}

enum Ended {
    Exit(ExitStatus),
    Deadline,
    Cancelled,
}

/// Output goes to files without a name: no pipe can fill up and no thread is needed to drain it.
fn file() -> Result<File, FileError> {
    tempfile::tempfile().at("make a file in", &std::env::temp_dir())
}

fn text(file: &mut File) -> io::Result<String> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(MAX_OUTPUT).read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn wait(mut child: Child, deadline: Duration, job: &Job) -> io::Result<Ended> {
    let ended = wait_until(&mut child, Instant::now() + deadline, job);
    if !matches!(ended, Ok(Ended::Exit(_))) {
        // Its group may be gone already; the leader itself is ours until it is reaped.
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if group.is_none_or(|group| kill_process_group(group, Signal::KILL).is_err()) {
            child.kill()?;
        }
        child.wait()?;
    }
    ended
}

fn wait_until(child: &mut Child, end: Instant, job: &Job) -> io::Result<Ended> {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    let handle = pidfd_open(pid, PidfdFlags::empty())?;
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exit(status));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(Ended::Deadline);
        }
        if job.check().is_err() {
            return Ok(Ended::Cancelled);
        }
        let slice = Timespec::try_from(left.min(SLICE)).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&handle, PollFlags::IN)], Some(&slice)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn sh(script: &str, deadline: Duration) -> Result<Output, ChildError> {
        let args = words(["-c", script]);
        Call { program: "sh", package: "dash", args, directory: None, deadline }.run(&Job::silent())
    }

    #[test]
    fn output_and_failure_come_back() {
        let output = sh("echo out; echo err >&2", Duration::from_secs(20)).unwrap();
        assert_eq!((&*output.stdout, &*output.stderr), ("out\n", "err\n"));
        let error = sh("echo first >&2; echo last >&2; exit 3", Duration::from_secs(20)).unwrap_err().to_string();
        assert_eq!(error, "sh failed (exit status: 3): first; last");
    }

    #[test]
    fn a_deadline_ends_the_whole_group() {
        let start = Instant::now();
        let error = sh("sleep 30 & echo $! >&2; wait", Duration::from_millis(300)).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(15));
        let ChildError::Deadline { stderr, .. } = error else { panic!("{error}") };
        let sleeper = PathBuf::from(format!("/proc/{}/stat", stderr.trim()));
        let end = Instant::now() + Duration::from_secs(10);
        let alive = || std::fs::read_to_string(&sleeper).is_ok_and(|stat| !stat.contains(") Z "));
        while alive() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(!alive());
    }

    #[test]
    fn what_is_given_arrives() {
        let (mut stdin, stdout) = (tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap());
        std::io::Write::write_all(&mut stdin, b"in").unwrap();
        stdin.rewind().unwrap();
        let args = words(["-c", "cat; echo $A ${HOME-gone}"]);
        let call = Call { program: "sh", package: "dash", args, directory: None, deadline: Duration::from_secs(20) };
        let env = [("A", Some("b")), ("HOME", None)];
        let given = Given { stdin: Some(stdin), stdout: Some(stdout.try_clone().unwrap()), env: &env };
        call.run_with(given, &Job::silent()).unwrap();
        assert_eq!(text(&mut { stdout }).unwrap(), "inb gone\n");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let call =
            Call { program: "no-such", package: "some-pkg", args: vec![], directory: None, deadline: Duration::ZERO };
        let error = call.run(&Job::silent()).unwrap_err().to_string();
        assert_eq!(error, "no-such is not installed; it comes with the package some-pkg (apt-get install some-pkg)");
    }
}
