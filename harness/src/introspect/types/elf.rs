//! Sections of an ELF file that hold types.
//! Lives here: finding them, unpacking them, and relocating those of relocatable files.
//! May not live here: what is in them.

use super::NotRead;
use object::read::elf::ElfFile64;
use object::{
    CompressionFormat, Endianness, Object, ObjectKind, ObjectSection, ObjectSymbol, RelocationKind, RelocationTarget,
};
use std::borrow::Cow;
use std::io::Read;

pub(super) const BTF: &str = ".BTF";
/// Most bytes that a section may unpack to: a kernel with everything built in has less than a gigabyte.
const MAX_SECTION: u64 = 1 << 30;

type Elf<'a> = ElfFile64<'a, Endianness>;

/// What DWARF's entries are read from.
#[derive(Debug, Default)]
pub(super) struct Dwarf<'a> {
    pub info: Cow<'a, [u8]>,
    pub abbrev: Cow<'a, [u8]>,
    pub strings: Cow<'a, [u8]>,
    pub line_strings: Cow<'a, [u8]>,
    pub string_offsets: Cow<'a, [u8]>,
}

pub(super) fn parse(bytes: &[u8]) -> Result<Elf<'_>, NotRead> {
    let file = Elf::parse(bytes).map_err(|cause| NotRead::Elf(cause.to_string()))?;
    if file.is_little_endian() { Ok(file) } else { Err(NotRead::Elf("for another processor".into())) }
}

/// The sections of DWARF, if there are any.
pub(super) fn dwarf<'a>(file: &Elf<'a>) -> Result<Option<Dwarf<'a>>, NotRead> {
    let Some(info) = content(file, ".debug_info")? else { return Ok(None) };
    let other = |name| content(file, name).map(Option::unwrap_or_default);
    Ok(Some(Dwarf {
        info,
        abbrev: other(".debug_abbrev")?,
        strings: other(".debug_str")?,
        line_strings: other(".debug_line_str")?,
        string_offsets: other(".debug_str_offsets")?,
    }))
}

/// A section's content, unpacked and relocated.
pub(super) fn content<'a>(file: &Elf<'a>, name: &'static str) -> Result<Option<Cow<'a, [u8]>>, NotRead> {
    let Some(section) = file.section_by_name(name) else { return Ok(None) };
    let failed = |cause: String| NotRead::Packed { section: name, cause };
    let packed = section.compressed_data().map_err(|cause| failed(cause.to_string()))?;
    let mut content = match packed.format {
        CompressionFormat::None => Cow::Borrowed(packed.data),
        CompressionFormat::Zlib => {
            unpack(flate2::read::ZlibDecoder::new(packed.data)).map_err(|cause| failed(cause.to_string()))?.into()
        }
        CompressionFormat::Zstandard => {
            zstd::stream::Decoder::new(packed.data).and_then(unpack).map_err(|cause| failed(cause.to_string()))?.into()
        }
        _ => return Err(failed("its compression is not known here".into())),
    };
    if file.kind() == ObjectKind::Relocatable {
        relocate(file, &section, &mut content);
    }
    Ok(Some(content).filter(|content| !content.is_empty()))
}

fn unpack(from: impl Read) -> std::io::Result<Vec<u8>> {
    let mut content = Vec::new();
    from.take(MAX_SECTION).read_to_end(&mut content)?;
    Ok(content)
}

/// Puts in what the linker would: the offsets of strings and abbreviations. What cannot be relocated stays as it is.
fn relocate<'a>(
    file: &Elf<'a>,
    section: &object::read::elf::ElfSection64<'a, '_, Endianness>,
    content: &mut Cow<'a, [u8]>,
) {
    for (at, relocation) in section.relocations() {
        let RelocationTarget::Symbol(symbol) = relocation.target() else { continue };
        let Ok(symbol) = file.symbol_by_index(symbol) else { continue };
        let value = symbol.address().wrapping_add_signed(relocation.addend()).to_le_bytes();
        let size = usize::from(relocation.size() / 8);
        let from = usize::try_from(at).ok().filter(|_| relocation.kind() == RelocationKind::Absolute);
        let place = from.and_then(|from| content.to_mut().get_mut(from..from.checked_add(size)?));
        if let (Some(place), Some(value)) = (place, value.get(..size)) {
            place.copy_from_slice(value);
        }
    }
}
