//! `oomph attach`: going on with a guest that hung and was kept.
//! Lives here: what a person is told, the life of the session.
//! May not live here: taking the guest in (`run::attach`), passing the console on (`terminal`).

use super::cli::{Attach, Global};
use super::exit::Status;
use super::interrupt::interruptible;
use super::named::images;
use super::output::Output;
use super::terminal::{Done, pass_on};
use crate::kernel::Cache;
use crate::report::Live;
use crate::results;
use crate::run::{self, Host, Reopened};
use crate::vm::Wanted;
use anyhow::Context;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};

/// Takes a kept guest in and hands its console over, until QEMU or the user ends.
///
/// # Errors
/// Where the result keeps no guest, or QEMU cannot take it in.
pub fn attach(global: &Global, options: &Attach, output: &Output) -> anyhow::Result<Status> {
    let result = results::find(&global.results, &options.result)?;
    let console = options.console.as_deref().map(absolute).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let status = runtime.block_on(async {
        let host = Host::look(Cache::open(None)?, images(&[])?, Wanted::Auto).await?;
        let live = Live::new("attach");
        let opened = run::attach(&host, &result, console.as_deref(), &live);
        let opened = interruptible(opened).await?;
        live.done();
        let Some(opened) = opened.transpose()? else { return Ok(Status::Interrupted) };
        output.line(&text(&opened, options.paused))?;
        let status = session(opened, options.paused).await?;
        anyhow::Ok(status)
    });
    // A thread that reads the terminal goes with the process.
    runtime.shutdown_background();
    status
}

async fn session(opened: Reopened, paused: bool) -> anyhow::Result<Status> {
    let Reopened { vm, console, .. } = &opened;
    if !paused {
        vm.go_on().await?;
    }
    let done = interruptible(async {
        match console {
            Some(console) => pass_on(vm, console).await,
            None => {
                vm.end().await;
                Ok(Done::Ended)
            }
        }
    })
    .await?;
    let Reopened { vm, .. } = opened;
    vm.shutdown().await;
    Ok(match done.transpose()? {
        Some(Done::Ended | Done::Quit) => Status::AsExpected,
        None => Status::Interrupted,
    })
}

/// What is where, and how it is used.
fn text(opened: &Reopened, paused: bool) -> String {
    let doors = opened.vm.doors();
    let (monitor, gdb, qmp) = (doors.monitor.display(), doors.gdb.display(), doors.qmp.display());
    let console = match &doors.console {
        Some(path) => format!("socat -,raw,echo=0 UNIX-CONNECT:{}", path.display()),
        None if std::io::stdin().is_terminal() => {
            "this terminal; Ctrl-A B and then a key is SysRq, Ctrl-A X ends, Ctrl-A A is Ctrl-A".to_owned()
        }
        None => "standard input and output".to_owned(),
    };
    let state = if paused { "held; `cont` in the monitor lets it go on" } else { "goes on from where it hung" };
    format!(
        "guest     {state}; what it writes is thrown away at the end\n\
         console   {console}\n\
         monitor   socat - UNIX-CONNECT:{monitor}    # info registers -a, stop, cont, dump-guest-memory FILE, quit\n\
         qmp       {qmp}\n\
         gdb       gdb -ex 'target remote {gdb}' vmlinux\n\
         crash     dump-guest-memory FILE in the monitor, then: crash vmlinux FILE"
    )
}

/// QEMU is not told paths from here.
fn absolute(path: &Path) -> anyhow::Result<PathBuf> {
    std::path::absolute(path).with_context(|| path.display().to_string())
}
