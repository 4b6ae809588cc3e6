//! Taking the state of a guest: its registers, its memory, the whole of it.
//! Lives here: the order of things while the guest is held, and their deadlines; a file for each kind of state.
//! May not live here: when or why it is taken.
//!
//! All is taken of one moment: the guest is stopped, and goes on when everything is written. What is written streams from
//! QEMU through a compressor into a file: no copy of the guest's memory lies anywhere on the way.

mod dump;
mod kept;
mod packed;
pub mod registers;
mod stream;

pub use kept::{DESCRIPTION, Keep, Kept, RESUME, image, load};
pub(super) use packed::unpack_into;
pub use packed::{pack, unpack};

use super::qmp::{self, DEADLINE, Progress, Qmp, QmpError};
use crate::event::{State, Stored};
use crate::introspect::memory::Registers;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// For whatever is written, and more by its size: a disk that takes less than 4 MiB/s is too slow to be waited for.
const LEAST: Duration = Duration::from_secs(60);
const BYTES_PER_SECOND: u64 = 4 << 20;

/// What somebody else does with the registers while the guest is held.
pub type WhileHeld = Box<dyn FnOnce(Vec<Registers>) -> Pin<Box<dyn Future<Output = ()>>>>;

/// What is to be taken.
#[derive(Clone, Debug)]
pub struct Capture {
    /// The file for the registers, as QEMU prints them.
    pub registers: PathBuf,
    /// The file for a core, compressed with zstd.
    pub core: Option<PathBuf>,
    /// Where and how to keep the whole guest.
    pub keep: Option<Keep>,
    /// The guest's memory in bytes: so much room must be there.
    pub memory: u64,
}

/// What was taken, or could not be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Taken {
    /// The registers, as QEMU prints them.
    Registers(String),
    /// A file, or several.
    Stored(Stored),
    /// Nothing, and why.
    Failed(State, String),
}

/// Takes what is wanted, one after the other; what fails costs only itself.
pub(super) async fn take(qmp: Arc<Qmp>, what: Capture, others: Option<WhileHeld>) -> Vec<Taken> {
    let mut taken = Vec::new();
    match qmp.stop().await {
        Ok(()) => held(&qmp, &what, others, &mut taken).await,
        Err(error) => taken.push(Taken::Failed(State::Registers, format!("the guest could not be held: {error}"))),
    }
    // Even where it could not be held: it may be later, when QEMU comes to the command.
    if let Err(error) = qmp.cont().await {
        taken.push(Taken::Failed(State::Guest, format!("it could not be let go on: {error}")));
    }
    taken
}

async fn held(qmp: &Qmp, what: &Capture, others: Option<WhileHeld>, taken: &mut Vec<Taken>) {
    let registers = async {
        let text = qmp.registers().await.map_err(words)?;
        tokio::fs::write(&what.registers, &text).await.map_err(words)?;
        Ok(Taken::Registers(text))
    };
    let registers = within(DEADLINE * 2, State::Registers, registers).await;
    if let (Taken::Registers(text), Some(others)) = (&registers, others) {
        // What comes of it is theirs to tell, and that it took too long as well.
        let _ = timeout(DEADLINE, others(registers::all(text))).await;
    }
    taken.push(registers);
    let time = LEAST + Duration::from_secs(what.memory / BYTES_PER_SECOND);
    if let Some(file) = &what.core {
        let core = async { dump::write(qmp, file, what.memory).await.map(Taken::Stored) };
        taken.push(within(time, State::Core, core).await);
    }
    if let Some(keep) = &what.keep {
        let guest = async { kept::write(qmp, keep, what.memory).await.map(Taken::Stored) };
        // The memory, and then the disks, which are as large as that at most or sparse.
        taken.push(within(time * 2, State::Guest, guest).await);
    }
}

async fn within(time: Duration, state: State, taking: impl Future<Output = Result<Taken, String>>) -> Taken {
    match timeout(time, taking).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(why)) => Taken::Failed(state, why),
        Err(_) => Taken::Failed(state, format!("not done within {} s", time.as_secs())),
    }
}

/// How a dump or migration went, in words where it failed.
async fn over<F: Future<Output = Result<Progress, QmpError>>>(progress: impl Fn() -> F) -> Result<Progress, String> {
    qmp::over(progress).await.map_err(words)?.map_err(|why| format!("QEMU says: {why}"))
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
