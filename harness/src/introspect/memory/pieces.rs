//! Where a PC's memory is.
//! Lives here: stretches of physical addresses and what of a file is behind each (pure).
//! May not live here: the file.
//!
//! Source: hw/i386/pc_q35.c (pc_q35_init): up to 2.75 GiB lie below 4 GiB in one piece; of more, 2 GiB do, and the rest is above.

use std::ops::Range;

/// Memory above this much is split.
const MOST_IN_ONE_PIECE: u64 = 0xb000_0000;
/// What of it lies low then.
const LOW_OF_SPLIT: u64 = 0x8000_0000;
/// Where the rest begins.
const HIGH: u64 = 1 << 32;

/// Stretches of physical memory, each with its place in one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces(Vec<Piece>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Piece {
    physical: Range<u64>,
    file: u64,
}

/// The pieces of QEMU's `q35` with so many bytes of memory, which are one after the other in the memory's file.
pub fn pieces_of_pc(memory: u64) -> Pieces {
    let mut pieces = Pieces::default();
    let low = if memory >= MOST_IN_ONE_PIECE { LOW_OF_SPLIT } else { memory };
    pieces.push(0, low, 0);
    pieces.push(HIGH, memory - low, low);
    pieces
}

impl Pieces {
    /// Adds `bytes` at `physical`, which are in the file at `file`. What runs over the end of the address space is left out.
    pub fn push(&mut self, physical: u64, bytes: u64, file: u64) {
        if let Some(end) = physical.checked_add(bytes)
            && bytes > 0
            && file.checked_add(bytes).is_some()
        {
            let at = self.0.partition_point(|piece| piece.physical.start <= physical);
            self.0.insert(at, Piece { physical: physical..end, file });
        }
    }

    /// Where in the file `bytes` bytes at `physical` are; they must be in one piece.
    pub fn offset(&self, physical: u64, bytes: u64) -> Option<u64> {
        let after = self.0.partition_point(|piece| piece.physical.start <= physical);
        let piece = self.0.get(after.checked_sub(1)?)?;
        let end = physical.checked_add(bytes)?;
        (end <= piece.physical.end).then(|| piece.file + (physical - piece.physical.start))
    }

    /// Bytes in all pieces.
    pub fn bytes(&self) -> u64 {
        self.0.iter().map(|piece| piece.physical.end - piece.physical.start).fold(0, u64::saturating_add)
    }
}
