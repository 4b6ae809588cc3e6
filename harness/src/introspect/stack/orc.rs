//! The tables of the kernel's ORC unwinder.
//! Lives here: reading them out of a guest, and the entry for an address.
//! May not live here: walking a stack by them.
//!
//! Sources: arch/x86/include/asm/orc_types.h and arch/x86/kernel/unwind_orc.c, 4.14 to 7.2.

use crate::introspect::kernel::Kernel;
use crate::introspect::layout::Field;

/// Most entries of a table; Debian's kernels have some 700,000.
const MOST: u64 = 4 << 20;
/// Bytes of an entry, and of its place in the code relative to itself.
const ENTRY_BYTES: usize = 6;
const IP_BYTES: usize = 4;

/// Bytes of a function's first instructions, and registers that a function keeps for its caller (System V ABI: rbx, rbp, r12 to r15).
const PROLOGUE: u64 = 32;
const MOST_PUSHES: usize = 6;

/// Bit of an entry's last two bytes.
const END_BIT: u16 = 1 << 10;

/// What a register held when the function was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Base {
    /// Not known; for the stack pointer: the stack ends here.
    Undefined,
    /// Relative to the caller's stack pointer.
    PrevSp,
    /// Relative to the frame pointer.
    Bp,
    /// Relative to the stack pointer.
    Sp,
    /// Behind a pointer on the stack, relative to the frame pointer.
    BpIndirect,
    /// Behind a pointer on the stack, relative to the stack pointer.
    SpIndirect,
    /// In a register that is not known here.
    Other,
}

/// What lies at the end of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Nothing is known.
    Undefined,
    /// No caller.
    End,
    /// A return address.
    Call,
    /// All registers, as an exception saves them.
    Regs,
    /// Only those that the processor saves.
    Partial,
}

/// How to get from a function to its caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub(super) sp: (Base, i64),
    pub(super) bp: (Base, i64),
    pub(super) kind: Kind,
}

/// One table, sorted by address.
#[derive(Debug)]
pub struct Tables {
    /// Start of the table of places in the guest: each place is relative to where it is stored.
    at: u64,
    ips: Vec<i32>,
    entries: Vec<[u8; ENTRY_BYTES]>,
    encoding: Encoding,
}

/// How an entry's bits are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::introspect) struct Encoding {
    form: Form,
    registers: Registers,
}

/// Numbers of registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Registers {
    /// PREV_SP 1, DX 2, DI 3, BP 4, SP 5, R10 6, R13 7, BP_INDIRECT 8, SP_INDIRECT 9 (4.14 to 6.x).
    First,
    /// AX 1, DX 2, SP 3, BP 4, DI 5, R10 6, R13 7, PREV_SP 8, SP_INDIRECT 9, BP_INDIRECT 10 (7.x).
    Second,
}

impl Registers {
    /// No version is written in a table. But nearly all of its frames are relative to the stack pointer, and next to none to the
    /// register that has that number in the other encoding.
    fn of(rows: &[[u8; ENTRY_BYTES]]) -> Self {
        let count = |number: u8| rows.iter().filter(|row| row[4] & 0xf == number).count();
        if count(3) > count(5) { Self::Second } else { Self::First }
    }

    fn base(self, number: u16) -> Base {
        match (self, number & 0xf) {
            (_, 0) => Base::Undefined,
            (Self::First, 1) | (Self::Second, 8) => Base::PrevSp,
            (_, 4) => Base::Bp,
            (Self::First, 5) | (Self::Second, 3) => Base::Sp,
            (Self::First, 8) | (Self::Second, 10) => Base::BpIndirect,
            (_, 9) => Base::SpIndirect,
            (_, _) => Base::Other,
        }
    }
}

/// How an entry's last bits are to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A frame without a stack pointer is an end (4.14 to 5.0).
    Bare,
    /// A bit says so (5.1 to 6.3).
    EndBit,
    /// Kinds have three bits, and an end is one (6.4 and later).
    Wide,
}

