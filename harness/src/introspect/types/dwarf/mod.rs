//! DWARF: the types that a debug build has of each translation unit.
//! Lives here: finding the wanted ones among the entries of all units.
//! May not live here: what an entry says of its type (`entry`), or where sections are in a file.
//!
//! A whole kernel has some 10⁷ entries in thousands of units, mostly of the same headers. Only those at the top of a unit are
//! looked at, by DW_AT_sibling; a name is compared by its place in `.debug_str`; and when all that is wanted was found, the rest
//! is not read.

mod attribute;
mod entry;

use super::elf::Dwarf;
use super::{Named, NotRead, Types};
use attribute::{Strings, number, offset_in};
use entry::Unit;
use gimli::constants as dw;
use gimli::{
    Abbreviation, DebugAbbrev, DebugAbbrevOffset, DebugInfo, DwTag, EndianSlice, EntriesRaw, LittleEndian, UnitOffset,
};
use std::collections::HashMap;

type Slice<'a> = EndianSlice<'a, LittleEndian>;
type Attribute<'a> = gimli::Attribute<Slice<'a>>;

/// Most units, and bytes of a unit's abbreviations: a kernel with everything built in has some 30,000 units, each with some 10 kB.
const MAX_UNITS: usize = 1 << 17;
const MAX_ABBREVIATIONS: usize = 256 << 10;

impl From<gimli::Error> for NotRead {
    fn from(cause: gimli::Error) -> Self {
        Self::Dwarf(cause.to_string())
    }
}

/// Reads the types that are wanted, as far as they are there.
pub(super) fn read(sections: &Dwarf<'_>, wanted: &[&str]) -> Result<Types, NotRead> {
    let strings = Strings::new(sections);
    let mut types = Types::default();
    let mut missing = Missing::new(&strings, wanted);
    // Each byte is part of one entry, which is read when it is passed, and again for each unit's use of it.
    let mut steps = sections.info.len().saturating_mul(4).saturating_add(1024);
    for header in DebugInfo::new(&sections.info, LittleEndian).units().take(MAX_UNITS) {
        let header = header?;
        if missing.is_empty() {
            break;
        }
        let at = header.debug_abbrev_offset().0;
        let rest = sections.abbrev.get(at..).unwrap_or_default();
        let table = DebugAbbrev::new(rest.get(..MAX_ABBREVIATIONS).unwrap_or(rest), LittleEndian);
        let abbreviations = table.abbreviations(DebugAbbrevOffset(0))?;
        let mut entries = header.entries_raw(&abbreviations, None)?;
        let offsets_base = root(&mut entries)?;
        let mut unit = Unit::new(header, &abbreviations, &strings, offsets_base);
        let mut top = entries.next_depth();
        while !entries.is_empty() && entries.next_depth() >= top {
            steps = steps.checked_sub(1).ok_or_else(endless)?;
            let (depth, offset) = (entries.next_depth(), entries.next_offset());
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            if depth > top {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let (name, sibling) = pass(&mut entries, abbreviation)?;
            let index = name.as_ref().and_then(|name| missing.find(name, &unit));
            if let Some(index) = index
                && let Some(named) = unit.complete(offset, abbreviation.tag(), &mut types, &mut steps)?
            {
                types.name(wanted.get(index).map(|name| name.as_bytes()).unwrap_or_default(), named);
                missing.found(index);
            }
            // Backwards would be for ever.
            if abbreviation.has_children()
                && let Some(sibling) = sibling.filter(|sibling| sibling.0 > entries.next_offset().0)
            {
                entries = unit.entries(sibling)?;
                top = 0;
            }
        }
    }
    Ok(types)
}

fn endless() -> NotRead {
    NotRead::Dwarf("its entries lead to one another without end".into())
}

/// Reads the unit's own entry: where its part of `.debug_str_offsets` begins.
fn root(entries: &mut EntriesRaw<'_, Slice<'_>>) -> Result<Option<usize>, NotRead> {
    let mut base = None;
    if let Some(abbreviation) = entries.read_abbreviation()? {
        for &specification in abbreviation.attributes() {
            let attribute = entries.read_attribute(specification)?;
            if attribute.name() == dw::DW_AT_str_offsets_base {
                base = number(&attribute).and_then(|base| usize::try_from(base).ok());
            }
        }
    }
    Ok(base)
}

/// Whether an entry may be wanted.
fn is_named_type(tag: DwTag) -> bool {
    matches!(
        tag,
        dw::DW_TAG_structure_type
            | dw::DW_TAG_class_type
            | dw::DW_TAG_union_type
            | dw::DW_TAG_enumeration_type
            | dw::DW_TAG_typedef
    )
}

/// Passes an entry's attributes: the name of a type, and where the entry ends that has others in it.
fn pass<'a>(
    entries: &mut EntriesRaw<'_, Slice<'a>>,
    abbreviation: &Abbreviation,
) -> Result<(Option<Attribute<'a>>, Option<UnitOffset>), NotRead> {
    let named = is_named_type(abbreviation.tag());
    let attributes = abbreviation.attributes();
    if !named && !abbreviation.has_children() {
        entries.skip_attributes(attributes)?;
        return Ok((None, None));
    }
    let (mut name, mut sibling) = (None, None);
    for &specification in attributes {
        match specification.name() {
            dw::DW_AT_name if named => name = Some(entries.read_attribute(specification)?),
            dw::DW_AT_sibling => sibling = offset_in(&entries.read_attribute(specification)?),
            _ => entries.skip_attributes(&[specification])?,
        }
    }
    Ok((name, sibling))
}

/// What is wanted and was not found yet.
struct Missing<'a> {
    wanted: HashMap<&'a [u8], usize>,
    /// Places of wanted names in `.debug_str`.
    places: HashMap<usize, usize>,
}

impl<'a> Missing<'a> {
    fn new(strings: &Strings<'_>, wanted: &'a [&str]) -> Self {
        let wanted: HashMap<&[u8], usize> =
            wanted.iter().enumerate().map(|(index, name)| (name.as_bytes(), index)).collect();
        let places = wanted.iter().flat_map(|(name, index)| strings.places(name).map(|place| (place, *index)));
        Self { places: places.collect(), wanted }
    }

    /// Which of them has this name.
    fn find<'s>(&self, name: &Attribute<'s>, unit: &Unit<'s, '_>) -> Option<usize> {
        match name.raw_value() {
            gimli::AttributeValue::DebugStrRef(at) => self.places.get(&at.0).copied(),
            _ => self.wanted.get(unit.string(name)).copied(),
        }
        .filter(|index| self.wanted.values().any(|missing| missing == index))
    }

    fn found(&mut self, index: usize) {
        self.wanted.retain(|_, missing| *missing != index);
        self.places.retain(|_, missing| *missing != index);
    }

    fn is_empty(&self) -> bool {
        self.wanted.is_empty()
    }
}

/// What a typedef's name stands for besides a tag of the same name.
fn named(id: super::Id, tag: DwTag) -> Named {
    Named { id, typedef: tag == dw::DW_TAG_typedef }
}
