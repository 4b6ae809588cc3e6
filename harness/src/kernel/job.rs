//! Blocking work on behalf of an async caller: how it reports and how it is called off.
//! Lives here: progress lines, cancellation, the bridge between the two worlds.
//! May not live here: what the work is.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;

/// Takes a line for people about what goes on, such as "fetching linux-image-6.1.0-31-amd64 (69 MB)".
pub type Progress<'a> = &'a (dyn Fn(&str) + Sync);

/// Lines that may wait for the caller.
const LINES: usize = 64;

/// How often work that goes on may say how far it is: as fast as one can read where a person looks at stderr, else seldom
/// enough for a log.
pub(crate) fn pace() -> Duration {
    if std::io::stderr().is_terminal() { Duration::from_millis(500) } else { Duration::from_secs(10) }
}

/// The caller went away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cancelled;

/// What blocking work is given by its caller.
#[derive(Debug)]
pub(crate) struct Job {
    lines: Option<mpsc::Sender<String>>,
    cancelled: Arc<AtomicBool>,
}

impl Job {
    /// A job without listener that is never called off: for what takes a moment.
    pub fn silent() -> Self {
        Self { lines: None, cancelled: Arc::default() }
    }

    /// A job whose lines can be read and that can be called off.
    #[cfg(test)]
    pub fn watched() -> (Self, mpsc::Receiver<String>, Arc<AtomicBool>) {
        let (sender, lines) = mpsc::channel(10_000);
        let cancelled = Arc::<AtomicBool>::default();
        (Self { lines: Some(sender), cancelled: Arc::clone(&cancelled) }, lines, cancelled)
    }

    /// Reports a line. A listener that went away is no reason to fail: cancellation is noticed elsewhere.
    pub fn say(&self, line: impl Into<String>) {
        if let Some(lines) = &self.lines {
            lines.blocking_send(line.into()).unwrap_or_default();
        }
    }

    /// Fails once the caller has gone away.
    pub fn check(&self) -> Result<(), Cancelled> {
        if self.cancelled.load(Relaxed) { Err(Cancelled) } else { Ok(()) }
    }
}

/// Calls the job off when the future that waits for it is dropped.
struct CallOff(Arc<AtomicBool>);

impl Drop for CallOff {
    fn drop(&mut self) {
        self.0.store(true, Relaxed);
    }
}

/// Runs `work` on a thread where it may block and hands its lines to `progress`. When the returned future is dropped, the
/// work ends at its next check, and children that it waits for are killed.
pub(crate) async fn blocking<T, E>(
    progress: Progress<'_>,
    work: impl FnOnce(&Job) -> Result<T, E> + Send + 'static,
) -> Result<T, E>
where
    T: Send + 'static,
    E: From<Cancelled> + Send + 'static,
{
    let (sender, mut lines) = mpsc::channel(LINES);
    let call_off = CallOff(Arc::default());
    let job = Job { lines: Some(sender), cancelled: Arc::clone(&call_off.0) };
    let worker = tokio::task::spawn_blocking(move || work(&job));
    while let Some(line) = lines.recv().await {
        progress(&line);
    }
    let result = worker.await;
    drop(call_off);
    match result.map_err(tokio::task::JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => std::panic::resume_unwind(panic),
        Err(Err(_)) => Err(Cancelled.into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::Mutex;

    #[tokio::test]
    async fn lines_arrive_in_order_and_before_the_result() {
        let seen = Mutex::new(Vec::new());
        let listen = |line: &str| seen.lock().unwrap().push(line.to_owned());
        let result = blocking(&listen, |job| {
            (0..200).for_each(|n| job.say(n.to_string()));
            Ok::<_, Cancelled>(7)
        });
        assert_eq!(result.await, Ok(7));
        assert_eq!(seen.into_inner().unwrap(), (0..200).map(|n: i32| n.to_string()).collect::<Vec<_>>());
    }

    #[tokio::test]
    async fn a_dropped_future_calls_the_work_off() {
        let (ended, end) = tokio::sync::oneshot::channel();
        let work = blocking(&|_| (), move |job| {
            while job.check().is_ok() {
                std::thread::sleep(Duration::from_millis(1));
            }
            ended.send(()).unwrap();
            Err::<(), _>(Cancelled)
        });
        assert!(tokio::time::timeout(Duration::from_millis(20), work).await.is_err());
        tokio::time::timeout(Duration::from_secs(10), end).await.unwrap().unwrap();
    }
}
