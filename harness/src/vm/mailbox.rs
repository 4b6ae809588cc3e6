//! What came in and has not been looked at yet.
//! Lives here: one bounded queue for all sources, in the order of arrival, with the time of reading.
//! May not live here: sockets, or any idea of what the bytes mean.
//!
//! Each source has a budget of its own, so that a flood on one costs nothing on the others. What exceeds it is dropped,
//! counted, and marked by an [`Item::Gap`] in its place.

use crate::event::{Exit, Kind};
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// A serial port of the guest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Port {
    /// ttyS0.
    Console,
    /// ttyS1.
    Beat,
    /// ttyS2.
    Agent,
}

const PORTS: [Port; 3] = [Port::Console, Port::Beat, Port::Agent];

impl Port {
    /// Most bytes that wait. The console's suffices for a whole SysRq-t of thousands of tasks, the others' for minutes.
    fn budget(self) -> usize {
        match self {
            Self::Console => 4 << 20,
            Self::Beat => 64 << 10,
            Self::Agent => 512 << 10,
        }
    }
}

/// Most QMP events that wait.
const QMP_BUDGET: usize = 4096;
/// Most other events that wait: those of some hundred logins, which take minutes.
const EVENT_BUDGET: usize = 1024;

/// What an item costs besides its bytes.
const OVERHEAD: usize = size_of::<Item>();

/// Bytes that arrive within so short a time of each other may carry the first one's time. QEMU passes a serial port's
/// bytes on one by one.
const TOGETHER: Duration = Duration::from_millis(5);
/// Most bytes in one item.
const CHUNK: usize = 16 << 10;

/// Something that came in.
#[derive(Debug, PartialEq)]
pub(super) enum Item {
    /// Bytes from a port.
    Bytes { at: Instant, port: Port, bytes: Vec<u8> },
    /// Bytes from a port were dropped here, and so many line ends among them.
    Gap { at: Instant, port: Port, lines: u64 },
    /// A QMP event.
    Qmp { at: Instant, event: String, data: Value },
    /// Something that the host did to the guest by other ways, and how it went.
    Event { at: Instant, kind: Kind },
    /// QEMU ended, and nothing will follow.
    Exit { at: Instant, exit: Exit },
}

impl Item {
    /// When it was read.
    pub(super) fn at(&self) -> Instant {
        let (Self::Bytes { at, .. }
        | Self::Gap { at, .. }
        | Self::Qmp { at, .. }
        | Self::Event { at, .. }
        | Self::Exit { at, .. }) = self;
        *at
    }
}

#[derive(Debug, Default)]
struct State {
    items: VecDeque<Item>,
    used: [usize; PORTS.len()],
    gaps: [Option<(Instant, u64)>; PORTS.len()],
    qmp_waiting: usize,
    qmp_dropped: u64,
    events_waiting: usize,
    latest: Option<Instant>,
}

/// The queue. Putting something in never waits.
#[derive(Debug, Default)]
pub(super) struct Mailbox {
    state: Mutex<State>,
    arrived: Notify,
}

impl Mailbox {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Bytes came from a port. The reader of the queue is woken by a line end only: it can do nothing with half a line.
    pub(super) fn put_bytes(&self, at: Instant, port: Port, bytes: &[u8]) {
        let lines = count_lines(bytes);
        let mut state = self.state();
        let at = state.not_before(at);
        state.put_bytes(at, port, bytes, lines);
        drop(state);
        if lines > 0 {
            self.arrived.notify_one();
        }
    }

