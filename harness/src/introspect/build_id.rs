//! Which build of a kernel a vmlinux is, and which one lies in a guest's memory.
//! Lives here: GNU's build id in an ELF file, and in memory (pure).
//! May not live here: where the kernel lies (`kernel`).
//!
//! All builds of one version may have the same banner (a build here has a fixed date, user and number), but not the same build id. The
//! linker puts it among the kernel's notes, which the kernel shows as /sys/kernel/notes and so neither frees nor changes.
//! Sources: include/asm-generic/vmlinux.lds.h (`NOTES`, 3.10 to 7.0), arch/x86/kernel/vmlinux.lds.S (`note PT_NOTE`), elf(5).

use super::memory::Space;
use memchr::memmem;
use object::Endianness;
use object::elf::{FileHeader64, PT_NOTE, SHT_NOTE};
use object::read::elf::{FileHeader, ProgramHeader, SectionHeader};
use std::fmt;
use std::ops::Range;

/// The end of a note's head: its type, `NT_GNU_BUILD_ID`, and its owner. Before are the lengths of the owner's name and of the id.
const OWNER: &[u8] = b"\x03\0\0\0GNU\0";
const NAME_BYTES: u32 = 4;
const LENGTHS: usize = 8;
const HEAD: usize = LENGTHS + OWNER.len();
/// Bytes of an id: SHA-1 has 20, MD5 and UUID have 16, `--build-id=0x…` any number.
const LEAST: usize = 4;
const MOST: usize = 64;
/// How much of a guest's memory is searched behind the begin of its text: with everything built in a kernel has some 100 MiB.
const SEARCHED: u64 = 256 << 20;
const PAGE: u64 = 4096;

/// A build id, and where in memory it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuildId {
    /// Address of its note, where the kernel was linked.
    note: u64,
    id: Id,
}

/// The id itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Id(Vec<u8>);

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl BuildId {
    /// That of a vmlinux; `None` where it has none (`--build-id=none`), or is no ELF file.
    pub fn of_elf(vmlinux: &[u8]) -> Option<Self> {
        let header = FileHeader64::<Endianness>::parse(vmlinux).ok()?;
        let endian = header.endian().ok()?;
        let segments = header.program_headers(endian, vmlinux).ok()?.iter();
        let segments = segments.filter(|segment| segment.p_type(endian) == PT_NOTE);
        let in_segments =
            segments.filter_map(|segment| Some((segment.p_vaddr(endian), segment.data(endian, vmlinux).ok()?)));
        let sections = header.sections(endian, vmlinux).ok();
        let sections = sections.iter().flat_map(|sections| sections.iter());
        let sections = sections.filter(|section| section.sh_type(endian) == SHT_NOTE && section.sh_addr(endian) != 0);
        let in_sections =
            sections.filter_map(|section| Some((section.sh_addr(endian), section.data(endian, vmlinux).ok()?)));
        in_segments.chain(in_sections).find_map(|(address, notes)| {
            let (at, id) = first(notes)?;
            Some(Self { note: address.checked_add(at as u64)?, id })
        })
    }

    /// The id.
    pub fn id(&self) -> &Id {
        &self.id
    }

    /// The build id of a guest's kernel, where that is another. The kernel's text begins at `text`, `slide` bytes from where it was linked.
    /// Where no id is found, neither at this one's place nor elsewhere in the kernel, nothing speaks against it.
    pub fn other_in(&self, space: &Space<'_>, slide: i64, text: u64) -> Option<Id> {
        let there = at(space, self.note.wrapping_add_signed(slide))
            .or_else(|| search(space, text..text.saturating_add(SEARCHED)))?;
        (there != self.id).then_some(there)
    }
}

/// The id of a note that begins at an address.
fn at(space: &Space<'_>, note: u64) -> Option<Id> {
    let mut head = [0; HEAD];
    let length = space.read(note, &mut head).then(|| length(&head))??;
    let mut id = vec![0; length];
    space.read(note.checked_add(HEAD as u64)?, &mut id).then_some(Id(id))
}

/// The first build id of a kernel that lies between two addresses, by what its note must look like; `None` where none is found. The images
/// of the vDSO, which lie in the kernel's data, have one of their own.
pub(super) fn search(space: &Space<'_>, within: Range<u64>) -> Option<Id> {
    // An image of the vDSO begins a page, and its notes are on that or on the next.
    let mut vdso = [false; 2];
    for page in (within.start & !(PAGE - 1)..within.end).step_by(PAGE as usize) {
        let mut bytes = vec![0; PAGE as usize + HEAD + MOST];
        if !space.read(page, &mut bytes) {
            bytes.truncate(PAGE as usize);
            if !space.read(page, &mut bytes) {
                vdso = [false; 2];
                continue;
            }
        }
        vdso = [vdso[1], bytes.starts_with(b"\x7fELF")];
        if !vdso.contains(&true)
            && let Some((_, id)) = first(&bytes)
        {
            return Some(id);
        }
    }
    None
}

/// The first build id among notes: where its note begins, and the id.
fn first(notes: &[u8]) -> Option<(usize, Id)> {
    memmem::find_iter(notes, OWNER).find_map(|owner| {
        let at = owner.checked_sub(LENGTHS)?;
        let (head, rest) = notes.get(at..)?.split_first_chunk()?;
        Some((at, Id(rest.get(..length(head)?)?.to_vec())))
    })
}

