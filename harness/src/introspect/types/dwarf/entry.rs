//! One entry of DWARF and all that lies in it → a type.
//! Lives here: what each tag and attribute means.
//! May not live here: which entries are read.

use super::super::store::{Field, Id, Type, UNKNOWN};
use super::super::{Named, NotRead, Types};
use super::attribute::{Strings, number, offset_in, signed};
use super::{Attribute, Slice, endless, named};
use gimli::constants as dw;
use gimli::{Abbreviations, DwTag, EntriesRaw, UnitHeader, UnitOffset};
use std::collections::HashMap;

/// Most types that lie in one another.
const MAX_DEPTH: usize = 64;

/// A unit whose types are being read.
pub(super) struct Unit<'a, 'u> {
    header: UnitHeader<Slice<'a>>,
    abbreviations: &'u Abbreviations,
    strings: &'u Strings<'a>,
    offsets_base: Option<usize>,
    /// Types of entries that were read.
    ids: HashMap<UnitOffset, Id>,
}

/// The attributes of an entry that say something of its type.
#[derive(Clone, Default)]
struct Entry<'a> {
    tag: Option<DwTag>,
    name: &'a [u8],
    of: Option<UnitOffset>,
    size: Option<u64>,
    declaration: bool,
    signed: bool,
    /// A field's place: bytes, and bits from there on.
    location: u64,
    bits_from_there: Option<u64>,
    /// A bit-field's width, and in DWARF 2 and 3 the bits above it in its storage.
    width: Option<u8>,
    bits_above: Option<u64>,
    /// Elements of an array's dimension.
    count: Option<u64>,
    value: Option<i64>,
}

impl<'a, 'u> Unit<'a, 'u> {
    pub fn new(
        header: UnitHeader<Slice<'a>>,
        abbreviations: &'u Abbreviations,
        strings: &'u Strings<'a>,
        offsets_base: Option<usize>,
    ) -> Self {
        Self { header, abbreviations, strings, offsets_base, ids: HashMap::new() }
    }

    /// The entries from a place on.
    pub fn entries(&self, from: UnitOffset) -> Result<EntriesRaw<'u, Slice<'a>>, NotRead> {
        Ok(self.header.entries_raw(self.abbreviations, Some(from))?)
    }

