//! From what came in to what is seen.
//! Lives here: the pure middle of a virtual machine: bytes to lines, lines to events, losses to events.
//! May not live here: sockets, tasks, or waiting.

use super::faults;
use super::link::{LinkFilter, Losses, Told};
use super::machine::Seen;
use super::mailbox::{Item, Port};
use super::split::{Keep, Splitter, text};
use crate::event::{Exit, Kind};
use oomph_wire::line::MAX_LINE;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Longest console line. The kernel's own have at most 1024 bytes and a prefix (kernel/printk/printk.c, LOG_LINE_MAX).
const MAX_CONSOLE_LINE: usize = 4096;
/// Losses of the agent ports are told at most so often.
const LINK_INTERVAL: Duration = Duration::from_secs(1);

/// Digests items in their order.
#[derive(Debug)]
pub(super) struct Inlet {
    ready: VecDeque<Seen>,
    console: Splitter,
    beat: Splitter,
    agent: Splitter,
    filter: LinkFilter,
    told: Losses,
    told_at: Option<Instant>,
    /// When the last item was read.
    latest: Option<Instant>,
    ended: bool,
}

impl Inlet {
    pub(super) fn new() -> Self {
        Self {
            ready: VecDeque::new(),
            console: Splitter::new(MAX_CONSOLE_LINE, Keep::Head),
            beat: Splitter::new(MAX_LINE, Keep::Tail),
            agent: Splitter::new(MAX_LINE, Keep::Tail),
            filter: LinkFilter::default(),
            told: Losses::default(),
            told_at: None,
            latest: None,
            ended: false,
        }
    }

    /// The next thing seen, if there is one already.
    pub(super) fn pop(&mut self) -> Option<Seen> {
        self.ready.pop_front()
    }

    /// Whether QEMU's end has been seen, after which nothing comes.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// When losses of the agent ports have to be told, if there are any that have not been.
    pub(super) fn link_due(&self) -> Option<Instant> {
        let now_or_later = || self.told_at.map_or_else(Instant::now, |at| at + LINK_INTERVAL);
        (self.filter.losses() != self.told).then(now_or_later)
    }

    /// Tells them. They carry the time of the last item, not that of looking: items that were read before `now` may still
    /// be waiting, and times never go back.
    pub(super) fn tell_link(&mut self, now: Instant) {
        self.told = self.filter.losses();
        self.told_at = Some(now);
        self.see(self.latest.unwrap_or(now), None, self.told.into());
    }

    /// Digests one item; `exit` makes the event of QEMU's end.
    pub(super) fn digest(&mut self, item: Item, exit: impl FnOnce(Exit) -> Kind) {
        self.latest = Some(item.at());
        match item {
            Item::Bytes { at, port: Port::Console, bytes } => {
                let ready = &mut self.ready;
                // The bytes go first, then the lines that they end.
                let mut lines = VecDeque::new();
                self.console.feed(&bytes, |line, cut| lines.push_back(console(at, line, cut)));
                ready.push_back(Seen::ConsoleBytes { at, bytes });
                ready.append(&mut lines);
            }
            Item::Bytes { at, port, bytes } => self.link(at, port, Some(&bytes)),
            Item::Gap { at, port: Port::Console, lines } => {
                self.flush_console(at);
                self.see(at, None, Kind::Dropped { lines });
            }
            // What is missing on the other ports shows in the lines' sequence numbers.
            Item::Gap { at, port, .. } => self.link(at, port, None),
            Item::Qmp { at, event, mut data } => {
                faults::name_disk(&mut data);
                self.see(at, None, Kind::Qmp { event, data });
            }
            Item::Event { at, kind } => self.see(at, None, kind),
            Item::Exit { at, exit: how } => {
                self.flush_console(at);
                self.link(at, Port::Beat, None);
                self.link(at, Port::Agent, None);
                if self.filter.losses() != self.told {
                    self.tell_link(at);
                }
                self.see(at, None, exit(how));
                self.ended = true;
            }
        }
    }

    fn see(&mut self, at: Instant, guest_ns: Option<u64>, kind: Kind) {
        self.ready.push_back(Seen::Event { at, guest_ns, kind });
    }

    fn flush_console(&mut self, at: Instant) {
        let ready = &mut self.ready;
        self.console.flush(|line, cut| ready.push_back(console(at, line, cut)));
    }

    /// Bytes of an agent port, or its end or a gap in it.
    fn link(&mut self, at: Instant, port: Port, bytes: Option<&[u8]>) {
        let Self { ready, beat, agent, filter, .. } = self;
        let splitter = if port == Port::Beat { beat } else { agent };
        let each = |line: &[u8], _| match filter.take(line) {
            Some(Told::Event(guest_ns, kind)) => {
                ready.push_back(Seen::Event { at, guest_ns: Some(guest_ns), kind });
            }
            Some(Told::Piece(piece)) => ready.push_back(Seen::Piece(piece)),
            None => {}
        };
        match bytes {
            Some(bytes) => splitter.feed(bytes, each),
            None => splitter.flush(each),
        }
    }
}

fn console(at: Instant, line: &[u8], cut: u64) -> Seen {
    Seen::Event { at, guest_ns: None, kind: Kind::Console { line: text(line, cut) } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn losses_told_late_do_not_make_times_go_back() {
        let mut inlet = Inlet::new();
        let start = Instant::now();
        let mut times = Vec::new();
        let noise = |at| Item::Bytes { at, port: Port::Agent, bytes: b"noise\n".to_vec() };
        inlet.digest(noise(start), |_| Kind::Cancelled);
        // The consumer looks two seconds later, and something that was read one second later still waits.
        inlet.tell_link(start + 2 * LINK_INTERVAL);
        inlet.digest(noise(start + LINK_INTERVAL), |_| Kind::Cancelled);
        let qmp = Item::Qmp { at: start + LINK_INTERVAL, event: "STOP".into(), data: serde_json::Value::Null };
        inlet.digest(qmp, |_| Kind::Cancelled);
        while let Some(seen) = inlet.pop() {
            if let Seen::Event { at, .. } = seen {
                times.push(at);
            }
        }
        assert_eq!(times, [start, start + LINK_INTERVAL]);
        assert_eq!(inlet.link_due(), Some(start + 3 * LINK_INTERVAL), "at most so often in the consumer's time");
    }
}
