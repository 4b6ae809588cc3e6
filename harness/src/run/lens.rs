//! From a kernel's files to what looks at its guests.
//! Lives here: which of the files has symbols and which has types.
//! May not live here: reading either (`introspect`).

use super::looks::Lens;
use crate::introspect::{Introspector, layout, symbols::Symbols, types::Types};
use crate::kernel::{self, DebugFiles, Kernel};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Will look at guests of a kernel that boot `booted`: its image, or the vmlinux out of that. The vmlinux beside the image, where there is
/// one, has more.
pub fn lens(kernel: &Kernel, debug: &DebugFiles, booted: &Path) -> Lens {
    let release = Some(kernel.release.clone());
    let files: Vec<PathBuf> = debug.vmlinux.iter().cloned().chain([booted.to_owned()]).collect();
    Arc::new(move || introspector(&files, release.clone()))
}

/// Symbols come from the first file that has them, types from all of them together.
///
/// # Errors
/// Where there are no symbols, or types lack something; the text names the files.
pub fn introspector(files: &[PathBuf], release: Option<String>) -> Result<Introspector, String> {
    let mut symbols = Err("there is no file to read symbols from".to_owned());
    let mut types = Types::default();
    let mut failed = Vec::new();
    let wanted: Vec<&str> = layout::structures().into_iter().chain(layout::enumerations()).collect();
    for file in files {
        let elf = match elf(file) {
            Ok(elf) => elf,
            Err(why) => {
                failed.push(why);
                continue;
            }
        };
        if symbols.is_err() {
            symbols = Symbols::from_elf(&elf).map_err(|why| format!("{}: {why}", file.display()));
        }
        match Types::from_elf(&elf, &wanted) {
            Ok(more) => types.add(more),
            Err(why) => failed.push(format!("{}: {why}", file.display())),
        }
    }
    Introspector::new(symbols?, &types, release).map_err(|missing| {
        let failed = if failed.is_empty() { String::new() } else { format!(" ({})", failed.join("; ")) };
        format!("{missing}{failed}")
    })
}

/// An ELF file; of a bzImage, the one in it.
fn elf(file: &Path) -> Result<Vec<u8>, String> {
    let bytes = std::fs::read(file).map_err(|cause| format!("{}: {cause}", file.display()))?;
    if bytes.starts_with(b"\x7fELF") {
        return Ok(bytes);
    }
    let unpacked = kernel::unpack(&bytes).map_err(|why| format!("{}: {why}", file.display()))?;
    Ok(unpacked.vmlinux)
}
