//! For tests: takes every processor away from everything that is not more urgent.
//! Lives here: spinning at a real-time priority.
//! May not live here: memory pressure; there is none.

use oomph_reproducers::{Failure, Program, Values, fail, fork, run};
use oomph_wire::page::Progress;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::process::ExitCode;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const PROGRAM: &Program = &oomph_catalog::SPIN_RT;

fn main() -> ExitCode {
    run(PROGRAM, work)
}

fn work(values: &Values, page: &'static Progress) -> Result<(), Failure> {
    let priority = i32::try_from(values.number("priority")).unwrap_or(99);
    let throttle = "/proc/sys/kernel/sched_rt_runtime_us";
    std::fs::write(throttle, "-1").map_err(|error| Failure::new(throttle, error))?;
    let allowed = sched_getaffinity(None).map_err(|errno| Failure::new("sched_getaffinity", errno))?;
    for cpu in (0..CpuSet::MAX_CPU).filter(|&cpu| allowed.is_set(cpu)) {
        fork(|| match bind(cpu, priority) {
            Ok(()) => {
                page.started.fetch_add(1, Relaxed);
                loop {
                    std::hint::spin_loop();
                }
            }
            Err(failure) => fail(page, PROGRAM.name, &failure),
        })
        .map_err(|errno| Failure::new("fork", errno))?;
    }
    // Reached only if the spinners leave a processor to this process.
    loop {
        if let Some(death) = oomph_reproducers::Death::reap(page) {
            death.check(page, "spinner")?;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Binds this process to a processor and makes it urgent.
fn bind(cpu: usize, priority: i32) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    set.set(cpu);
    sched_setaffinity(None, &set).map_err(|errno| Failure::new(format!("bind to processor {cpu}"), errno))?;
    let parameters = libc::sched_param { sched_priority: priority };
    // SAFETY: `parameters` lives through the call; 0 is this process.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } != 0 {
        return Err(Failure::new("sched_setscheduler", std::io::Error::last_os_error()));
    }
    Ok(())
}
