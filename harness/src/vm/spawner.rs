//! The thread that starts QEMU.
//! Lives here: spawning a child whose life is bound to this process.
//! May not live here: what the child is, or what is done with it.
//!
//! A child asks for SIGKILL at its parent's death (`PR_SET_PDEATHSIG`, prctl(2)), which the kernel sends when the
//! *thread* that spawned it ends. So one thread spawns all of them and lives until the process ends, however it ends:
//! also by SIGKILL. The request is made by setpriv(1) of util-linux between fork and exec, because Rust's own hook
//! there (`pre_exec`) is unsafe code; it lasts through execve unless the program is set-user-ID or has file
//! capabilities, and QEMU has neither. Were the parent to die before the request, QEMU would find nobody to connect to
//! and end by itself.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio::sync::oneshot;

type Job = Box<dyn FnOnce() + Send>;

/// How long a fork and exec may take, on however loaded a host.
const DEADLINE: Duration = Duration::from_secs(60);

static THREAD: Mutex<Option<Sender<Job>>> = Mutex::new(None);

/// Starts a program in a process group of its own, with stderr piped, nothing to read, and this process's life.
pub(super) async fn spawn(program: &Path, arguments: &[impl AsRef<OsStr>]) -> io::Result<Child> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "SIGKILL", "--"]).arg(program).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command.process_group(0).kill_on_drop(true);
    let runtime = tokio::runtime::Handle::current();
    let (answer, answered) = oneshot::channel();
    submit(Box::new(move || {
        let _runtime = runtime.enter();
        // A caller that has given up drops the child, and with it the process.
        drop(answer.send(command.spawn()));
    }))?;
    match tokio::time::timeout(DEADLINE, answered).await {
        Ok(Ok(Err(cause))) if cause.kind() == io::ErrorKind::NotFound => {
            Err(io::Error::new(cause.kind(), "setpriv is not installed (it comes with util-linux)"))
        }
        Ok(Ok(spawned)) => spawned,
        Ok(Err(_)) => Err(io::Error::other("the thread that spawns is gone")),
        Err(_) => Err(io::ErrorKind::TimedOut.into()),
    }
}

fn submit(job: Job) -> io::Result<()> {
    let mut thread = THREAD.lock().unwrap_or_else(PoisonError::into_inner);
    let job = match &*thread {
        Some(jobs) => match jobs.send(job) {
            Ok(()) => return Ok(()),
            Err(refused) => refused.0,
        },
        None => job,
    };
    let (jobs, queue) = channel::<Job>();
    std::thread::Builder::new().name("spawner".into()).spawn(move || queue.into_iter().for_each(|job| job()))?;
    jobs.send(job).map_err(|_| io::Error::other("the thread that spawns is gone"))?;
    *thread = Some(jobs);
    Ok(())
}
