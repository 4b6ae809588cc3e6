//! The second case of the seed: kswapd and every allocation with __GFP_FS wait, and what they wait for allocates without it.
//! Lives here: hogs that swap, writers, and the swap space they share.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{
    Crew, FILE_MIB, Failure, HOG_SEED, LoopDevice, LoopSwap, Parameter, Program, REQUESTS, RESTART, Random, SWAP_FILE,
    SWAP_MIB, Sync, Values, append, circle, fail, hoard, hog_jitter, run,
};
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
        SWAP_MIB,
        SWAP_FILE,
        REQUESTS,
        Parameter::choice("direct", &["false", "true"], "whether the loop device goes around the page cache"),
        Parameter::number("hogs", 4, 1, 2000, "processes that touch memory"),
        Parameter::number("hog-mib", 0, 0, 1 << 20, "MiB that each hog touches over and over; 0: more without end"),
        Parameter::number("writers", 4, 0, 2000, "processes that append, each to a file of its own"),
        Parameter::choice("fsync", &["false", "true"], "whether each append is followed by an fsync"),
        FILE_MIB,
        Parameter::number("delay", 2, 0, 3600, "seconds from the writers' start to the hogs' start"),
        RESTART,
        HOG_SEED,
    ],
    explanation: include_str!("kswapd-block.txt"),
};

fn main() -> ExitCode {
    run(&PROGRAM, work)
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    if values.word("swap") == "loop" {
        let swap = LoopSwap::new(Path::new("kswapd-block.swap"), values);
        let device = LoopDevice { direct: values.word("direct") == "true", ..swap.device };
        LoopSwap { device, ..swap }.on()?;
    }
    let sync = if values.word("fsync") == "true" { Sync::Always } else { Sync::Never };
    let (bound, seed) = (values.number("file-mib") << 20, values.number("seed"));
    let (writers, hogs, hog) = (values.number("writers"), values.number("hogs"), values.number("hog-mib") << 20);
    let delay = Duration::from_secs(values.number("delay"));
    let mut crew = Crew::new(page, values);
    for index in 0..writers {
        crew.add(Duration::ZERO, move || {
            page.started.fetch_add(1, Relaxed);
            let path = format!("{}.{index}", PROGRAM.name);
            fail(page, PROGRAM.name, &append(path, bound, sync, &mut Random::new(seed, index), page))
        });
    }
    for index in writers..writers + hogs {
        crew.add(delay + hog_jitter(seed, index), move || {
            page.started.fetch_add(1, Relaxed);
            if hog == 0 { hoard() } else { circle(hog, page) }
        });
    }
    crew.run()
}
