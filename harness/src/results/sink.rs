//! A file that is written in pieces, up to a bound, on a disk that may fill up.
//! Lives here: the buffer under both logs; what is taken is never lost and never out of order.
//! May not live here: what is written.

use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// So many bytes are collected before they are written.
const CHUNK: usize = 64 << 10;

/// So many bytes may wait for a disk that takes nothing.
const MAX_WAITING: usize = 1 << 20;

/// Why a log is not written as it should be. What was written before stays.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk is full. What was taken waits in memory for a later flush.
    #[error("{}: no space left on the disk (free some, or choose another folder for results)", .path.display())]
    Full {
        /// The log.
        path: PathBuf,
    },
    /// The log has reached its bound; nothing more is taken.
    #[error("{}: the bound of {limit} bytes is reached, the log ends here", .path.display())]
    Limit {
        /// The log.
        path: PathBuf,
        /// Its bound in bytes.
        limit: u64,
    },
    /// The file cannot be made or written.
    #[error("{}: {source}", .path.display())]
    Io {
        /// The log.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl LogError {
    /// The error for what the system said about a file.
    pub(super) fn new(path: &Path, source: std::io::Error) -> Self {
        let path = path.to_owned();
        if is_full(&source) { Self::Full { path } } else { Self::Io { path, source } }
    }
}

/// Whether an error says that the disk, or the user's share of it, is full.
pub(super) fn is_full(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// A buffered, bounded writer that keeps what it could not write.
#[derive(Debug)]
pub(super) struct Sink<W: Write> {
    writer: W,
    path: PathBuf,
    waiting: Vec<u8>,
    /// Bytes taken so far.
    pub(super) taken: u64,
}

impl<W: Write> Sink<W> {
    pub(super) fn new(writer: W, path: &Path) -> Self {
        Self { writer, path: path.to_owned(), waiting: Vec::with_capacity(CHUNK), taken: 0 }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// How many more bytes can be taken at once: less than a chunk is always possible while the disk takes them.
    pub(super) fn room(&self) -> usize {
        MAX_WAITING.saturating_sub(self.waiting.len())
    }

    /// Takes bytes, of which there may be no more than `room`, and writes if a chunk is full. On an error they are
    /// taken all the same.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        self.waiting.extend_from_slice(bytes);
        self.taken += bytes.len() as u64;
        if self.waiting.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    /// Writes all that waits. On an error the rest goes on waiting.
    pub(super) fn flush(&mut self) -> Result<(), LogError> {
        let mut done = 0;
        let result = loop {
            match self.writer.write(&self.waiting[done..]) {
                _ if done == self.waiting.len() => break self.writer.flush(),
                Ok(0) => break Err(ErrorKind::WriteZero.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        self.waiting.drain(..done);
        result.map_err(|error| LogError::new(&self.path, error))
    }
}

impl<W: Write> Drop for Sink<W> {
    /// Writes what it can; who wants to know whether all was written calls `flush` before.
    fn drop(&mut self) {
        self.flush().ok();
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::sync::{Arc, Mutex};

    /// A disk of so many bytes that takes three at a time.
    #[derive(Clone, Debug, Default)]
    pub(in crate::results) struct Disk {
        pub(in crate::results) bytes: Arc<Mutex<Vec<u8>>>,
        pub(in crate::results) size: Arc<Mutex<usize>>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            let mut disk = self.bytes.lock().unwrap();
            let count = bytes.len().min(3).min(*self.size.lock().unwrap() - disk.len());
            if count == 0 && !bytes.is_empty() {
                return Err(ErrorKind::StorageFull.into());
            }
            disk.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn what_did_not_fit_is_written_later() {
        let disk = Disk::default();
        *disk.size.lock().unwrap() = 5;
        let mut sink = Sink::new(disk.clone(), Path::new("x"));
        sink.push(b"0123456789").unwrap();
        assert!(matches!(sink.flush(), Err(LogError::Full { .. })));
        assert_eq!(*disk.bytes.lock().unwrap(), b"01234");
        sink.push(b"ab").unwrap();
        *disk.size.lock().unwrap() = 100;
        sink.flush().unwrap();
        assert_eq!(*disk.bytes.lock().unwrap(), b"0123456789ab");
    }

    #[test]
    fn a_full_device_is_named() {
        let path = Path::new("/dev/full");
        let mut sink = Sink::new(std::fs::File::create(path).unwrap(), path);
        sink.push(b"x").unwrap();
        let error = sink.flush().unwrap_err().to_string();
        assert!(error.starts_with("/dev/full: no space left"), "{error}");
    }
}
