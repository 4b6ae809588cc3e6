//! The guest's end of the link: lines written to a serial port, commands read from it.
//! Lives here: opening a port, one write(2) per line, finding lines in what arrives.
//! May not live here: what is said.

use crate::clock;
use oomph_wire::line::{Encoder, Line, MAX_LINE};
use rustix::fd::{AsFd, BorrowedFd, OwnedFd};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::{Errno, read, write};
use rustix::termios::{ControlModes, OptionalActions, tcgetattr, tcsetattr};
use std::time::Duration;

/// The port on which the beat is alone.
pub const BEAT_PORT: &str = "/dev/ttyS1";
/// The port of everything else.
pub const AGENT_PORT: &str = "/dev/ttyS2";

/// One writer of a port. Nothing here allocates after [`Port::open`].
pub struct Port {
    fd: OwnedFd,
    source: String,
    seq: u64,
}

impl Port {
    /// Opens a port for the lines of `source`.
    pub fn open(path: &str, source: &str) -> Result<Self, Errno> {
        let fd = open(path, OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC, Mode::empty())?;
        Ok(Self { fd, source: source.to_owned(), seq: 0 })
    }

    /// For the lines of `source` on what is open already.
    pub fn on(fd: impl AsFd, source: &str) -> Result<Self, Errno> {
        Ok(Self { fd: rustix::io::dup(fd)?, source: source.to_owned(), seq: 0 })
    }

    /// Makes bytes go through as they are: no echo, no line editing, no carriage returns, 115200 baud. Holds for all that
    /// have the port open.
    pub fn make_raw(&self) -> Result<(), Errno> {
        let mut settings = tcgetattr(&self.fd)?;
        settings.make_raw();
        settings.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
        settings.set_speed(115_200)?;
        tcsetattr(&self.fd, OptionalActions::Now, &settings)
    }

    /// Writes one line. The encoder lies on the (locked, touched) stack. What the port does not take is lost: there is
    /// nobody else to tell, and the host sees the gap in the sequence numbers.
    pub fn send(&mut self, kind: &str, fields: impl FnOnce(Encoder) -> Encoder) {
        self.seq += 1;
        let mut line = fields(Encoder::new(&self.source, self.seq, clock::now_us(), kind));
        let mut rest = line.finish();
        while !rest.is_empty() {
            match write(&self.fd, rest) {
                Ok(written) => rest = &rest[written..],
                Err(Errno::INTR) => {}
                Err(_) => return,
            }
        }
    }

    /// Waits until the port has sent what it was given, at most for `limit`.
    pub fn drain(&self, limit: Duration) {
        let end = clock::now() + limit;
        while clock::now() < end && unsent(self.fd.as_fd()) != Some(0) {
            clock::sleep(Duration::from_millis(5));
        }
        // The transmitter's own FIFO, 16 bytes at 115200 baud, takes 1.4 ms more.
        clock::sleep(Duration::from_millis(20));
    }

    /// For poll.
    pub fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Adds a number that not every kernel has.
pub fn where_known(line: Encoder, key: &str, value: Option<u64>) -> Encoder {
    match value {
        Some(value) => line.num(key, value),
        None => line,
    }
}

/// Bytes that the port has not sent yet; `None` where it does not say.
fn unsent(fd: BorrowedFd<'_>) -> Option<i32> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: TIOCOUTQ writes one int, and `bytes` is one that lives through the call.
    let result = unsafe { libc::ioctl(rustix::fd::AsRawFd::as_raw_fd(&fd), libc::TIOCOUTQ, &raw mut bytes) };
    (result == 0).then_some(bytes)
}

/// What arrived on a port and is no whole line yet, in a fixed buffer.
pub struct Input {
    bytes: [u8; 2 * MAX_LINE],
    len: usize,
}

impl Input {
    /// Nothing arrived yet.
    pub fn new() -> Self {
        Self { bytes: [0; 2 * MAX_LINE], len: 0 }
    }

    /// Reads what the port has; call it when poll says that there is something.
    pub fn fill(&mut self, port: &Port) {
        if let Ok(read) = read(&port.fd, &mut self.bytes[self.len..]) {
            self.len += read;
        }
    }

    /// Hands each whole line to `take` and keeps the rest. A rest that fills the buffer without a newline is no line, and
    /// is dropped.
    pub fn lines(&mut self, mut take: impl FnMut(&Line<'_>)) {
        let mut start = 0;
        while let Some(length) = self.bytes[start..self.len].iter().position(|&byte| byte == b'\n') {
            if let Some(line) = Line::find(&self.bytes[start..start + length]) {
                take(&line);
            }
            start += length + 1;
        }
        self.bytes.copy_within(start..self.len, 0);
        self.len -= start;
        if self.len == self.bytes.len() {
            self.len = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn put(input: &mut Input, bytes: &[u8]) -> Vec<String> {
        input.bytes[input.len..input.len + bytes.len()].copy_from_slice(bytes);
        input.len += bytes.len();
        let mut kinds = Vec::new();
        input.lines(|line| kinds.push(line.kind.to_owned()));
        kinds
    }

    #[test]
    fn lines_are_found_however_they_are_cut() {
        let mut input = Input::new();
        let mut start = Encoder::new("host", 1, 0, "start").num("release_ms", 5);
        let mut stop = Encoder::new("host", 2, 0, "poweroff");
        let bytes = [start.finish(), stop.finish()].concat();
        let (first, rest) = bytes.split_at(11);
        assert!(put(&mut input, first).is_empty());
        assert_eq!(put(&mut input, rest), ["start", "poweroff"]);
    }

    #[test]
    fn noise_without_an_end_does_not_block_the_line_behind_it() {
        let mut input = Input::new();
        assert!(put(&mut input, &[b'x'; 2 * MAX_LINE]).is_empty());
        assert_eq!(put(&mut input, Encoder::new("host", 1, 0, "release").finish()), ["release"]);
    }
}
