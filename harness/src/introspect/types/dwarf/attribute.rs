//! Attributes of DWARF's entries.
//! Lives here: the forms of numbers, references and strings.
//! May not live here: which attributes matter.

use super::super::elf::Dwarf;
use super::{Attribute, Slice};
use gimli::{AttributeValue, Expression, Reader, UnitOffset};
use memchr::{memchr, memmem};

/// Longest name that is read.
const MAX_NAME: usize = 512;
/// DW_OP_plus_uconst: how DWARF 2 says a field's offset.
const PLUS_UCONST: u8 = 0x23;

/// A number, where it is one that is not negative.
pub(super) fn number(attribute: &Attribute<'_>) -> Option<u64> {
    match attribute.raw_value() {
        AttributeValue::Data1(value) => Some(value.into()),
        AttributeValue::Data2(value) => Some(value.into()),
        AttributeValue::Data4(value) => Some(value.into()),
        AttributeValue::Data8(value) | AttributeValue::Udata(value) => Some(value),
        AttributeValue::Sdata(value) => u64::try_from(value).ok(),
        AttributeValue::SecOffset(value) => Some(value as u64),
        AttributeValue::Exprloc(Expression(code)) | AttributeValue::Block(code) => plus(code),
        _ => None,
    }
}

/// A number, which may be negative: of the forms, only those with a sign say one that is.
pub(super) fn signed(attribute: &Attribute<'_>) -> Option<i64> {
    match attribute.raw_value() {
        AttributeValue::Sdata(value) => Some(value),
        _ => number(attribute).map(u64::cast_signed),
    }
}

fn plus(mut code: Slice<'_>) -> Option<u64> {
    match code.read_u8() {
        Ok(PLUS_UCONST) => code.read_uleb128().ok(),
        _ => None,
    }
}

/// A reference within the unit.
pub(super) fn offset_in(attribute: &Attribute<'_>) -> Option<UnitOffset> {
    match attribute.raw_value() {
        AttributeValue::UnitRef(offset) => Some(offset),
        _ => None,
    }
}

/// The sections with strings.
pub(super) struct Strings<'a> {
    strings: &'a [u8],
    line_strings: &'a [u8],
    offsets: &'a [u8],
}

impl<'a> Strings<'a> {
    pub fn new(sections: &'a Dwarf<'_>) -> Self {
        Self { strings: &sections.strings, line_strings: &sections.line_strings, offsets: &sections.string_offsets }
    }

    /// All places in `.debug_str` where a string begins: it may also be the end of a longer one.
    pub fn places<'s>(&'s self, name: &[u8]) -> impl Iterator<Item = usize> + 's {
        let mut with_end = name.to_vec();
        with_end.push(0);
        let found: Vec<usize> = memmem::find_iter(self.strings, &with_end).collect();
        found.into_iter()
    }

    /// A string; empty where it has another form or is not there. `offsets_base` is the unit's.
    pub fn get(&self, attribute: &Attribute<'a>, offsets_base: Option<usize>) -> &'a [u8] {
        match attribute.raw_value() {
            AttributeValue::String(text) => text.slice(),
            AttributeValue::DebugStrRef(at) => ended(self.strings, at.0),
            AttributeValue::DebugLineStrRef(at) => ended(self.line_strings, at.0),
            AttributeValue::DebugStrOffsetsIndex(index) => {
                // A header of 8 bytes stands before the offsets; of split units, which have no base, there is only one.
                let at = index.0.checked_mul(4).and_then(|at| at.checked_add(offsets_base.unwrap_or(8)));
                let at = at.and_then(|at| self.offsets.get(at..)?.first_chunk());
                at.map_or(&[], |at| ended(self.strings, u32::from_le_bytes(*at) as usize))
            }
            _ => &[],
        }
    }
}

/// The string that begins at a place.
fn ended(section: &[u8], at: usize) -> &[u8] {
    let rest = section.get(at..).unwrap_or_default();
    let rest = rest.get(..MAX_NAME).unwrap_or(rest);
    memchr(0, rest).and_then(|end| rest.get(..end)).unwrap_or_default()
}
