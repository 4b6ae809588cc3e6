//! A kernel in memory: its address space with its symbols and the places of its fields.
//! Lives here: finding where it lies (KASLR, page tables), reading fields, following lists with a bound.
//! May not live here: what the fields mean.

use super::build_id::{self, BuildId, Id};
use super::layout::{Field, Layout};
use super::memory::{Levels, Physical, Registers, Space};
use super::symbols::Symbols;

/// What starts every kernel's banner (init/version.c, `linux_banner`).
const BANNER: &str = "Linux version ";
/// Longest banner that is read, in bytes.
const BANNER_BYTES: usize = 512;
/// KASLR moves a kernel by multiples of this (`CONFIG_PHYSICAL_ALIGN` is at least 2 MiB) ...
const SLIDE_STEP: i64 = 0x20_0000;
/// ... and by less than this (arch/x86/include/asm/page_64_types.h, `KERNEL_IMAGE_SIZE`).
const SLIDE_MOST: i64 = 0x4000_0000;
/// Where the kernel's image is mapped, from physical address 0 on (arch/x86/include/asm/page_64_types.h, `__START_KERNEL_map`).
const START_KERNEL_MAP: u64 = 0xffff_ffff_8000_0000;
/// Where the kernel's image may be, wherever KASLR put it: this much up to the modules.
const IMAGES: std::ops::Range<u64> = START_KERNEL_MAP..START_KERNEL_MAP + SLIDE_MOST.cast_unsigned();
/// With page-table isolation, a program's table follows the kernel's (arch/x86/include/asm/pgtable.h, `PTI_PGTABLE_SWITCH_BIT`).
const USER_TABLE: u64 = 1 << 12;

/// Most processors, and most filesystems that are looked at.
const MOST_CPUS: u64 = 512;
const MOST_FILESYSTEMS: usize = 1024;

/// Lowest address of the kernel's half.
pub(super) const KERNEL_HALF: u64 = 0xff00_0000_0000_0000;

/// A kernel that lies in a guest's memory. Made anew for each look, from an [`Anchor`].
#[derive(Debug)]
pub struct Kernel<'a> {
    /// Its virtual memory.
    pub space: Space<'a>,
    /// Its symbols, where it runs.
    pub symbols: &'a Symbols,
    /// Its fields.
    pub layout: &'a Layout,
}

/// What stays the same over a guest's life: where its kernel's page tables are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Anchor {
    root: u64,
    levels: Levels,
    /// By how much KASLR has moved it from where its symbols say, in bytes.
    pub slide: i64,
}

/// Why a kernel cannot be read in a guest's memory.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The symbols lack something that is needed to begin.
    #[error("the kernel's symbols have no `{0}`")]
    NoSymbol(&'static str),
    /// No processor's registers lead to it.
    #[error("no processor's page tables lead to the kernel's banner; is it another kernel, or not yet booted?")]
    NoBanner,
    /// A processor has a kernel in its tables, but not the one of the symbols.
    #[error("the guest runs `{0}`")]
    Other(String),
    /// A processor has the same version in its tables, but another build of it.
    #[error(
        "the symbols are of another build than the guest's kernel, and would name wrong functions: the vmlinux has build id {expected}, \
         the kernel in the guest's memory {guest}{}; the vmlinux of that very build is wanted",
        banner.as_ref().map_or_else(String::new, |banner| format!(" (`{banner}`)"))
    )]
    OtherBuild {
        /// That of the symbols.
        expected: Id,
        /// The guest's.
        guest: Id,
        /// What the guest's kernel says that it is, where that is found.
        banner: Option<String>,
    },
}

/// How the kernel that is looked for is known.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// How its banner must go on after `Linux version `: what `uname -r` says of it, where that is known.
    pub release: Option<String>,
    /// The build that its symbols are of; `None` where they do not say.
    pub build: Option<BuildId>,
}

impl Anchor {
    /// Finds a kernel where it lies without KASLR, or by the registers of any processor that has its page tables. Of one
    /// whose build id cannot be read, the banner must do.
    ///
    /// # Errors
    /// See [`NotFound`].
    pub fn find(
        memory: &dyn Physical,
        registers: &[Registers],
        symbols: &Symbols,
        wanted: &Wanted,
    ) -> Result<Self, NotFound> {
        let banner = symbols.address("linux_banner").ok_or(NotFound::NoSymbol("linux_banner"))?;
        let init_mm =
            ["init_top_pgt", "swapper_pg_dir", "init_level4_pgt"].iter().find_map(|name| symbols.address(name));
        let mut other = None;
        // Where it is without KASLR, whatever the processors do.
        let fixed = init_mm.and_then(|table| table.checked_sub(START_KERNEL_MAP)).into_iter();
        let fixed = fixed.flat_map(|table| [(table, Levels::Four), (table, Levels::Five)]);
        let roots = registers.iter().flat_map(|cpu| [(cpu.cr3, cpu.levels()), (cpu.cr3 & !USER_TABLE, cpu.levels())]);
        let roots = fixed.chain(roots);
        for (root, levels) in roots {
            let space = Space::new(memory, root, levels);
            for slide in (0..SLIDE_MOST).step_by(SLIDE_STEP as usize) {
                let Some(text) = said(&space, banner.wrapping_add_signed(slide)) else { continue };
                let release = wanted.release.as_ref();
                if release.is_some_and(|release| !text[BANNER.len()..].starts_with(&format!("{release} "))) {
                    other = other.or(Some(NotFound::Other(text)));
                    continue;
                }
                let begin = symbols.text().map_or(banner, |(begin, _)| begin).wrapping_add_signed(slide);
                if let Some(build) = &wanted.build
                    && let Some(guest) = build.other_in(&space, slide, begin)
                {
                    other = Some(NotFound::OtherBuild { expected: build.id().clone(), guest, banner: Some(text) });
                    continue;
                }
                // The kernel's own tables, which no process's end takes away.
                let own = init_mm.and_then(|table| space.physical(table.wrapping_add_signed(slide))).unwrap_or(root);
                let own = if said(&Space::new(memory, own, levels), banner.wrapping_add_signed(slide)).is_some() {
                    own
                } else {
                    root
                };
                return Ok(Self { root: own, levels, slide });
            }
        }
        Err(other.or_else(|| of_no_banner(memory, registers, wanted)).unwrap_or(NotFound::NoBanner))
    }

