//! The second case of the seed: kswapd and every allocation with __GFP_FS wait, and what they wait for allocates without it.
//! Lives here: hogs that swap, writers, and the swap space they share.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{
    Crew, Failure, LoopDevice, LoopSwap, Program, Random, Sync, Values, append, circle, fail, hoard, hog_jitter, run,
};
use oomph_wire::page::Progress;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const PROGRAM: &Program = &oomph_catalog::KSWAPD_BLOCK;

fn main() -> ExitCode {
    run(PROGRAM, work)
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
