//! A guest's memory by physical and by virtual address.
//! Lives here: what physical memory is, ELF cores of it, page tables.
//! May not live here: how a live guest's memory comes into our address space (`vm`).

mod core;
mod pages;
mod pieces;

pub use self::core::{Core, NotACore, Registers};
pub use pages::{Levels, Space};
pub use pieces::{Pieces, pieces_of_pc};

/// Memory by physical address. It may change at any time, also while it is read.
pub trait Physical {
    /// Fills `into` with what is at `address`; false, and nothing promised of `into`, where not all of it is memory.
    fn read(&self, address: u64, into: &mut [u8]) -> bool;
}

impl<P: Physical + ?Sized> Physical for &P {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        (**self).read(address, into)
    }
}

#[cfg(test)]
mod tests;