impl Tables {
    /// The kernel's own table; `None` where it has none (another unwinder), or its form is not known.
    pub(in crate::introspect) fn of_kernel(kernel: &Kernel<'_>) -> Option<Self> {
        let symbol = |name| kernel.symbols.address(name);
        let (from, to) = (symbol("__start_orc_unwind_ip")?, symbol("__stop_orc_unwind_ip")?);
        Self::read(kernel, from, symbol("__start_orc_unwind")?, to.checked_sub(from)? / IP_BYTES as u64, None)
    }

    /// A module's, in the kernel's own encoding.
    pub(in crate::introspect) fn of_module(kernel: &Kernel<'_>, module: u64, own: &Self) -> Option<Self> {
        let (ips, entries) = (kernel.pointer(module, Field::ModuleOrcIp)?, kernel.pointer(module, Field::ModuleOrc)?);
        Self::read(kernel, ips, entries, kernel.field(module, Field::ModuleOrcs)?, Some(own.encoding))
    }

    fn read(kernel: &Kernel<'_>, at: u64, entries: u64, count: u64, encoding: Option<Encoding>) -> Option<Self> {
        let form = match kernel.layout.place(Field::OrcType)?.bits?.width {
            2 if kernel.layout.place(Field::OrcEnd).is_some() => Form::EndBit,
            2 => Form::Bare,
            3 => Form::Wide,
            _ => return None,
        };
        let count = usize::try_from(count.min(MOST)).ok()?;
        let mut ips = vec![0; count * IP_BYTES];
        let mut rows = vec![0; count * ENTRY_BYTES];
        if !kernel.space.read(at, &mut ips) || !kernel.space.read(entries, &mut rows) {
            return None;
        }
        let (ips, _) = ips.as_chunks::<IP_BYTES>();
        let (rows, _) = rows.as_chunks::<ENTRY_BYTES>();
        let encoding = encoding.unwrap_or_else(|| Encoding { form, registers: Registers::of(rows) });
        Some(Self { at, ips: ips.iter().map(|ip| i32::from_le_bytes(*ip)).collect(), entries: rows.to_vec(), encoding })
    }

    fn ip(&self, index: usize) -> u64 {
        self.at.wrapping_add((index * IP_BYTES) as u64).wrapping_add_signed(self.ips[index].into())
    }

    /// The entry for an address: the last that begins at or before it.
    pub(in crate::introspect) fn find(&self, address: u64) -> Option<Entry> {
        self.entries.get(self.index(address)?).map(|row| entry(*row, self.encoding))
    }

    /// How many words a function that begins at `start` pushes first of all: registers of its caller's, which stay there while it runs.
    /// Each push is an entry whose frame is a word larger.
    pub(in crate::introspect) fn pushes(&self, start: u64) -> usize {
        let Some(first) = self.index(start).filter(|&index| self.ip(index) == start) else { return 0 };
        let rows = self.entries.iter().enumerate().skip(first);
        let offsets = rows.map(|(index, row)| (self.ip(index), entry(*row, self.encoding)));
        let grown = offsets
            .zip(1..)
            .take_while(|((ip, entry), words)| ip.wrapping_sub(start) < PROLOGUE && entry.sp == (Base::Sp, 8 * words));
        grown.count().saturating_sub(1).min(MOST_PUSHES)
    }

    fn index(&self, address: u64) -> Option<usize> {
        let (mut low, mut high) = (0, self.ips.len());
        while low < high {
            let middle = low + (high - low) / 2;
            if self.ip(middle) <= address { low = middle + 1 } else { high = middle }
        }
        low.checked_sub(1)
    }
}

