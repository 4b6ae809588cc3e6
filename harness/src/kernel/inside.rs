//! What a guest's memory is read by: the symbols and types of its kernel.
//! Lives here: which files have them, and reading these.
//! May not live here: what is in the files (`introspect`), or a guest's memory.

use super::source::TYPES;
use super::{DebugFiles, Kernel, unpack};
use crate::introspect::symbols::Symbols;
use crate::introspect::types::Types;
use std::fs;
use std::path::{Path, PathBuf};

/// Files from which the inside of a kernel can be read, as far as they are there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct InsideFiles {
    /// The kernel as an ELF file with its symbols.
    pub vmlinux: Option<PathBuf>,
    /// Whether that has debug information.
    pub dwarf: bool,
    /// Addresses and names.
    pub system_map: Option<PathBuf>,
    /// Objects with nothing but debug information, each with some of the types: of kernels that were built here.
    pub types: Vec<PathBuf>,
    /// A bzImage, or the vmlinux out of one: with kallsyms, and perhaps BTF, in its data.
    pub image: PathBuf,
}

/// A kernel's symbols and types, or why there are none.
#[derive(Clone, Debug)]
pub struct Inside {
    /// Functions and variables.
    pub symbols: Result<Symbols, String>,
    /// Structures.
    pub types: Result<Types, String>,
}

impl InsideFiles {
    /// Those of a kernel. `boots` is what is booted of it (`kernel::bootable`), which may save unpacking its image.
    pub fn of(kernel: &Kernel, boots: &Path) -> Self {
        Self { image: boots.to_owned(), ..Self::around(&kernel.image, &kernel.release) }
    }

    /// Those that lie around an image.
    pub fn around(image: &Path, release: &str) -> Self {
        let found = DebugFiles::around(image, release);
        let beside = image.parent().map(|place| place.join(TYPES));
        let listed = beside.and_then(|place| fs::read_dir(place).ok());
        let mut types: Vec<PathBuf> = listed.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
        types.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
        types.sort();
        let (vmlinux, dwarf, system_map) = (found.vmlinux, found.dwarf, found.system_map);
        Self { vmlinux, dwarf, system_map, types, image: image.to_owned() }
    }

    /// A vmlinux or bzImage, and more files with types.
    pub fn given(image: &Path, types: &[PathBuf]) -> Self {
        Self { image: image.to_owned(), types: types.to_vec(), ..Self::default() }
    }

    /// Reads them; of types that are not from BTF only those that are `wanted` ([`Types::from_elf`]). Takes up to a second or two
    /// and the size of a vmlinux in memory.
    pub fn read(&self, wanted: &[&str]) -> Inside {
        let elf = self.elf();
        let listed = || Symbols::from_system_map(&fs::read_to_string(self.system_map.as_ref()?).ok()?).ok();
        let symbols = elf
            .as_deref()
            .map_err(String::clone)
            .and_then(|elf| Symbols::from_elf(elf).or_else(|why| listed().ok_or(why)).map_err(|why| why.to_string()));
        let all = |elf: &[u8]| Types::from_elf(elf, wanted).map_err(|why| why.to_string());
        let btf = elf.as_deref().ok().and_then(Types::btf);
        let types = match (btf, elf) {
            (Some(btf), elf) => {
                drop(elf);
                // Of a kind that is not known here; there may be DWARF.
                Types::from_btf(&btf).or_else(|_| all(&self.elf()?))
            }
            (None, Ok(elf)) => all(&elf),
            (None, Err(why)) => Err(why),
        };
        let types = types.or_else(|why| self.objects(wanted).unwrap_or(Err(why)));
        Inside { symbols, types }
    }

    /// The kernel as an ELF file: with symbols, and perhaps debug information, where there is one; else what its image carries.
    fn elf(&self) -> Result<Vec<u8>, String> {
        if let Some(vmlinux) = &self.vmlinux {
            return read(vmlinux);
        }
        let image = read(&self.image)?;
        if image.starts_with(b"\x7fELF") {
            return Ok(image);
        }
        unpack(&image).map(|unpacked| unpacked.vmlinux).map_err(|why| why.to_string())
    }

    /// The types of all objects together.
    fn objects(&self, wanted: &[&str]) -> Option<Result<Types, String>> {
        let all = self.types.iter().map(|path| Types::from_elf(&read(path)?, wanted).map_err(|why| why.to_string()));
        all.reduce(|all, one| {
            let mut all = all?;
            all.add(one?);
            Ok(all)
        })
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|cause| format!("cannot read {}: {cause}", path.display()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_cannot_be_read_says_why() {
        let place = tempfile::tempdir().unwrap();
        let image = place.path().join("bzImage");
        let inside = || InsideFiles::of(&Kernel::sample(&image), &image).read(&["task_struct"]);
        let missing = inside();
        let (symbols, types) = (missing.symbols.unwrap_err(), missing.types.unwrap_err());
        assert!(symbols.starts_with("cannot read ") && symbols == types, "{symbols}; {types}");
        fs::write(&image, crate::kernel::vmlinux::tests::stock()).unwrap();
        let stock = inside();
        assert!(stock.symbols.unwrap_err().contains("no kallsyms were found"));
        assert!(stock.types.is_err());
    }

    #[test]
    fn objects_with_types_lie_beside_the_image() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join(TYPES)).unwrap();
        for name in ["b.o", "a.o", "a.o.whole"] {
            fs::write(place.path().join(TYPES).join(name), "").unwrap();
        }
        let image = place.path().join("bzImage");
        let found = InsideFiles::of(&Kernel::sample(&image), &image);
        assert_eq!(found.types, ["a.o", "b.o"].map(|name| place.path().join(TYPES).join(name)));
    }
}
