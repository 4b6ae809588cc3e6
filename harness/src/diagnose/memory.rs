//! What the kernel says of its memory: `Mem-Info`, by SysRq-m and at an OOM kill.
//! Lives here: the format of `show_free_areas` (mm/page_alloc.c, since 6.4 mm/show_mem.c), 3.10 to 7.2.
//! May not live here: what the numbers mean for a hang.

use serde::Serialize;

/// Kilobytes in a page of x86.
const PAGE_KB: i64 = 4;
/// Lines that one report may take: nodes times zones times three, and some.
const MAX_LINES: u16 = 400;

/// Pages in kB; of memory that is hostile the most that there can be.
pub(crate) fn kb(pages: i64) -> i64 {
    pages.saturating_mul(PAGE_KB)
}

/// The same of what is never less than none.
pub(crate) fn kb_of(pages: u64) -> u64 {
    pages.saturating_mul(PAGE_KB.unsigned_abs())
}

/// The numbers that matter to a hang, in kB.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Free pages of all zones.
    pub free_kb: u64,
    /// The zones' min watermarks together; below it only reserves are left.
    pub min_kb: u64,
    /// Anonymous pages taken off their lists by whoever reclaims or compacts.
    pub isolated_anon_kb: u64,
    /// File pages taken off their lists.
    pub isolated_file_kb: u64,
    /// Anonymous pages on the inactive list.
    pub inactive_anon_kb: u64,
    /// File pages on the inactive list.
    pub inactive_file_kb: u64,
}

impl Memory {
    /// Whether reclaim may have to wait by the kernel's own rule: more pages isolated than inactive, of either kind; for
    /// an allocation with __GFP_IO and __GFP_FS already more than an eighth (`too_many_isolated`, mm/vmscan.c, 3.7 and
    /// later).
    pub fn too_many_isolated(&self) -> bool {
        self.isolated_file_kb > self.inactive_file_kb / 8 || self.isolated_anon_kb > self.inactive_anon_kb / 8
    }
}

/// Reads reports line by line.
#[derive(Clone, Debug, Default)]
pub(super) struct MemoryReader {
    /// The report that is being read, and the lines it may still take.
    open: Option<(Memory, u16)>,
}

impl MemoryReader {
    /// Takes a text in; gives a report that it completes.
    pub fn feed(&mut self, text: &str) -> Option<Memory> {
        if text.trim_end() == "Mem-Info:" {
            self.open = Some((Memory::default(), MAX_LINES));
            return None;
        }
        let (memory, left) = self.open.as_mut()?;
        *left -= 1;
        if *left == 0 {
            self.open = None;
        } else if text.ends_with(" total pagecache pages") {
            return self.open.take().map(|(memory, _)| memory);
        } else if let Some(zone) = text.find(" free:").filter(|_| text.contains(" min:")) {
            memory.min_kb = memory.min_kb.saturating_add(number(&text[zone..], " min:").unwrap_or(0));
        } else if !text.starts_with("Node ") && !text.contains("kB") {
            memory.totals(text);
        }
        None
    }
}

impl Memory {
    /// `active_anon:%lu inactive_anon:%lu isolated_anon:%lu`, then the same of files, then ` free:%lu …`, in pages.
    fn totals(&mut self, text: &str) {
        for (key, kb) in [
            ("isolated_anon:", &mut self.isolated_anon_kb),
            ("isolated_file:", &mut self.isolated_file_kb),
            (" inactive_anon:", &mut self.inactive_anon_kb),
            (" inactive_file:", &mut self.inactive_file_kb),
            (" free:", &mut self.free_kb),
        ] {
            if let Some(pages) = number(text, key) {
                *kb = kb_of(pages);
            }
        }
    }
}

/// The number behind a key.
fn number(text: &str, key: &str) -> Option<u64> {
    let value = &text[text.find(key)? + key.len()..];
    let end = value.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(value.len());
    value[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Option<Memory> {
        let mut reader = MemoryReader::default();
        text.lines().find_map(|line| reader.feed(line))
    }

    #[test]
    fn reads_a_report_of_3_10_and_one_of_6_1() {
        let old = "Mem-Info:\nNode 0 DMA per-cpu:\nCPU    0: hi:    0, btch:   1 usd:   0\n\
                   active_anon:52000 inactive_anon:2001 isolated_anon:0\n active_file:11 inactive_file:17 isolated_file:33\n \
                   unevictable:0 dirty:1 writeback:0 unstable:0\n free:1204 slab_reclaimable:1000 slab_unreclaimable:2000\n \
                   mapped:18 shmem:2050 pagetables:800 bounce:0\n free_cma:0\n\
                   Node 0 DMA free:1000kB min:60kB low:72kB high:88kB active_anon:12000kB all_unreclaimable? yes\n\
                   lowmem_reserve[]: 0 230 230 230\n\
                   Node 0 DMA32 free:3816kB min:1000kB low:1248kB high:1500kB active_anon:190000kB\n\
                   Node 0 DMA: 2*4kB (U) 1*8kB (U) = 1000kB\n2100 total pagecache pages\n0 pages in swap cache\n";
        let told = Memory {
            free_kb: 4816,
            min_kb: 1060,
            isolated_anon_kb: 0,
            isolated_file_kb: 132,
            inactive_anon_kb: 8004,
            inactive_file_kb: 68,
        };
        assert_eq!(read(old), Some(told));
        let new = "Mem-Info:\nactive_anon:3 inactive_anon:356 isolated_anon:0\n active_file:0 inactive_file:341 isolated_file:0\n \
                   unevictable:834 dirty:0 writeback:0\n free:42283 free_pcp:290 free_cma:0\n\
                   Node 0 active_anon:12kB inactive_anon:1424kB active_file:0kB inactive_file:1364kB isolated(anon):0kB\n\
                   Node 0 DMA free:15232kB boost:0kB min:136kB low:168kB high:200kB\n\
                   Node 0 DMA32 free:153900kB boost:0kB min:1616kB low:2020kB high:2424kB\n1009 total pagecache pages";
        let told = read(new).map(|memory| (memory.free_kb, memory.min_kb, memory.too_many_isolated()));
        assert_eq!(told, Some((169_132, 1752, false)));
    }

    #[test]
    fn a_report_that_does_not_end_is_dropped() {
        let endless = format!("Mem-Info:\n{}5 total pagecache pages", "x\n".repeat(1000));
        assert_eq!(read(&endless), None);
    }
}
