//! The third case of the seed: the OOM victim waits for an inode's lock whose holder waits for the victim's memory.
//! Lives here: writers and hogs.
//! May not live here: anything shared with other reproducers (that is the library).

use oomph_reproducers::{
    Appender, Crew, FAILED, Failure, MemoryCgroup, Program, Random, Sync, Values, append, create_and_unlink, exit,
    fail, hoard_while, hog_jitter, run, set_oom_score_adj, share_memory,
};
use oomph_wire::page::Progress;
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::thread;
use std::time::Duration;

const PROGRAM: &Program = &oomph_catalog::XFS_INODE_MUTEX;

fn main() -> ExitCode {
    run(PROGRAM, work)
}

/// What every task has to know.
#[derive(Clone, Copy)]
struct Plan {
    threads: u64,
    processes: bool,
    creates: bool,
    own_file: bool,
    sync: Sync,
    bound: u64,
    writers_adj: u64,
    seed: u64,
    page: &'static Progress,
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    let plan = Plan {
        threads: values.number("threads"),
        processes: values.word("share") == "processes",
        creates: values.word("work") == "create",
        own_file: values.word("file") == "own",
        sync: if values.word("fsync") == "true" { Sync::Always } else { Sync::Never },
        bound: values.number("file-mib") << 20,
        writers_adj: values.number("writers-adj"),
        seed: values.number("seed"),
        page,
    };
    let (writers, hogs) = (values.number("writers"), values.number("hogs"));
    if !plan.creates {
        check_space(&plan, writers + hogs * plan.threads)?;
    }
    let memory = values.number("memcg-mib") << 20;
    if memory > 0 {
        MemoryCgroup::make(PROGRAM.name, memory)?.enter()?;
    }
    let delay = Duration::from_secs(values.number("delay"));
    let mut crew = Crew::new(page, values);
    for index in 0..writers {
        crew.add(Duration::ZERO, move || fail(page, PROGRAM.name, &live_as_writer(&plan, index)));
    }
    for hog in 0..hogs {
        // Each appender has an index of its own.
        let index = writers + hog * plan.threads.max(1);
        crew.add(delay + hog_jitter(plan.seed, index), move || fail(page, PROGRAM.name, &live_as_hog(&plan, index)));
    }
    crew.run()
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

fn live_as_writer(plan: &Plan, index: u64) -> Failure {
    match set_oom_score_adj(plan.writers_adj.cast_signed()) {
        Ok(()) => write(plan, index),
        Err(failure) => failure,
    }
}

/// A hog's life: tasks that write, and one that hoards.
fn live_as_hog(plan: &Plan, index: u64) -> Failure {
    plan.page.started.fetch_add(1, Relaxed);
    for index in index..index + plan.threads {
        let started = if plan.processes { start_process(plan, index) } else { start_thread(plan, index) };
        match started {
            Ok(true) => {}
            Ok(false) => break, // No memory for more: pressure enough.
            Err(failure) => return failure,
        }
    }
    // A process that shares this memory cannot report, so its errno is looked for.
    hoard_while(|| plan.page.errno.load(Relaxed) == 0);
    let errno = i32::try_from(plan.page.errno.load(Relaxed)).unwrap_or(0);
    Failure { what: "a task failed".into(), errno }
}

fn start_thread(plan: &Plan, index: u64) -> Result<bool, Failure> {
    let plan = *plan;
    let thread = thread::Builder::new().stack_size(64 * 1024);
    Ok(thread.spawn(move || exit(fail(plan.page, PROGRAM.name, &write(&plan, index)))).is_ok())
}

/// What a process that shares a hog's memory works with.
struct Shared {
    appender: Appender,
    page: &'static Progress,
}

fn start_process(plan: &Plan, index: u64) -> Result<bool, Failure> {
    let appender = Appender::open(path(plan, index), plan.bound, plan.sync, &mut Random::new(plan.seed, index))?;
    plan.page.started.fetch_add(1, Relaxed);
    let shared = Box::leak(Box::new(Shared { appender, page: plan.page }));
    Ok(share_memory(append_quietly, shared).is_ok())
}

fn append_quietly(shared: &'static Shared) -> u8 {
    let errno = shared.appender.run_quietly(shared.page);
    shared.page.errno.store(u64::from(errno.raw_os_error().unsigned_abs()), Relaxed);
    FAILED
}

fn path(plan: &Plan, index: u64) -> String {
    if plan.own_file { format!("{}.{index}", PROGRAM.name) } else { PROGRAM.name.to_owned() }
}

/// Writes for ever, until it fails.
fn write(plan: &Plan, index: u64) -> Failure {
    plan.page.started.fetch_add(1, Relaxed);
    if plan.creates {
        return create_and_unlink(&format!("{}.{index}", PROGRAM.name), plan.sync == Sync::Always, plan.page);
    }
    append(path(plan, index), plan.bound, plan.sync, &mut Random::new(plan.seed, index), plan.page)
}
