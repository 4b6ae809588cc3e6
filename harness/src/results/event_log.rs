//! events.jsonl: one event a line, as they come.
//! Lives here: when it is written, where it ends.
//! May not live here: the events' form (`event`).

use super::sink::{LogError, Sink};
use crate::event::Event;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Events are on disk at the latest so long after they happened, as long as more come: one second.
const FLUSH_NS: u64 = 1_000_000_000;

/// The writer of events.jsonl. What it wrote is always a run's first events, without gaps: after the first event that
/// it cannot take it takes no more.
#[derive(Debug)]
pub struct EventLog<W: Write = File> {
    sink: Sink<W>,
    limit: u64,
    flushed_ns: u64,
    /// An event was over the bound.
    limited: bool,
    /// An event had no room in memory while the disk took nothing.
    overflowed: bool,
}

impl EventLog {
    /// Begins a file of at most `limit` bytes.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path, limit: u64) -> Result<Self, LogError> {
        let file = File::create(path).map_err(|error| LogError::new(path, error))?;
        Ok(Self::over(file, path, limit))
    }
}

impl<W: Write> EventLog<W> {
    /// Writes to `writer`; `path` is for errors.
    pub fn over(writer: W, path: &Path, limit: u64) -> Self {
        Self { sink: Sink::new(writer, path), limit, flushed_ns: 0, limited: false, overflowed: false }
    }

    /// Takes an event, and writes if the last time was a second ago by the events' own clock.
    ///
    /// # Errors
    /// [`LogError::Limit`]: the event was not taken, nor will any other be. [`LogError::Full`] and [`LogError::Io`]: it
    /// waits in memory, as long as 1 MiB has room for it, else the log ends before it; make room and flush.
    pub fn append(&mut self, event: &Event) -> Result<(), LogError> {
        let mut line = serde_json::to_vec(event).map_err(|error| LogError::new(self.sink.path(), error.into()))?;
        line.push(b'\n');
        let path = || self.sink.path().to_owned();
        if self.limited || self.sink.taken + line.len() as u64 > self.limit {
            self.limited = true;
            return Err(LogError::Limit { path: path(), limit: self.limit });
        }
        if self.overflowed || line.len() > self.sink.room() {
            self.overflowed = true;
            return Err(LogError::Full { path: path() });
        }
        self.sink.push(&line)?;
        if event.host_ns.saturating_sub(self.flushed_ns) < FLUSH_NS {
            return Ok(());
        }
        self.flushed_ns = event.host_ns;
        self.sink.flush()
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// Where the file takes nothing; the rest goes on waiting.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sink::tests::Disk;
    use super::*;
    use crate::event::{Kind, Plan, SCHEMA, read_events};

    fn event(seq: u64, host_ns: u64) -> Event {
        let plan = Plan { schema: SCHEMA, scenario: "x".into(), ..Plan::default() };
        let kind = if seq == 0 { Kind::Plan(plan) } else { Kind::Console { line: "y".repeat(40) } };
        Event { seq, host_ns, guest_ns: None, kind }
    }

    fn disk(size: usize) -> Disk {
        let disk = Disk::default();
        *disk.size.lock().unwrap() = size;
        disk
    }

    fn seqs(disk: &Disk) -> Vec<u64> {
        read_events(disk.bytes.lock().unwrap().as_slice()).unwrap().iter().map(|event| event.seq).collect()
    }

    #[test]
    fn is_written_once_a_second_and_on_demand() {
        let disk = disk(1 << 20);
        let mut log = EventLog::over(disk.clone(), Path::new("x"), 1 << 20);
        log.append(&event(0, 0)).unwrap();
        log.append(&event(1, 999_999_999)).unwrap();
        assert!(disk.bytes.lock().unwrap().is_empty());
        log.append(&event(2, 1_000_000_000)).unwrap();
        assert_eq!(seqs(&disk), [0, 1, 2]);
        log.append(&event(3, 1_000_000_001)).unwrap();
        log.flush().unwrap();
        assert_eq!(seqs(&disk), [0, 1, 2, 3]);
    }

    #[test]
    fn the_rest_is_written_at_the_end() {
        let disk = disk(1 << 20);
        let mut log = EventLog::over(disk.clone(), Path::new("x"), 1 << 20);
        log.append(&event(0, 0)).unwrap();
        drop(log);
        assert_eq!(seqs(&disk), [0]);
    }

    #[test]
    fn ends_at_its_bound_with_a_whole_line() {
        let disk = disk(1 << 20);
        let mut log = EventLog::over(disk.clone(), Path::new("x"), 700);
        let failed = (0..20).filter(|&seq| log.append(&event(seq, 0)).is_err()).count();
        log.flush().unwrap();
        let kept = seqs(&disk);
        assert_eq!(kept, (0..20 - failed as u64).collect::<Vec<_>>());
        assert!(!kept.is_empty() && failed > 0 && disk.bytes.lock().unwrap().len() <= 700);
    }

    #[test]
    fn a_full_disk_is_told_and_what_is_there_stays() {
        let disk = disk(500);
        let mut log = EventLog::over(disk.clone(), Path::new("x"), 1 << 20);
        let told = (0..9).map(|seq| log.append(&event(seq, seq * FLUSH_NS))).filter(|told| told.is_err()).count();
        assert!(told > 0);
        let kept = seqs(&disk);
        assert_eq!(kept, (0..kept.len() as u64).collect::<Vec<_>>());
        *disk.size.lock().unwrap() = 1 << 20;
        log.flush().unwrap();
        assert_eq!(seqs(&disk), (0..9).collect::<Vec<_>>());
    }

    #[test]
    fn memory_is_bounded_while_the_disk_is_full() {
        let disk = disk(0);
        let mut log = EventLog::over(disk.clone(), Path::new("x"), 1 << 30);
        let full =
            (0..20_000).map(|seq| log.append(&event(seq, 0))).filter(|told| matches!(told, Err(LogError::Full { .. })));
        assert!(full.count() > 0);
        assert!(log.overflowed && log.sink.room() < 1 << 10);
        *disk.size.lock().unwrap() = 2 << 20;
        assert!(log.append(&event(20_000, 0)).is_err(), "a gap would follow");
        log.flush().unwrap();
        let kept = seqs(&disk);
        assert_eq!(kept, (0..kept.len() as u64).collect::<Vec<_>>());
    }
}
