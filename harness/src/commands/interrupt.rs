//! ^C and SIGTERM during work that is no run: fetching and building kernels.
//! Lives here: giving the work up, and the second ^C that waits for nothing; a kernel that is had in this way.
//! May not live here: what a run does about them (`run`).

use crate::kernel::{self, Cache, Kernel, Names};
use crate::report::{self, Live};
use crate::scenario::KernelSpec;
use std::io;
use std::thread;
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};

/// Signals within this time are one: timeout(1) sends each to the process and to its group.
const TOGETHER: Duration = Duration::from_millis(500);

/// The work's result, or `None` where the user ended it first. The work is dropped then: it stops what it started in an
/// orderly way, for which the runtime waits when it is dropped. A second ^C ends the process at once.
///
/// # Errors
/// Where signals cannot be waited for.
pub(super) async fn interruptible<T>(work: impl Future<Output = T>) -> io::Result<Option<T>> {
    let interrupted = any()?;
    tokio::select! {
        done = work => return Ok(Some(done)),
        () = interrupted => {}
    }
    // The runtime of the first is on its way out.
    thread::spawn(|| {
        thread::sleep(TOGETHER);
        if let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() {
            runtime.block_on(async {
                if let Ok(again) = any() {
                    again.await;
                    report::leave();
                    std::process::exit(130);
                }
            });
        }
    });
    Ok(None)
}

/// The kernel that `spec` means, with its progress on `live`, or `None` where the user ended it first.
///
/// # Errors
/// The outer where signals cannot be waited for, the inner where the kernel cannot be had.
pub(super) async fn kernel(
    spec: &KernelSpec,
    names: &Names,
    cache: &Cache,
    live: Live,
) -> io::Result<Option<Result<Kernel, kernel::Error>>> {
    let progress = |text: &str| live.doing(text);
    let made = interruptible(kernel::resolve(spec, names, cache, &progress)).await;
    live.done();
    made
}

fn any() -> io::Result<impl Future<Output = ()>> {
    let (mut interrupt, mut terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}
