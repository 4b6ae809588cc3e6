//! Addresses of the kernel's functions and variables, by name, and names by address.
//! Lives here: the table, and where it is had from: an ELF file's symbols, a System.map, or kallsyms.
//! May not live here: types.

mod elf;
mod kallsyms;
#[cfg(test)]
mod kallsyms_tests;
mod table;

use table::Collected;

/// Addresses from here on are the kernel's. Below are offsets into the per-CPU area (x86 until 6.14), which no KASLR moves.
const KERNEL_HALF: u64 = 1 << 63;

/// The symbols of a kernel, each in some 40 bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// By address; of one address, first the one that the kernel itself would name.
    symbols: Vec<Symbol>,
    /// Indices into `symbols`, by name and then by address.
    by_name: Vec<u32>,
    names: String,
    text: Option<(u64, u64)>,
}

/// One symbol; its name is a part of the table's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Symbol {
    address: u64,
    name: u32,
    length: u16,
    /// In a section of code.
    text: bool,
    weak: bool,
}

/// Why there are no symbols.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// No ELF file, or a damaged one; the text says what is wrong.
    #[error("no ELF file that can be read ({0})")]
    Elf(String),
    /// An ELF file without symbols in whose data no kallsyms were found.
    #[error("the kernel has no symbol table, and no kallsyms were found in its data (CONFIG_KALLSYMS)")]
    NoKallsyms,
    /// Symbols without the bounds of the kernel's code: not a kernel's, or not read right.
    #[error("its symbols have no _stext and _etext behind it: not a kernel's")]
    NoText,
    /// More than any kernel has.
    #[error("it has more symbols than any kernel")]
    TooMany,
}

impl Symbols {
    /// The symbols of a vmlinux: those of its symbol table; where it has none, those of the kallsyms in its data, as in what a
    /// bzImage carries.
    ///
    /// # Errors
    /// Where there are neither, or they are not a kernel's.
    pub fn from_elf(vmlinux: &[u8]) -> Result<Self, NotRead> {
        let elf = elf::Elf::parse(vmlinux)?;
        let listed = elf.listed()?;
        if listed.is_empty() { kallsyms::find(&elf.segments()?) } else { listed.finish() }
    }

    /// The symbols of a System.map: `ffffffff81000000 T _text`, a symbol a line. Other lines are left out.
    ///
    /// # Errors
    /// Where they are not a kernel's: Debian's packages have a file of that name that says where the real one is.
    pub fn from_system_map(text: &str) -> Result<Self, NotRead> {
        let mut collected = Collected::default();
        for line in text.lines() {
            let mut words = line.split_ascii_whitespace();
            if let (Some(address), Some(&[letter]), Some(name), None) =
                (words.next(), words.next().map(str::as_bytes), words.next(), words.next())
                && let Ok(address) = u64::from_str_radix(address, 16)
                // Numbers, not places.
                && !matches!(letter, b'a' | b'A' | b'U')
            {
                collected.push_listed(address, letter, name)?;
            }
        }
        collected.finish()
    }

    /// Address of a variable or function; the lowest where several have the name. Of a per-CPU variable it is what the CPU's
    /// own offset (`__per_cpu_offset`) is added to.
    pub fn address(&self, name: &str) -> Option<u64> {
        let at = self.by_name.partition_point(|&index| self.name_at(index) < name);
        let &index = self.by_name.get(at)?;
        if self.name_at(index) == name { Some(self.symbols.get(index as usize)?.address) } else { None }
    }

    /// The function that holds an address, and the offset in it. `None` outside of the kernel's text, and where something
    /// that is no function begins in between.
    pub fn function(&self, address: u64) -> Option<(&str, u64)> {
        let (start, end) = self.text?;
        if !(start..end).contains(&address) {
            return None;
        }
        let after = self.symbols.partition_point(|symbol| symbol.address <= address);
        let last = self.symbols.get(after.checked_sub(1)?)?.address;
        let first = self.symbols.partition_point(|symbol| symbol.address < last);
        let found = self.symbols.get(first..after)?.iter().find(|symbol| symbol.text)?;
        Some((self.name(found), address - last))
    }

    /// The symbol that begins at an address.
    pub fn starting_at(&self, address: u64) -> Option<&str> {
        let first = self.symbols.partition_point(|symbol| symbol.address < address);
        self.symbols.get(first).filter(|symbol| symbol.address == address).map(|symbol| self.name(symbol))
    }

