//! What a kernel knows of its memory.
//! Lives here: counters of nodes and zones with what processors have not yet added to them, watermarks; OOM victims.
//! May not live here: tasks' stacks.
//!
//! Sources: mm/vmstat.c (`vm_zone_stat`, `vm_node_stat`, per-processor differences), include/linux/mmzone.h, mm/oom_kill.c.

use super::kernel::{KERNEL_HALF, Kernel};
use super::layout::Field;

/// Most zones of a node (`MAX_NR_ZONES` is at most 6).
const MOST_ZONES: u64 = 8;
/// Bytes of a zone's name.
const NAME_BYTES: usize = 16;

/// A counter: what is in it, and what processors have beside it. Where one is off by much, whoever reads it decides by an old number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counter {
    /// What the kernel reads where it is in a hurry, in pages.
    pub folded: i64,
    /// Sum of the processors' differences, in pages.
    pub pending: i64,
}

impl Counter {
    /// What it would read if processors had nothing beside it, in pages.
    pub fn whole(self) -> i64 {
        self.folded.saturating_add(self.pending)
    }
}

/// A zone with memory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Zone {
    /// For example `DMA32`.
    pub name: String,
    /// Its pages.
    pub managed: u64,
    /// Watermarks min, low and high, in pages.
    pub watermarks: [u64; 3],
    /// Free pages.
    pub free: Counter,
}

/// The memory of node 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// Zones that have pages.
    pub zones: Vec<Zone>,
    /// Counters by their enumerators, for example `NR_ISOLATED_ANON`.
    pub counters: Vec<(&'static str, Counter)>,
}

impl Memory {
    /// A counter by its enumerator.
    pub fn counter(&self, name: &str) -> Option<Counter> {
        self.counters.iter().find(|(known, _)| *known == name).map(|(_, counter)| *counter)
    }

    /// Free pages of all zones, and the sum of their min watermarks.
    pub fn free_and_min(&self) -> (i64, u64) {
        self.zones.iter().fold((0, 0), |(free, min): (i64, u64), zone| {
            (free.saturating_add(zone.free.whole()), min.saturating_add(zone.watermarks[0]))
        })
    }
}

/// Reads the memory of node 0.
pub fn memory(kernel: &Kernel<'_>) -> Memory {
    let node = kernel.symbols.address("contig_page_data").or_else(|| {
        // An array of pointers to nodes with CONFIG_NUMA.
        kernel.variable("node_data").filter(|&node| node >= KERNEL_HALF)
    });
    let Some(node) = node else { return Memory::default() };
    let cpus = kernel.per_cpu_offsets();
    let zones = zones(kernel, node);
    let names = super::layout::ENUMERATIONS.iter().filter(|(of, _)| *of == "node_stat_item");
    let counters = names.filter_map(|&(_, name)| {
        let item = kernel.layout.enumerator(name)?;
        // Up to 4.7 zones count what nodes count later.
        let Some(stat) = kernel.address(node, Field::NodeStat) else {
            return Some((name, of_zones(kernel, node, item, &cpus)?));
        };
        let diffs = kernel.field(node, Field::NodeDiffs);
        let pending = pending(kernel, diffs, Field::NodeDiff, item, &cpus);
        Some((name, Counter { folded: word_of(kernel, stat, item)?, pending }))
    });
    let counters = counters.collect();
    let zones = zones.into_iter().filter_map(|zone| read_zone(kernel, zone, &cpus)).collect();
    Memory { zones, counters }
}

/// A counter of all zones together; `None` where any of them is not to be read.
fn of_zones(kernel: &Kernel<'_>, node: u64, item: u64, cpus: &[u64]) -> Option<Counter> {
    let each = zones(kernel, node).into_iter().map(|zone| zone_counter(kernel, zone, item, cpus));
    each.reduce(|sum, one| {
        let (sum, one) = (sum?, one?);
        Some(Counter {
            folded: sum.folded.saturating_add(one.folded),
            pending: sum.pending.saturating_add(one.pending),
        })
    })?
}

fn zone_counter(kernel: &Kernel<'_>, zone: u64, item: u64, cpus: &[u64]) -> Option<Counter> {
    let folded = word_of(kernel, kernel.address(zone, Field::ZoneStat)?, item)?;
    let pending = pending(kernel, kernel.field(zone, Field::ZoneDiffs), Field::ZoneDiff, item, cpus);
    Some(Counter { folded, pending })
}

fn word_of(kernel: &Kernel<'_>, array: u64, item: u64) -> Option<i64> {
    kernel.space.word(array.wrapping_add(item.checked_mul(8)?)).map(u64::cast_signed)
}

/// The sum of the differences that processors have not yet added to a counter: signed bytes, one each.
fn pending(kernel: &Kernel<'_>, per_cpu: Option<u64>, field: Field, item: u64, cpus: &[u64]) -> i64 {
    let (Some(per_cpu), Some(offset)) = (per_cpu.filter(|&at| at != 0), kernel.layout.offset(field)) else { return 0 };
    let at = |cpu: &u64| per_cpu.wrapping_add(*cpu).wrapping_add(offset).wrapping_add(item);
    let diffs = cpus.iter().filter_map(|cpu| kernel.space.number(at(cpu), 1));
    diffs.map(|byte| i64::from((byte as u8).cast_signed())).sum()
}

/// Where the node's zones are.
fn zones(kernel: &Kernel<'_>, node: u64) -> Vec<u64> {
    let (Some(first), Some(size)) =
        (kernel.address(node, Field::NodeZones), kernel.layout.size_of_structure_with(Field::ZoneName))
    else {
        return Vec::new();
    };
    let count = kernel.field(node, Field::NodeZoneCount).unwrap_or(0) & 0xffff_ffff;
    (0..count.min(MOST_ZONES)).map(|index| first.wrapping_add(index * size)).collect()
}

/// A zone; `None` where it has no pages.
fn read_zone(kernel: &Kernel<'_>, zone: u64, cpus: &[u64]) -> Option<Zone> {
    let managed = kernel.field(zone, Field::ZoneManaged).filter(|&pages| pages > 0)?;
    let marks = kernel.space.words(kernel.address(zone, Field::ZoneWatermarks)?, 3);
    Some(Zone {
        // The name is a pointer to text.
        name: kernel.pointer(zone, Field::ZoneName).and_then(|name| kernel.space.text(name, NAME_BYTES))?,
        managed,
        watermarks: marks.try_into().ok()?,
        free: zone_counter(kernel, zone, kernel.layout.enumerator("NR_FREE_PAGES")?, cpus)?,
    })
}
