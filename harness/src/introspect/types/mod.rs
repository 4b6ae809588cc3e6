//! Where the fields of the kernel's structures are: offsets and sizes by name, out of BTF or DWARF.
//! Lives here: the one form of both, and paths of fields through structures within structures.
//! May not live here: which fields are wanted, and how they were called when (`layout`).

mod btf;
#[cfg(test)]
mod btf_tests;
mod dwarf;
mod elf;
#[cfg(any(test, feature = "fixture"))]
pub(super) mod made;
mod path;
mod store;

use std::borrow::Cow;
use std::collections::HashMap;
use store::{Id, Store};

/// Types of a kernel.
#[derive(Clone, Debug, Default)]
pub struct Types {
    store: Store,
    /// Structures, unions, enums and typedefs; of a name that is a tag and a typedef, the former.
    named: HashMap<Box<[u8]>, Named>,
    enumerators: HashMap<Box<[u8]>, i64>,
}

/// What a name stands for.
#[derive(Clone, Copy, Debug)]
struct Named {
    id: Id,
    typedef: bool,
}

/// A field, as a path leads to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its first byte, from the start of the structure that the path began in.
    pub offset: u64,
    /// Bytes to read; of an array all its elements, of a bit-field those that its bits lie in.
    pub size: u64,
    /// Of a bit-field: where it is in these bytes, read as a little-endian number.
    pub bits: Option<Bits>,
    /// Whether it is a pointer.
    pub pointer: bool,
    /// Whether it is a number with a sign.
    pub signed: bool,
    /// Of an array: its elements.
    pub elements: Option<Elements>,
}

/// Place of a bit-field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bits {
    /// Bits below it.
    pub shift: u8,
    /// Bits of it.
    pub width: u8,
}

/// Elements of an array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Elements {
    /// How many; none where the array has no bound.
    pub count: u64,
    /// Bytes of one.
    pub size: u64,
}

/// Why there are no types.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotRead {
    /// No ELF file, or a damaged one; the text says what is wrong.
    #[error("no ELF file that can be read ({0})")]
    Elf(String),
    /// An ELF file without types.
    #[error("it has neither BTF (CONFIG_DEBUG_INFO_BTF) nor DWARF (CONFIG_DEBUG_INFO)")]
    NoTypes,
    /// A section that is compressed in a way that cannot be undone here, or damaged.
    #[error("its section {section} cannot be unpacked: {cause}")]
    Packed {
        /// Which.
        section: &'static str,
        /// Why.
        cause: String,
    },
    /// BTF that is damaged or of another version.
    #[error("its BTF is damaged: {0}")]
    Btf(String),
    /// BTF with a kind of types that came later, and does not say how long these are.
    #[error("its BTF has types of kind {kind}, which is not known here (1 to 19 are)")]
    UnknownKind {
        /// Which.
        kind: u8,
    },
    /// DWARF that is damaged, or of a version or form that is not read here.
    #[error("its DWARF is damaged: {0}")]
    Dwarf(String),
}

impl Types {
    /// The types in an ELF file: its BTF; where that is missing or not readable, its DWARF. Of DWARF, which has some 10⁷ entries
    /// in a whole kernel, only the structures, unions, enums and typedefs that are `wanted` are read, with all that lies in them;
    /// of each the first that is complete. Relocatable files will do, and compressed sections.
    ///
    /// # Errors
    /// Where there are no types, or they are damaged. That something wanted is missing is no error.
    pub fn from_elf(elf: &[u8], wanted: &[&str]) -> Result<Self, NotRead> {
        let file = elf::parse(elf)?;
        let btf = elf::content(&file, elf::BTF)?.map(|btf| Self::from_btf(&btf));
        match (btf, elf::dwarf(&file)?) {
            (Some(Ok(types)), _) => Ok(types),
            (_, Some(sections)) => dwarf::read(&sections, wanted),
            (Some(failed), None) => failed,
            (None, None) => Err(NotRead::NoTypes),
        }
    }

    /// The section `.BTF` of an ELF file, for [`Types::from_btf`]: so that the file, which is ten times as large, need not be kept
    /// while it is read. `None` where it has none that can be had.
    pub fn btf(elf: &[u8]) -> Option<Vec<u8>> {
        elf::content(&elf::parse(elf).ok()?, elf::BTF).ok()?.map(Cow::into_owned)
    }

    /// The types in a section `.BTF` (Documentation/bpf/btf.rst).
    ///
    /// # Errors
    /// Where it is damaged or has kinds of types that are not known.
    pub fn from_btf(btf: &[u8]) -> Result<Self, NotRead> {
        btf::read(btf)
    }

    /// Adds what another has of names that are not here.
    pub fn add(&mut self, other: Self) {
        let first = self.store.append(other.store);
        for (name, named) in other.named {
            self.name(&name, Named { id: named.id.saturating_add(first), ..named });
        }
        for (name, value) in other.enumerators {
            self.enumerators.entry(name).or_insert(value);
        }
    }

    /// The field that a path leads to from a structure, union or typedef: `se.exec_start`, `tasks.next`. Fields of structures
    /// and unions without a name are fields of what these are in.
    pub fn member(&self, structure: &str, path: &str) -> Option<Member> {
        path::member(&self.store, self.named.get(structure.as_bytes())?.id, path)
    }

    /// Bytes of a structure, union, enum or typedef.
    pub fn size_of(&self, structure: &str) -> Option<u64> {
        self.store.size(self.named.get(structure.as_bytes())?.id)
    }

    /// Value of an enumerator, whatever its enum is called; of several with the name, the first. Of a whole kernel's BTF, every
    /// one is there; of DWARF those of the enums that were wanted, or lie in what was.
    pub fn enumerator(&self, name: &str) -> Option<i64> {
        self.enumerators.get(name.as_bytes()).copied()
    }

    /// Gives a type its name, unless the name has a type that goes before.
    fn name(&mut self, name: &[u8], named: Named) {
        if name.is_empty() {
            return;
        }
        match self.named.get_mut(name) {
            Some(there) if there.typedef && !named.typedef => *there = named,
            Some(_) => {}
            None => {
                self.named.insert(name.into(), named);
            }
        }
    }

    /// Gives a value its name, unless the name has one.
    fn enumerate(&mut self, name: &[u8], value: i64) {
        if !name.is_empty() && !self.enumerators.contains_key(name) {
            self.enumerators.insert(name.into(), value);
        }
    }
}
