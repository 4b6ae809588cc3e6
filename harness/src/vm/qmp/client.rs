//! The client: commands out, replies back to whoever asked, events to whoever listens.
//! Lives here: the transport's tasks, ids, deadlines and bounds.
//! May not live here: particular commands (`commands`), or what an event means.
//!
//! A reader task owns the receiving half and routes replies by id; a writer task owns the sending half, so that a call
//! which is given up never leaves half a line behind.

use super::message::{Message, Refusal};
use crate::vm::split::{Keep, Splitter};
use qapi::Command;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{Instant, timeout};

/// What a command may take. QEMU answers within milliseconds; a starved host takes longer.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Longest line from QEMU. The largest reply that is asked for has some hundred bytes.
const MAX_LINE: usize = 1 << 20;
/// Most commands that wait to be written.
const MAX_QUEUE: usize = 64;

/// Why a command was not carried out, or not known to be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QmpError {
    /// QEMU closed the connection, or never greeted.
    #[error("QMP command {command}: QEMU closed the connection")]
    Closed {
        /// The command.
        command: String,
    },
    /// No reply in time. Whether it was carried out is not known.
    #[error("QMP command {command}: no reply within {} s", after.as_secs_f32())]
    Deadline {
        /// The command.
        command: String,
        /// The deadline.
        after: Duration,
    },
    /// QEMU refused it.
    #[error("QMP command {command}: {class}: {desc}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's class of error.
        class: String,
        /// QEMU's words.
        desc: String,
    },
    /// The reply is not what this version expects.
    #[error("QMP command {command}: unexpected reply: {detail}")]
    Reply {
        /// The command.
        command: String,
        /// What does not fit.
        detail: String,
    },
    /// Too many commands wait already.
    #[error("QMP command {command}: {MAX_QUEUE} commands wait already")]
    Busy {
        /// The command.
        command: String,
    },
}

/// What the connection saw besides replies and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that were no message, or too long.
    pub garbage: u64,
    /// Replies that nobody waited for any more.
    pub late: u64,
}

type Answer = oneshot::Sender<Result<Value, Refusal>>;

/// Who waits for which reply; `None` once the connection is closed.
#[derive(Debug)]
struct Shared {
    waiting: Mutex<Option<HashMap<u64, Answer>>>,
    garbage: AtomicU64,
    late: AtomicU64,
}

impl Shared {
    fn waiting(&self) -> MutexGuard<'_, Option<HashMap<u64, Answer>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reply(&self, id: u64, result: Result<Value, Refusal>) {
        let answer = self.waiting().as_mut().and_then(|waiting| waiting.remove(&id));
        if answer.is_none_or(|answer| answer.send(result).is_err()) {
            self.late.fetch_add(1, Relaxed);
        }
    }
}

/// A call's place among those who wait; left however the call ends.
struct Place<'a> {
    shared: &'a Shared,
    id: u64,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let Some(waiting) = self.shared.waiting().as_mut() {
            waiting.remove(&self.id);
        }
    }
}

/// A connection to QEMU. Dropping it ends its tasks.
#[derive(Debug)]
pub struct Qmp {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Vec<u8>>,
    next: AtomicU64,
    tasks: [AbortHandle; 2],
}

