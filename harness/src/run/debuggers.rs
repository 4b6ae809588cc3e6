//! What lies beside a core, so that crash and drgn can read it.
//! Lives here: the kernel's files, the commands to give.
//! May not live here: the core itself (`vm::capture`).

use crate::kernel::{DebugFiles, InsideFiles, Kernel, TYPES};
use memchr::memmem;
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
    fs::write(folder.join(TEXT), text(kernel, files, cmdline, note(&folder.join(CORE))?.as_ref()))?;
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

/// What the guest's kernel tells of itself in a core (VMCOREINFO).
struct Note {
    /// Its build id in hex; kernels before 5.9 do not tell it.
    build_id: Option<String>,
}

/// The note in a core; `None` where the guest's kernel left none.
fn note(core: &Path) -> io::Result<Option<Note>> {
    let mut head = Vec::new();
    zstd::stream::Decoder::new(File::open(core)?)?.take(NOTES).read_to_end(&mut head)?;
    // The note's owner, and the first lines of what is in it.
    let Some(owner) = memmem::find(&head, b"VMCOREINFO\0") else { return Ok(None) };
    let Some(begin) = memmem::find(&head[owner..], b"OSRELEASE=") else { return Ok(None) };
    let second = head[owner + begin..].split(|byte| *byte == b'\n').nth(1);
    let id = second.and_then(|line| std::str::from_utf8(line.strip_prefix(b"BUILD-ID=")?).ok());
    let id = id.filter(|id| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
    Ok(Some(Note { build_id: id.map(str::to_owned) }))
}

fn text(kernel: &Kernel, files: &DebugFiles, cmdline: &str, note: Option<&Note>) -> String {
    let release = &kernel.release;
    let build_id = note.and_then(|note| note.build_id.as_ref());
    let symbols = match (&files.vmlinux, files.dwarf) {
        (Some(_), true) => "The vmlinux here is that kernel's, with debug information.\n".to_owned(),
        (Some(_), false) => "The vmlinux here is that kernel's, but without debug information (DWARF), which crash and drgn need.\n\
                             Build the kernel with the fragment debug-info (kernel-configs/debug-info.config) and run again.\n"
            .to_owned(),
        (None, _) => {
            let by_id = build_id.map_or_else(String::new, |id| {
                format!(
                    "or of any distribution that has a server for it (in DEBUGINFOD_URLS)\n\
                     \x20   debuginfod-find debuginfo {id}\n"
                )
            });
            format!(
                "There was no vmlinux with symbols at hand. Of a distribution's kernel it is a package of its own, in exactly\n\
                 the version that ran (below); Debian:\n\
                 \x20   apt-get install linux-image-{release}-dbg    # /usr/lib/debug/boot/vmlinux-{release}\n\
                 {by_id}Put it here as vmlinux.\n"
            )
        }
    };
    let note_text = match note {
        Some(_) => "The core has the kernel's VMCOREINFO note.\n",
        None => {
            "The core has no VMCOREINFO note: the guest's kernel did not hand it to QEMU. It does from 4.17 on, with CONFIG_KEXEC\n\
             and CONFIG_FW_CFG_SYSFS (both are in the fragment debug-info; as a module the latter is qemu_fw_cfg). crash can do\n\
             without; drgn cannot read such a core.\n"
        }
    };
    let fixed = cmdline.split(' ').any(|word| word == "nokaslr");
    let moved = match fixed {
        true => "The kernel ran where it was linked (nokaslr): addresses are those of vmlinux and System.map.\n",
        false => {
            "The kernel may have moved itself (KASLR), so that addresses are not those of vmlinux and System.map. crash and drgn\n\
             find out by how much; where crash does not, give it `--kaslr auto`.\n"
        }
    };
    let cmdline = if cmdline.is_empty() { "unknown: the guest booted from its disk" } else { cmdline };
    format!(
        "The memory of the guest as it hung, before anything was tried against it: an ELF core, written by QEMU, by\n\
         physical addresses. oomph reads it as it is, and needs no debug information where the kernel has BTF:\n\n\
         \x20   oomph diagnose --core {CORE}\n\n\
         For debuggers unpack it:\n\n\
         \x20   zstd -d {CORE}\n\n\
         and then one of\n\n\
         \x20   crash vmlinux core\n\
         \x20   drgn -c core -s vmlinux\n\n\
         {symbols}{note_text}{moved}\n\
         kernel        {release}\n\
         build id      {}\n\
         from          {}\n\
         image         {}\n\
         command line  {cmdline}\n",
        build_id.map_or("unknown", String::as_str),
        kernel.origin,
        kernel.hash
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
            "build id      unknown\n",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("debuginfod"), "{text}");
        core(b"\x7fELF VMCOREINFO\0OSRELEASE=6.1\nBUILD-ID=00aa\nPAGESIZE=4096\n");
        accompany(place.path(), &kernel(), &DebugFiles::default(), "").unwrap();
        let text = fs::read_to_string(at(TEXT)).unwrap();
        for part in ["    debuginfod-find debuginfo 00aa\nPut it", "build id      00aa\n", "booted from its disk"] {
            assert!(text.contains(part), "{part}: {text}");
        }
        core(b"\x7fELF VMCOREINFO\0OSRELEASE=4.19\nPAGESIZE=4096\n");
        fs::write(at("v"), "ELF").unwrap();
        let files = DebugFiles { vmlinux: Some(at("v")), dwarf: true, system_map: Some(at("v")) };
        accompany(place.path(), &kernel(), &files, "console=ttyS0").unwrap();
        let text = fs::read_to_string(at(TEXT)).unwrap();
        assert!(text.contains("has the kernel's VMCOREINFO note") && text.contains("`--kaslr auto`"), "{text}");
        assert!(at("vmlinux").is_file() && at("System.map").is_file());
        assert!(accompany(&at("none"), &kernel(), &files, "").is_err());
    }
}