/// How long the id is that is behind this head, in bytes; `None` where it is no head of a build id's note.
fn length(head: &[u8; HEAD]) -> Option<usize> {
    let number = |at: usize| Some(u32::from_le_bytes(*head.get(at..)?.first_chunk()?));
    let id = usize::try_from(number(4)?).ok()?;
    (head.ends_with(OWNER) && number(0)? == NAME_BYTES && (LEAST..=MOST).contains(&id)).then_some(id)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::NotFound;
    use super::super::fixture::{BANNER, Guest, ROOT, TEXT, symbols};
    use super::super::memory::{Levels, Space};
    use super::*;

    fn note(id: &[u8]) -> Vec<u8> {
        [&4_u32.to_le_bytes(), &u32::try_from(id.len()).unwrap().to_le_bytes(), OWNER, id].concat()
    }

    /// An ELF file with one segment of notes at `address`.
    fn vmlinux(address: u64, notes: &[u8]) -> Vec<u8> {
        let mut elf = vec![0; 64 + 56];
        elf[..8].copy_from_slice(b"\x7fELF\x02\x01\x01\0");
        for (at, value) in [(16, 2_u16), (18, 62), (52, 64), (54, 56), (56, 1)] {
            elf[at..at + 2].copy_from_slice(&value.to_le_bytes());
        }
        elf[32..40].copy_from_slice(&64_u64.to_le_bytes());
        elf[64..68].copy_from_slice(&PT_NOTE.0.to_le_bytes());
        for (at, value) in [(8, 120_u64), (16, address), (32, notes.len() as u64)] {
            elf[64 + at..72 + at].copy_from_slice(&value.to_le_bytes());
        }
        elf.extend(notes);
        elf
    }

    #[test]
    fn it_is_found_among_other_notes() {
        // Xen's, and one without content.
        let notes = [&b"\x04\0\0\0\x08\0\0\0\x06\0\0\0Xen\0linux\0\0\0"[..], &[0; 12], &note(&[0xab; 20])].concat();
        let found = BuildId::of_elf(&vmlinux(TEXT, &notes)).unwrap();
        assert_eq!((found.note, found.id.to_string()), (TEXT + 24 + 12, "ab".repeat(20)));
        for damaged in [&notes[..notes.len() - 1], b"", b"\x04\0\0\0\xff\xff\xff\xff\x03\0\0\0GNU\0"] {
            assert_eq!(BuildId::of_elf(&vmlinux(TEXT, damaged)), None);
        }
        assert_eq!(BuildId::of_elf(b"\x7fELF"), None);
    }

    #[test]
    fn a_guest_has_it_or_another() {
        let wanted = BuildId::of_elf(&vmlinux(TEXT + 0x1234, &note(&[7; 20]))).unwrap();
        let mut guest = Guest::new();
        let told = |guest: &Guest, slide: i64| {
            let text = TEXT.wrapping_add_signed(slide);
            wanted.other_in(&Space::new(guest, ROOT, Levels::Four), slide, text).map(|id| id.to_string())
        };
        assert_eq!(told(&guest, 0), None, "nothing is there");
        guest.write(TEXT + 0x20_1234, &note(&[7; 20]));
        assert_eq!(told(&guest, 0x20_0000), None);
        guest.write(TEXT + 0x1234, &note(&[8; 16]));
        assert_eq!(told(&guest, 0), Some("08".repeat(16)));
        // It lies elsewhere, and is another or, for whatever reason, the same.
        guest.write(TEXT + 0x1234, &[0; 36]);
        guest.write(TEXT + 0x5678, &note(&[9; 20]));
        assert_eq!(told(&guest, 0), Some("09".repeat(20)));
        guest.write(TEXT + 0x5678, &note(&[7; 20]));
        assert_eq!(told(&guest, 0), None);
    }

    #[test]
    fn another_build_of_the_same_banner_is_refused_and_both_are_said() {
        let wanted = || BuildId::of_elf(&vmlinux(TEXT + 0x2000, &note(&[7; 20])));
        let mut guest = Guest::new();
        guest.write(BANNER, b"Linux version 6.1.0-x (oomph@oomph) #1\n\0");
        assert!(guest.anchor_of(&symbols(), wanted()).is_ok(), "its notes are not there: the banner must do");
        guest.write(TEXT + 0x2000, &note(&[7; 20]));
        assert!(guest.anchor_of(&symbols(), wanted()).is_ok() && guest.anchor_of(&symbols(), None).is_ok());
        guest.write(TEXT + 0x2000, &note(&[8; 20]));
        let refused = guest.anchor_of(&symbols(), wanted()).unwrap_err();
        assert!(matches!(refused, NotFound::OtherBuild { .. }), "{refused}");
        let said = refused.to_string();
        for part in ["07".repeat(20), "08".repeat(20), "Linux version 6.1.0-x (oomph@oomph) #1".into()] {
            assert!(said.contains(&part), "{said}");
        }
        // Its banner lies elsewhere.
        guest.write(BANNER, b"\0\0\0\0\0");
        let said = guest.anchor_of(&symbols(), wanted()).unwrap_err().to_string();
        assert!(
            said.contains(&"07".repeat(20)) && said.contains("memory 0808") && !said.contains("Linux version"),
            "{said}"
        );
        guest.write(TEXT + 0x2000, &note(&[7; 20]));
        assert_eq!(guest.anchor_of(&symbols(), wanted()), Err(NotFound::NoBanner));
    }

    #[test]
    fn a_guests_own_is_found_but_none_of_the_vdso() {
        let mut guest = Guest::new();
        guest.write(TEXT + 0x3000, b"\x7fELF");
        guest.write(TEXT + 0x4f00, &note(&[1; 20]));
        let found = |guest: &Guest| {
            search(&Space::new(guest, ROOT, Levels::Four), TEXT + 8..TEXT + SEARCHED).map(|id| id.to_string())
        };
        assert_eq!(found(&guest), None);
        // Over the end of a page.
        guest.write(TEXT + 0x8ff6, &note(&[2; 20]));
        assert_eq!(found(&guest), Some("02".repeat(20)));
    }
}
