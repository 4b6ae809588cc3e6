//! Addresses in the kernel's code to names.
//! Lives here: reading a System.map, finding the function of an address (pure).
//! May not live here: finding the file; modules, whose functions are not in it.

/// A kernel's functions by address.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    functions: Vec<(u64, String)>,
}

impl Symbols {
    /// Reads a System.map: `ffffffff81000000 T _text`, a symbol a line. Only code counts. Lines of another form are left
    /// out: Debian's packages carry a file of that name that says where the real one is.
    pub fn parse(map: &str) -> Self {
        let mut functions: Vec<(u64, String)> = map
            .lines()
            .filter_map(|line| {
                let mut words = line.split_ascii_whitespace();
                let (address, kind, name) = (words.next()?, words.next()?, words.next()?);
                let code = matches!(kind, "t" | "T" | "w" | "W") && words.next().is_none();
                Some((u64::from_str_radix(address, 16).ok()?, name.to_owned())).filter(|_| code)
            })
            .collect();
        functions.sort_by_key(|(address, _)| *address);
        Self { functions }
    }

    /// The function that an address is in, as `name+0x12`; `None` outside of the kernel's own code.
    pub fn at(&self, address: u64) -> Option<String> {
        let after = self.functions.partition_point(|(start, _)| *start <= address);
        // Of names for one place the first is taken: the later are mostly aliases.
        let (start, _) = self.functions.get(after.checked_sub(1)?)?;
        let first = self.functions.partition_point(|(earlier, _)| earlier < start);
        let (_, name) = self.functions.get(first)?;
        let last = after == self.functions.len();
        (!last).then(|| format!("{name}+{:#x}", address - start))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_the_function_before_it() {
        let map = "0000000000000000 D __per_cpu_start\nffffffff81000000 T _text\nffffffff81000000 T startup_64\n\
                   ffffffff81000100 t native_halt\nffffffff81000120 D some_data\nffffffff81000200 W weak_one\n\
                   ffffffff82000000 T _etext\n";
        let symbols = Symbols::parse(map);
        let at = |address| symbols.at(address);
        assert_eq!(at(0xffff_ffff_8100_0000).as_deref(), Some("_text+0x0"));
        assert_eq!(at(0xffff_ffff_8100_012b).as_deref(), Some("native_halt+0x2b"));
        assert_eq!(at(0xffff_ffff_8100_0200).as_deref(), Some("weak_one+0x0"));
        assert_eq!(at(0xffff_ffff_8200_0001), None, "behind the end: a module's");
        assert_eq!(at(0x40_1000), None, "user space");
    }

    #[test]
    fn debians_note_in_place_of_a_map_has_no_symbols() {
        let note = "ffffffffffffffff B The real System.map is in the linux-image-<version>-dbg package\n";
        assert_eq!(Symbols::parse(note), Symbols::default());
        assert_eq!(Symbols::default().at(5), None);
    }
}
