//! A guest's memory made by hand, for tests: page tables, a few structures, tasks with stacks.
//! Lives here: writing what the reading parts are to find.
//! May not live here: anything outside of tests and `make fuzz` (feature `fixture`).
#![allow(clippy::unwrap_used, missing_docs)]

use super::build_id::BuildId;
use super::kernel::{Anchor, Kernel, Wanted};
use super::layout::Layout;
use super::memory::{Levels, Physical, Space};
use super::symbols::Symbols;
use std::collections::HashMap;
use std::sync::LazyLock;

/// Memory that grows by what is written to it.
#[derive(Clone, Default)]
pub struct Guest {
    pages: HashMap<u64, Vec<u8>>,
    next: u64,
}

pub const PAGE: u64 = 4096;
/// The topmost page table.
pub const ROOT: u64 = 0x1000;

impl Physical for Guest {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        into.iter_mut().enumerate().all(|(at, byte)| {
            let address = address.wrapping_add(at as u64);
            let found = self.pages.get(&(address / PAGE)).map(|page| page[(address % PAGE) as usize]);
            found.inspect(|found| *byte = *found).is_some()
        })
    }
}

impl Guest {
    /// Without anything but an empty page table.
    pub fn new() -> Self {
        Self { pages: HashMap::from([(ROOT / PAGE, vec![0; PAGE as usize])]), next: ROOT / PAGE + 1 }
    }

    fn fresh(&mut self) -> u64 {
        self.pages.insert(self.next, vec![0; PAGE as usize]);
        self.next += 1;
        (self.next - 1) * PAGE
    }

    fn physical_word(&mut self, address: u64) -> &mut [u8] {
        let page = self.pages.get_mut(&(address / PAGE)).unwrap();
        &mut page[(address % PAGE) as usize..][..8]
    }

    /// The physical address of a virtual one, which is mapped for that.
    fn map(&mut self, address: u64) -> u64 {
        let mut table = ROOT;
        for level in (0..4).rev() {
            let slot = table + ((address >> (12 + 9 * level)) & 511) * 8;
            let entry = u64::from_le_bytes(self.physical_word(slot).try_into().unwrap());
            table = if entry & 1 == 0 {
                let new = self.fresh();
                self.physical_word(slot).copy_from_slice(&(new | 3).to_le_bytes());
                new
            } else {
                entry & !0xfff
            };
        }
        table + address % PAGE
    }

    /// Writes bytes at a virtual address.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        for (at, byte) in (address..).zip(bytes) {
            let physical = self.map(at);
            self.pages.get_mut(&(physical / PAGE)).unwrap()[(physical % PAGE) as usize] = *byte;
        }
    }

    /// Writes a 64-bit number.
    pub fn put(&mut self, address: u64, word: u64) {
        self.write(address, &word.to_le_bytes());
    }

    /// Links structures in a ring, from a head on.
    pub fn ring(&mut self, links: &[u64]) {
        for (at, &link) in links.iter().enumerate() {
            self.put(link, links[(at + 1) % links.len()]);
            self.put(link + 8, links[(at + links.len() - 1) % links.len()]);
        }
    }

    /// All bytes that are there, for a test that changes some.
    pub fn bytes(&mut self) -> Vec<&mut u8> {
        let mut pages: Vec<_> = self.pages.iter_mut().collect();
        pages.sort_by_key(|(page, _)| **page);
        pages.into_iter().flat_map(|(_, page)| page.iter_mut()).collect()
    }

    /// The kernel in it.
    pub fn kernel<'a>(&'a self, symbols: &'a Symbols, layout: &'a Layout) -> Kernel<'a> {
        Kernel { space: Space::new(self, ROOT, Levels::Four), symbols, layout }
    }

    /// Where it lies.
    pub fn anchor(&self, symbols: &Symbols) -> Result<Anchor, super::NotFound> {
        self.anchor_of(symbols, None)
    }

    /// The same of a build.
    pub fn anchor_of(&self, symbols: &Symbols, build: Option<BuildId>) -> Result<Anchor, super::NotFound> {
        let registers = super::memory::Registers { cr3: ROOT, ..super::memory::Registers::default() };
        Anchor::find(self, &[registers], symbols, &Wanted { release: Some("6.1.0-x".into()), build })
    }
}

/// Bytes of a task and of a kernel stack.
pub const TASK_BYTES: u64 = 0x400;
pub const STACK_BYTES: u64 = 0x4000;

/// The layout of the tests.
pub fn layout() -> Layout {
    super::deadlock::CONTROL.layout.clone()
}

/// Functions of the tests, 0x100 bytes each: the first, what switches tasks, those of the stacks of all ages, the last.
static FUNCTIONS: LazyLock<Vec<&str>> = LazyLock::new(|| {
    let mut functions = vec!["_stext", "__schedule"];
    for function in super::ages::STACKS.iter().copied().flatten() {
        if !functions.contains(function) {
            functions.push(function);
        }
    }
    functions.push("_etext");
    functions
});
pub const TEXT: u64 = 0xffff_ffff_8100_0000;
pub const INIT_TASK: u64 = 0xffff_ffff_8200_0000;
pub const SUPER_BLOCKS: u64 = 0xffff_ffff_8200_8000;
pub const SWAP_INFO: u64 = 0xffff_ffff_8200_a000;
pub const NODE: u64 = 0xffff_ffff_8200_9000;
pub const REAPER_LIST: u64 = 0xffff_ffff_8200_b000;
/// Where each processor's own variables are, and how many processors there are; not written unless a test does.
pub const CPU_OFFSETS: u64 = 0xffff_ffff_8200_c000;
pub const CPU_COUNT: u64 = 0xffff_ffff_8200_d000;
pub const BANNER: u64 = 0xffff_ffff_8180_0000;

/// An address in a function.
pub fn within(function: &str) -> u64 {
    let at = FUNCTIONS.iter().position(|known| *known == function).unwrap();
    TEXT + at as u64 * 0x100 + 0x42
}

/// Their symbols.
pub fn symbols() -> Symbols {
    let functions =
        FUNCTIONS.iter().enumerate().map(|(at, name)| format!("{:016x} T {name}\n", TEXT + at as u64 * 0x100));
    let variables = [
        (INIT_TASK, "init_task"),
        (SUPER_BLOCKS, "super_blocks"),
        (NODE, "contig_page_data"),
        (SWAP_INFO, "swap_info"),
        (REAPER_LIST, "oom_reaper_list"),
        (CPU_OFFSETS, "__per_cpu_offset"),
        (CPU_COUNT, "nr_cpu_ids"),
        (BANNER, "linux_banner"),
    ];
    let variables = variables.iter().map(|(at, name)| format!("{at:016x} D {name}\n"));
    Symbols::from_system_map(&functions.chain(variables).collect::<String>()).unwrap()
}
