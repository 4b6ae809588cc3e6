//! The terminal: how wide it is, and a guest's console on it.
//! Lives here: the width of stdout, raw mode and taking it back, the keys that are ours (pure), passing bytes on both ways.
//! May not live here: the guest.

use crate::vm::{Attached, Console};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Read, Write};
use tokio::sync::mpsc;

/// The key that says that the next is ours: Ctrl-A, as in QEMU's own terminal.
const PREFIX: u8 = 1;

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Done {
    /// QEMU ended.
    Ended,
    /// The user wants to leave.
    Quit,
}

/// What a typed byte means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Typed {
    Byte(u8),
    Break,
    Quit,
    /// Nothing, or not yet.
    Nothing,
}

/// Reads what is typed. Only at a terminal are there keys of ours: input from elsewhere is the guest's.
#[derive(Debug)]
struct Keys {
    terminal: bool,
    prefixed: bool,
}

impl Keys {
    fn typed(&mut self, byte: u8) -> Typed {
        if !self.terminal {
            return Typed::Byte(byte);
        }
        match (std::mem::take(&mut self.prefixed), byte) {
            (false, PREFIX) => {
                self.prefixed = true;
                Typed::Nothing
            }
            (false, byte) => Typed::Byte(byte),
            (true, b'x' | b'X') => Typed::Quit,
            (true, b'b' | b'B') => Typed::Break,
            (true, b'a' | b'A' | PREFIX) => Typed::Byte(PREFIX),
            (true, _) => Typed::Nothing,
        }
    }
}

/// The terminal as it was, put back when dropped.
struct Raw(Termios);

impl Raw {
    /// Every key goes to the guest, ^C as well.
    fn set() -> io::Result<Option<Self>> {
        let stdin = io::stdin();
        if !stdin.is_terminal() {
            return Ok(None);
        }
        let before = tcgetattr(&stdin)?;
        let mut raw = before.clone();
        raw.make_raw();
        tcsetattr(&stdin, OptionalActions::Now, &raw)?;
        Ok(Some(Self(before)))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing put back.
        tcsetattr(io::stdin(), OptionalActions::Now, &self.0).ok();
    }
}

/// Passes the console on until QEMU or the user ends. The end of an input that is no terminal ends nothing.
///
/// # Errors
/// Where the terminal cannot be set, or stdout not be written.
pub(super) async fn pass_on(vm: &Attached, console: &Console) -> anyhow::Result<Done> {
    let _raw = Raw::set()?;
    let mut keys = Keys { terminal: io::stdin().is_terminal(), prefixed: false };
    let mut typed = read_stdin();
    let mut buffer = vec![0; 16 << 10];
    loop {
        tokio::select! {
            _ = vm.end() => return Ok(Done::Ended),
            ready = console.readable() => {
                ready?;
                match console.try_read(&mut buffer) {
                    Ok(0) => return Ok(Done::Ended),
                    Ok(read) => {
                        // A terminal that takes nothing holds up only what there is to show.
                        let mut out = io::stdout().lock();
                        out.write_all(&buffer[..read])?;
                        out.flush()?;
                    }
                    Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
                    Err(cause) => return Err(cause.into()),
                }
            }
            Some(bytes) = typed.recv() => {
                for byte in bytes {
                    match keys.typed(byte) {
                        Typed::Byte(byte) => write(console, byte).await?,
                        Typed::Break => vm.send_break().await?,
                        Typed::Quit => return Ok(Done::Quit),
                        Typed::Nothing => {}
                    }
                }
            }
        }
    }
}

async fn write(console: &Console, byte: u8) -> io::Result<()> {
    loop {
        console.writable().await?;
        match console.try_write(&[byte]) {
            Err(cause) if cause.kind() == io::ErrorKind::WouldBlock => {}
            other => return other.map(drop),
        }
    }
}

/// What is typed, from a thread of its own: a read of a terminal cannot be called off.
fn read_stdin() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(16);
    std::thread::spawn(move || {
        let mut buffer = [0; 1024];
        while let Ok(read @ 1..) = io::stdin().lock().read(&mut buffer) {
            if sender.blocking_send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_ours_are_behind_the_prefix_and_only_at_a_terminal() {
        let typed = |terminal, text: &[u8]| {
            let mut keys = Keys { terminal, prefixed: false };
            text.iter().map(|&byte| keys.typed(byte)).filter(|typed| *typed != Typed::Nothing).collect::<Vec<_>>()
        };
        assert_eq!(typed(true, b"a\x01bw"), [Typed::Byte(b'a'), Typed::Break, Typed::Byte(b'w')]);
        assert_eq!(typed(true, b"\x01\x01x\x01a"), [Typed::Byte(1), Typed::Byte(b'x'), Typed::Byte(1)]);
        assert_eq!(typed(true, b"\x01?\x01X"), [Typed::Quit]);
        assert_eq!(typed(false, b"\x01x"), [Typed::Byte(1), Typed::Byte(b'x')]);
    }
}
