//! Numbers out of the text files of /proc, whatever the kernel's age.
//! Lives here: parsers over bytes that allocate nothing, and reading a file into a buffer.
//! May not live here: which numbers are wanted, but for names that differ between kernels.

use rustix::fd::AsFd;
use rustix::io::{Errno, pread};

/// Reads a file from its start into `buffer`; what does not fit is left out. The open file keeps its own buffer from one
/// read to the next (fs/seq_file.c), so a second read of it allocates nothing where the file's own code does not.
pub fn read_whole(file: impl AsFd, buffer: &mut [u8]) -> Result<&[u8], Errno> {
    let mut length = 0;
    while length < buffer.len() {
        match pread(&file, &mut buffer[length..], length as u64) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(Errno::INTR) => {}
            Err(errno) => return Err(errno),
        }
    }
    Ok(&buffer[..length])
}

/// The sum of the numbers in all lines `NAME NUMBER…` whose name is `wanted`; `None` if there is no such line.
pub fn sum(text: &[u8], wanted: impl Fn(&[u8]) -> bool) -> Option<u64> {
    let mut total = None;
    for line in text.split(|&byte| byte == b'\n') {
        let mut words = line.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
        if let (Some(name), Some(value)) = (words.next(), words.next())
            && wanted(name)
            && let Some(value) = number(value)
        {
            total = Some(total.unwrap_or(0) + value);
        }
    }
    total
}

/// A field of /proc/meminfo in kB, such as `MemFree`.
pub fn meminfo(text: &[u8], field: &str) -> Option<u64> {
    sum(text, |name| name.strip_suffix(b":") == Some(field.as_bytes()))
}

/// Zones by their names in /proc/vmstat (`TEXTS_FOR_ZONES`, mm/vmstat.c).
const ZONES: [&str; 6] = ["dma", "dma32", "normal", "high", "movable", "device"];

/// A counter of /proc/vmstat, summed over zones where this kernel counts by zone: `allocstall` was one counter up to 4.9
/// and is one a zone since 4.10; `pgscan_kswapd` and its like were one a zone up to 4.7.
pub fn vmstat(text: &[u8], counter: &str) -> Option<u64> {
    sum(text, |name| {
        name.strip_prefix(counter.as_bytes()).is_some_and(|rest| {
            rest.is_empty() || rest.strip_prefix(b"_").is_some_and(|zone| ZONES.iter().any(|z| z.as_bytes() == zone))
        })
    })
}

/// Sum of the zones' min watermarks in /proc/zoneinfo, in kB (pages of 4 KiB).
pub fn min_watermark(text: &[u8]) -> Option<u64> {
    Some(4 * sum(text, |name| name == b"min")?)
}

/// The total of a line (`some` or `full`) of a file in /proc/pressure, in microseconds.
pub fn pressure_total(text: &[u8], line: &str) -> Option<u64> {
    let line = text.split(|&byte| byte == b'\n').find_map(|l| l.strip_prefix(line.as_bytes())?.strip_prefix(b" "))?;
    line.split(|&byte| byte == b' ').find_map(|field| number(field.strip_prefix(b"total=")?))
}

fn number(digits: &[u8]) -> Option<u64> {
    std::str::from_utf8(digits).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MEMINFO_3_10: &[u8] = b"MemTotal:         243848 kB\nMemFree:          170320 kB\nBuffers:               8 kB\n\
        Cached:            20140 kB\nSwapCached:            0 kB\nActive:             4096 kB\nInactive(file):      300 kB\n\
        Active(file):         12 kB\nAnonPages:          1724 kB\n";

    const VMSTAT_4_0: &[u8] =
        b"nr_free_pages 42580\npgscan_kswapd_dma 1\npgscan_kswapd_dma32 20\npgscan_kswapd_normal 0\n\
        pgscan_kswapd_movable 0\npgscan_direct_dma 3\npgscan_direct_dma32 40\npgscan_direct_throttle 7000\n\
        pgsteal_kswapd_dma32 11\nallocstall 13\nkswapd_inodesteal 5\n";

    const VMSTAT_6_1: &[u8] = b"nr_free_pages 42580\nallocstall_dma 0\nallocstall_dma32 5\nallocstall_normal 0\n\
        allocstall_movable 8\nallocstall_device 0\npgsteal_kswapd 100\npgsteal_direct 9\npgscan_kswapd 200\npgscan_direct 10\n\
        pgscan_direct_throttle 7000\npgscan_anon 4\noom_kill 2\nworkingset_refault_anon 7\n";

    const ZONEINFO: &[u8] = b"Node 0, zone      DMA\n  per-node stats\n      nr_inactive_anon 0\n  pages free     3840\n        \
        boost    0\n        min      249\n        low      311\n        high     373\n        protection: (0, 187, 187)\n    \
        cpu: 0\n              count: 0\n              high_min: 13\nNode 0, zone    DMA32\n  pages free     38771\n        \
        boost    0\n        min      3111\n        low      3888\n";

    #[test]
    fn meminfo_fields_are_matched_whole() {
        assert_eq!(meminfo(MEMINFO_3_10, "MemFree"), Some(170_320));
        assert_eq!(meminfo(MEMINFO_3_10, "Active"), Some(4096));
        assert_eq!(meminfo(MEMINFO_3_10, "Active(file)"), Some(12));
        assert_eq!(meminfo(MEMINFO_3_10, "MemAvailable"), None, "came with 3.14");
    }

    #[test]
    fn vmstat_of_old_kernels_is_summed_over_zones() {
        assert_eq!(vmstat(VMSTAT_4_0, "allocstall"), Some(13));
        assert_eq!(vmstat(VMSTAT_4_0, "pgscan_kswapd"), Some(21));
        assert_eq!(vmstat(VMSTAT_4_0, "pgscan_direct"), Some(43), "pgscan_direct_throttle is another counter");
        assert_eq!(vmstat(VMSTAT_4_0, "pgsteal_kswapd"), Some(11));
        assert_eq!(vmstat(VMSTAT_4_0, "oom_kill"), None, "came with 4.13");
    }

    #[test]
    fn vmstat_of_new_kernels_has_allocstall_by_zone() {
        assert_eq!(vmstat(VMSTAT_6_1, "allocstall"), Some(13));
        assert_eq!(vmstat(VMSTAT_6_1, "pgscan_kswapd"), Some(200));
        assert_eq!(vmstat(VMSTAT_6_1, "pgscan_direct"), Some(10));
        assert_eq!(vmstat(VMSTAT_6_1, "pgsteal_direct"), Some(9));
        assert_eq!(vmstat(VMSTAT_6_1, "oom_kill"), Some(2));
    }

    #[test]
    fn min_watermarks_are_summed_in_kb() {
        assert_eq!(min_watermark(ZONEINFO), Some((249 + 3111) * 4));
        assert_eq!(min_watermark(b""), None);
    }

    #[test]
    fn pressure_totals() {
        let text =
            b"some avg10=0.12 avg60=0.00 avg300=0.00 total=4711\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=12\n";
        assert_eq!(pressure_total(text, "some"), Some(4711));
        assert_eq!(pressure_total(text, "full"), Some(12));
        assert_eq!(pressure_total(b"", "some"), None);
    }

    #[test]
    fn no_parser_trips_over_noise() {
        for text in [&b"\n\n  \n"[..], b"min\nmin x\nmin 99999999999999999999\n", b"\xff\xfe 3\n"] {
            assert_eq!(sum(text, |name| name == b"min"), None);
        }
    }
}
