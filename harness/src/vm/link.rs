//! From the agent ports' lines to events.
//! Lives here: telling whole lines from noise, repeated and missing ones, and counting all three (pure).
//! May not live here: sockets, or what an event means.

use crate::event::{Kind, from_guest};
use oomph_wire::line::Line;
use oomph_wire::words::{kind, source};
use std::collections::BTreeMap;

/// More sources than a guest has probes; a 65th is noise that happened to have a checksum.
const MAX_SOURCES: usize = 64;

/// What a line tells.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Told {
    /// Something that happened, with the guest's clock in nanoseconds.
    Event(u64, Kind),
    /// A piece of a file: no event, since it is too much to be one, and nothing rests on it.
    Piece(Piece),
}

/// A piece of a file that the guest sends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Its path in the guest.
    pub path: String,
    /// Where in the file it belongs, in bytes.
    pub at: u64,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// `None` for one that does not say where it belongs.
fn piece(line: &Line<'_>) -> Option<Piece> {
    let path = String::from_utf8(line.text("path").collect()).ok()?;
    Some(Piece { path, at: line.num("at")?, bytes: line.text("bytes").collect() })
}

/// What the ports lost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Losses {
    pub(super) garbage: u64,
    pub(super) lost: u64,
    pub(super) repeated: u64,
}

impl From<Losses> for Kind {
    fn from(losses: Losses) -> Self {
        let Losses { garbage, lost, repeated } = losses;
        Self::Link { garbage, lost, repeated }
    }
}

/// Takes the stretches between newlines of both agent ports.
#[derive(Debug, Default)]
pub(super) struct LinkFilter {
    last: BTreeMap<String, u64>,
    losses: Losses,
}

impl LinkFilter {
    /// What is in a stretch. `None` for noise, for a line that was there
    /// before, for a line that this version does not know, and for the echo of our own commands (the port echoes until
    /// the agent has set it up).
    pub(super) fn take(&mut self, stretch: &[u8]) -> Option<Told> {
        if stretch.trim_ascii().is_empty() {
            return None;
        }
        let Some(line) = Line::find(stretch) else {
            self.losses.garbage += 1;
            return None;
        };
        if line.source == source::HOST {
            return None;
        }
        if self.last.len() == MAX_SOURCES && !self.last.contains_key(line.source) {
            self.losses.garbage += 1;
            return None;
        }
        let last = self.last.entry(line.source.to_owned()).or_default();
        if line.seq <= *last {
            self.losses.repeated += 1;
            return None;
        }
        self.losses.lost = self.losses.lost.saturating_add(line.seq - *last - 1);
        *last = line.seq;
        if (line.source, line.kind) == (source::COLLECT, kind::DATA) {
            return piece(&line).map(Told::Piece);
        }
        Some(Told::Event(line.guest_us.saturating_mul(1000), from_guest(&line)?))
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::split::{Keep, Splitter};
    use super::*;
    use oomph_wire::line::{Encoder, MAX_LINE};
    use proptest::prelude::*;

    fn begin(source: &str, seq: u64) -> Vec<u8> {
        Encoder::new(source, seq, seq * 10, "begin").num("n", seq).finish().to_vec()
    }

    #[test]
    fn echoes_and_unknown_lines_are_no_events_and_no_garbage() {
        let mut filter = LinkFilter::default();
        assert_eq!(filter.take(Encoder::new("host", 1, 0, "start").finish()), None);
        assert_eq!(filter.take(b" \r"), None);
        assert_eq!(filter.take(Encoder::new("agent", 1, 0, "sings").finish()), None);
        assert_eq!(filter.losses(), Losses::default());
        assert!(filter.take(&begin("agent", 2)).is_some(), "the unknown line has its place in the sequence");
        assert_eq!(filter.losses(), Losses::default());
    }

    #[test]
    fn sources_are_bounded() {
        let mut filter = LinkFilter::default();
        let seen = (0..100).filter(|n| filter.take(&begin(&format!("file:{n}"), 1)).is_some()).count();
        assert_eq!((seen, filter.losses().garbage), (MAX_SOURCES, 100 - MAX_SOURCES as u64));
    }

    /// What happens to one line on its way.
    #[derive(Clone, Debug)]
    enum Fate {
        Arrives,
        ArrivesTwice,
        Lost,
        Torn(usize),
        BehindNoise(Vec<u8>),
        Noise(Vec<u8>),
    }

    fn fate() -> impl Strategy<Value = Fate> {
        // Noise without newline and `@`, so that a stretch of it is one piece of garbage.
        let noise = || {
            prop::collection::vec((1_u8..255).prop_filter("plain", |b| !b.is_ascii_whitespace() && *b != b'@'), 1..1500)
        };
        prop_oneof![
            6 => Just(Fate::Arrives),
            1 => Just(Fate::ArrivesTwice),
            1 => Just(Fate::Lost),
            1 => (1_usize..20).prop_map(Fate::Torn),
            1 => noise().prop_map(Fate::BehindNoise),
            1 => noise().prop_map(Fate::Noise),
        ]
    }

    proptest! {
        #[test]
        fn what_arrives_whole_arrives_once_and_in_order_and_all_else_is_counted(
            fates in prop::collection::vec((0_usize..3, fate()), 0..60),
            chunk in 1_usize..300,
        ) {
            let sources = ["agent", "fault", "file:data"];
            let mut sent = [0_u64; 3];
            let (mut stream, mut wanted, mut expected) = (Vec::new(), Vec::new(), Losses::default());
            let mut last = [0_u64; 3];
            for (who, fate) in fates {
                let mut line = || { sent[who] += 1; (sent[who], begin(sources[who], sent[who])) };
                let arrived = match fate {
                    Fate::Arrives => { let (seq, bytes) = line(); stream.extend(bytes); Some(seq) }
                    Fate::ArrivesTwice => {
                        let (seq, bytes) = line();
                        stream.extend(bytes.repeat(2));
                        expected.repeated += 1;
                        Some(seq)
                    }
                    Fate::BehindNoise(noise) => { let (seq, bytes) = line(); stream.extend(noise); stream.extend(bytes); Some(seq) }
                    Fate::Lost => { line(); None }
                    Fate::Torn(cut) => {
                        let (_, bytes) = line();
                        stream.extend(&bytes[..bytes.len() - 1 - cut]);
                        stream.push(b'\n');
                        expected.garbage += 1;
                        None
                    }
                    Fate::Noise(noise) => { stream.extend(noise); stream.push(b'\n'); expected.garbage += 1; None }
                };
                if let Some(seq) = arrived {
                    wanted.push((sources[who].to_owned(), seq));
                    expected.lost += seq - last[who] - 1;
                    last[who] = seq;
                }
            }
            let mut filter = LinkFilter::default();
            let mut splitter = Splitter::new(MAX_LINE, Keep::Tail);
            let mut seen = Vec::new();
            for bytes in stream.chunks(chunk) {
                splitter.feed(bytes, |line, _| {
                    if let Some(Told::Event(guest_ns, Kind::ProbeBegin { probe, n })) = filter.take(line) {
                        assert_eq!(guest_ns, n * 10_000);
                        seen.push((probe, n));
                    }
                });
            }
            prop_assert_eq!(seen, wanted);
            prop_assert_eq!(filter.losses(), expected);
        }
    }
}
