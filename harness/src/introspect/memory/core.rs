//! A guest's memory as an ELF core.
//! Lives here: which stretches of physical memory a core holds, and the registers that QEMU writes beside them (pure).
//! May not live here: opening or unpacking the file.
//!
//! Sources: QEMU's dump/dump.c (segments have physical addresses; `paging=off` leaves virtual ones out) and
//! target/i386/arch_dump.c (`QEMUCPUState`, version 1, in notes of the owner `QEMU`).

use super::{Physical, Pieces};
use object::Endianness;
use object::elf::{EM_X86_64, ET_CORE, FileHeader64, PT_LOAD, PT_NOTE};
use object::read::elf::{FileHeader, ProgramHeader};

/// A core; it holds the file's bytes.
#[derive(Clone, Debug)]
pub struct Core<'a> {
    bytes: &'a [u8],
    pieces: Pieces,
    registers: Vec<Registers>,
}

/// What is needed of a processor's registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The next instruction.
    pub rip: u64,
    /// The stack.
    pub rsp: u64,
    /// The frame, where the kernel has frame pointers.
    pub rbp: u64,
    /// Physical address of the topmost page table, with the bits that CR3 has beside it.
    pub cr3: u64,
    /// Whether there are five levels of page tables; 12 is the bit in CR4.
    pub cr4: u64,
    /// Code segment; its last two bits are the privilege level.
    pub cs: u64,
}

impl Registers {
    /// Whether the processor is in a program and not in the kernel.
    pub fn in_user(&self) -> bool {
        self.cs & 3 == 3
    }

    /// How deep page tables are.
    pub fn levels(&self) -> super::Levels {
        if self.cr4 & (1 << 12) == 0 { super::Levels::Four } else { super::Levels::Five }
    }
}

/// Why a file is not a core that can be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotACore {
    /// Not an ELF file, or a damaged one.
    #[error("no ELF file, or a damaged one ({0})")]
    Elf(String),
    /// Something else than a core of a PC.
    #[error("an ELF file, but no core of an x86-64 machine")]
    Other,
    /// A core without memory, or with none by physical address.
    #[error("a core without memory; one by QEMU's dump-guest-memory is wanted")]
    Empty,
}

/// The note's owner, and what is in it: a version, a size, then registers of 8 bytes and segments of 24 bytes.
const QEMU: &[u8] = b"QEMU";
const GENERAL: usize = 8;
const RSP: usize = GENERAL + 6 * 8;
const RBP: usize = GENERAL + 7 * 8;
const RIP: usize = GENERAL + 16 * 8;
const SEGMENTS: usize = GENERAL + 18 * 8;
const SEGMENT: usize = 24;
const CR0: usize = SEGMENTS + 10 * SEGMENT;

impl<'a> Core<'a> {
    /// Reads the headers of a core.
    ///
    /// # Errors
    /// Where the bytes are none. One that is cut off holds what is there.
    pub fn new(bytes: &'a [u8]) -> Result<Self, NotACore> {
        let damaged = |cause: object::read::Error| NotACore::Elf(cause.to_string());
        let header = FileHeader64::<Endianness>::parse(bytes).map_err(damaged)?;
        let endian = header.endian().map_err(damaged)?;
        if header.e_machine(endian) != EM_X86_64 || header.e_type(endian) != ET_CORE {
            return Err(NotACore::Other);
        }
        let mut pieces = Pieces::default();
        let mut registers = Vec::new();
        for segment in header.program_headers(endian, bytes).map_err(damaged)? {
            if segment.p_type(endian) == PT_LOAD {
                let (offset, size) = segment.file_range(endian);
                let there = (bytes.len() as u64).saturating_sub(offset).min(size);
                pieces.push(segment.p_paddr(endian), there, offset);
            } else if segment.p_type(endian) == PT_NOTE
                && let Ok(Some(mut notes)) = segment.notes(endian, bytes)
            {
                while let Ok(Some(note)) = notes.next() {
                    if note.name() == QEMU {
                        registers.extend(state(note.desc()));
                    }
                }
            }
        }
        if pieces.bytes() == 0 {
            return Err(NotACore::Empty);
        }
        Ok(Self { bytes, pieces, registers })
    }

    /// Each processor's registers, in their order; empty where the core has none.
    pub fn registers(&self) -> &[Registers] {
        &self.registers
    }
}

fn state(note: &[u8]) -> Option<Registers> {
    let word = |at: usize| Some(u64::from_le_bytes(note.get(at..at + 8)?.try_into().ok()?));
    let version = u32::from_le_bytes(note.get(..4)?.try_into().ok()?);
    (version == 1).then_some(())?;
    Some(Registers {
        rip: word(RIP)?,
        rsp: word(RSP)?,
        rbp: word(RBP)?,
        cr3: word(CR0 + 3 * 8)?,
        cr4: word(CR0 + 4 * 8)?,
        cs: word(SEGMENTS)? & 0xffff,
    })
}

impl Physical for Core<'_> {
    fn read(&self, address: u64, into: &mut [u8]) -> bool {
        let found = self.pieces.offset(address, into.len() as u64).and_then(|at| usize::try_from(at).ok());
        let bytes = found.and_then(|at| self.bytes.get(at..at.checked_add(into.len())?));
        bytes.inspect(|bytes| into.copy_from_slice(bytes)).is_some()
    }
}
