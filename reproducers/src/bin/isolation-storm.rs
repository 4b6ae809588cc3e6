//! The first case of the seed: everyone who reclaims waits because too many pages are off the lists already.
//! Lives here: the storm of reclaimers, and that of compactors.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{
    CHUNK, Chunk, Crew, Failure, LoopSwap, PAGE, Parameter, Program, REQUESTS, RESTART, Random, SWAP_FILE, SWAP_MIB,
    SharedFile, Values, fail, freeze, run, set_oom_score_adj,
};
use oomph_wire::page::Progress;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The file that all dirty.
const FILE: &str = "isolation-storm.file";
/// A write compacts all memory, waiting for pages under writeback (mm/compaction.c, 2.6.35).
const COMPACT: &str = "/proc/sys/vm/compact_memory";

const PROGRAM: Program = Program {
    name: "isolation-storm",
    summary: "Many tasks reclaim or compact at once, and wait while too many pages are isolated.",
    parameters: &[
        Parameter::choice("mode", &["reclaim", "compact"], "what all tasks do at once: reclaim, or compact"),
        Parameter::number("tasks", 100, 1, 5000, "processes"),
        Parameter::number("anon-mib", 0, 0, 1 << 20, "MiB that each task touches over and over; 0: more without end"),
        Parameter::number("file-mib", 64, 0, 1 << 20, "MiB of one file that all map and dirty; 0 for none"),
        Parameter::choice("swap", &["none", "loop"], "swap to a file behind a loop device, or to what the guest has"),
        SWAP_MIB,
        SWAP_FILE,
        REQUESTS,
        Parameter::choice(
            "freeze",
            &["false", "true"],
            "whether the filesystem is frozen before the storm: no page that is swapped out arrives any more",
        ),
        Parameter::number(
            "locked-mib",
            0,
            0,
            1 << 20,
            "MiB that the first task locks in memory: so much less is on the lists",
        ),
        Parameter::number(
            "delay",
            5,
            0,
            3600,
            "seconds from the first task's start to the storm: time to start the others",
        ),
        RESTART,
        Parameter::number("seed", 1, 0, u64::MAX, "decides when each task starts and where, not how they race"),
    ],
    explanation: include_str!("isolation-storm.txt"),
};

fn main() -> ExitCode {
    run(&PROGRAM, work)
}

/// What every task has to know.
#[derive(Clone, Copy)]
struct Plan {
    anon: u64,
    file: u64,
    seed: u64,
    page: &'static Progress,
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    let plan = Plan {
        anon: values.number("anon-mib") << 20,
        file: values.number("file-mib") << 20,
        seed: values.number("seed"),
        page,
    };
    if values.word("swap") == "loop" {
        LoopSwap::new(Path::new("isolation-storm.swap"), values).on()?;
    }
    let compacts = values.word("mode") == "compact";
    if compacts {
        // Else only madvised memory is compacted for, and not by whoever faults (Linux 4.6).
        std::fs::write("/sys/kernel/mm/transparent_hugepage/defrag", "always").ok();
    }
    let mut crew = Crew::new(page, values);
    let locked = values.number("locked-mib");
    if locked > 0 {
        crew.add(Duration::ZERO, move || fail(page, PROGRAM.name, &lock(locked)));
    }
    if values.word("freeze") == "true" {
        freeze(Path::new("."))?;
    }
    let storm_at = Instant::now() + Duration::from_secs(values.number("delay"));
    for index in 0..values.number("tasks") {
        crew.add(Duration::ZERO, move || {
            page.started.fetch_add(1, Relaxed);
            sleep(storm_at.saturating_duration_since(Instant::now()));
            fail(page, PROGRAM.name, &storm(&plan, index, compacts))
        });
    }
    crew.run()
}

/// Keeps memory off the lists of what can be reclaimed or moved.
fn lock(mib: u64) -> Failure {
    // The largest by far, it would be the first victim.
    if let Err(failure) = set_oom_score_adj(-1000) {
        return failure;
    }
    if let Err(errno) = rustix::mm::mlockall(rustix::mm::MlockAllFlags::FUTURE) {
        return Failure::new("mlockall", errno);
    }
    for _ in 0..mib {
        if let Err(error) = Chunk::map() {
            return Failure::new("map memory to lock", error);
        }
    }
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// A task's life: a chunk of its own memory, as many pages of the file, from a place of its own on; a count. Then the same
/// again, and a compaction of everything if that is wanted.
fn storm(plan: &Plan, index: u64, compacts: bool) -> Failure {
    let file = match (plan.file > 0).then(|| SharedFile::map(Path::new(FILE), plan.file)).transpose() {
        Ok(file) => file,
        Err(failure) => return failure,
    };
    let start = Random::new(plan.seed, index).number();
    let mut place = file.map_or(0, |file| usize::try_from(start % file.pages() as u64).unwrap_or(0));
    let most = usize::try_from(plan.anon).unwrap_or(usize::MAX) / CHUNK;
    let mut chunks: Vec<Chunk> = Vec::new();
    let mut turn = 0;
    loop {
        if most == 0 || chunks.len() < most {
            // When the kernel refuses, what there is already is touched again.
            chunks.extend(Chunk::map());
        }
        if let Some(chunk) = chunks.get(turn % chunks.len().max(1)) {
            chunk.touch();
        }
        if let Some(file) = file {
            for _ in 0..CHUNK / PAGE {
                file.dirty(place);
                place += 1;
            }
        }
        if compacts && let Err(error) = std::fs::write(COMPACT, "1") {
            return Failure::new(format!("write {COMPACT}"), error);
        }
        plan.page.step();
        turn += 1;
    }
}
