//! console.log: the guest's console as it came over the line.
//! Lives here: its bound and the mark at its end.
//! May not live here: lines, or what they say.

use super::sink::{LogError, Sink};
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// The writer of console.log. A guest that never stops talking fills neither disk nor memory: what is over the bound is
/// counted, and [`ConsoleLog::finish`] says how much that was.
#[derive(Debug)]
pub struct ConsoleLog<W: Write = File> {
    sink: Sink<W>,
    limit: u64,
    left_out: u64,
    last: u8,
}

impl ConsoleLog {
    /// Begins a file of at most `limit` bytes, the mark not counted.
    ///
    /// # Errors
    /// Where it cannot be made.
    pub fn create(path: &Path, limit: u64) -> Result<Self, LogError> {
        let file = File::create(path).map_err(|error| LogError::new(path, error))?;
        Ok(Self::over(file, path, limit))
    }
}

impl<W: Write> ConsoleLog<W> {
    /// Writes to `writer`; `path` is for errors.
    pub fn over(writer: W, path: &Path, limit: u64) -> Self {
        Self { sink: Sink::new(writer, path), limit, left_out: 0, last: b'\n' }
    }

    /// Takes bytes. Once some had to be left out, all later ones are.
    ///
    /// # Errors
    /// Where the file takes nothing. The bytes wait in memory, up to 1 MiB; what is over that is left out.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), LogError> {
        let under_limit = self.limit.saturating_sub(self.sink.taken).min(self.sink.room() as u64);
        let room = if self.left_out > 0 { 0 } else { usize::try_from(under_limit).unwrap_or(usize::MAX) };
        let (kept, over) = bytes.split_at(bytes.len().min(room));
        self.left_out += over.len() as u64;
        self.last = kept.last().copied().unwrap_or(self.last);
        if kept.is_empty() { Ok(()) } else { self.sink.push(kept) }
    }

    /// Writes all that waits; to be called about once a second, so that somebody can look on.
    ///
    /// # Errors
    /// Where the file takes nothing; the rest goes on waiting.
    pub fn flush(&mut self) -> Result<(), LogError> {
        self.sink.flush()
    }

    /// Bytes that are not kept.
    pub fn left_out(&self) -> u64 {
        self.left_out
    }

    /// Ends the log, with a mark where something is missing.
    ///
    /// # Errors
    /// Where not everything could be written.
    pub fn finish(mut self) -> Result<(), LogError> {
        if self.left_out > 0 {
            let newline = if self.last == b'\n' { "" } else { "\n" };
            let mark = format!("{newline}[oomph: console log cut here: {} more bytes not kept]\n", self.left_out);
            self.sink.push(mark.as_bytes())?;
        }
        self.sink.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::sink::tests::Disk;
    use super::*;

    fn log(size: usize, limit: u64) -> (Disk, ConsoleLog<Disk>) {
        let disk = Disk::default();
        *disk.size.lock().unwrap() = size;
        (disk.clone(), ConsoleLog::over(disk, Path::new("x"), limit))
    }

    fn text(disk: &Disk) -> String {
        String::from_utf8(disk.bytes.lock().unwrap().clone()).unwrap()
    }

    #[test]
    fn is_kept_as_it_came() {
        let (disk, mut log) = log(1 << 20, 1 << 20);
        log.write(b"one\r\n").unwrap();
        log.write(b"two").unwrap();
        log.finish().unwrap();
        assert_eq!(text(&disk), "one\r\ntwo");
    }

    #[test]
    fn ends_with_a_mark_where_it_was_cut() {
        let (disk, mut log) = log(1 << 20, 6);
        log.write(b"one\r\ntwo").unwrap();
        log.write(b"three").unwrap();
        assert_eq!(log.left_out(), 7);
        log.finish().unwrap();
        assert_eq!(text(&disk), "one\r\nt\n[oomph: console log cut here: 7 more bytes not kept]\n");
    }

    #[test]
    fn a_full_disk_is_told_and_memory_is_bounded() {
        let (disk, mut log) = log(0, 1 << 30);
        let told = (0..40).map(|_| log.write(&[b'x'; 64 << 10])).filter(|told| told.is_err()).count();
        assert!(told > 0 && log.left_out() > 0);
        *disk.size.lock().unwrap() = 4 << 20;
        log.finish().unwrap();
        let text = text(&disk);
        assert!(text.len() < 2 << 20 && text.ends_with("more bytes not kept]\n"), "{}", text.len());
    }
}
