//! The kernel's reclaim counters, pressure and kswapd: evidence, never a sign of life.
//! Lives here: reading /proc/vmstat, /proc/pressure and kswapd's place once a second.
//! May not live here: anything that a verdict needs; vmstat's reading allocates (`vmstat_start`, mm/vmstat.c).

use super::{INTERVAL, ready};
use crate::kswapd::{Kswapd, Texts};
use crate::link::{AGENT_PORT, Port, where_known};
use crate::procfs::{pressure_total, read_whole, vmstat};
use crate::{clock, memory};
use oomph_wire::line::Encoder;
use oomph_wire::words::{kind, source};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::convert::Infallible;
use std::path::Path;

const COUNTERS: [&str; 8] = [
    "allocstall",
    "pgscan_kswapd",
    "pgscan_direct",
    "pgsteal_kswapd",
    "pgsteal_direct",
    "oom_kill",
    "nr_isolated_anon",
    "nr_isolated_file",
];

/// Reports for ever.
pub fn run() -> Result<Infallible, Errno> {
    let mut port = Port::open(AGENT_PORT, source::COUNTERS)?;
    let open = |path| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let vmstat_file = open("/proc/vmstat")?;
    // Absent before 4.20, and where CONFIG_PSI or its boot parameter is off.
    let (memory_file, io_file) = (open("/proc/pressure/memory").ok(), open("/proc/pressure/io").ok());
    let kswapd = Kswapd::find(Path::new("/proc"));
    memory::lock()?;
    ready()?;
    let mut vmstat_text = [0; 16 * 1024];
    let (mut memory_text, mut io_text) = ([0; 512], [0; 512]);
    let mut texts = Texts::new();
    loop {
        let vmstat = read_whole(&vmstat_file, &mut vmstat_text).unwrap_or_default();
        let memory = memory_file.as_ref().and_then(|file| read_whole(file, &mut memory_text).ok());
        let io = io_file.as_ref().and_then(|file| read_whole(file, &mut io_text).ok());
        let pressure = [memory.unwrap_or_default(), io.unwrap_or_default()];
        port.send(kind::VM, |line| fields(line, vmstat, pressure));
        // A line of its own, after the counters: where the stack's reading waits for memory, those are out.
        if let Some(look) = kswapd.as_ref().and_then(|kswapd| kswapd.look(&mut texts)) {
            port.send(kind::KSWAPD, |line| look.fields(line));
        }
        clock::sleep(INTERVAL);
    }
}

/// The fields that this kernel has; the pressure of memory and of I/O.
fn fields(mut line: Encoder, vmstat_text: &[u8], [memory, io]: [&[u8]; 2]) -> Encoder {
    for counter in COUNTERS {
        line = where_known(line, counter, vmstat(vmstat_text, counter));
    }
    let totals =
        [("mem_some", memory, "some"), ("mem_full", memory, "full"), ("io_some", io, "some"), ("io_full", io, "full")];
    for (key, text, total) in totals {
        line = where_known(line, key, pressure_total(text, total));
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use oomph_wire::line::Line;

    #[test]
    fn what_a_kernel_lacks_is_left_out() {
        let mut line = fields(Encoder::new("counters", 1, 1, "vm"), b"allocstall 3\npgscan_direct_dma 4\n", [b"", b""]);
        let line = Line::find(line.finish()).unwrap();
        assert_eq!(line.fields().collect::<Vec<_>>(), [("allocstall", "3"), ("pgscan_direct", "4")]);
    }
}
