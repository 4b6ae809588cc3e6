//! A kept guest that goes on: QEMU takes its state in and opens its doors.
//! Lives here: starting it, feeding it, ending it.
//! May not live here: where the kept guest lies and what a person is told (`run::attach`), terminals.

use super::capture::unpack_into;
use super::machine::end;
use super::process::{Process, QemuProcess, ended};
use super::qmp::{self, Qmp};
use super::spec::CONSOLE;
use super::{Doors, Error, Ports, Qemu, RuntimeDir, Spec};
use crate::event::Exit;
use std::io::Write;
use std::path::Path;
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::{Instant, timeout};

/// Between asking QEMU to end, SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(3);

/// The guest's console, where it is ours to pass on.
pub type Console = UnixStream;

/// A kept guest, taken in. Dropping it kills its QEMU.
pub struct Attached {
    qmp: Qmp,
    process: QemuProcess,
    doors: Doors,
    /// Holds the sockets.
    _directory: RuntimeDir,
}

impl Attached {
    /// Starts QEMU and has it take in `state`. The guest is held then, as it was when it was kept. The console comes back
    /// unless it is to be a socket at `console`, at which QEMU listens.
    ///
    /// # Errors
    /// Where QEMU cannot be started or does not take the state within `deadline`. No QEMU is left then.
    pub async fn start(
        qemu: &Qemu,
        spec: &Spec,
        state: &Path,
        console: Option<&Path>,
        deadline: Duration,
    ) -> Result<(Self, Option<Console>), Error> {
        let until = Instant::now() + deadline;
        let directory = RuntimeDir::new()?;
        let doors = Doors::within(directory.path(), console);
        let listen = |path: &Path| UnixListener::bind(path).map_err(Error::io("listen for QEMU"));
        let (for_qmp, for_console) = (listen(&doors.ours.qmp)?, listen(&doors.ours.console)?);
        let process = QemuProcess::spawn(&qemu.program, &spec.arguments(qemu, Ports::Attached(&doors)))
            .await
            .map_err(Error::io(format!("start {}", qemu.program.display())))?;
        let begin = async {
            let accept = |what| Error::io(format!("accept QEMU's {what}"));
            let qmp = for_qmp.accept().await.map_err(accept("QMP"))?.0;
            let ours = match console {
                None => Some(for_console.accept().await.map_err(accept("console"))?.0),
                Some(_) => None,
            };
            let qmp = Qmp::connect(qmp, |_, _, _| (), deadline).await?;
            take_in(&qmp, state, directory.path()).await?;
            Ok::<_, Error>((qmp, ours))
        };
        let stderr = || process.stderr();
        let begun = tokio::select! {
            begun = timeout(until.saturating_duration_since(Instant::now()), begin) => begun,
            Some(exit) = ended(process.exit(), deadline) => return Err(Error::Ended { exit, stderr: stderr() }),
        };
        match begun {
            Ok(Ok((qmp, ours))) => Ok((Self { qmp, process, doors, _directory: directory }, ours)),
            Err(_) => Err(Error::Deadline { what: "taking the guest in".into(), after: deadline, stderr: stderr() }),
            // QEMU ends when it cannot take a guest in, and says on stderr why.
            Ok(Err(error)) => match ended(process.exit(), GRACE).await {
                Some(exit) => Err(Error::Ended { exit, stderr: stderr() }),
                None => Err(error),
            },
        }
    }

    /// Its sockets.
    pub fn doors(&self) -> &Doors {
        &self.doors
    }

    /// Lets the guest go on.
    ///
    /// # Errors
    /// Where QMP fails.
    pub async fn go_on(&self) -> Result<(), Error> {
        Ok(self.qmp.cont().await?)
    }

    /// Sends a serial break: the next key on the console is a SysRq key.
    ///
    /// # Errors
    /// Where QMP fails.
    pub async fn send_break(&self) -> Result<(), Error> {
        Ok(self.qmp.send_break(CONSOLE).await?)
    }

    /// Waits for QEMU's end. It waits as long as a person wants: the deadline is theirs.
    pub async fn end(&self) -> Option<Exit> {
        let mut exit = self.process.exit();
        exit.wait_for(Option::is_some).await.map_or(None, |exit| *exit)
    }

    /// Ends QEMU.
    pub async fn shutdown(self) {
        end(&self.qmp, &self.process, GRACE).await;
    }
}

/// Has QEMU listen, and feeds it.
async fn take_in(qmp: &Qmp, state: &Path, directory: &Path) -> Result<(), Error> {
    let socket = directory.join("state");
    qmp.migrate_incoming(&socket).await?;
    let stream = UnixStream::connect(&socket).await.and_then(UnixStream::into_std);
    let mut stream = stream.map_err(Error::io("hand QEMU the state"))?;
    stream.set_nonblocking(false).map_err(Error::io("hand QEMU the state"))?;
    let state = state.to_owned();
    // Ends by itself when QEMU does: the socket closes.
    let feeding = tokio::task::spawn_blocking(move || unpack_into(&state, &mut stream).and_then(|()| stream.flush()));
    feeding.await.map_err(std::io::Error::other).flatten().map_err(Error::io("hand QEMU the state"))?;
    match qmp::over(|| qmp.migration_progress()).await? {
        Ok(_) => Ok(()),
        Err(why) => Err(Error::NotTaken { why }),
    }
}
