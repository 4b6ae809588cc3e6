//! ^C and SIGTERM during work that is no run: fetching and building kernels.
//! Lives here: giving the work up, and the second ^C that waits for nothing; a kernel that is had in this way.
//! May not live here: what a run does about them (`run`).

use crate::image::ImageIdentity;
use crate::kernel::{self, Cache, Kernel, Names};
use crate::report::{self, Live};
use crate::run::{Boots, Host, image_for};
use crate::scenario::Scenario;
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

/// The kernel that boots a guest, with its progress on `live`, or `None` where the user ended it first.
///
/// # Errors
/// The outer where signals cannot be waited for, the inner where the kernel cannot be had.
pub(super) async fn kernel(
    boots: &Boots,
    names: &Names,
    cache: &Cache,
    live: Live,
) -> io::Result<Option<anyhow::Result<Kernel>>> {
    let progress = |text: &str| live.doing(text);
    let made = interruptible(boots.kernel(names, cache, &progress)).await;
    live.done();
    made
}

/// The image that a guest boots into, in the same way; `Some(Ok(None))` for the minimal one.
///
/// # Errors
/// As [`kernel`].
pub(super) async fn image(
    scenario: &Scenario,
    kernel: &Kernel,
    host: &Host,
    live: Live,
) -> io::Result<Option<anyhow::Result<Option<ImageIdentity>>>> {
    let progress = |text: &str| live.doing(text);
    let made = interruptible(image_for(scenario, kernel.version, host, &progress)).await;
    live.done();
    made
}

/// Whether an error is the kernel's source's: that it does not build, say.
pub(super) fn is_of_source(error: &anyhow::Error) -> bool {
    error.downcast_ref::<kernel::Error>().is_some_and(kernel::Error::is_of_source)
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
