//! Virtual memory: x86-64's page tables.
//! Lives here: from a virtual address to a physical one, and reading by it.
//! May not live here: what is at an address.
//!
//! Source: Intel's Software Developer's Manual, volume 3, chapter 4.5 (4-level and 5-level paging).

use super::Physical;
use std::cell::Cell;

/// Bit of an entry: there is something behind it.
const PRESENT: u64 = 1;
/// Bit of an entry of the second or third table: a large page, no table.
const LARGE: u64 = 1 << 7;
/// Bits of an entry that are an address.
const ADDRESS: u64 = 0x000f_ffff_ffff_f000;
/// Bytes of a page, as a power of two.
const PAGE_BITS: u32 = 12;
/// Bits of an address that one table translates.
const TABLE_BITS: u32 = 9;
/// Translations that are kept, by the low bits of their page's number.
const KEPT: usize = 1024;

/// How deep the tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Levels {
    /// 48 bits of address.
    Four,
    /// 57 bits (`LA57` in CR4).
    Five,
}

impl Levels {
    fn count(self) -> u32 {
        match self {
            Self::Four => 4,
            Self::Five => 5,
        }
    }
}

/// A virtual address space. It keeps translations, so one lives as long as one look at a guest and no longer.
pub struct Space<'a> {
    memory: &'a dyn Physical,
    root: u64,
    levels: Levels,
    kept: Box<[Cell<(u64, u64)>]>,
}

/// A page that no address has.
const NO_PAGE: u64 = u64::MAX;

impl<'a> Space<'a> {
    /// The address space whose topmost table is at the physical address `root`; CR3's other bits are ignored.
    pub fn new(memory: &'a dyn Physical, root: u64, levels: Levels) -> Self {
        let kept = (0..KEPT).map(|_| Cell::new((NO_PAGE, 0))).collect();
        Self { memory, root: root & ADDRESS, levels, kept }
    }

    /// Fills `into` with what is at `address`; false where not all of it is there.
    pub fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let mut at = address;
        let mut rest = into;
        while !rest.is_empty() {
            let Some(physical) = self.physical(at) else { return false };
            let left = (1 << PAGE_BITS) - (at & ((1 << PAGE_BITS) - 1)) as usize;
            let (now, later) = rest.split_at_mut(left.min(rest.len()));
            if !self.memory.read(physical, now) {
                return false;
            }
            let Some(next) = at.checked_add(now.len() as u64) else { return later.is_empty() };
            (at, rest) = (next, later);
        }
        true
    }

    /// The physical address of a virtual one; `None` where nothing is there.
    pub fn physical(&self, address: u64) -> Option<u64> {
        let page = address >> PAGE_BITS;
        let within = address & ((1 << PAGE_BITS) - 1);
        let kept = &self.kept[page as usize % KEPT];
        if kept.get().0 == page {
            return Some(kept.get().1 + within);
        }
        let found = self.walk(address)?;
        kept.set((page, found - within));
        Some(found)
    }

    fn walk(&self, address: u64) -> Option<u64> {
        let bits = PAGE_BITS + TABLE_BITS * self.levels.count();
        // The bits above repeat the highest that is translated.
        let above = (address.cast_signed() >> (bits - 1)).cast_unsigned();
        if above != 0 && above != u64::MAX {
            return None;
        }
        let mut table = self.root;
        for level in (0..self.levels.count()).rev() {
            let shift = PAGE_BITS + TABLE_BITS * level;
            let index = (address >> shift) & ((1 << TABLE_BITS) - 1);
            let mut entry = [0; 8];
            if !self.memory.read(table + index * 8, &mut entry) {
                return None;
            }
            let entry = u64::from_le_bytes(entry);
            if entry & PRESENT == 0 {
                return None;
            }
            // Large pages there are of the second and third table only.
            if level == 0 || (entry & LARGE != 0 && level <= 2) {
                let within = (1 << shift) - 1;
                return Some((entry & ADDRESS & !within) | (address & within));
            }
            table = entry & ADDRESS;
        }
        None
    }

    /// A little-endian number of 1, 2, 4 or 8 bytes.
    pub fn number(&self, address: u64, bytes: u64) -> Option<u64> {
        let mut number = [0; 8];
        let wanted = number.get_mut(..usize::try_from(bytes).ok()?)?;
        self.read(address, wanted).then(|| u64::from_le_bytes(number))
    }

    /// A 64-bit number, or a pointer.
    pub fn word(&self, address: u64) -> Option<u64> {
        self.number(address, 8)
    }

    /// `count` 64-bit numbers, as many as are there from the first on.
    pub fn words(&self, address: u64, count: usize) -> Vec<u64> {
        let mut bytes = vec![0; count * 8];
        if !self.read(address, &mut bytes) {
            // The end of it may be missing, in the middle of a page where a core was cut.
            return (0..count as u64).map_while(|at| self.word(address.wrapping_add(8 * at))).collect();
        }
        bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes)).collect()
    }

    /// Text of at most `most` bytes, up to the first NUL; what is no printable ASCII makes it no text.
    pub fn text(&self, address: u64, most: usize) -> Option<String> {
        let mut bytes = vec![0; most];
        // It may end a few bytes before a page that is not there.
        if !self.read(address, &mut bytes) {
            let there = (1 << PAGE_BITS) - (address as usize % (1 << PAGE_BITS));
            if there >= most {
                return None;
            }
            bytes.truncate(there);
            if !self.read(address, &mut bytes) {
                return None;
            }
        }
        let end = bytes.iter().position(|&byte| byte == 0)?;
        let text = &bytes[..end];
        text.iter().all(|byte| matches!(byte, b' '..=b'~')).then(|| String::from_utf8_lossy(text).into_owned())
    }
}

impl std::fmt::Debug for Space<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Space").field("root", &self.root).field("levels", &self.levels).finish_non_exhaustive()
    }
}
