//! Logins one after the other, on a thread of their own.
//! Lives here: the thread, the events of each login.
//! May not live here: a login's stages (`attempt`).

use super::{DEADLINE, INTERVAL, Limits, Login, attempt};
use crate::event::{Answer, Kind, LoginStage};
use crate::vm::mailbox::Mailbox;
use oomph_wire::words::source::LOGIN;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The name of the thread, of which 15 bytes are seen.
const NAME: &str = "oomph-login";

/// A thread that logs in over and over. It ends within a quarter of a second after this is dropped.
#[derive(Debug)]
pub(in crate::vm) struct Prober {
    called_off: Arc<AtomicBool>,
}

impl Prober {
    /// Starts it; its events go into the mailbox. `fair_ms` is the guest's own time, as the caller keeps it.
    pub(in crate::vm) fn start(login: Login, fair_ms: Arc<AtomicU64>, mailbox: Arc<Mailbox>) -> std::io::Result<Self> {
        let called_off = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&called_off);
        thread::Builder::new().name(NAME.into()).spawn(move || {
            let mut n = 0;
            while !seen.load(Ordering::Relaxed) {
                n += 1;
                let limits = Limits { within: DEADLINE, fair_ms: Some(&fair_ms), called_off: &seen };
                round(&login, n, limits, &mut |kind| mailbox.put_event(tokio::time::Instant::now(), kind));
                pause(&seen);
            }
        })?;
        Ok(Self { called_off })
    }
}

impl Drop for Prober {
    fn drop(&mut self) {
        self.called_off.store(true, Ordering::Relaxed);
    }
}

/// One login and its events. One that was called off has no end: that it did not come through says nothing of the guest.
pub(super) fn round(login: &Login, n: u64, limits: Limits<'_>, tell: &mut dyn FnMut(Kind)) {
    let start = Instant::now();
    let ms = || u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    let end = |result| Kind::ProbeEnd { probe: LOGIN.into(), n, result };
    tell(Kind::ProbeBegin { probe: LOGIN.into(), n });
    let done = attempt(login, limits, &mut |stage| tell(Kind::Login { n, stage, ms: ms(), failed: None }));
    if limits.called_off.load(Ordering::Relaxed) {
        return;
    }
    match done {
        Ok(_) => {
            tell(Kind::Login { n, stage: LoginStage::Exec, ms: ms(), failed: None });
            tell(end(Answer::Ok));
        }
        Err(failed) => {
            tell(Kind::Login { n, stage: failed.stage, ms: ms(), failed: Some(failed.why) });
            tell(end(failed.answer));
        }
    }
}

/// Waits for the next, or until it is called off.
fn pause(called_off: &AtomicBool) {
    let end = Instant::now() + INTERVAL;
    while Instant::now() < end && !called_off.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_millis(100));
    }
}
