//! From symbols in any order to the table.
//! Lives here: what is taken, its bounds, the order of names for one address.
//! May not live here: where symbols are read from.

use super::{NotRead, Symbol, Symbols};

/// More than a kernel with everything built in has (some 10^6), and more bytes of names.
const MAX_SYMBOLS: usize = 4 << 20;
const MAX_NAMES: usize = 128 << 20;
/// A longer name is none of the kernel's: `KSYM_NAME_LEN` is 512.
const MAX_NAME: usize = 1024;

/// Symbols that are being read.
#[derive(Debug, Default)]
pub(super) struct Collected {
    symbols: Vec<Symbol>,
    names: String,
}

impl Collected {
    /// Takes a symbol with its letter as nm(1) has it.
    pub fn push_listed(&mut self, address: u64, letter: u8, name: &str) -> Result<(), NotRead> {
        let text = matches!(letter, b't' | b'T' | b'w' | b'W' | b'i');
        let weak = matches!(letter, b'w' | b'W' | b'v' | b'V');
        self.push(address, text, weak, name)
    }

    /// Takes a symbol.
    pub fn push(&mut self, address: u64, text: bool, weak: bool, name: &str) -> Result<(), NotRead> {
        if name.is_empty() || name.len() > MAX_NAME {
            return Ok(());
        }
        let (Ok(start), Ok(length)) = (u32::try_from(self.names.len()), u16::try_from(name.len())) else {
            return Err(NotRead::TooMany);
        };
        if self.symbols.len() >= MAX_SYMBOLS || self.names.len() >= MAX_NAMES {
            return Err(NotRead::TooMany);
        }
        self.names.push_str(name);
        self.symbols.push(Symbol { address, name: start, length, text, weak });
        Ok(())
    }

    /// Whether there are none yet.
    pub fn is_empty(&self) -> bool {
        self.symbols.is_empty()
    }

    /// The table; fails where it has no bounds of the kernel's text.
    pub fn finish(self) -> Result<Symbols, NotRead> {
        let mut symbols = Symbols { symbols: self.symbols, by_name: Vec::new(), names: self.names, text: None };
        let mut order = std::mem::take(&mut symbols.symbols);
        // As scripts/kallsyms.c orders names for one address (`compare_symbols`).
        order.sort_by_cached_key(|symbol| {
            let name = symbols.name(symbol);
            let underscores = name.len() - name.trim_start_matches('_').len();
            (symbol.address, symbol.weak, is_linkers(name), underscores)
        });
        order.shrink_to_fit();
        symbols.names.shrink_to_fit();
        symbols.symbols = order;
        let count = u32::try_from(symbols.symbols.len()).map_err(|_| NotRead::TooMany)?;
        let mut by_name: Vec<u32> = (0..count).collect();
        by_name.sort_unstable_by(|&a, &b| symbols.name_at(a).cmp(symbols.name_at(b)).then(a.cmp(&b)));
        symbols.by_name = by_name;
        let text = symbols.address("_stext").zip(symbols.address("_etext"));
        symbols.text = Some(text.filter(|(start, end)| start < end).ok_or(NotRead::NoText)?);
        Ok(symbols)
    }
}

/// Whether a name may be one that the linker's script gives to a place, and no function's
/// (`may_be_linker_script_provide_symbol`, and the bounds of the text).
fn is_linkers(name: &str) -> bool {
    let bound = || {
        ["__start_", "__stop_", "__end_"].iter().any(|prefix| name.starts_with(prefix))
            || ["_start", "_end"].iter().any(|suffix| name.ends_with(suffix))
    };
    matches!(name, "_text" | "_stext" | "_etext" | "_sinittext" | "_einittext") || (name.starts_with("__") && bound())
}