impl Qmp {
    /// Takes QEMU's greeting and agrees on no optional capability. Events go to `on_event` with the time of their
    /// reading, in their order; it must not wait.
    ///
    /// # Errors
    /// Where QEMU does not greet and agree within the deadline.
    pub async fn connect(
        stream: impl AsyncRead + AsyncWrite + Send + 'static,
        on_event: impl FnMut(Instant, String, Value) + Send + 'static,
        deadline: Duration,
    ) -> Result<Self, QmpError> {
        let (receiving, sending) = tokio::io::split(stream);
        let shared = Arc::new(Shared {
            waiting: Mutex::new(Some(HashMap::new())),
            garbage: AtomicU64::new(0),
            late: AtomicU64::new(0),
        });
        let (queue, queued) = mpsc::channel(MAX_QUEUE);
        let (greet, greeted) = oneshot::channel();
        let reader = tokio::spawn(read(receiving, Arc::clone(&shared), on_event, greet));
        let writer = tokio::spawn(write(sending, queued));
        let tasks = [reader.abort_handle(), writer.abort_handle()];
        let client = Self { shared, queue, next: AtomicU64::new(1), tasks };
        let command = || "qmp_capabilities".to_owned();
        timeout(deadline, greeted)
            .await
            .map_err(|_| QmpError::Deadline { command: command(), after: deadline })?
            .map_err(|_| QmpError::Closed { command: command() })?;
        client.execute(qapi::qmp::qmp_capabilities { enable: None }, deadline).await?;
        Ok(client)
    }

    /// Has one command carried out.
    ///
    /// # Errors
    /// Where QEMU refuses, is gone, or does not answer in time.
    pub async fn execute<C: Command>(&self, command: C, deadline: Duration) -> Result<C::Ok, QmpError> {
        let name = || C::NAME.to_owned();
        let id = self.next.fetch_add(1, Relaxed);
        let mut line = serde_json::to_vec(&qapi::Execute::with_id(command, id))
            .map_err(|cause| QmpError::Reply { command: name(), detail: cause.to_string() })?;
        line.push(b'\n');
        let (answer, answered) = oneshot::channel();
        match self.shared.waiting().as_mut() {
            Some(waiting) => drop(waiting.insert(id, answer)),
            None => return Err(QmpError::Closed { command: name() }),
        }
        let _place = Place { shared: &self.shared, id };
        self.queue.try_send(line).map_err(|refused| match refused {
            mpsc::error::TrySendError::Full(_) => QmpError::Busy { command: name() },
            mpsc::error::TrySendError::Closed(_) => QmpError::Closed { command: name() },
        })?;
        let value = timeout(deadline, answered)
            .await
            .map_err(|_| QmpError::Deadline { command: name(), after: deadline })?
            .map_err(|_| QmpError::Closed { command: name() })?
            .map_err(|Refusal { class, desc }| QmpError::Refused { command: name(), class, desc })?;
        serde_json::from_value(value).map_err(|cause| QmpError::Reply { command: name(), detail: cause.to_string() })
    }

    /// What the connection saw so far besides replies and events.
    pub fn counts(&self) -> Counts {
        Counts { garbage: self.shared.garbage.load(Relaxed), late: self.shared.late.load(Relaxed) }
    }
}

impl Drop for Qmp {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

async fn write(mut stream: impl AsyncWrite + Unpin, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(line) = queue.recv().await {
        if stream.write_all(&line).await.is_err() || stream.flush().await.is_err() {
            return;
        }
    }
}

async fn read(
    mut stream: impl AsyncRead + Unpin,
    shared: Arc<Shared>,
    mut on_event: impl FnMut(Instant, String, Value),
    greet: oneshot::Sender<()>,
) {
    let mut greet = Some(greet);
    let mut splitter = Splitter::new(MAX_LINE, Keep::Head);
    let mut buffer = vec![0; 16 << 10];
    while let Ok(read @ 1..) = stream.read(&mut buffer).await {
        let at = Instant::now();
        splitter.feed(&buffer[..read], |line, cut| {
            if line.trim_ascii().is_empty() {
                return;
            }
            match Message::parse(line).filter(|_| cut == 0) {
                Some(Message::Greeting) => {
                    // A second greeting greets nobody.
                    greet.take().map(|greet| greet.send(()));
                }
                Some(Message::Reply { id, result }) => shared.reply(id, result),
                Some(Message::Event { event, data }) => on_event(at, event, data),
                None => {
                    shared.garbage.fetch_add(1, Relaxed);
                }
            }
        });
    }
    // All who wait learn that nothing will come.
    *shared.waiting() = None;
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
