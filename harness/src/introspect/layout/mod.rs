//! The few fields of the kernel's structures that are read, whatever they were called when.
//! Lives here: the fields by our names, and where they are in one kernel.
//! May not live here: the kernel's names for them (`table`), or reading memory.

mod table;

use super::types::{Bits, Types};
use table::{Need, TABLE};

pub use table::{ENUMERATIONS, Field};

/// Where the fields are in one kernel.
#[derive(Clone, Debug)]
pub struct Layout {
    places: Vec<Option<Place>>,
    sizes: Vec<Option<u64>>,
    enumerators: Vec<Option<u64>>,
}

/// Where a field is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// From the structure's start, in bytes.
    pub offset: u64,
    /// Its size in bytes.
    pub size: u64,
    /// Of a bit-field: where in these bytes it is.
    pub bits: Option<Bits>,
}

/// Fields without which no picture can be made, as the kernel calls them.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the types lack {}", .0.join(", "))]
pub struct Missing(pub Vec<String>);

impl Layout {
    /// Looks every field up.
    ///
    /// # Errors
    /// Where one is missing that every kernel has in some form.
    pub fn new(types: &Types) -> Result<Self, Missing> {
        let mut places = vec![None; TABLE.len()];
        let mut sizes = vec![None; TABLE.len()];
        let mut missing = Vec::new();
        for row in TABLE {
            let found = row.names.iter().find_map(|name| {
                let member = types.member(name.structure, name.path)?;
                Some((
                    Place { offset: member.offset, size: member.size, bits: member.bits },
                    types.size_of(name.structure),
                ))
            });
            match found {
                Some((place, size)) => {
                    places[row.field as usize] = Some(place);
                    sizes[row.field as usize] = size;
                }
                None if row.need == Need::Always => {
                    let names = row.names.iter().map(|name| format!("{}.{}", name.structure, name.path));
                    missing.push(names.collect::<Vec<_>>().join(" or "));
                }
                None => {}
            }
        }
        let enumerators =
            ENUMERATIONS.iter().map(|(_, name)| types.enumerator(name).and_then(|value| value.try_into().ok()));
        let enumerators = enumerators.collect();
        if missing.is_empty() { Ok(Self { places, sizes, enumerators }) } else { Err(Missing(missing)) }
    }

    /// Where a field is; `None` where this kernel has none.
    pub fn place(&self, field: Field) -> Option<Place> {
        self.places.get(field as usize).copied().flatten()
    }

    /// A field's offset in its structure, in bytes.
    pub fn offset(&self, field: Field) -> Option<u64> {
        self.place(field).map(|place| place.offset)
    }

    /// Fields that this kernel does not have, under any name that is known.
    pub fn missing(&self) -> Vec<Field> {
        TABLE.iter().map(|row| row.field).filter(|field| self.place(*field).is_none()).collect()
    }

    /// Bytes of the structure that a field is in.
    pub fn size_of_structure_with(&self, field: Field) -> Option<u64> {
        self.sizes.get(field as usize).copied().flatten()
    }

    /// The value of an enumerator of [`ENUMERATIONS`].
    pub fn enumerator(&self, name: &str) -> Option<u64> {
        let at = ENUMERATIONS.iter().position(|(_, known)| *known == name)?;
        self.enumerators.get(at).copied().flatten()
    }
}

/// The structures that the table names, each once: what is worth reading of a kernel's types.
pub fn structures() -> Vec<&'static str> {
    let mut names: Vec<&str> = TABLE.iter().flat_map(|row| row.names).map(|name| name.structure).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// The enumerations that are read, each once.
pub fn enumerations() -> Vec<&'static str> {
    let mut names: Vec<&str> = ENUMERATIONS.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests;
