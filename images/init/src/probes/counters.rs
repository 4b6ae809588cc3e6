//! The kernel's reclaim counters and memory pressure: evidence, never a sign of life.
//! Lives here: reading /proc/vmstat and /proc/pressure/memory once a second.
//! May not live here: anything that a verdict needs; vmstat's reading allocates (`vmstat_start`, mm/vmstat.c).

use super::{INTERVAL, ready};
use crate::link::{AGENT_PORT, Port, where_known};
use crate::procfs::{pressure_total, read_whole, vmstat};
use crate::{clock, memory};
use oomph_wire::line::Encoder;
use oomph_wire::words::{kind, source};
use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use std::convert::Infallible;

const COUNTERS: [&str; 6] =
    ["allocstall", "pgscan_kswapd", "pgscan_direct", "pgsteal_kswapd", "pgsteal_direct", "oom_kill"];

/// Reports for ever.
pub fn run() -> Result<Infallible, Errno> {
    let mut port = Port::open(AGENT_PORT, source::COUNTERS)?;
    let open = |path| open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    let vmstat_file = open("/proc/vmstat")?;
    // Absent before 4.20, and where CONFIG_PSI or its boot parameter is off.
    let pressure_file = open("/proc/pressure/memory").ok();
    memory::lock()?;
    ready()?;
    let mut vmstat_text = [0; 16 * 1024];
    let mut pressure_text = [0; 512];
    loop {
        let vmstat = read_whole(&vmstat_file, &mut vmstat_text).unwrap_or_default();
        let pressure = pressure_file.as_ref().and_then(|file| read_whole(file, &mut pressure_text).ok());
        port.send(kind::VM, |line| fields(line, vmstat, pressure.unwrap_or_default()));
        clock::sleep(INTERVAL);
    }
}

/// The fields that this kernel has.
fn fields(mut line: Encoder, vmstat_text: &[u8], pressure_text: &[u8]) -> Encoder {
    for counter in COUNTERS {
        line = where_known(line, counter, vmstat(vmstat_text, counter));
    }
    for (key, total) in [("mem_some", "some"), ("mem_full", "full")] {
        line = where_known(line, key, pressure_total(pressure_text, total));
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
        let mut line = fields(Encoder::new("counters", 1, 1, "vm"), b"allocstall 3\npgscan_direct_dma 4\n", b"");
        let line = Line::find(line.finish()).unwrap();
        assert_eq!(line.fields().collect::<Vec<_>>(), [("allocstall", "3"), ("pgscan_direct", "4")]);
    }
}
