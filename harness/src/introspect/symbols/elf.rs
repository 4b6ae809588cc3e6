//! Symbols and segments of an ELF file.
//! Lives here: which of its symbols are taken, and the memory that its file has the content of.
//! May not live here: what is in that memory (`kallsyms`).

use super::table::Collected;
use super::{NotRead, kallsyms::Segment};
use object::elf::{PT_LOAD, SHF_EXECINSTR, SHN_ABS, SHN_UNDEF, STB_WEAK, STT_FILE, STT_SECTION, STT_TLS};
use object::read::elf::{ElfFile64, ProgramHeader, SectionHeader, Sym};
use object::{Endianness, read::SectionIndex};

type Elf<'a> = ElfFile64<'a, Endianness>;

pub(super) fn parse(bytes: &[u8]) -> Result<Elf<'_>, NotRead> {
    Elf::parse(bytes).map_err(|cause| NotRead::Elf(cause.to_string()))
}

/// The symbols of the symbol table that stand for places; none where there is no such table.
pub(super) fn listed(file: &Elf<'_>) -> Result<Collected, NotRead> {
    let endian = file.endian();
    let (sections, table) = (file.elf_section_table(), file.elf_symbol_table());
    let code = |index: usize| {
        let section = sections.section(SectionIndex(index));
        section.is_ok_and(|section| section.sh_flags(endian) & SHF_EXECINSTR != object::elf::SectionFlags(0))
    };
    let code: Vec<bool> = (0..sections.len()).map(code).collect();
    let mut collected = Collected::default();
    for (index, symbol) in table.enumerate() {
        let section = symbol.st_shndx(endian);
        let kind = symbol.st_type();
        if matches!(section, SHN_UNDEF | SHN_ABS) || matches!(kind, STT_FILE | STT_SECTION | STT_TLS) {
            continue;
        }
        let section = table.symbol_section(endian, symbol, index).ok().flatten();
        let text = section.is_some_and(|section| code.get(section.0).is_some_and(|code| *code));
        if let Ok(Ok(name)) = table.symbol_name(endian, symbol).map(std::str::from_utf8) {
            collected.push(symbol.st_value(endian), text, symbol.st_bind() == STB_WEAK, name)?;
        }
    }
    Ok(collected)
}

/// What the file has of memory, by address.
pub(super) fn segments<'a>(file: &Elf<'a>) -> Vec<Segment<'a>> {
    let endian = file.endian();
    let loaded = file.elf_program_headers().iter().filter(|segment| segment.p_type(endian) == PT_LOAD);
    let content = |segment: &object::elf::ProgramHeader64<Endianness>| {
        let bytes = segment.data(endian, file.data()).ok()?;
        Some(Segment { address: segment.p_vaddr(endian), bytes })
    };
    loaded.filter_map(content).collect()
}
