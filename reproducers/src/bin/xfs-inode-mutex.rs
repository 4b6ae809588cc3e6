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
    explanation: include_str!("xfs-inode-mutex.txt"),
};

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
