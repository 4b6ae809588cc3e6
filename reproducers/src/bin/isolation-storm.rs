//! The first case of the seed: everyone who reclaims waits because too many pages are off the lists already.
//! Lives here: the storm of reclaimers, and that of compactors.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{
    CHUNK, Chunk, Crew, Failure, LoopDevice, MemoryCgroup, PAGE, Program, Random, SharedFile, Values, fail, freeze, run,
};
use oomph_wire::page::Progress;
use std::fs::{File, OpenOptions};
use std::ops::Range;
use std::os::fd::AsRawFd;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// The file that all dirty.
const FILE: &str = "isolation-storm.file";
/// The file behind the lost disk.
const DISK: &str = "isolation-storm.disk";
/// Bytes of the group's memory that are left for what the kernel needs for its members.
const ROOM: u64 = 1 << 20;
/// How long a holder that got no memory waits before it tries again: at first, and at most; each time twice as long. Every try goes over
/// the whole group, and 150 that try ten times a second leave a slow guest (TCG, Linux 6.12 and 7.2) no time for the storm.
const PAUSE: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(3));
/// A write compacts all memory, waiting for pages under writeback (mm/compaction.c, 2.6.35).
const COMPACT: &str = "/proc/sys/vm/compact_memory";

const PROGRAM: &Program = &oomph_catalog::ISOLATION_STORM;

fn main() -> ExitCode {
    run(PROGRAM, work)
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
    let compacts = values.word("mode") == "compact";
    if compacts {
        // Else only madvised memory is compacted for, and not by whoever faults (Linux 4.6).
        std::fs::write("/sys/kernel/mm/transparent_hugepage/defrag", "always").ok();
    }
    let mut crew = Crew::new(page, values);
    let holders = values.number("holders");
    if holders > 0 {
        let bound = values.number("holders-mib") << 20;
        let group = MemoryCgroup::make_version_1(PROGRAM.name, bound)?;
        // Each has places of its own behind what is written back, more than the group has memory for: none ever finds all in the cache.
        let disk = lost_disk(bound + holders * bound)?;
        write_back(&group, &disk, bound - ROOM)?;
        for index in 0..holders {
            let (group, disk) = (group.clone(), Arc::clone(&disk));
            let start = bound + index * bound;
            crew.add(Duration::ZERO, move || {
                page.started.fetch_add(1, Relaxed);
                fail(page, PROGRAM.name, &hold(&group, &disk, start..start + bound))
            });
        }
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

/// A disk of this size that no longer answers: a loop device over a file whose filesystem is frozen. It stays open: the last to
/// close it would wait for what is not written.
fn lost_disk(bytes: u64) -> Result<Arc<File>, Failure> {
    let failure = |error| Failure::new(format!("make {DISK}"), error);
    let options = || {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options
    };
    let file = options().create(true).truncate(true).open(DISK).map_err(failure)?;
    file.set_len(bytes).map_err(failure)?;
    let path = LoopDevice { unthrottled: true, ..LoopDevice::default() }.attach(&file)?;
    let disk = options().open(&path).map_err(|error| Failure::new(format!("open {path}"), error))?;
    freeze(Path::new("."))?;
    Ok(Arc::new(disk))
}

/// Puts so many bytes, on the group's account, under writeback that never ends. In one go: in pieces, they would take more
/// requests than the device has.
fn write_back(group: &MemoryCgroup, disk: &File, bytes: u64) -> Result<(), Failure> {
    group.enter()?;
    for place in (0..bytes).step_by(PAGE) {
        disk.write_all_at(&[1; PAGE], place).map_err(|error| Failure::new("write to the lost disk", error))?;
    }
    // SAFETY: the descriptor is open, and the call touches no memory of ours.
    match unsafe { libc::sync_file_range(disk.as_raw_fd(), 0, 0, libc::SYNC_FILE_RANGE_WRITE) } {
        0 => MemoryCgroup::leave(),
        _ => Err(Failure::new("write back to the lost disk", std::io::Error::last_os_error())),
    }
}

/// A holder's life: it writes to the disk, from there on, until its group has no memory left. Then it reclaims, isolates pages
/// under writeback, and waits for that, for ever. What it writes is no work that counts.
fn hold(group: &MemoryCgroup, disk: &File, places: Range<u64>) -> Failure {
    if let Err(failure) = group.enter() {
        return failure;
    }
    let mut pause = PAUSE.0;
    for place in places.step_by(PAGE).cycle() {
        match disk.write_all_at(&[1; PAGE], place) {
            Ok(()) => {}
            // Others have isolated all that the group has: a try later there may be some.
            Err(error) if error.raw_os_error() == Some(libc::ENOMEM) => {
                sleep(pause);
                pause = PAUSE.1.min(2 * pause);
            }
            Err(error) => return Failure::new("write to the lost disk", error),
        }
    }
    Failure { what: "no place on the lost disk".into(), errno: 0 }
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
