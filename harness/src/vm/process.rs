//! QEMU's process.
//! Lives here: what the rest needs of a process, as a trait; the real one: its end, its group, its stderr.
//! May not live here: QEMU's arguments or sockets.

use super::sample::Snapshot;
use super::spawner;
use crate::event::Exit;
use rustix::process::{Pid, kill_process_group};
use std::ffi::OsStr;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::Child;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How hard to ask a process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM: QEMU closes its disks and ends.
    Term,
    /// SIGKILL.
    Kill,
}

/// What is needed of QEMU's process; a scripted one stands in for it in tests.
pub trait Process: Send {
    /// Its process id, for people; `None` where there is no real process.
    fn pid(&self) -> Option<u32>;
    /// How it ended, as soon as it has.
    fn exit(&self) -> watch::Receiver<Option<Exit>>;
    /// Sends a signal to its whole process group. One that has ended is left alone.
    ///
    /// # Errors
    /// Where the system refuses.
    fn signal(&self, signal: Signal) -> io::Result<()>;
    /// Looks at it and at the host, without waiting; `None` once it is gone.
    fn sample(&mut self) -> Option<Snapshot>;
    /// The last of its stderr.
    fn stderr(&self) -> String;
}

/// Waits until a process has ended, at most so long.
pub(super) async fn ended(mut exit: watch::Receiver<Option<Exit>>, within: Duration) -> Option<Exit> {
    let end = exit.wait_for(Option::is_some);
    match tokio::time::timeout(within, end).await {
        Ok(Ok(exit)) => *exit,
        // Nobody is left who could tell.
        Ok(Err(_)) => Some(UNKNOWN),
        Err(_) => None,
    }
}

/// The end of a process that could not be waited for.
const UNKNOWN: Exit = Exit::Code(-1);

/// Most bytes of stderr that are kept: the last ones.
const STDERR: usize = 8 * 1024;

/// A QEMU that runs.
#[derive(Debug)]
pub(super) struct QemuProcess {
    pid: Pid,
    exit: watch::Receiver<Option<Exit>>,
    stderr: Arc<Mutex<Vec<u8>>>,
}

impl QemuProcess {
    /// Starts it; it ends when this process does, see [`spawner`], and when this value is dropped.
    pub(super) async fn spawn(program: &Path, arguments: &[impl AsRef<OsStr>]) -> io::Result<Self> {
        let mut child = spawner::spawn(program, arguments).await?;
        let gone = || io::Error::other("ended as soon as it was started");
        let pid = child.id().and_then(|id| Pid::from_raw(id.cast_signed())).ok_or_else(gone)?;
        let (tell, exit) = watch::channel(None);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let reading = child.stderr.take().map(|pipe| tokio::spawn(keep_tail(pipe, Arc::clone(&stderr))));
        tokio::spawn(reap(child, reading, tell));
        Ok(Self { pid, exit, stderr })
    }
}

/// How long stderr may stay open after the process has ended; a grandchild could hold it.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Waits for the child, then for its last words, then tells. Dropped with the runtime, it kills the child.
async fn reap(mut child: Child, reading: Option<JoinHandle<()>>, tell: watch::Sender<Option<Exit>>) {
    let exit = match child.wait().await {
        Ok(status) => match status.signal() {
            Some(signal) => Exit::Signal(signal.into()),
            None => Exit::Code(status.code().unwrap_or(-1).into()),
        },
        Err(_) => UNKNOWN,
    };
    if let Some(mut reading) = reading
        && tokio::time::timeout(LAST_WORDS, &mut reading).await.is_err()
    {
        reading.abort();
    }
    tell.send_replace(Some(exit));
}

async fn keep_tail(mut pipe: impl AsyncRead + Unpin, kept: Arc<Mutex<Vec<u8>>>) {
    let mut buffer = [0; 1024];
    while let Ok(read @ 1..) = pipe.read(&mut buffer).await {
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&buffer[..read]);
        let excess = kept.len().saturating_sub(STDERR);
        kept.drain(..excess);
    }
}

impl Process for QemuProcess {
    fn pid(&self) -> Option<u32> {
        Some(self.pid.as_raw_nonzero().get().cast_unsigned())
    }

    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.exit.borrow().is_some() {
            return Ok(());
        }
        let signal = match signal {
            Signal::Term => rustix::process::Signal::TERM,
            Signal::Kill => rustix::process::Signal::KILL,
        };
        match kill_process_group(self.pid, signal) {
            Err(rustix::io::Errno::SRCH) => Ok(()),
            other => other.map_err(io::Error::from),
        }
    }

    fn sample(&mut self) -> Option<Snapshot> {
        Snapshot::read(self.pid()?)
    }

    fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr.lock().unwrap_or_else(PoisonError::into_inner)).trim().to_owned()
    }
}

impl Drop for QemuProcess {
    fn drop(&mut self) {
        // Nobody is left to hear of a failure; PR_SET_PDEATHSIG is the last resort.
        drop(self.signal(Signal::Kill));
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    async fn shell(script: &str) -> QemuProcess {
        QemuProcess::spawn(Path::new("sh"), &["-c", script]).await.unwrap()
    }

    async fn end(process: &QemuProcess) -> Option<Exit> {
        ended(process.exit(), Duration::from_secs(20)).await
    }

    async fn eventually<T>(mut found: impl FnMut() -> Option<T>) -> T {
        for _ in 0..2000 {
            if let Some(found) = found() {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("not within 20 s");
    }

    #[tokio::test]
    async fn tells_its_end_and_its_last_words() {
        let process = shell("head -c 20000 /dev/zero | tr '\\0' x >&2; echo last >&2; exit 3").await;
        assert_eq!(end(&process).await, Some(Exit::Code(3)));
        let stderr = process.stderr();
        assert!(stderr.len() <= STDERR && stderr.ends_with("xlast"), "{} {}", stderr.len(), &stderr[..20]);
        process.signal(Signal::Kill).unwrap();
    }

    #[tokio::test]
    async fn a_deaf_one_and_its_children_are_killed() {
        let mut process = shell("trap '' TERM; sleep 100 & echo $! >&2; while :; do sleep 0.1; done").await;
        let child: u32 = eventually(|| process.stderr().parse().ok()).await;
        assert!(process.sample().is_some());
        process.signal(Signal::Term).unwrap();
        assert_eq!(ended(process.exit(), Duration::from_millis(300)).await, None);
        process.signal(Signal::Kill).unwrap();
        assert_eq!(end(&process).await, Some(Exit::Signal(9)));
        assert_eq!(process.sample(), None);
        // Nobody here reaps the grandchild, so it may stay as a zombie.
        eventually(|| {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            (stat.is_empty() || stat.contains(") Z ")).then_some(())
        })
        .await;
    }

    #[tokio::test]
    async fn dropping_it_ends_it() {
        let process = shell("sleep 100").await;
        let exit = process.exit();
        drop(process);
        assert_eq!(ended(exit, Duration::from_secs(20)).await, Some(Exit::Signal(9)));
    }
}
