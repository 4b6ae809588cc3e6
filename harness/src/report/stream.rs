//! A run's events on stdout while it goes on (`oomph run --json`).
//! Lives here: the lines, and what is left out for a reader that is slower than the guest.
//! May not live here: results; those follow when the run is over.
//!
//! Whoever reads may be slow or not read at all; the run waits for nobody, since time in which the harness does not look is time of
//! which nothing is known. So lines go through a bounded channel to a thread that writes, and what has no room is counted and said.

use super::inert::inert_json;
use crate::event::Event;
use serde::Serialize;
use std::io::Write;
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};

/// Lines that may wait: some minutes of a guest at its quietest, a dump of all tasks at its loudest.
const WAITING: usize = 8192;

/// An event, apart from the results that come on the same stream.
#[derive(Serialize)]
struct Told<'a> {
    event: &'a Event,
}

/// Where events were left out.
#[derive(Serialize)]
struct Missed {
    missed: u64,
}

/// The events of one run. Dropped, it waits until all are written that it took.
#[derive(Debug)]
pub struct Stream {
    lines: Option<SyncSender<String>>,
    writer: Option<JoinHandle<()>>,
    missed: u64,
}

impl Stream {
    /// A stream to `out`.
    pub fn new(out: impl Write + Send + 'static) -> Self {
        Self::of(out, WAITING)
    }

    fn of(out: impl Write + Send + 'static, waiting: usize) -> Self {
        let (lines, receiver) = sync_channel(waiting);
        let writer = thread::spawn(move || write(out, &receiver));
        Self { lines: Some(lines), writer: Some(writer), missed: 0 }
    }

    /// Takes an event, or counts it as missed.
    pub fn event(&mut self, event: &Event) {
        if self.missed > 0 && self.send(&Missed { missed: self.missed }) {
            self.missed = 0;
        }
        if self.missed > 0 || !self.send(&Told { event }) {
            self.missed += 1;
        }
    }

    /// Whether there was room. To a reader that is gone there always is.
    fn send(&self, told: &impl Serialize) -> bool {
        // Events are plain data: they can be written.
        let Ok(line) = serde_json::to_string(told) else { return true };
        let Some(lines) = &self.lines else { return true };
        !matches!(lines.try_send(inert_json(line)), Err(TrySendError::Full(_)))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        if let Some(lines) = self.lines.take()
            && self.missed > 0
            && let Ok(line) = serde_json::to_string(&Missed { missed: self.missed })
        {
            // The run is over: now there is time to wait.
            lines.send(line).ok();
        }
        if let Some(writer) = self.writer.take() {
            writer.join().ok();
        }
    }
}

/// Writes lines until there are no more, or nobody reads.
fn write(mut out: impl Write, lines: &Receiver<String>) {
    while let Ok(mut line) = lines.recv() {
        line.push('\n');
        if out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Kind;
    use std::sync::{Arc, Mutex};

    /// Takes lines only while it is not locked.
    #[derive(Clone, Default)]
    struct Reader {
        text: Arc<Mutex<Vec<u8>>>,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.text.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn event(seq: u64) -> Event {
        Event { seq, host_ns: 0, guest_ns: None, kind: Kind::Console { line: "\x1b[31m\u{9b}x".into() } }
    }

    fn lines(reader: &Reader) -> Vec<serde_json::Value> {
        let text = String::from_utf8(reader.text.lock().unwrap().clone()).unwrap();
        assert!(!text.contains(['\x1b', '\u{9b}']), "{text:?}");
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn events_come_as_they_are_one_a_line() {
        let reader = Reader::default();
        let mut stream = Stream::new(reader.clone());
        (0..3).for_each(|seq| stream.event(&event(seq)));
        drop(stream);
        let events: Vec<Event> =
            lines(&reader).into_iter().map(|line| serde_json::from_value(line["event"].clone()).unwrap()).collect();
        assert_eq!(events, [event(0), event(1), event(2)]);
    }

    #[test]
    fn a_reader_that_does_not_read_holds_up_nothing_and_is_told_what_it_missed() {
        let reader = Reader::default();
        let held = reader.text.lock().unwrap();
        let mut stream = Stream::of(reader.clone(), 2);
        (0..100).for_each(|seq| stream.event(&event(seq)));
        drop(held);
        drop(stream);
        let lines = lines(&reader);
        let seen = lines.iter().filter(|line| line.get("event").is_some()).count() as u64;
        let missed: u64 = lines.iter().filter_map(|line| line["missed"].as_u64()).sum();
        assert!((2..=4).contains(&seen), "{seen}");
        assert_eq!(seen + missed, 100);
    }

    #[test]
    fn a_reader_that_is_gone_is_no_error() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
                Err(std::io::ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> std::io::Result<()> {
                Ok(())
            }
        }
        let mut stream = Stream::of(Gone, 2);
        (0..100).for_each(|seq| stream.event(&event(seq)));
    }
}
