//! Symbols and segments of an ELF file.
//! Lives here: which of its symbols are taken, and the memory that its file has the content of.
//! May not live here: what is in that memory (`kallsyms`).

use super::table::Collected;
use super::{NotRead, kallsyms::Segment};
use object::Endianness;
use object::elf::{
    FileHeader64, PT_LOAD, SHF_EXECINSTR, SHN_ABS, SHN_UNDEF, SHT_SYMTAB, STB_WEAK, STT_FILE, STT_SECTION, STT_TLS,
    SectionFlags,
};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader, Sym};

type Header = FileHeader64<Endianness>;

/// An ELF file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elf<'a> {
    bytes: &'a [u8],
    header: &'a Header,
    endian: Endianness,
}

fn damaged(cause: object::read::Error) -> NotRead {
    NotRead::Elf(cause.to_string())
}

impl<'a> Elf<'a> {
    pub fn parse(bytes: &'a [u8]) -> Result<Self, NotRead> {
        let header = Header::parse(bytes).map_err(damaged)?;
        Ok(Self { bytes, header, endian: header.endian().map_err(damaged)? })
    }

    /// The symbols of the symbol table that stand for places; none where there is no such table.
    pub fn listed(&self) -> Result<Collected, NotRead> {
        let (endian, mut collected) = (self.endian, Collected::default());
        // What has no sections that can be read has no symbols, and may have a memory.
        let Ok(sections) = self.header.sections(endian, self.bytes) else { return Ok(collected) };
        let Ok(table) = sections.symbols(endian, self.bytes, SHT_SYMTAB) else { return Ok(collected) };
        let is_code = |flags: SectionFlags| flags & SHF_EXECINSTR != SectionFlags(0);
        let code: Vec<bool> = sections.iter().map(|section| is_code(section.sh_flags(endian))).collect();
        for (index, symbol) in table.enumerate() {
            if matches!(symbol.st_shndx(endian), SHN_UNDEF | SHN_ABS)
                || matches!(symbol.st_type(), STT_FILE | STT_SECTION | STT_TLS)
            {
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
    pub fn segments(&self) -> Result<Vec<Segment<'a>>, NotRead> {
        let segments = self.header.program_headers(self.endian, self.bytes).map_err(damaged)?;
        let loaded = segments.iter().filter(|segment| segment.p_type(self.endian) == PT_LOAD);
        let content = |segment: &object::elf::ProgramHeader64<Endianness>| {
            let bytes = segment.data(self.endian, self.bytes).ok()?;
            Some(Segment { address: segment.p_vaddr(self.endian), bytes })
        };
        Ok(loaded.filter_map(content).collect())
    }
}
