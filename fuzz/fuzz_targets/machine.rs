//! Any bytes on all four of a machine's streams, in any order and in any pieces, until its process ends: what is seen is
//! in order, the console's bytes are whole, the end comes once and last.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::event::{Exit, Kind};
use oomph::vm::{Parts, Process, Seen, Signal, Snapshot, Vm, Wire};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::watch;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(10);
/// More than an input can hold.
const ROOM: usize = 1 << 20;

struct Scripted(watch::Receiver<Option<Exit>>);

impl Process for Scripted {
    fn pid(&self) -> Option<u32> {
        None
    }
    fn exit(&self) -> watch::Receiver<Option<Exit>> {
        self.0.clone()
    }
    fn signal(&self, _: Signal) -> io::Result<()> {
        Ok(())
    }
    fn sample(&mut self) -> Option<Snapshot> {
        None
    }
    fn stderr(&self) -> String {
        String::new()
    }
}

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(play(bytes));
});

async fn play(mut bytes: &[u8]) {
    let (mut console, console_wire) = duplex(ROOM);
    let (mut beat, beat_wire) = duplex(ROOM);
    let (mut agent, agent_wire) = duplex(ROOM);
    let (mut qmp, qmp_wire) = duplex(ROOM);
    let (end, exit) = watch::channel(None);
    let wire = |stream: DuplexStream| Wire::Stream(Box::new(stream));
    let parts = Parts {
        console: wire(console_wire),
        beat: wire(beat_wire),
        agent: wire(agent_wire),
        qmp: Box::new(qmp_wire),
        process: Box::new(Scripted(exit)),
        ram: None,
        visitors: None,
    };
    let greet = async {
        qmp.write_all(b"{\"QMP\": {}}\n").await.expect("the pipe has room");
        // A reply counts only once the command is there.
        qmp.read_u8().await.expect("a command follows the greeting");
        qmp.write_all(b"{\"return\": {}, \"id\": 1}\n").await.expect("the pipe has room");
    };
    let (vm, ()) = tokio::join!(Vm::from_parts(parts, DEADLINE), greet);
    let mut vm = vm.expect("QMP has greeted");
    let mut sent = Vec::new();
    // Two bytes say to whom and how much, then come so many bytes.
    while let [to, length, rest @ ..] = bytes {
        let (piece, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        match to % 5 {
            0 => {
                sent.extend_from_slice(piece);
                console.write_all(piece).await
            }
            1 => beat.write_all(piece).await,
            2 => agent.write_all(piece).await,
            // A line with the right checksum, which no fuzzer finds by itself.
            3 => agent.write_all(format!("@{} *{:08x}\n", piece.escape_ascii(), checksum(piece)).as_bytes()).await,
            _ => qmp.write_all(piece).await,
        }
        .expect("the pipe has room");
        tokio::time::advance(Duration::from_millis(u64::from(to / 5))).await;
        bytes = rest;
    }
    drop((console, beat, agent, qmp));
    end.send_replace(Some(Exit::Code(0)));
    let (mut received, mut last, mut ends) = (Vec::new(), None, 0);
    while let Some(seen) = timeout(DEADLINE, vm.next()).await.expect("the end is told in time") {
        let at = match seen {
            Seen::Piece(_) => continue,
            Seen::ConsoleBytes { at, bytes } => {
                received.extend(bytes);
                at
            }
            Seen::Event { at, kind, .. } => {
                assert_eq!(ends, 0, "{kind:?} came after the end");
                ends += usize::from(matches!(kind, Kind::QemuExit { .. }));
                at
            }
        };
        assert!(last <= Some(at), "time goes back");
        last = Some(at);
    }
    assert_eq!(ends, 1);
    assert!(received == sent, "{} console bytes of {}", received.len(), sent.len());
}

fn checksum(piece: &[u8]) -> u32 {
    crc32fast::hash(piece.escape_ascii().to_string().as_bytes())
}
