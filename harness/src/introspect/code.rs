//! The kernel's code and that of its modules: what a return address belongs to.
//! Lives here: names of addresses, and the ORC entries for them; read once and kept over many looks.
//! May not live here: stacks.

use super::kernel::{KERNEL_HALF, Kernel};
use super::layout::Field;
use super::stack::orc::{self, Tables};
use super::symbols::Symbols;
use std::sync::Arc;

/// Most modules that are looked at, and most symbols and bytes of names of one.
const MOST_MODULES: usize = 512;
const MOST_SYMBOLS: u64 = 64 * 1024;
const NAMES_BYTES: usize = 64;
/// Most bytes of a module's code.
const MOST_TEXT: u64 = 64 << 20;
/// A symbol of an ELF file: bytes, and where its name, kind, section and value are (elf(5), `Elf64_Sym`).
const SYMBOL_BYTES: u64 = 24;

/// What is known of code. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Code {
    orc: Option<Arc<Tables>>,
    modules: Vec<Arc<Module>>,
}

/// A module's code.
#[derive(Debug, Default)]
struct Module {
    /// Where its structure is.
    address: u64,
    name: String,
    base: u64,
    size: u64,
    /// Functions by address.
    symbols: Vec<(u64, String)>,
    orc: Option<Tables>,
}

/// A function, and the module that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function<'a> {
    /// Its name.
    pub name: &'a str,
    /// How far into it, in bytes.
    pub offset: u64,
    /// The module.
    pub module: Option<&'a str>,
}

impl Code {
    /// Reads what never changes: the kernel's own ORC tables.
    pub fn new(kernel: &Kernel<'_>) -> Self {
        Self { orc: Tables::of_kernel(kernel).map(Arc::new), modules: Vec::new() }
    }

    /// Reads the modules that came since the last time, and forgets those that went.
    pub fn refresh(&mut self, kernel: &Kernel<'_>) {
        let Some(head) = kernel.symbols.address("modules") else { return };
        let (found, _) = kernel.list(head, Field::ModuleList, MOST_MODULES);
        let known = std::mem::take(&mut self.modules);
        let orc = self.orc.as_deref();
        self.modules = found
            .into_iter()
            .filter_map(|address| {
                let base = base(kernel, address)?;
                let same = |module: &&Arc<Module>| module.address == address && module.base == base;
                known.iter().find(same).cloned().or_else(|| module(kernel, address, base, orc).map(Arc::new))
            })
            .collect();
        self.modules.sort_by_key(|module| module.base);
    }

    fn module(&self, address: u64) -> Option<&Module> {
        let after = self.modules.partition_point(|module| module.base <= address);
        let module = self.modules.get(after.checked_sub(1)?)?;
        (address - module.base < module.size).then_some(module)
    }

    /// The function that an address is in.
    pub fn function<'a>(&'a self, symbols: &'a Symbols, address: u64) -> Option<Function<'a>> {
        if let Some((name, offset)) = symbols.function(address) {
            return Some(Function { name, offset, module: None });
        }
        let module = self.module(address)?;
        let after = module.symbols.partition_point(|(at, _)| *at <= address);
        let (at, name) = module.symbols.get(after.checked_sub(1)?)?;
        Some(Function { name, offset: address - at, module: Some(&module.name) })
    }

    /// What the ORC unwinder knows of an address.
    pub(super) fn orc(&self, address: u64) -> Option<orc::Entry> {
        match self.module(address) {
            Some(module) => module.orc.as_ref()?.find(address),
            None => self.orc.as_ref()?.find(address),
        }
    }

    /// How many words the function that holds an address pushes first of all.
    pub(super) fn pushes(&self, symbols: &Symbols, address: u64) -> usize {
        let Some(function) = self.function(symbols, address) else { return 0 };
        let tables = self.module(address).map_or(self.orc.as_deref(), |module| module.orc.as_ref());
        tables.map_or(0, |tables| tables.pushes(address.wrapping_sub(function.offset)))
    }

    /// Whether the kernel has ORC tables.
    pub fn has_orc(&self) -> bool {
        self.orc.is_some()
    }
}

/// Where a module's code begins: of the kinds of memory that it has since 6.4, code is the first (`MOD_TEXT`).
fn base(kernel: &Kernel<'_>, module: u64) -> Option<u64> {
    // `struct module_memory` begins with its base.
    kernel.pointer(module, Field::ModuleText)
}

fn module(kernel: &Kernel<'_>, address: u64, base: u64, own: Option<&Tables>) -> Option<Module> {
    let name = kernel.text(address, Field::ModuleName, 56)?;
    let size = match kernel.layout.place(Field::ModuleTextSize) {
        // The field of a `module_memory`, the first of which is where the code is.
        Some(place)
            if kernel.layout.size_of_structure_with(Field::ModuleTextSize)
                < kernel.layout.size_of_structure_with(Field::ModuleText) =>
        {
            kernel.space.number(kernel.address(address, Field::ModuleText)?.wrapping_add(place.offset), 4)
        }
        _ => kernel.field(address, Field::ModuleTextSize),
    }?;
    let size = size.min(MOST_TEXT);
    let symbols = symbols(kernel, address, base, size);
    Some(Module {
        address,
        name,
        base,
        size,
        symbols,
        orc: own.and_then(|own| Tables::of_module(kernel, address, own)),
    })
}

/// The functions of a module, by its own table of symbols.
fn symbols(kernel: &Kernel<'_>, module: u64, base: u64, size: u64) -> Vec<(u64, String)> {
    // Up to 4.4 the three fields are the module's own.
    let holder = kernel.pointer(module, Field::ModuleKallsyms).unwrap_or(module);
    let (Some(table), Some(count), Some(names)) = (
        kernel.pointer(holder, Field::KallsymsTable),
        kernel.field(holder, Field::KallsymsCount),
        kernel.pointer(holder, Field::KallsymsNames),
    ) else {
        return Vec::new();
    };
    let words = kernel.space.words(table, (count.min(MOST_SYMBOLS) * SYMBOL_BYTES / 8) as usize);
    let mut found: Vec<(u64, String)> = words
        .chunks_exact(3)
        .filter_map(|symbol| {
            let (name, section, value) = (symbol[0] & 0xffff_ffff, symbol[0] >> 48, symbol[1]);
            let inside = section != 0 && value >= KERNEL_HALF && value.wrapping_sub(base) < size;
            let name = inside.then(|| kernel.space.text(names.wrapping_add(name), NAMES_BYTES)).flatten()?;
            (!name.is_empty() && !name.starts_with(['.', '$']) && !name.starts_with("__pfx_")).then_some((value, name))
        })
        .collect();
    found.sort();
    found
}
