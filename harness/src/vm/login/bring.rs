//! Bringing files into a guest that is a system of its own, and starting something there.
//! Lives here: the thread that tries until the guest takes a login, and what of a failure is final.
//! May not live here: what is brought (`image`), or a login's stages (`attempt`).
//!
//! Everything goes through the standard input of one command, as a tar: one channel, one exit status, and nothing but tar and a shell are
//! asked of the guest, which every system has; an sftp server not.

use super::{Limits, Login, attempt};
use crate::event::{Answer, Kind, LoginStage, Reason};
use crate::vm::mailbox::Mailbox;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// The name of the thread, of which 15 bytes are seen.
const NAME: &str = "oomph-bring";
/// For one try: a login, some MB, and the command.
const TRY: Duration = Duration::from_secs(90);
/// Pause between two tries, each of which costs a guest that boots some time.
const PAUSE: Duration = Duration::from_secs(1);
/// Bound on all tries, in wall time. A guest that is not up by its boot deadline is judged by that; this one is for the thread.
const WITHIN: Duration = Duration::from_secs(1800);

/// What is brought.
#[derive(Clone, Debug)]
pub struct Freight {
    /// The command's standard input.
    pub input: Vec<u8>,
    /// What takes it, and starts what is to run. It may be run a second time, where the first was cut off.
    pub command: String,
}

/// A thread that brings it. It ends within a quarter of a second after this is dropped.
#[derive(Debug)]
pub(in crate::vm) struct Bringer {
    called_off: Arc<AtomicBool>,
}

impl Bringer {
    /// Starts it; a failure that is final becomes an event.
    pub(in crate::vm) fn start(login: Login, mailbox: Arc<Mailbox>) -> std::io::Result<Self> {
        let called_off = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&called_off);
        thread::Builder::new().name(NAME.into()).spawn(move || {
            let put = |kind| mailbox.put_event(tokio::time::Instant::now(), kind);
            let mut tell = |text| put(Kind::Remark { text });
            if let Some(detail) = bring(&login, (TRY, WITHIN, PAUSE), &seen, &mut tell) {
                put(Kind::HostError { reason: Reason::SetupFailed, detail });
            }
        })?;
        Ok(Self { called_off })
    }
}

impl Drop for Bringer {
    fn drop(&mut self) {
        self.called_off.store(true, Ordering::Relaxed);
    }
}

/// Tries until the command has succeeded; says what was wrong where it failed for good. That a guest takes no connections is no news while
/// it boots; that it does not take the user is, and is told once.
pub(super) fn bring(
    login: &Login,
    (each, all, pause): (Duration, Duration, Duration),
    called_off: &AtomicBool,
    tell: &mut dyn FnMut(String),
) -> Option<String> {
    let end = Instant::now() + all;
    let mut told = false;
    loop {
        let failed = match attempt(login, Limits { within: each, fair_ms: None, called_off }, &mut |_| ()) {
            Ok(_) => return None,
            Err(failed) => failed,
        };
        if called_off.load(Ordering::Relaxed) {
            return None;
        }
        // The command ran and refused: it would again. Anything else may be a guest that is still coming up.
        let is_final = matches!(failed.answer, Answer::Code(_));
        if is_final || Instant::now() + pause > end {
            return Some(format!("the agent cannot be brought into the guest over ssh: {}", failed.why));
        }
        if failed.stage == LoginStage::Auth && !told {
            told = true;
            tell(format!("the guest does not let {} in: {}", login.access.user, failed.why));
        }
        let wake = Instant::now() + pause;
        while Instant::now() < wake && !called_off.load(Ordering::Relaxed) {
            thread::sleep(pause.min(Duration::from_millis(100)));
        }
    }
}
