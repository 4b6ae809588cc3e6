//! What debuggers need of a kernel, where it lies near its image.
//! Lives here: finding its vmlinux and its System.map, and whether the former has debug information.
//! May not live here: fetching any, or what debuggers are told (`run::debuggers`).

use super::Kernel;
use object::read::elf::ElfFile64;
use object::{Object, ObjectSection, ReadCache};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

/// The longest System.map that is read: today's have 7 MB.
const MAX_MAP: u64 = 64 << 20;
/// A shorter one is none: Debian's packages have a line in its place that says where the real one is.
const LEAST_MAP: u64 = 4096;

/// Files for debuggers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DebugFiles {
    /// The kernel as an ELF file with its symbols.
    pub vmlinux: Option<PathBuf>,
    /// Whether that has debug information.
    pub dwarf: bool,
    /// Addresses and names.
    pub system_map: Option<PathBuf>,
}

impl DebugFiles {
    /// Looks beside the image, where builds and distributions put them, and at the root of the source tree that an image
    /// lies in. What is unpacked from a bzImage has no symbols and is none.
    pub fn of(kernel: &Kernel) -> Self {
        Self::around(&kernel.image, &kernel.release)
    }

    /// The same of an image, with what `uname -r` says of it where that is known.
    pub(super) fn around(image: &Path, release: &str) -> Self {
        let places = places(image);
        let find = |name: &str| {
            let names = [name.to_owned(), format!("{name}-{release}")];
            let files = places.iter().flat_map(|place| names.iter().map(|name| place.join(name)));
            files.into_iter().find(|file| file.is_file())
        };
        let vmlinux = find("vmlinux").filter(|file| section(file, ".symtab"));
        let dwarf = vmlinux.as_ref().is_some_and(|file| section(file, ".debug_info"));
        let long = |map: &PathBuf| map.metadata().is_ok_and(|data| data.len() >= LEAST_MAP);
        Self { vmlinux, dwarf, system_map: find("System.map").filter(long) }
    }

    /// The System.map's text; empty where there is none that can be read.
    pub fn map_text(&self) -> String {
        let read = |path: &PathBuf| {
            let mut text = String::new();
            File::open(path)?.take(MAX_MAP).read_to_string(&mut text).map(|_| text)
        };
        self.system_map.as_ref().and_then(|path| read(path).ok()).unwrap_or_default()
    }
}

/// Directories to look in.
fn places(image: &Path) -> Vec<PathBuf> {
    let image = fs::canonicalize(image).unwrap_or_else(|_| image.to_owned());
    let beside = image.parent().map(Path::to_owned);
    // arch/x86/boot/bzImage in a source tree.
    let tree = image.ancestors().nth(4).filter(|_| image.ends_with("arch/x86/boot/bzImage")).map(Path::to_owned);
    beside.into_iter().chain(tree).collect()
}

/// Whether an ELF file has a section. Only its headers are read: a vmlinux may have a gigabyte.
fn section(file: &Path, name: &str) -> bool {
    let Ok(file) = File::open(file) else { return false };
    let cache = ReadCache::new(file);
    let Ok(elf) = ElfFile64::<object::Endianness, _>::parse(&cache) else { return false };
    elf.sections().any(|section| section.name() == Ok(name))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn they_are_found_beside_the_image_and_at_the_root_of_its_tree() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        let (boot, tree) = (root.join("boot"), root.join("linux/arch/x86/boot"));
        fs::create_dir_all(&boot).unwrap();
        fs::create_dir_all(&tree).unwrap();
        for file in [boot.join("vmlinuz-6.1.0-x"), tree.join("bzImage")] {
            fs::write(file, "").unwrap();
        }
        let map = "ffffffff81000000 T _text\n".repeat(1000);
        fs::write(boot.join("System.map-6.1.0-x"), &map).unwrap();
        fs::write(root.join("linux/System.map"), &map).unwrap();
        // This very program is an ELF file with symbols and debug information.
        std::os::unix::fs::symlink("/proc/self/exe", root.join("linux/vmlinux")).unwrap();
        let found = DebugFiles::of(&Kernel::sample(boot.join("vmlinuz-6.1.0-x")));
        assert_eq!((found.vmlinux, found.dwarf), (None, false));
        assert_eq!(found.system_map, Some(boot.join("System.map-6.1.0-x")));
        let found = DebugFiles::of(&Kernel::sample(tree.join("bzImage")));
        assert_eq!((found.vmlinux.as_ref(), found.dwarf), (Some(&root.join("linux/vmlinux")), true));
        assert_eq!(found.map_text(), map);
        fs::write(root.join("linux/System.map"), "ffffffffffffffff B The real System.map is elsewhere\n").unwrap();
        assert_eq!(DebugFiles::of(&Kernel::sample(tree.join("bzImage"))).system_map, None);
        assert_eq!(DebugFiles::default().map_text(), "");
    }

    #[test]
    fn what_has_no_symbols_is_no_vmlinux() {
        let place = tempfile::tempdir().unwrap();
        for (name, content) in [("bzImage", vec![]), ("vmlinux", crate::kernel::vmlinux::tests::stock())] {
            fs::write(place.path().join(name), content).unwrap();
        }
        assert_eq!(DebugFiles::of(&Kernel::sample(place.path().join("bzImage"))), DebugFiles::default());
    }
}
