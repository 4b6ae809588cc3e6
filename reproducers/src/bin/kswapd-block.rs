//! The second case of the seed: kswapd and every allocation with __GFP_FS wait, and what they wait for allocates without it.
//! Lives here: hogs that swap, writers, and the swap space they share.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{Appender, Crew, FAILED, Failure, LoopSwap, Parameter, Program, Random, Sync, Values};
use oomph_reproducers::{circle, hoard, report, restart, run};
use oomph_wire::page::Progress;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const PROGRAM: Program = Program {
    name: "kswapd-block",
    summary: "kswapd and all that may call the OOM killer wait for swap I/O, which waits for an allocation that may not.",
    parameters: &[
        Parameter::choice("swap", &["loop", "given"], "swap to a file behind a loop device, or to what the guest has"),
        Parameter::number("swap-mib", 1024, 16, 1 << 20, "MiB of swap behind the loop device"),
        Parameter::choice("swap-file", &["holes", "written"], "whether that file has holes, or is written beforehand"),
        Parameter::number("requests", 4, 4, 1024, "requests that the loop device takes at a time"),
        Parameter::choice("direct", &["false", "true"], "whether the loop device goes around the page cache"),
        Parameter::number("hogs", 4, 1, 2000, "processes that touch memory"),
        Parameter::number("hog-mib", 0, 0, 1 << 20, "MiB that each hog touches over and over; 0: more without end"),
        Parameter::number("writers", 4, 0, 2000, "processes that append, each to a file of its own"),
        Parameter::choice("fsync", &["false", "true"], "whether each append is followed by an fsync"),
        Parameter::number("file-mib", 8, 1, 1 << 20, "MiB at which a file is cut to nothing and grows anew"),
        Parameter::number("delay", 2, 0, 3600, "seconds from the writers' start to the hogs' start"),
        Parameter::number(
            "restart",
            5,
            0,
            3600,
            "seconds after its death at which a task is started anew; 0 for never",
        ),
        Parameter::number(
            "seed",
            1,
            0,
            u64::MAX,
            "decides what is written and when each hog starts, not how they race",
        ),
    ],
    explanation: include_str!("kswapd-block.txt"),
};

fn main() -> ExitCode {
    run(&PROGRAM, work)
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    if values.word("swap") == "loop" {
        let swap = LoopSwap {
            file: Path::new("kswapd-block.swap"),
            size: values.number("swap-mib") << 20,
            written: values.word("swap-file") == "written",
            requests: values.number("requests"),
            direct: values.word("direct") == "true",
        };
        swap.on()?;
    }
    let sync = if values.word("fsync") == "true" { Sync::Always } else { Sync::Never };
    let (bound, seed) = (values.number("file-mib") << 20, values.number("seed"));
    let (writers, hogs, hog) = (values.number("writers"), values.number("hogs"), values.number("hog-mib") << 20);
    let delay = Duration::from_secs(values.number("delay"));
    let mut crew = Crew::new(page, restart(values.number("restart")));
    for index in 0..writers {
        crew.add(Duration::ZERO, move || append(index, bound, sync, seed, page));
    }
    for index in writers..writers + hogs {
        let jitter = Duration::from_millis(Random::new(seed, index).number() % 500);
        crew.add(delay + jitter, move || {
            page.started.fetch_add(1, Relaxed);
            if hog == 0 { hoard() } else { circle(hog, page) }
        });
    }
    crew.run()
}

/// Appends for ever; returns the exit code of a failure.
fn append(index: u64, bound: u64, sync: Sync, seed: u64, page: &Progress) -> u8 {
    page.started.fetch_add(1, Relaxed);
    let path = format!("{}.{index}", PROGRAM.name);
    let failure = match Appender::open(path, bound, sync, &mut Random::new(seed, index)) {
        Ok(appender) => appender.run(page),
        Err(failure) => failure,
    };
    report(page, PROGRAM.name, &failure);
    FAILED
}