    /// The kernel as it is now. `symbols` must be where it runs, see [`Self::slide`].
    pub fn kernel<'a>(&self, memory: &'a dyn Physical, symbols: &'a Symbols, layout: &'a Layout) -> Kernel<'a> {
        Kernel { space: Space::new(memory, self.root, self.levels), symbols, layout }
    }
}

/// Which other build there is in the tables of the first processor, where none has the banner where the symbols say.
fn of_no_banner(memory: &dyn Physical, registers: &[Registers], wanted: &Wanted) -> Option<NotFound> {
    let (build, cpu) = (wanted.build.as_ref()?, registers.first()?);
    // The kernel's table, whether this is it or a program's beside it.
    let mut roots = [cpu.cr3 & !USER_TABLE, cpu.cr3].into_iter();
    let guest = roots.find_map(|root| build_id::search(&Space::new(memory, root, cpu.levels()), IMAGES))?;
    let expected = build.id().clone();
    (guest != expected).then_some(NotFound::OtherBuild { expected, guest, banner: None })
}

/// The banner, if that is what is there.
fn said(space: &Space<'_>, address: u64) -> Option<String> {
    let mut start = [0; BANNER.len()];
    (space.read(address, &mut start) && start == *BANNER.as_bytes()).then_some(())?;
    // It ends in a newline, which is no text.
    let mut bytes = vec![0; BANNER_BYTES];
    while !space.read(address, &mut bytes) {
        bytes.truncate(bytes.len() / 2);
    }
    let end = bytes.iter().position(|byte| !matches!(byte, b' '..=b'~')).unwrap_or(bytes.len());
    Some(String::from_utf8_lossy(&bytes[..end]).into_owned())
}

impl Kernel<'_> {
    /// The content of a field of the structure at `base`, as a number; of one that is longer than 8 bytes the first 8.
    pub fn field(&self, base: u64, field: Field) -> Option<u64> {
        let place = self.layout.place(field)?;
        let size = if matches!(place.size, 1 | 2 | 4 | 8) { place.size } else { 8 };
        self.space.number(base.wrapping_add(place.offset), size)
    }

    /// A field that holds a pointer into the kernel's half; `None` also where it is null or anything else.
    pub fn pointer(&self, base: u64, field: Field) -> Option<u64> {
        self.field(base, field).filter(|&address| address >= KERNEL_HALF)
    }

    /// The address of a field of the structure at `base`.
    pub fn address(&self, base: u64, field: Field) -> Option<u64> {
        self.layout.offset(field).map(|offset| base.wrapping_add(offset))
    }

    /// Text in a field.
    pub fn text(&self, base: u64, field: Field, most: usize) -> Option<String> {
        self.space.text(self.address(base, field)?, most)
    }

    /// The word that a symbol names.
    pub fn variable(&self, name: &str) -> Option<u64> {
        self.space.word(self.symbols.address(name)?)
    }

    /// Where each processor's own variables are, relative to their common address.
    pub fn per_cpu_offsets(&self) -> Vec<u64> {
        let Some(offsets) = self.symbols.address("__per_cpu_offset") else { return Vec::new() };
        let count = self.symbols.address("nr_cpu_ids").and_then(|count| self.space.number(count, 4));
        self.space.words(offsets, count.unwrap_or(1).min(MOST_CPUS) as usize)
    }

    /// The super blocks of the filesystems that are mounted.
    pub fn filesystems(&self) -> Vec<u64> {
        let head = self.symbols.address("super_blocks");
        head.map(|head| self.list(head, Field::SuperList, MOST_FILESYSTEMS).0).unwrap_or_default()
    }

    /// The structures on a circular list (`struct list_head`) whose head is at `head`, by the field that links them; it ends
    /// at the first pointer that leads nowhere or back to where it has been, and after `most`. The second value says whether it
    /// came round.
    pub fn list(&self, head: u64, link: Field, most: usize) -> (Vec<u64>, bool) {
        let Some(offset) = self.layout.offset(link) else { return (Vec::new(), false) };
        let mut found = Vec::new();
        let mut at = self.space.word(head);
        while let Some(next) = at.filter(|&next| next >= KERNEL_HALF) {
            if next == head {
                return (found, true);
            }
            if found.len() == most {
                break;
            }
            found.push(next.wrapping_sub(offset));
            at = self.space.word(next);
        }
        (found, false)
    }
}
