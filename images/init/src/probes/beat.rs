//! The heartbeat: interrupts, timers, the scheduler and a serial port still work.
//! Lives here: the tick, once a second.
//! May not live here: anything that forks, allocates or may wait for memory.
//!
//! It goes on in every OOM deadlock, so alone it proves nothing; its silence does.

use super::ready;
use crate::link::{BEAT_PORT, Port, where_known};
use crate::procfs::{meminfo, read_whole};
use crate::{clock, memory, progress};
use oomph_wire::line::Encoder;
use oomph_wire::page::Progress;
use oomph_wire::words::{kind, source};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::convert::Infallible;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

const PERIOD: Duration = Duration::from_secs(1);

/// SCHED_FIFO priority: over every ordinary task, under the kernel's own threads, which have 50 and more
/// (`sched_set_fifo`, kernel/sched).
const PRIORITY: i32 = 10;

/// Fields of a tick that are sums of fields of /proc/meminfo, in kB.
const FIELDS: [(&str, &[&str]); 9] = [
    ("free", &["MemFree"]),
    ("avail", &["MemAvailable"]),
    ("file", &["Active(file)", "Inactive(file)"]),
    // What reclaim isolates and puts back is missing from the lists meanwhile, and not from these.
    ("cache", &["Cached", "Buffers"]),
    ("anon", &["AnonPages"]),
    ("shmem", &["Shmem"]),
    ("dirty", &["Dirty"]),
    ("writeback", &["Writeback"]),
    ("swapfree", &["SwapFree"]),
];

/// Beats for ever.
pub fn run() -> Result<Infallible, Errno> {
    let mut port = Port::open(BEAT_PORT, source::BEAT)?;
    port.make_raw()?;
    let page = progress::map()?;
    let file = open("/proc/meminfo", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?;
    memory::lock()?;
    go_first()?;
    ready()?;
    // meminfo has about 1.5 kB; it is read by one call into this buffer on the locked stack.
    let mut text = [0; 4096];
    let mut before = None;
    let mut next = clock::now();
    loop {
        let text = read_whole(&file, &mut text).unwrap_or_default();
        let allocs = before.map_or(0, |before| memory::allocations() - before);
        port.send(kind::TICK, |line| tick(line, page, text).num("allocs", allocs));
        before.get_or_insert_with(memory::allocations);
        // Beats that the guest slept through are not made up for.
        next = (next + PERIOD).max(clock::now());
        clock::sleep_until(next);
    }
}

/// The fields of a tick; what this kernel's meminfo lacks is left out.
fn tick(mut line: Encoder, page: &Progress, text: &[u8]) -> Encoder {
    line = line.num("work", page.work.load(Relaxed)).num("exits", page.exits.load(Relaxed));
    for (key, fields) in FIELDS {
        let known = fields.iter().filter_map(|field| meminfo(text, field)).reduce(|sum, kb| sum + kb);
        line = where_known(line, key, known);
    }
    line
}

/// Runs before every ordinary task.
fn go_first() -> Result<(), Errno> {
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: `parameters` lives through the call; 0 is this process.
    if unsafe { libc::sched_setscheduler(0, libc::SCHED_FIFO, &raw const parameters) } == 0 {
        Ok(())
    } else {
        Err(crate::failure::errno_of(&std::io::Error::last_os_error()))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oomph_wire::line::Line;

    #[test]
    fn a_tick_has_sums_and_leaves_out_what_is_unknown() {
        let page = Progress::default();
        page.step();
        let text = b"MemFree: 10 kB\nActive(file): 3 kB\nInactive(file): 4 kB\nAnonPages: 9 kB\n";
        let mut line = tick(Encoder::new("beat", 1, 1, "tick"), &page, text);
        let line = Line::find(line.finish()).unwrap();
        let fields = ["work", "free", "file", "anon", "avail"].map(|key| line.num(key));
        assert_eq!(fields, [Some(1), Some(10), Some(7), Some(9), None]);
    }
}
