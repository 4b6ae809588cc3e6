//! What lies beside a core, so that crash and drgn can read it.
//! Lives here: the kernel's files, the commands to give.
//! May not live here: the core itself (`vm::capture`).

use crate::kernel::{DebugFiles, InsideFiles, Kernel, TYPES};
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

/// The core's name, compressed and not.
pub const CORE: &str = "core.zst";
/// How to read it, for people.
const TEXT: &str = "core.txt";
/// The notes of a core are at its beginning: so much of it is looked at.
const NOTES: u64 = 1 << 20;

/// Puts what debuggers need beside a core.
///
/// # Errors
/// Where a file cannot be written; the core is of use without.
pub(super) fn accompany(folder: &Path, kernel: &Kernel, files: &DebugFiles, cmdline: &str) -> io::Result<()> {
    // First, so that it is there whatever becomes of the larger files.
    fs::write(folder.join(TEXT), text(kernel, files, cmdline, has_note(&folder.join(CORE))?))?;
    for (file, name) in [(&files.system_map, "System.map"), (&files.vmlinux, "vmlinux")] {
        if let Some(file) = file {
            fs::copy(file, folder.join(name))?;
        }
    }
    // A kernel that is on a disk of its own is not at hand.
    if kernel.image.is_file() {
        fs::copy(&kernel.image, folder.join("bzImage"))?;
    }
    let types = InsideFiles::of(kernel, &kernel.image).types;
    if !types.is_empty() {
        let place = folder.join(TYPES);
        fs::create_dir_all(&place)?;
        for file in &types {
            fs::copy(file, place.join(file.file_name().unwrap_or_default()))?;
        }
    }
    Ok(())
}

/// Whether the guest's kernel left its note on itself (VMCOREINFO) in the core.
fn has_note(core: &Path) -> io::Result<bool> {
    let mut head = Vec::new();
    zstd::stream::Decoder::new(File::open(core)?)?.take(NOTES).read_to_end(&mut head)?;
    // The note's owner, and the first line of what is in it.
    let says = |part: &[u8]| head.windows(part.len()).any(|window| window == part);
    Ok(says(b"VMCOREINFO\0") && says(b"OSRELEASE="))
}

fn text(kernel: &Kernel, files: &DebugFiles, cmdline: &str, note: bool) -> String {
    let release = &kernel.release;
    let symbols = match (&files.vmlinux, files.dwarf) {
        (Some(_), true) => "The vmlinux here is that kernel's, with debug information.\n".to_owned(),
        (Some(_), false) => "The vmlinux here is that kernel's, but without debug information (DWARF), which crash and drgn need.\n\
                             Build the kernel with the fragment debug-info (kernel-configs/debug-info.config) and run again.\n"
            .to_owned(),
        (None, _) => format!(
            "There was no vmlinux with symbols at hand. Of a distribution's kernel it is a package of its own; Debian:\n\
             \x20   apt-get install linux-image-{release}-dbg    # /usr/lib/debug/boot/vmlinux-{release}\n\
             in exactly the version that ran (below), or fetch it by build id: debuginfod-find debuginfo BUILD-ID.\n\
             Put it here as vmlinux.\n"
        ),
    };
    let note_text = match note {
        true => "The core has the kernel's VMCOREINFO note.\n",
        false => {
            "The core has no VMCOREINFO note: the guest's kernel has no driver for it (CONFIG_FW_CFG_SYSFS, which is in the\n\
             fragment debug-info). crash can do without; drgn cannot read such a core.\n"
        }
    };
    let fixed = cmdline.split(' ').any(|word| word == "nokaslr");
    let moved = match fixed {
        true => "The kernel ran where it was linked (nokaslr): addresses are those of vmlinux and System.map.\n",
        false => "The kernel may have moved itself (KASLR): crash finds by how much with --kaslr=auto.\n",
    };
    format!(
        "The memory of the guest as it hung, before anything was tried against it: an ELF core, written by QEMU, by\n\
         physical addresses. Unpack it first:\n\n\
         \x20   zstd -d {CORE}\n\n\
         and then one of\n\n\
         \x20   crash vmlinux core\n\
         \x20   drgn -c core -s vmlinux\n\n\
         {symbols}{note_text}{moved}\n\
         kernel        {release}\n\
         from          {}\n\
         image         {}\n\
         command line  {cmdline}\n",
        kernel.origin, kernel.hash
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn kernel() -> Kernel {
        Kernel { hash: "abc".into(), origin: "linux-image-6.1.0-x 6.1.2-1".into(), ..Kernel::sample("/k") }
    }

    #[test]
    fn a_core_says_how_it_is_read() {
        let place = tempfile::tempdir().unwrap();
        let at = |name: &str| place.path().join(name);
        let core = |content: &[u8]| fs::write(at(CORE), zstd::encode_all(content, 1).unwrap()).unwrap();
        core(b"\x7fELF only");
        accompany(place.path(), &kernel(), &DebugFiles::default(), "console=ttyS0 nokaslr").unwrap();
        let text = fs::read_to_string(at(TEXT)).unwrap();
        for part in [
            "    crash vmlinux core\n",
            "    drgn -c core -s vmlinux\n",
            "apt-get install linux-image-6.1.0-x-dbg",
            "no VMCOREINFO note",
            "addresses are those of vmlinux",
            "command line  console=ttyS0 nokaslr\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        core(b"\x7fELF VMCOREINFO\0OSRELEASE=6.1");
        fs::write(at("v"), "ELF").unwrap();
        let files = DebugFiles { vmlinux: Some(at("v")), dwarf: true, system_map: Some(at("v")) };
        accompany(place.path(), &kernel(), &files, "console=ttyS0").unwrap();
        let text = fs::read_to_string(at(TEXT)).unwrap();
        assert!(text.contains("has the kernel's VMCOREINFO note") && text.contains("--kaslr=auto"), "{text}");
        assert!(at("vmlinux").is_file() && at("System.map").is_file());
        assert!(accompany(&at("none"), &kernel(), &files, "").is_err());
    }
}
