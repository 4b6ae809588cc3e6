//! Starting QEMU.
//! Lives here: from a specification to a machine that runs, or to an error that says what QEMU said.
//! May not live here: the command line itself (`spec`).

use super::machine::{Parts, Vm};
use super::port::Wire;
use super::process::{Process, QemuProcess, Signal, ended};
use super::ram::Ram;
use super::{Error, Ports, Qemu, RuntimeDir, Sockets, Spec};
use crate::event::Exit;
use rustix::fs::{Mode, OFlags, open};
use std::io;
use std::path::Path;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout};

/// How long a failed QEMU may take to die.
const REAP: Duration = Duration::from_secs(5);

impl Vm {
    /// Starts QEMU and takes its four connections. The sockets and their directory exist only until then; the one at which QEMU
    /// listens has no name from then on, and is found among this process's files (`Guest`).
    ///
    /// # Errors
    /// Where QEMU cannot be started, ends, or has not connected and greeted within `deadline`. No QEMU is left then.
    pub async fn launch(qemu: &Qemu, spec: &Spec, deadline: Duration) -> Result<Self, Error> {
        let until = Instant::now() + deadline;
        let directory = RuntimeDir::new()?;
        let sockets = Sockets::within(directory.path());
        let listen = |path: &Path| UnixListener::bind(path).map_err(Error::io("listen for QEMU"));
        let listeners =
            [listen(&sockets.console)?, listen(&sockets.beat)?, listen(&sockets.agent)?, listen(&sockets.qmp)?];
        let ram = Ram::new(spec.memory).map_err(Error::io("make a file for the guest's memory"))?;
        let arguments = spec.arguments(qemu, Ports::Harness(&sockets, &ram.path()));
        let process = QemuProcess::spawn(&qemu.program, &arguments)
            .await
            .map_err(Error::io(format!("start {}", qemu.program.display())))?;
        let left = || until.saturating_duration_since(Instant::now());
        let ([console, beat, agent], qmp) = match connections(&listeners, &process, left()).await {
            Ok(streams) => streams,
            Err(why) => return Err(give_up(&process, why, deadline).await),
        };
        // Without it nobody else sees registers, and nothing of a run needs that.
        let visitors = open(&sockets.visitors, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok();
        drop(directory);
        let exit = process.exit();
        let (qmp, process, ram) = (Box::new(qmp), Box::new(process), Some(ram));
        let parts = Parts { console, beat, agent, qmp, process, ram, visitors };
        match Self::from_parts(parts, left()).await {
            Ok(vm) => Ok(vm),
            Err(error) => {
                // The process was killed with the parts; it shall be gone when this returns.
                ended(exit, REAP).await;
                Err(error)
            }
        }
    }
}

enum Failure {
    Accept(io::Error),
    Ended(Exit),
    Deadline,
}

async fn connections(
    listeners: &[UnixListener; 4],
    process: &QemuProcess,
    within: Duration,
) -> Result<([Wire; 3], UnixStream), Failure> {
    let [console, beat, agent, qmp] = listeners;
    let all = async {
        let ports = [accept(console).await?, accept(beat).await?, accept(agent).await?];
        Ok((ports, qmp.accept().await?.0))
    };
    tokio::select! {
        all = timeout(within, all) => match all {
            Ok(Ok(streams)) => Ok(streams),
            Ok(Err(cause)) => Err(Failure::Accept(cause)),
            Err(_) => Err(Failure::Deadline),
        },
        Some(exit) = ended(process.exit(), within) => Err(Failure::Ended(exit)),
    }
}

async fn accept(listener: &UnixListener) -> io::Result<Wire> {
    let socket = listener.accept().await?.0.into_std()?;
    socket.set_nonblocking(false)?;
    Ok(Wire::Socket(socket))
}

async fn give_up(process: &QemuProcess, why: Failure, deadline: Duration) -> Error {
    // It cannot be sent only to a process that has ended.
    let _ = process.signal(Signal::Kill);
    ended(process.exit(), REAP).await;
    let stderr = process.stderr();
    match why {
        Failure::Accept(cause) => Error::Io { what: "accept QEMU's connection".into(), cause },
        Failure::Ended(exit) => Error::Ended { exit, stderr },
        Failure::Deadline => Error::Deadline { what: "QEMU's start".into(), after: deadline, stderr },
    }
}
