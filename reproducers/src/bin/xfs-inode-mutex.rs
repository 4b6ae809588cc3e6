//! The third case of the seed: the OOM victim waits for an inode's lock whose holder waits for the victim's memory.
//! Lives here: writers, hogs, and keeping both alive.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{Appender, Child, Death, FAILED, Failure, Parameter, Program, Random, Sync, Values};
use oomph_reproducers::{exit, fork, report, run};
use oomph_wire::page::Progress;
use rustix::mm::{MapFlags, ProtFlags, mmap_anonymous};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::{Duration, Instant};

const PROGRAM: Program = Program {
    name: "xfs-inode-mutex",
    summary: "An OOM victim waits for an inode's lock whose holder allocates without __GFP_FS.",
    parameters: &[
        Parameter::number("writers", 10, 1, 2000, "processes that append to a file"),
        Parameter::number("hogs", 4, 1, 64, "processes that touch memory without end, and append too"),
        Parameter::number("threads", 8, 0, 256, "threads of each hog that append; they share its memory"),
        Parameter::choice("file", &["same", "own"], "whether all append to one file, or each task to one of its own"),
        Parameter::choice("fsync", &["true", "false"], "whether each append is followed by an fsync"),
        Parameter::number("file-mib", 8, 1, 1 << 20, "MiB at which a file is cut to nothing and grows anew"),
        Parameter::number("delay", 5, 0, 3600, "seconds from the writers' start to the hogs' start"),
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
    explanation: EXPLANATION,
};

const EXPLANATION: &str = "
xfs-inode-mutex provokes this cycle:

  the OOM victim (a hog) waits for the lock of an inode
  -> its holder, a task that appends to the same file, waits in the page allocator
  -> the allocator waits for memory that the victim is to free
  -> the victim frees it only when it exits, and waits for the lock.

Why each step is there:

1. A buffered write holds the inode's lock while it allocates its page of the page cache: xfs_file_buffered_write
   (xfs_file_buffered_aio_write before 5.11), fs/xfs/xfs_file.c. The lock is i_mutex, since 4.7 the rw_semaphore i_rwsem,
   taken for writing. The wait for it cannot be interrupted by SIGKILL.
2. That allocation has no __GFP_FS, as reclaim may not enter XFS again with its locks held: xfs_setup_inode,
   fs/xfs/xfs_iops.c, takes the flag out of the mapping's mask.
3. A small allocation does not fail: __alloc_pages_slowpath, mm/page_alloc.c, tries again for ever. Without __GFP_FS it
   never calls the OOM killer: __alloc_pages_may_oom, mm/page_alloc.c, up to 4.8; out_of_memory, mm/oom_kill.c, since 4.9.
   (3.19 alone lets such an allocation fail; a write that ends with ENOMEM is tried again here.)
4. A hog's page faults have __GFP_FS and do call it. The hog has the largest memory and becomes the victim. Its threads
   share that memory, so it is freed only when all of them have exited, and those that append sit in step 1.
5. While there is a victim, no other is chosen: oom_scan_process_thread (TIF_MEMDIE), mm/oom_kill.c, up to 4.8.

What opens the cycle: the OOM reaper, 4.6 and later (oom_reap_task, mm/oom_kill.c), takes the victim's memory without
waiting for its exit, or gives up after 10 tries and lets the next victim be chosen (MMF_OOM_SKIP). So kernels before
4.6 are expected to hang (oom-deadlock), later ones to kill and go on. In 5.15.y, 6.1 and later the reaper acts 2 s after
the kill.

What the program does: `writers` processes append 4 KiB after 4 KiB to one file, each append followed by fsync. `delay`
seconds later `hogs` processes start: `threads` threads of each append to the same file, its main thread maps and touches
memory without end. With a single writer and no appending threads the victim tends to be the lock's holder itself, which
may use the reserves: there is no cycle then. With file=own nobody waits for another's lock, and the pressure ends in the
waits of direct reclaim instead: the first case of the same report.

The main process only watches. It keeps oom_score_adj 0, and is small, so it is hardly ever a victim; if it is, nothing
is started anew, and what runs runs on. A task that is killed is started anew `restart` seconds later, so that the
pressure lasts until somebody kills the process group. A task that fails (disk full, I/O error) ends the whole workload
with exit code 1 and its errno.

References: https://lwn.net/Articles/627419/ (Tetsuo Handa); aac453635549 (\"mm, oom: introduce oom reaper\").
";

fn main() -> ExitCode {
    run(&PROGRAM, work)
}

/// What every task has to know.
#[derive(Clone, Copy)]
struct Plan {
    threads: u64,
    own_file: bool,
    sync: Sync,
    bound: u64,
    restart: Option<Duration>,
    seed: u64,
    page: &'static Progress,
}

#[derive(Clone, Copy)]
enum Role {
    Writer,
    Hog,
}

/// A child that runs, or will when its time comes.
struct Task {
    role: Role,
    /// Of the first of its appenders; each has its own.
    index: u64,
    /// `None` for one that is not to start any more.
    start: Option<Instant>,
    running: Option<Child>,
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    let plan = Plan {
        threads: values.number("threads"),
        own_file: values.word("file") == "own",
        sync: if values.word("fsync") == "true" { Sync::Always } else { Sync::Never },
        bound: values.number("file-mib") << 20,
        restart: Some(Duration::from_secs(values.number("restart"))).filter(|time| !time.is_zero()),
        seed: values.number("seed"),
        page,
    };
    let (writers, hogs) = (values.number("writers"), values.number("hogs"));
    check_space(&plan, writers + hogs * plan.threads)?;
    let now = Instant::now();
    let delay = Duration::from_secs(values.number("delay"));
    let writer = |index| Task { role: Role::Writer, index, start: Some(now), running: None };
    let hog = |hog| {
        let index = writers + hog * plan.threads.max(1);
        let jitter = Duration::from_millis(Random::new(plan.seed, index).number() % 500);
        Task { role: Role::Hog, index, start: Some(now + delay + jitter), running: None }
    };
    let mut tasks: Vec<Task> = (0..writers).map(writer).chain((0..hogs).map(hog)).collect();
    let result = watch(&plan, &mut tasks);
    tasks.iter().filter_map(|task| task.running).for_each(Child::kill);
    result
}

/// So many files must fit at their bound; XFS, which allocates ahead of an append, gives that back when space is short.
fn check_space(plan: &Plan, appenders: u64) -> Result<(), Failure> {
    let space = rustix::fs::statvfs(".").map_err(|errno| Failure::new("statvfs .", errno))?;
    let files = if plan.own_file { appenders } else { 1 };
    let (need, free) = ((files * plan.bound) >> 20, (space.f_bavail * space.f_frsize) >> 20);
    if need < free {
        return Ok(());
    }
    let what =
        format!("{files} files of {} MiB need {need} MiB, the disk has {free}: lower file-mib", plan.bound >> 20);
    Err(Failure { what, errno: libc::ENOSPC })
}

/// Starts what is due and reaps what has ended, for ever; ends only when a task fails.
fn watch(plan: &Plan, tasks: &mut [Task]) -> Result<(), Failure> {
    loop {
        while let Some(death) = Death::reap(plan.page) {
            death.check(plan.page, "task")?;
            if let Some(task) = tasks.iter_mut().find(|task| task.running == Some(death.child)) {
                task.running = None;
                task.start = plan.restart.map(|after| Instant::now() + after);
            }
        }
        let now = Instant::now();
        for task in tasks.iter_mut().filter(|task| task.running.is_none()) {
            if task.start.is_some_and(|start| start <= now) {
                // A fork that fails for want of memory is tried again at the next turn.
                task.running = fork(|| live(plan, task.role, task.index)).ok();
            }
        }
        thread::sleep(Duration::from_millis(50));
    }
}

/// A child's life; returns only when it fails.
fn live(plan: &Plan, role: Role, index: u64) -> u8 {
    match role {
        Role::Writer => append(plan, index),
        Role::Hog => {
            for index in index..index + plan.threads {
                let plan = *plan;
                let thread = thread::Builder::new().stack_size(64 * 1024).spawn(move || exit(append(&plan, index)));
                if thread.is_err() {
                    break; // No memory for more threads: pressure enough.
                }
            }
            touch(plan.page)
        }
    }
}

/// Appends for ever; returns the exit code of a failure.
fn append(plan: &Plan, index: u64) -> u8 {
    plan.page.started.fetch_add(1, Relaxed);
    let path = if plan.own_file { format!("{}.{index}", PROGRAM.name) } else { PROGRAM.name.to_owned() };
    let failure = match Appender::open(path, plan.bound, plan.sync, &mut Random::new(plan.seed, index)) {
        Ok(mut appender) => appender.run(plan.page),
        Err(failure) => failure,
    };
    report(plan.page, PROGRAM.name, &failure);
    FAILED
}

/// Maps and touches memory without end. When the kernel refuses to map more, it waits for better times.
fn touch(page: &Progress) -> ! {
    const CHUNK: usize = 1 << 20;
    page.started.fetch_add(1, Relaxed);
    loop {
        // SAFETY: the kernel chooses the address, so the mapping covers nothing that is in use.
        let mapped = unsafe {
            mmap_anonymous(std::ptr::null_mut(), CHUNK, ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE)
        };
        match mapped {
            // SAFETY: the mapping is CHUNK bytes, readable and writable, and nothing else refers to it.
            Ok(start) => (0..CHUNK).step_by(4096).for_each(|offset| unsafe {
                start.cast::<u8>().add(offset).write_volatile(1);
            }),
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    }
}
