//! What a guest's memory is read by: the symbols and types of its kernel.
//! Lives here: which files have them, and reading these.
//! May not live here: what is in the files (`introspect`), or a guest's memory.

use super::boot::CameFrom;
use super::source::TYPES;
use super::{Cache, DebugFiles, Kernel, unpack};
use crate::introspect::BuildId;
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
    /// The build that the symbols are of, where its file says so.
    pub build: Option<BuildId>,
}

impl InsideFiles {
    /// Those of a kernel. `boots` is what is booted of it (`kernel::bootable`), which may save unpacking its image.
    pub fn of(kernel: &Kernel, boots: &Path) -> Self {
        Self { image: boots.to_owned(), ..Self::around(&kernel.image, &kernel.release) }
    }

    /// Those of the kernel of which QEMU was given `booted`: that came out of a kernel's image into the cache, or is the image.
    pub fn of_booted(booted: &Path, cache: &Cache) -> Self {
        match CameFrom::of(booted, cache) {
            Some(CameFrom { image, release }) => Self { image: booted.to_owned(), ..Self::around(&image, &release) },
            None => Self::around(booted, ""),
        }
    }

    /// Those that lie around an image.
    pub fn around(image: &Path, release: &str) -> Self {
        let found = DebugFiles::around(image, release);
        let (vmlinux, dwarf, system_map) = (found.vmlinux, found.dwarf, found.system_map);
        Self { vmlinux, dwarf, system_map, types: types_beside(image), image: image.to_owned() }
    }

    /// A vmlinux or bzImage that was named, with files of types that were. Where none were: with those that lie beside it or beside
    /// `guest`, the file with a guest's memory.
    pub fn given(image: &Path, types: &[PathBuf], guest: Option<&Path>) -> Self {
        let types = match types {
            [] => [Some(image), guest].into_iter().flatten().map(types_beside).find(|found| !found.is_empty()),
            named => Some(named.to_vec()),
        };
        Self { image: image.to_owned(), types: types.unwrap_or_default(), ..Self::default() }
    }

    /// Reads them; of types that are not from BTF only those that are `wanted` ([`Types::from_elf`]). Takes up to a second or two
    /// and the size of a vmlinux in memory.
    pub fn read(&self, wanted: &[&str]) -> Inside {
        let elf = self.elf();
        let build = elf.as_deref().ok().and_then(BuildId::of_elf);
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
        Inside { symbols, types, build }
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

/// The objects with types in the folder for them beside a file.
fn types_beside(file: &Path) -> Vec<PathBuf> {
    let listed = file.parent().and_then(|place| fs::read_dir(place.join(TYPES)).ok());
    let mut types: Vec<PathBuf> = listed.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    types.retain(|path| path.extension().is_some_and(|extension| extension == "o"));
    types.sort();
    types
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
        let types = ["a.o", "b.o"].map(|name| place.path().join(TYPES).join(name));
        assert_eq!(InsideFiles::of(&Kernel::sample(&image), &image).types, types);
        // Of a kernel that is named as well, beside it or beside the guest's memory.
        let elsewhere = tempfile::tempdir().unwrap();
        let (vmlinux, core) = (elsewhere.path().join("vmlinux"), place.path().join("core.zst"));
        assert_eq!(InsideFiles::given(&image, &[], None).types, types);
        assert_eq!(InsideFiles::given(&vmlinux, &[], Some(&core)).types, types);
        assert_eq!(InsideFiles::given(&vmlinux, &[], None).types, [""; 0].map(PathBuf::from));
        assert_eq!(InsideFiles::given(&image, &["x.o".into()], Some(&core)).types, ["x.o"].map(PathBuf::from));
    }

    #[test]
    fn what_was_unpacked_into_the_cache_leads_back_to_its_kernel() {
        use crate::kernel::vmlinux::tests::{bzimage_of, stock};
        let place = tempfile::tempdir().unwrap();
        let build = place.path().join("build");
        fs::create_dir_all(build.join(TYPES)).unwrap();
        fs::write(build.join(TYPES).join("a.o"), "").unwrap();
        let image = build.join("bzImage");
        fs::write(&image, bzimage_of(&stock())).unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let kernel = Kernel { hash: "e".repeat(64), ..Kernel::sample(&image) };
        let boots = crate::kernel::boot::choose(&kernel, &cache, &crate::kernel::job::Job::silent()).unwrap().image;
        assert!(boots.starts_with(cache.root()));
        assert_eq!(InsideFiles::of_booted(&boots, &cache), InsideFiles::of(&kernel, &boots), "as the run itself");
        assert_eq!(InsideFiles::of_booted(&image, &cache), InsideFiles::around(&image, ""));
    }
}