fn entry(row: [u8; ENTRY_BYTES], encoding: Encoding) -> Entry {
    let Encoding { form, registers } = encoding;
    let offset = |at: usize| i64::from(i16::from_le_bytes([row[at], row[at + 1]]));
    let bits = u16::from_le_bytes([row[4], row[5]]);
    let base = |number| registers.base(number);
    let sp = base(bits);
    let ends = bits & END_BIT != 0;
    let kind = match (form, (bits >> 8) & if form == Form::Wide { 7 } else { 3 }) {
        (Form::Wide, 1) => Kind::End,
        (Form::Wide, 2) => Kind::Call,
        (Form::Wide, 3) => Kind::Regs,
        (Form::Wide, 4) => Kind::Partial,
        (Form::Wide, _) => Kind::Undefined,
        (Form::Bare, _) if sp == Base::Undefined => Kind::End,
        (Form::EndBit, _) if sp == Base::Undefined => {
            if ends {
                Kind::End
            } else {
                Kind::Undefined
            }
        }
        (_, 0) => Kind::Call,
        (_, 1) => Kind::Regs,
        (_, 2) => Kind::Partial,
        (_, _) => Kind::Undefined,
    };
    Entry { sp: (sp, offset(0)), bp: (base(bits >> 4), offset(2)), kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        // sp_offset 16, bp_offset -24, sp by SP (5), bp by PREV_SP (1), kind Call.
        let call = Entry { sp: (Base::Sp, 16), bp: (Base::PrevSp, -24), kind: Kind::Call };
        let first = |form| Encoding { form, registers: Registers::First };
        for (form, kind) in [(Form::Bare, 0), (Form::EndBit, 0), (Form::Wide, 2)] {
            assert_eq!(entry([16, 0, 0xe8, 0xff, 0x15, kind], first(form)), call);
        }
        let second = Encoding { form: Form::Wide, registers: Registers::Second };
        assert_eq!(entry([16, 0, 0xe8, 0xff, 0x83, 2], second), call);
        let kind = |bits: [u8; 2], form| entry([0, 0, 0, 0, bits[0], bits[1]], first(form)).kind;
        assert_eq!(
            (kind([0, 0], Form::Bare), kind([0, 4], Form::EndBit), kind([0, 1], Form::Wide)),
            (Kind::End, Kind::End, Kind::End)
        );
        assert_eq!(
            (kind([0, 0], Form::EndBit), kind([0, 0], Form::Wide)),
            (Kind::Undefined, Kind::Undefined),
            "nothing is known"
        );
        assert_eq!((kind([5, 1], Form::EndBit), kind([5, 0x0c], Form::Wide)), (Kind::Regs, Kind::Partial));
        let rows = |registers: [u8; 3]| registers.map(|register| [0, 0, 0, 0, register, 2]);
        assert_eq!(
            (Registers::of(&rows([5, 0x15, 3])), Registers::of(&rows([3, 0x83, 4]))),
            (Registers::First, Registers::Second)
        );
    }

    #[test]
    fn pushes_of_a_prologue_are_counted() {
        // push, push, sub $0x18, …: frames of 8, 16, 24 and 48 bytes.
        let at = 0xffff_ffff_8200_0000;
        let tables = tables(at, &[(0x0, 8), (0x2, 16), (0x4, 24), (0x8, 48), (0x60, 8)]);
        assert_eq!(tables.pushes(0xffff_ffff_8100_0000), 2);
        assert_eq!((tables.pushes(0xffff_ffff_8100_0002), tables.pushes(0xffff_ffff_8100_0060)), (0, 0));
    }

    /// A table of places after 0xffffffff81000000 and their frames' sizes.
    fn tables(at: u64, rows: &[(u64, u8)]) -> Tables {
        let ips = rows.iter().enumerate().map(|(index, (place, _))| {
            let place = 0xffff_ffff_8100_0000 + place;
            i32::try_from(place.wrapping_sub(at + 4 * index as u64).cast_signed()).unwrap_or(0)
        });
        Tables {
            at,
            ips: ips.collect(),
            entries: rows.iter().map(|(_, size)| [*size, 0, 0, 0, 0x05, 0x02]).collect(),
            encoding: Encoding { form: Form::Wide, registers: Registers::First },
        }
    }

    #[test]
    fn an_address_has_the_last_entry_before_it() {
        let tables = tables(0xffff_ffff_8200_0000, &[(0x0, 8), (0x10, 16), (0x40, 24)]);
        let sp = |address| tables.find(address).map(|entry| entry.sp.1);
        assert_eq!(
            [sp(0xffff_ffff_80ff_ffff), sp(0xffff_ffff_8100_0000), sp(0xffff_ffff_8100_000f)],
            [None, Some(8), Some(8)]
        );
        assert_eq!([sp(0xffff_ffff_8100_0010), sp(0xffff_ffff_8100_1000)], [Some(16), Some(24)]);
    }
}