    /// Where the kernel's text is: `_stext` and `_etext`.
    pub fn text(&self) -> Option<(u64, u64)> {
        self.text
    }

    /// How many symbols there are.
    pub fn len(&self) -> usize {
        self.symbols.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The symbols of a kernel that KASLR moved by so much.
    #[must_use]
    pub fn shifted(mut self, by: i64) -> Self {
        for symbol in self.symbols.iter_mut().filter(|symbol| symbol.address >= KERNEL_HALF) {
            symbol.address = symbol.address.wrapping_add_signed(by);
        }
        self.text = self.text.map(|(start, end)| (start.wrapping_add_signed(by), end.wrapping_add_signed(by)));
        self
    }

    fn name(&self, symbol: &Symbol) -> &str {
        let start = symbol.name as usize;
        self.names.get(start..start + usize::from(symbol.length)).unwrap_or_default()
    }

    fn name_at(&self, index: u32) -> &str {
        self.symbols.get(index as usize).map_or("", |symbol| self.name(symbol))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAP: &str = "0000000000000000 D __per_cpu_start\n0000000000015000 D runqueues\nffffffff81000000 T _text\n\
                       ffffffff81000000 W arch_weak\nffffffff81000000 T __stext_alias\nffffffff81000000 T _stext\n\
                       ffffffff81000000 T startup_64\n\
                       ffffffff81000100 t native_halt\nffffffff81000120 D some_data\nffffffff81000140 t twice\n\
                       ffffffff81000200 W weak_one\nffffffff81000300 T _etext\nffffffff81000400 t twice\n\
                       ffffffff82000000 D init_task\nnot a line\n";

    fn symbols() -> Symbols {
        Symbols::from_system_map(MAP).unwrap()
    }

    #[test]
    fn names_lead_to_addresses() {
        let symbols = symbols();
        assert_eq!(symbols.address("init_task"), Some(0xffff_ffff_8200_0000));
        assert_eq!(symbols.address("runqueues"), Some(0x15000));
        assert_eq!(symbols.address("twice"), Some(0xffff_ffff_8100_0140));
        assert_eq!((symbols.address("twic"), symbols.address("zzz"), symbols.address("")), (None, None, None));
        assert_eq!((symbols.len(), symbols.is_empty()), (14, false));
    }

    #[test]
    fn addresses_lead_to_functions() {
        let symbols = symbols();
        let at = |low: u64| symbols.function(0xffff_ffff_8100_0000 + low);
        assert_eq!(
            at(0x12),
            Some(("startup_64", 0x12)),
            "no weak one, and none of the linker's, where there is another"
        );
        assert_eq!(at(0x11f), Some(("native_halt", 0x1f)));
        assert_eq!((at(0x120), at(0x13f)), (None, None), "data");
        assert_eq!(at(0x200), Some(("weak_one", 0)));
        assert_eq!((at(0x300), at(0x400)), (None, None), "behind the text");
        assert_eq!(symbols.function(0x15000), None);
    }

    #[test]
    fn kaslr_moves_what_is_the_kernels() {
        let symbols = symbols().shifted(0x1000_0000);
        assert_eq!(symbols.address("init_task"), Some(0xffff_ffff_9200_0000));
        assert_eq!(symbols.address("runqueues"), Some(0x15000));
        assert_eq!(symbols.function(0xffff_ffff_9100_0101), Some(("native_halt", 1)));
        assert_eq!(symbols.text(), Some((0xffff_ffff_9100_0000, 0xffff_ffff_9100_0300)));
        assert_eq!(symbols.shifted(-0x1000_0000), super::tests::symbols());
    }

    #[test]
    fn what_is_no_kernels_map_is_refused() {
        let note = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
        assert_eq!(Symbols::from_system_map(note), Err(NotRead::NoText));
        let turned = "ffffffff81000000 T _etext\nffffffff81000100 T _stext\n";
        assert_eq!(Symbols::from_system_map(turned), Err(NotRead::NoText));
        assert!(matches!(Symbols::from_elf(b"\x7fELF"), Err(NotRead::Elf(_))));
        assert_eq!(Symbols::default().function(1), None);
        assert_eq!(Symbols::default().address("x"), None);
    }
}