    /// A QMP event came.
    pub(super) fn put_qmp(&self, at: Instant, event: String, data: Value) {
        let mut state = self.state();
        if state.qmp_waiting == QMP_BUDGET {
            state.qmp_dropped += 1;
        } else {
            state.qmp_waiting += 1;
            let at = state.not_before(at);
            state.items.push_back(Item::Qmp { at, event, data });
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// Something else happened. Where too many wait, it is dropped.
    pub(super) fn put_event(&self, at: Instant, kind: Kind) {
        let mut state = self.state();
        if state.events_waiting < EVENT_BUDGET {
            state.events_waiting += 1;
            let at = state.not_before(at);
            state.items.push_back(Item::Event { at, kind });
        }
        drop(state);
        self.arrived.notify_one();
    }

    /// QEMU has ended and its sockets are drained.
    pub(super) fn put_exit(&self, at: Instant, exit: Exit) {
        let mut state = self.state();
        for port in PORTS {
            state.close_gap(port);
        }
        let at = state.not_before(at);
        state.items.push_back(Item::Exit { at, exit });
        drop(state);
        self.arrived.notify_one();
    }

    /// QMP events that were too many to keep.
    pub(super) fn qmp_dropped(&self) -> u64 {
        self.state().qmp_dropped
    }

    /// The next item. Cancel-safe: an item that is not returned stays in the queue. One caller at a time.
    pub(super) async fn take(&self) -> Item {
        loop {
            if let Some(item) = self.try_take() {
                return item;
            }
            self.arrived.notified().await;
        }
    }

    fn try_take(&self) -> Option<Item> {
        let mut state = self.state();
        if state.items.is_empty() {
            PORTS.into_iter().for_each(|port| state.close_gap(port));
        }
        let item = state.items.pop_front()?;
        match &item {
            Item::Bytes { port, bytes, .. } => state.used[*port as usize] -= bytes.len() + OVERHEAD,
            Item::Qmp { .. } => state.qmp_waiting -= 1,
            Item::Event { .. } => state.events_waiting -= 1,
            Item::Gap { .. } | Item::Exit { .. } => {}
        }
        Some(item)
    }
}

impl State {
    /// Times never go back in the queue, although the tasks that put into it read the clock by themselves.
    fn not_before(&mut self, at: Instant) -> Instant {
        let at = self.latest.map_or(at, |latest| latest.max(at));
        self.latest = Some(at);
        at
    }

    fn put_bytes(&mut self, at: Instant, port: Port, bytes: &[u8], lines: u64) {
        let used = &mut self.used[port as usize];
        let gap = &mut self.gaps[port as usize];
        if *used + bytes.len() + OVERHEAD > port.budget() {
            gap.get_or_insert((at, 0)).1 += lines;
            return;
        }
        if let Some(Item::Bytes { at: first, port: last, bytes: waiting }) = self.items.back_mut()
            && *last == port
            && gap.is_none()
            && at.duration_since(*first) < TOGETHER
            && waiting.len() + bytes.len() <= CHUNK
        {
            waiting.extend_from_slice(bytes);
            *used += bytes.len();
            return;
        }
        *used += bytes.len() + OVERHEAD;
        self.close_gap(port);
        self.items.push_back(Item::Bytes { at, port, bytes: bytes.to_vec() });
    }

    /// The gap began earlier than what was put in since, and times never go back: it carries that of its end.
    fn close_gap(&mut self, port: Port) {
        if let Some((began, lines)) = self.gaps[port as usize].take() {
            let at = self.latest.unwrap_or(began);
            self.items.push_back(Item::Gap { at, port, lines });
        }
    }
}

fn count_lines(bytes: &[u8]) -> u64 {
    bytes.iter().map(|&byte| u64::from(byte == b'\n')).sum()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    fn bytes(item: Option<Item>) -> (Port, String) {
        match item {
            Some(Item::Bytes { port, bytes, .. }) => (port, String::from_utf8(bytes).unwrap()),
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn bytes_come_together_unless_time_or_another_port_lies_between() {
        let mailbox = Mailbox::default();
        let start = Instant::now();
        mailbox.put_bytes(start, Port::Console, b"a");
        mailbox.put_bytes(start + TOGETHER / 2, Port::Console, b"b");
        mailbox.put_bytes(start + TOGETHER, Port::Console, b"c");
        mailbox.put_bytes(start + TOGETHER, Port::Agent, b"d");
        mailbox.put_bytes(start + TOGETHER, Port::Console, b"e");
        let texts: Vec<_> = (0..4).map(|_| bytes(mailbox.try_take())).collect();
        assert_eq!(texts.iter().map(|(_, text)| text.as_str()).collect::<Vec<_>>(), ["ab", "c", "d", "e"]);
        assert_eq!(mailbox.try_take(), None);
        assert_eq!(mailbox.state().used, [0; 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_is_bounded_counted_and_costs_the_others_nothing() {
        let mailbox = Mailbox::default();
        let start = Instant::now();
        for n in 0..50_000_u32 {
            mailbox.put_bytes(
                start + n * TOGETHER,
                Port::Console,
                &[b"0123456789".repeat(100).as_slice(), b"\n"].concat(),
            );
        }
        mailbox.put_bytes(start, Port::Agent, b"@agent\n");
        mailbox.put_qmp(start, "STOP".into(), Value::Null);
        let state = mailbox.state();
        let held: usize =
            state.items.iter().map(|item| if let Item::Bytes { bytes, .. } = item { bytes.len() } else { 0 }).sum();
        assert!(held <= Port::Console.budget() && held > Port::Console.budget() / 2, "{held}");
        drop(state);
        let mut lines = 0;
        let mut order = Vec::new();
        while let Some(item) = mailbox.try_take() {
            match item {
                Item::Bytes { port: Port::Console, bytes, .. } => lines += count_lines(&bytes),
                Item::Gap { port, lines: dropped, .. } => {
                    lines += dropped;
                    order.push(format!("gap {port:?}"));
                }
                Item::Bytes { port, .. } => order.push(format!("{port:?}")),
                Item::Qmp { event, .. } => order.push(event),
                Item::Event { .. } | Item::Exit { .. } => {}
            }
        }
        assert_eq!(lines, 50_000, "every line is there or counted");
        assert_eq!(order, ["Agent", "STOP", "gap Console"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_gap_stands_where_the_bytes_are_missing() {
        let mailbox = Mailbox::default();
        let now = Instant::now();
        let budget = Port::Beat.budget();
        mailbox.put_bytes(now, Port::Beat, &vec![b'x'; budget - OVERHEAD]);
        mailbox.put_bytes(now, Port::Beat, b"lost\n");
        assert_eq!(bytes(mailbox.try_take()).1.len(), budget - OVERHEAD);
        mailbox.put_bytes(now, Port::Beat, b"kept\n");
        assert!(matches!(mailbox.try_take(), Some(Item::Gap { port: Port::Beat, lines: 1, .. })));
        assert_eq!(bytes(mailbox.try_take()).1, "kept\n");
    }

    #[tokio::test(start_paused = true)]
    async fn times_never_go_back() {
        let mailbox = Mailbox::default();
        let now = Instant::now();
        mailbox.put_bytes(now + TOGETHER, Port::Agent, b"later\n");
        mailbox.put_qmp(now, "STOP".into(), Value::Null);
        mailbox.try_take();
        assert!(matches!(mailbox.try_take(), Some(Item::Qmp { at, .. }) if at == now + TOGETHER));
    }

    #[tokio::test(start_paused = true)]
    async fn nor_at_a_gap() {
        let mailbox = Mailbox::default();
        let now = Instant::now();
        mailbox.put_bytes(now, Port::Beat, &vec![b'x'; Port::Beat.budget() - OVERHEAD]);
        mailbox.put_bytes(now, Port::Beat, b"lost\n");
        mailbox.put_qmp(now + TOGETHER, "STOP".into(), Value::Null);
        mailbox.try_take();
        mailbox.put_bytes(now + 2 * TOGETHER, Port::Beat, b"kept\n");
        let mut times = Vec::new();
        while let Some(item) = mailbox.try_take() {
            times.push(item.at());
        }
        assert_eq!(times, [now + TOGETHER, now + 2 * TOGETHER, now + 2 * TOGETHER]);
    }

    #[tokio::test(start_paused = true)]
    async fn giving_up_loses_nothing() {
        let mailbox = Mailbox::default();
        assert!(tokio::time::timeout(Duration::from_secs(1), mailbox.take()).await.is_err());
        mailbox.put_exit(Instant::now(), Exit::Code(0));
        assert!(matches!(mailbox.take().await, Item::Exit { .. }));
    }
}
