//! Bringing files back out of a guest over ssh: no serial port bounds them.
//! Lives here: the thread that runs the sender in the guest and reads its lines.
//! May not live here: which files are taken (`results`), or what the sender is called (`image`).
//!
//! The sender writes the lines of the serial link, each with its checksum, so that whatever else a login prints is no part of a file.

use super::{Limits, Login, attempt::attempt_into};
use crate::event::Kind;
use crate::vm::link::{LinkFilter, Piece, Told};
use crate::vm::split::{Keep, Splitter};
use oomph_wire::line::MAX_LINE;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;
use tokio::sync::mpsc;

/// The name of the thread, of which 15 bytes are seen.
const NAME: &str = "oomph-fetch";
/// For everything, in wall time. The run's own deadline for it is a little longer (`run::machine`).
const WITHIN: Duration = Duration::from_secs(110);
/// Pieces that may wait to be written; then the guest waits.
const WAITING: usize = 256;

/// What is to be brought back.
#[derive(Clone, Debug)]
pub struct Fetch {
    /// What sends it, on its standard output.
    pub command: String,
    /// Files and directories of the guest.
    pub asked: Vec<String>,
}

/// What came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fetched {
    /// A piece of a file.
    Piece(Piece),
    /// A file is through.
    Ended {
        /// Its path in the guest.
        path: String,
        /// Bytes that the guest says it sent.
        bytes: u64,
        /// Why it is not whole.
        failed: Option<String>,
    },
}

/// Files on their way. The thread ends within a quarter of a second after this is dropped.
#[derive(Debug)]
pub struct Fetcher {
    items: mpsc::Receiver<Fetched>,
    called_off: Arc<AtomicBool>,
}

impl Fetcher {
    /// Starts it.
    pub(in crate::vm) fn start(login: Login, asked: Vec<String>) -> std::io::Result<Self> {
        let (sender, items) = mpsc::channel(WAITING);
        let called_off = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&called_off);
        thread::Builder::new().name(NAME.into()).spawn(move || fetch(&login, &asked, WITHIN, &seen, &sender))?;
        Ok(Self { items, called_off })
    }

    /// One that cannot be had.
    pub fn failed(asked: &[String], why: &str) -> Self {
        let (sender, items) = mpsc::channel(asked.len().max(1));
        for path in asked {
            // There is room for each.
            sender.try_send(not_whole(path, why)).unwrap_or_default();
        }
        Self { items, called_off: Arc::default() }
    }

    /// What comes next; `None` when all is through. Cancel-safe.
    pub async fn next(&mut self) -> Option<Fetched> {
        self.items.recv().await
    }
}

impl Drop for Fetcher {
    fn drop(&mut self) {
        self.called_off.store(true, Ordering::Relaxed);
    }
}

fn not_whole(path: &str, why: &str) -> Fetched {
    Fetched::Ended { path: path.to_owned(), bytes: 0, failed: Some(why.to_owned()) }
}

/// Runs the sender; what it does not tell of in the end has failed with the login.
fn fetch(login: &Login, asked: &[String], within: Duration, called_off: &AtomicBool, to: &mpsc::Sender<Fetched>) {
    let (mut lines, mut filter) = (Splitter::new(MAX_LINE, Keep::Tail), LinkFilter::default());
    let mut ended: Vec<String> = Vec::new();
    let mut open: Option<String> = None;
    let mut taken = |bytes: &[u8]| {
        lines.feed(bytes, |line, _| {
            let item = match filter.take(line) {
                Some(Told::Piece(piece)) => {
                    open = Some(piece.path.clone());
                    Fetched::Piece(piece)
                }
                Some(Told::Event(_, Kind::Collected { path, bytes, failed })) => {
                    open = None;
                    ended.push(path.clone());
                    Fetched::Ended { path, bytes, failed }
                }
                _ => return,
            };
            // Nobody takes it any more: then it is called off, too.
            to.blocking_send(item).unwrap_or_default();
        });
    };
    let limits = Limits { within, fair_ms: None, called_off };
    let Err(failed) = attempt_into(login, limits, &mut |_| (), &mut taken) else { return };
    let why = format!("over ssh, {}: {}", failed.stage.name(), failed.why);
    let missing = asked.iter().filter(|asked| !ended.iter().any(|path| Path::new(path).starts_with(asked)));
    for path in open.iter().chain(missing) {
        to.blocking_send(not_whole(path, &why)).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Access, Key};
    use super::*;
    use std::net::TcpListener;

    #[tokio::test]
    async fn what_cannot_be_had_is_told_of_each_file() {
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let access = Access::root(Key::new().unwrap());
        let login = Login { address, access, command: "true".into(), input: Vec::new() };
        let mut fetcher = Fetcher::start(login, vec!["/a".into(), "/b".into()]).unwrap();
        for wanted in ["/a", "/b"] {
            let Some(Fetched::Ended { path, failed: Some(why), .. }) = fetcher.next().await else { panic!() };
            assert!(path == wanted && why.starts_with("over ssh, tcp: ") && why.contains("refused"), "{why}");
        }
        assert_eq!(fetcher.next().await, None);
        let mut none = Fetcher::failed(&["/a".to_owned()], "because");
        assert_eq!(none.next().await, Some(not_whole("/a", "because")));
        assert_eq!(none.next().await, None);
    }
}