    /// A string.
    pub fn string(&self, attribute: &Attribute<'a>) -> &'a [u8] {
        self.strings.get(attribute, self.offsets_base)
    }

    /// The type of an entry, if its size is known: not that of a mere declaration.
    pub fn complete(
        &mut self,
        at: UnitOffset,
        tag: DwTag,
        types: &mut Types,
        steps: &mut usize,
    ) -> Result<Option<Named>, NotRead> {
        let id = self.read(at, 0, types, steps)?;
        Ok(types.store.size(id).map(|_| named(id, tag)))
    }

    /// The type of an entry.
    fn read(&mut self, at: UnitOffset, depth: usize, types: &mut Types, steps: &mut usize) -> Result<Id, NotRead> {
        if let Some(&id) = self.ids.get(&at) {
            return Ok(id);
        }
        if depth > MAX_DEPTH {
            return Ok(UNKNOWN);
        }
        let id = types.store.push(Type::Unknown);
        self.ids.insert(at, id);
        let mut entries = self.entries(at)?;
        let (entry, parent) = self.next(&mut entries, steps)?;
        let children = if parent { self.children(&mut entries, entry.tag, steps)? } else { Vec::new() };
        let kind = match entry.tag {
            Some(dw::DW_TAG_base_type) => entry.size.map(|size| Type::Number { size, signed: entry.signed }),
            Some(dw::DW_TAG_pointer_type | dw::DW_TAG_reference_type) => Some(Type::Pointer),
            Some(
                dw::DW_TAG_typedef
                | dw::DW_TAG_const_type
                | dw::DW_TAG_volatile_type
                | dw::DW_TAG_restrict_type
                | dw::DW_TAG_atomic_type,
            ) => match entry.of {
                Some(of) => Some(Type::Alias(self.read(of, depth + 1, types, steps)?)),
                None => None,
            },
            Some(dw::DW_TAG_enumeration_type) => {
                for child in &children {
                    types.enumerate(child.name, child.value.unwrap_or_default());
                }
                let negative = children.iter().any(|child| child.value.is_some_and(|value| value < 0));
                entry.size.map(|size| Type::Number { size, signed: negative })
            }
            Some(dw::DW_TAG_array_type) => {
                let element = match entry.of {
                    Some(of) => self.read(of, depth + 1, types, steps)?,
                    None => UNKNOWN,
                };
                let counts = children.iter().map(|child| child.count.unwrap_or_default());
                let dimension = |element, count| types.store.push(Type::Array { element, count });
                Some(Type::Alias(counts.rev().fold(element, dimension)))
            }
            Some(dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type) if !entry.declaration => {
                let mut fields = Vec::new();
                for child in &children {
                    fields.extend(self.field(child, depth, types, steps)?);
                }
                entry.size.map(|size| types.store.fields(size, fields))
            }
            _ => None,
        };
        types.store.set(id, kind.unwrap_or(Type::Unknown));
        Ok(id)
    }

    /// A field; `None` of one whose place cannot be told.
    fn field(
        &mut self,
        entry: &Entry<'_>,
        depth: usize,
        types: &mut Types,
        steps: &mut usize,
    ) -> Result<Option<Field>, NotRead> {
        let Some(of) = entry.of else { return Ok(None) };
        let kind = self.read(of, depth + 1, types, steps)?;
        let bits = match (entry.bits_from_there, entry.bits_above, entry.width) {
            (Some(bits), ..) => Some(bits),
            (None, Some(above), Some(width)) => {
                let storage = entry.size.or_else(|| types.store.size(kind)).and_then(|size| size.checked_mul(8));
                storage.and_then(|bits| bits.checked_sub(above.checked_add(width.into())?))
            }
            _ => Some(0),
        };
        let at = bits.and_then(|bits| entry.location.checked_mul(8)?.checked_add(bits));
        let name = (types.store.keep(entry.name), entry.name.len() as u16);
        Ok(at.map(|at| Field { name, kind, at, width: entry.width.unwrap_or_default() }))
    }

    /// What lies right in an entry and matters there: fields, enumerators, dimensions.
    fn children(
        &self,
        entries: &mut EntriesRaw<'_, Slice<'a>>,
        parent: Option<DwTag>,
        steps: &mut usize,
    ) -> Result<Vec<Entry<'a>>, NotRead> {
        let wanted = match parent {
            Some(dw::DW_TAG_structure_type | dw::DW_TAG_class_type | dw::DW_TAG_union_type) => dw::DW_TAG_member,
            Some(dw::DW_TAG_enumeration_type) => dw::DW_TAG_enumerator,
            Some(dw::DW_TAG_array_type) => dw::DW_TAG_subrange_type,
            _ => return Ok(Vec::new()),
        };
        let (mut children, top) = (Vec::new(), entries.next_depth());
        while !entries.is_empty() && entries.next_depth() >= top {
            let depth = entries.next_depth();
            let (child, _) = self.next(entries, steps)?;
            if depth == top && child.tag == Some(wanted) {
                children.push(child);
            }
        }
        Ok(children)
    }

    /// The next entry, and whether others lie in it.
    fn next(&self, entries: &mut EntriesRaw<'_, Slice<'a>>, steps: &mut usize) -> Result<(Entry<'a>, bool), NotRead> {
        *steps = steps.checked_sub(1).ok_or_else(endless)?;
        let Some(abbreviation) = entries.read_abbreviation()? else { return Ok((Entry::default(), false)) };
        let mut entry = Entry { tag: Some(abbreviation.tag()), ..Entry::default() };
        for &specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(specification)?;
            match attribute.name() {
                dw::DW_AT_name => entry.name = self.string(&attribute),
                dw::DW_AT_type => entry.of = offset_in(&attribute),
                dw::DW_AT_byte_size => entry.size = number(&attribute),
                dw::DW_AT_declaration => entry.declaration = true,
                dw::DW_AT_encoding => {
                    let encoding = number(&attribute);
                    entry.signed =
                        [dw::DW_ATE_signed, dw::DW_ATE_signed_char].iter().any(|of| encoding == Some(of.0.into()));
                }
                dw::DW_AT_data_member_location => entry.location = number(&attribute).unwrap_or_default(),
                dw::DW_AT_data_bit_offset => entry.bits_from_there = number(&attribute),
                dw::DW_AT_bit_offset => entry.bits_above = number(&attribute),
                dw::DW_AT_bit_size => entry.width = number(&attribute).and_then(|width| u8::try_from(width).ok()),
                dw::DW_AT_count => entry.count = number(&attribute),
                // An array without elements has an upper bound of -1, or none.
                dw::DW_AT_upper_bound => {
                    entry.count = signed(&attribute).and_then(|bound| u64::try_from(bound.checked_add(1)?).ok())
                }
                dw::DW_AT_const_value => entry.value = signed(&attribute),
                _ => {}
            }
        }
        Ok((entry, abbreviation.has_children()))
    }
}
