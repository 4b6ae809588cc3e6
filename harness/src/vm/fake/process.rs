//! The fake guest's process.
//! Lives here: its end, its signals, what the host shows of it.
//! May not live here: the guest.

use crate::event::Exit;
use crate::vm::sample::Processors;
use crate::vm::{Process, Signal, Snapshot, Thread};
use std::io;
use std::sync::{Arc, Mutex};
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// How the host treats the process.
#[derive(Debug, Default)]
pub(super) struct Host {
    pub(super) stopped: bool,
    /// Percent of the time.
    pub(super) waits: u64,
}

/// A process that a script plays.
pub(super) struct FakeProcess {
    exit: watch::Receiver<Option<Exit>>,
    signals: mpsc::UnboundedSender<Signal>,
    host: Arc<Mutex<Host>>,
    thread: Thread,
    total: u64,
    sampled: Instant,
}

impl FakeProcess {
    pub(super) fn new(
        exit: watch::Receiver<Option<Exit>>,
        signals: mpsc::UnboundedSender<Signal>,
        host: Arc<Mutex<Host>>,
    ) -> Self {
        Self { exit, signals, host, thread: Thread::default(), total: 0, sampled: Instant::now() }
    }
}

impl Process for FakeProcess {
    fn pid(&self) -> Option<u32> {
        None
    }

    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.exit.clone()
    }

    fn signal(&self, signal: Signal) -> io::Result<()> {
        // A guest that has ended hears nothing, as a process that has.
        let _ = self.signals.send(signal);
        Ok(())
    }

    fn sample(&mut self) -> Option<Snapshot> {
        if self.exit.borrow().is_some() {
            return None;
        }
        let now = Instant::now();
        let passed = u64::try_from(now.duration_since(self.sampled).as_nanos()).unwrap();
        self.sampled = now;
        let host = self.host.lock().unwrap();
        let waited = passed / 100 * host.waits;
        self.total += passed;
        self.thread.runnable = !host.stopped;
        if !host.stopped {
            self.thread.wait_ns += waited;
            self.thread.run_ns += passed - waited;
        }
        let threads = [(1, self.thread)].into();
        let host_time = Processors { count: 1, total: self.total, ..Processors::default() };
        Some(Snapshot { stopped: host.stopped, threads, host: host_time })
    }

    fn stderr(&self) -> String {
        String::new()
    }
}

impl Drop for FakeProcess {
    fn drop(&mut self) {
        let _ = self.signals.send(Signal::Kill);
    }
}
