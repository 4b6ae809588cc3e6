//! What a kernel image says about itself: whether it boots here, and its version.
//! Lives here: reading the boot header of a bzImage and the notes of a vmlinux (pure).
//! May not live here: files, or modules.
//!
//! Source: Documentation/arch/x86/boot.rst (fields `header`, `version`, `kernel_version`, `xloadflags`).

use super::vmlinux::elf;
use memchr::memmem;

/// Bytes from an image's start in which a bzImage's header and version are: `kernel_version` is a 16-bit offset + 0x200.
pub const HEADER_BYTES: usize = 0x200 + 0x1_0000 + 256;

/// Boot protocol with `xloadflags`, of Linux 3.8.
const PROTOCOL_XLOADFLAGS: u16 = 0x020c;
/// `XLF_KERNEL_64` in `xloadflags`: the kernel has a 64-bit entry point.
const XLF_KERNEL_64: u16 = 1;

/// What an image is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A bzImage.
    BzImage,
    /// A vmlinux with a PVH entry.
    Vmlinux,
}

/// What an image says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// What it is.
    pub format: Format,
    /// `uname -r`.
    pub release: String,
    /// Major, minor, patch.
    pub version: (u32, u32, u32),
}

/// Reads an image's header; `bytes` are [`HEADER_BYTES`] of a bzImage or the whole of a vmlinux. The error says what is
/// wrong with it.
pub fn identify(bytes: &[u8]) -> Result<Identity, String> {
    let (format, banner) = if bytes.starts_with(b"\x7fELF") {
        (Format::Vmlinux, vmlinux_banner(bytes)?)
    } else {
        (Format::BzImage, bzimage_banner(bytes)?)
    };
    let release = banner.split_whitespace().next().unwrap_or_default();
    let version = version_of(&banner).ok_or_else(|| format!("its version `{release}` is no kernel version"))?;
    Ok(Identity { format, release: release.to_owned(), version })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn bzimage_banner(bytes: &[u8]) -> Result<String, String> {
    if u16_at(bytes, 0x1fe) != Some(0xaa55) || bytes.get(0x202..0x206) != Some(b"HdrS") {
        return Err("no boot header (HdrS at 0x202)".into());
    }
    let field = |at| u16_at(bytes, at).ok_or("its boot header is cut off");
    let protocol = field(0x206)?;
    if protocol < PROTOCOL_XLOADFLAGS {
        return Err(format!("its boot protocol is {}.{:02}", protocol >> 8, protocol & 0xff));
    }
    if field(0x236)? & XLF_KERNEL_64 == 0 {
        return Err("a 32-bit kernel".into());
    }
    let version = match field(0x20e)? {
        0 => return Err("its boot header carries no version".into()),
        at => bytes.get(0x200 + usize::from(at)..).ok_or("its version is cut off")?,
    };
    Ok(c_string(version))
}

fn c_string(bytes: &[u8]) -> String {
    let text = bytes.iter().take(256).take_while(|&&byte| byte != 0).copied().collect::<Vec<u8>>();
    String::from_utf8_lossy(&text).into_owned()
}

fn vmlinux_banner(bytes: &[u8]) -> Result<String, String> {
    if elf::pvh_entry(bytes)?.is_none() {
        return Err("an ELF file without a PVH note".into());
    }
    // linux_banner in init/version.c; linux_proc_banner beside it has no digit there.
    const BANNER: &[u8] = b"Linux version ";
    let mut behind = memmem::find_iter(bytes, BANNER).filter_map(|at| bytes.get(at + BANNER.len()..));
    let version = behind.find(|rest| rest.first().is_some_and(u8::is_ascii_digit)).ok_or("it has no version text")?;
    Ok(c_string(version))
}

/// Major, minor and patch level from a version text, `RELEASE (builder) #1 SMP …`.
///
/// Debian's releases carry an ABI number and patch level 0 (`6.1.0-31-amd64`); its builds add the version of the package,
/// `Debian 6.1.128-1`, whose patch level is the true one.
pub fn version_of(banner: &str) -> Option<(u32, u32, u32)> {
    let (major, minor, patch) = leading_version(banner)?;
    let mut words = banner.split_whitespace().skip_while(|word| *word != "Debian").skip(1);
    match words.next().and_then(leading_version) {
        Some(package) if (package.0, package.1) == (major, minor) => Some(package),
        _ => Some((major, minor, patch)),
    }
}

/// `X.Y`, `X.Y.Z` and whatever follows.
fn leading_version(text: &str) -> Option<(u32, u32, u32)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let mut numbers = text[..end].split('.').map(str::parse);
    let (major, minor) = (numbers.next()?.ok()?, numbers.next()?.ok()?);
    Some((major, minor, numbers.next().and_then(Result::ok).unwrap_or(0)))
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use elf::XEN_ELFNOTE_PHYS32_ENTRY;
    use proptest::prelude::*;

    /// The start of a bzImage, as far as this module reads it.
    pub(in crate::kernel) fn bzimage(banner: &str) -> Vec<u8> {
        let mut bytes = vec![0; 0x4000];
        bytes[0x1fe..0x200].copy_from_slice(&[0x55, 0xaa]);
        bytes[0x202..0x206].copy_from_slice(b"HdrS");
        bytes[0x206..0x208].copy_from_slice(&0x020f_u16.to_le_bytes());
        bytes[0x20e..0x210].copy_from_slice(&0x3000_u16.to_le_bytes());
        bytes[0x236] = 0x3f;
        bytes[0x3200..0x3200 + banner.len()].copy_from_slice(banner.as_bytes());
        bytes
    }

    #[test]
    fn a_bzimage_names_its_release() {
        let found = identify(&bzimage("4.0.0+ (root@x) #1 SMP Tue Apr 14 10:00:00 UTC 2015")).unwrap();
        assert_eq!(found, Identity { format: Format::BzImage, release: "4.0.0+".into(), version: (4, 0, 0) });
        let found = identify(&bzimage("3.10.108 (a@b) #2")).unwrap();
        assert_eq!((found.release.as_str(), found.version), ("3.10.108", (3, 10, 108)));
    }

    #[test]
    fn the_patch_level_of_debians_kernels_is_the_packages() {
        let banner =
            "6.1.0-31-amd64 (debian-kernel@lists.debian.org) #1 SMP PREEMPT_DYNAMIC Debian 6.1.128-1 (2025-02-07)";
        let found = identify(&bzimage(banner)).unwrap();
        assert_eq!((found.release.as_str(), found.version), ("6.1.0-31-amd64", (6, 1, 128)));
        assert_eq!(version_of("6.1.7 (x) #1 Debian 12.2.0-1"), Some((6, 1, 7)));
        assert_eq!(version_of("6.18-rc3+"), Some((6, 18, 0)));
        assert_eq!(version_of("next"), None);
    }

    #[test]
    fn what_does_not_boot_here_says_why() {
        let why = |change: &dyn Fn(&mut Vec<u8>)| {
            let mut bytes = bzimage("6.1.0");
            change(&mut bytes);
            identify(&bytes).unwrap_err()
        };
        assert_eq!(why(&|bytes| bytes[0x202] = 0), "no boot header (HdrS at 0x202)");
        assert_eq!(why(&|bytes| bytes.truncate(100)), "no boot header (HdrS at 0x202)");
        assert_eq!(why(&|bytes| bytes[0x206] = 9), "its boot protocol is 2.09");
        assert_eq!(why(&|bytes| bytes[0x236] = 0), "a 32-bit kernel");
        assert_eq!(why(&|bytes| bytes[0x20e..0x210].fill(0)), "its boot header carries no version");
        assert_eq!(why(&|bytes| bytes[0x3200] = b'x'), "its version `x.1.0` is no kernel version");
        assert!(why(&|bytes| bytes[..4].copy_from_slice(b"\x7fELF")).starts_with("a damaged ELF file"));
    }

    /// A vmlinux of one note segment and a banner.
    fn vmlinux(note: u32) -> Vec<u8> {
        let mut bytes = vec![0; 0x200];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..24].copy_from_slice(&[2, 0, 62, 0, 1, 0, 0, 0]);
        bytes[32] = 64; // e_phoff
        bytes[52] = 64; // e_ehsize
        bytes[54] = 56; // e_phentsize
        bytes[56] = 1; // e_phnum
        bytes[64] = 4; // PT_NOTE
        bytes[64 + 8] = 0x80; // p_offset
        bytes[64 + 32] = 20; // p_filesz
        bytes[64 + 40] = 20; // p_memsz
        bytes[64 + 48] = 4; // p_align
        bytes[0x80..0x94].copy_from_slice(b"\x04\0\0\0\x04\0\0\0\0\0\0\0Xen\0\0\0\0\x01");
        bytes[0x88..0x8c].copy_from_slice(&note.to_le_bytes());
        bytes.extend_from_slice(b"Linux version %s\0Linux version 6.1.192 (a@b) #1 SMP\n\0");
        bytes
    }

    #[test]
    fn a_vmlinux_needs_a_pvh_note() {
        let found = identify(&vmlinux(XEN_ELFNOTE_PHYS32_ENTRY.0)).unwrap();
        assert_eq!(found, Identity { format: Format::Vmlinux, release: "6.1.192".into(), version: (6, 1, 192) });
        assert_eq!(identify(&vmlinux(5)).unwrap_err(), "an ELF file without a PVH note");
    }

    proptest! {
        #[test]
        fn no_bytes_panic(at in 0usize..0x240, value in any::<u8>(), length in 0usize..0x4000) {
            let mut bytes = bzimage("6.1.0");
            bytes[at] = value;
            bytes.truncate(length);
            let _ = identify(&bytes);
            let mut elf = vmlinux(XEN_ELFNOTE_PHYS32_ENTRY.0);
            elf[at.min(0x1ff)] = value;
            elf.truncate(length);
            let _ = identify(&elf);
        }
    }
}
