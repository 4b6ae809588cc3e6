//! The ELF file of a vmlinux: where it ends, and where it is entered.
//! Lives here: its extent and its PVH note (pure).
//! May not live here: where the bytes came from.
//!
//! Sources: include/xen/interface/elfnote.h (`XEN_ELFNOTE_PHYS32_ENTRY`); arch/x86/platform/pvh/head.S (its value).

use object::Endianness;
use object::elf::{EM_X86_64, FileHeader64, NoteType, SHT_NULL};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};

/// Name and type of the note with the physical address of the PVH entry.
const XEN: &[u8] = b"Xen";
pub(in crate::kernel) const XEN_ELFNOTE_PHYS32_ENTRY: NoteType = NoteType(18);

type Elf = FileHeader64<Endianness>;

fn damaged(cause: impl std::fmt::Display) -> String {
    format!("a damaged ELF file ({cause})")
}

fn parse(bytes: &[u8]) -> Result<(&Elf, Endianness), String> {
    let header = Elf::parse(bytes).map_err(damaged)?;
    let endian = header.endian().map_err(damaged)?;
    if header.e_machine(endian) != EM_X86_64 {
        return Err("an ELF file for another processor".into());
    }
    Ok((header, endian))
}

/// Length of the ELF file at the start of `bytes`: all that its headers, segments and sections cover.
pub(super) fn length(bytes: &[u8]) -> Result<usize, String> {
    let (header, endian) = parse(bytes)?;
    let segments = header.program_headers(endian, bytes).map_err(damaged)?;
    let sections = header.section_headers(endian, bytes).map_err(damaged)?;
    if segments.is_empty() {
        return Err("an ELF file without segments".into());
    }
    let tables = [
        (0, size_of::<Elf>() as u64),
        (header.e_phoff(endian), size_of_val(segments) as u64),
        (header.e_shoff(endian), size_of_val(sections) as u64),
    ];
    let segments = segments.iter().map(|segment| segment.file_range(endian));
    // The first, empty one uses its size for the number of sections where that is large.
    let sections = sections.iter().filter(|section| section.sh_type(endian) != SHT_NULL);
    let sections = sections.filter_map(|section| section.file_range(endian));
    let ends = tables.into_iter().chain(segments).chain(sections).map(|(at, size)| at.saturating_add(size));
    let end = ends.max().unwrap_or(0);
    let whole = usize::try_from(end).ok().filter(|&end| end <= bytes.len());
    whole.ok_or_else(|| damaged(format_args!("it should have {end} bytes and has {}", bytes.len())))
}

/// Physical address of the PVH entry, where the file has a note with it.
pub(in crate::kernel) fn pvh_entry(bytes: &[u8]) -> Result<Option<u32>, String> {
    let (header, endian) = parse(bytes)?;
    for segment in header.program_headers(endian, bytes).map_err(damaged)? {
        let Some(mut notes) = segment.notes(endian, bytes).map_err(damaged)? else { continue };
        while let Some(note) = notes.next().map_err(damaged)? {
            if note.name() == XEN && note.n_type(endian) == XEN_ELFNOTE_PHYS32_ENTRY {
                return address(note.desc()).map(Some);
            }
        }
    }
    Ok(None)
}

/// A note's address; `_ASM_PTR` makes it 8 bytes in a 64-bit kernel.
fn address(value: &[u8]) -> Result<u32, String> {
    let value = match value.len() {
        4 | 8 => value.iter().rev().fold(0_u64, |address, &byte| address << 8 | u64::from(byte)),
        bytes => return Err(damaged(format_args!("its PVH note has {bytes} bytes, not 8"))),
    };
    u32::try_from(value).map_err(|_| damaged(format_args!("its PVH entry {value:#x} is above 4 GiB")))
}
