//! A result folder as a file of the corpus: `cargo run --example corpus -- RESULT > harness/tests/corpus/NAME.jsonl`.
//! Lives here: what is left out of a recorded run, and the proof that its verdict does not rest on that.
//! May not live here: judging; the expected verdict is the stored one.
//!
//! The file's first line is the expected verdict and where the run comes from; the others are its events. `scripts/corpus.sh`
//! makes the whole corpus anew.

use anyhow::{Context, bail};
use oomph::event::{Event, Kind, Phase, Picture, read_events};
use oomph::kmsg::{Timestamps, matters};
use oomph::results::{self, RunJson};
use oomph::verdict::judge;
use std::fs::File;
use std::io::{BufReader, Write};
use std::path::PathBuf;

fn main() -> anyhow::Result<()> {
    let Some(folder) = std::env::args_os().nth(1).map(PathBuf::from) else { bail!("usage: corpus RESULT") };
    let run = results::load(&folder)?;
    let file = folder.join("events.jsonl");
    let events = read_events(BufReader::new(File::open(&file).with_context(|| file.display().to_string())?))?;
    let events = trim(events);
    let (expected, found) = (expect(&run), expect(&RunJson::of_verdict(&run.scenario, &judge(&events), run.started)));
    if expected != found {
        bail!("{}: its run.json says {expected}, what is left of its events {found}", folder.display());
    }
    let mut out = std::io::stdout().lock();
    let from = serde_json::json!({ "scenario": run.scenario, "kernel": run.kernel, "started": run.started });
    writeln!(out, "{}", serde_json::json!({ "expect": expected, "from": from }))?;
    for event in events {
        writeln!(out, "{}", serde_json::to_string(&event)?)?;
    }
    Ok(())
}

/// What a file of the corpus holds a verdict to.
fn expect(run: &RunJson) -> serde_json::Value {
    serde_json::json!({
        "outcome": run.outcome, "mechanism": run.mechanism, "inconclusive": run.inconclusive,
        "kills": run.kills.len(), "ended_by": run.ended_by, "proof": run.proof.is_some(),
        "chain": run.chain.as_ref().map(|chain| chain.closed),
    })
}

/// What begins lines of a dump that tell nothing of a task's place: registers, and what the kernel's unwinder only guesses.
const NOISE: [&str; 8] = ["RAX:", "RDX:", "RBP:", "R10:", "R13:", "RSP:", "Code:", "? "];

/// Of pictures that are alike, so many nanoseconds of wall time apart at least.
const ALIKE_NS: u64 = 1_000_000_000;

/// Leaves out what no verdict reads: what the guest printed while it booted, noise in dumps, and of pictures who was seen where; of those
/// that are alike then, most.
fn trim(events: Vec<Event>) -> Vec<Event> {
    let mut boots = true;
    let mut last: Option<(u64, Picture)> = None;
    let mut kept = Vec::with_capacity(events.len());
    for event in events {
        boots &= !matches!(event.kind, Kind::Phase { phase: Phase::Settle });
        match &event.kind {
            Kind::Console { line } if boots && !matters(line, Timestamps::Required) => {}
            Kind::Console { line } if NOISE.iter().any(|name| text(line).starts_with(name)) => {}
            Kind::Picture(picture) => {
                let (cycle, chain) = (picture.cycle.clone(), picture.chain.clone());
                let picture = Picture { tasks: picture.tasks, cycle, chain, ..Picture::default() };
                let alike = |(at, last): &(u64, Picture)| *last == picture && event.host_ns - at < ALIKE_NS;
                if !last.as_ref().is_some_and(alike) {
                    last = Some((event.host_ns, picture.clone()));
                    kept.push(Event { kind: Kind::Picture(Box::new(picture)), ..event });
                }
            }
            _ => kept.push(event),
        }
    }
    kept
}

/// A line without its time.
fn text(line: &str) -> &str {
    line.split_once("] ").map_or(line, |(_, text)| text).trim_start()
}
