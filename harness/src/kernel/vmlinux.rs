//! The vmlinux that a bzImage carries: QEMU boots it by its PVH note, without firmware or decompression in the guest.
//! Lives here: finding the payload of a bzImage, its size, and what became of it (pure).
//! May not live here: files, the cache, or which of the two is booted.
//!
//! Sources: Documentation/arch/x86/boot.rst (fields `setup_sects`, `payload_offset`, `payload_length`, `init_size`);
//! arch/x86/boot/compressed/Makefile (what is compressed, and how).

mod compression;
pub(super) mod elf;
#[cfg(test)]
pub(super) mod tests;

pub use compression::Compression;

use super::header;

/// Most bytes that a payload may unpack to, whatever its header says; Debian's have 40 to 80 MB.
pub const MAX_VMLINUX_BYTES: usize = 512 << 20;

/// Fields of the boot header, as offsets into the image.
const SETUP_SECTS: usize = 0x1f1;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;
const INIT_SIZE: usize = 0x260;
/// What `setup_sects` counts in, and its value where it is 0.
const SECTOR_BYTES: usize = 512;
const DEFAULT_SETUP_SECTS: u8 = 4;

/// A vmlinux out of a bzImage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// The ELF file, without the relocations that `CONFIG_X86_NEED_RELOCS` puts behind it.
    pub vmlinux: Vec<u8>,
    /// What it was compressed with.
    pub compression: Compression,
    /// Physical address of its PVH entry; a kernel without one (`CONFIG_PVH`, Linux 4.21) boots only as a bzImage.
    pub pvh_entry: Option<u32>,
}

/// Why there is no vmlinux. The bzImage may boot all the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotUnpacked {
    /// No boot header, or one that is too old; the text says which.
    #[error("no bzImage that can be unpacked: {0}")]
    NotABzImage(String),
    /// The header points at a payload that is not in the file.
    #[error(
        "its payload should be bytes {from} to {to}, and the image has {length}; it is cut off or its header is damaged"
    )]
    PayloadOutside {
        /// First byte of the payload.
        from: u64,
        /// The byte behind it.
        to: u64,
        /// Bytes in the image.
        length: u64,
    },
    /// A payload that starts like none that kernels have.
    #[error("its payload starts with {}, which is no compression of the kernel's", hex(.0))]
    UnknownCompression(Vec<u8>),
    /// A compression that kernels may have and this harness cannot undo.
    #[error("{0} payloads are not supported here; use the bzImage itself")]
    Unsupported(Compression),
    /// The payload claims to unpack to more than the bound.
    #[error("its payload says it unpacks to {size} bytes; {limit} is the most (init_size of its header, or 512 MiB)")]
    TooBig {
        /// What it says.
        size: u64,
        /// The bound.
        limit: u64,
    },
    /// The compressed data is damaged.
    #[error("its {compression} payload is damaged: {cause}")]
    Damaged {
        /// What it is compressed with.
        compression: Compression,
        /// What its decoder says.
        cause: String,
    },
    /// The payload unpacks to another size than it says.
    #[error("its {compression} payload says it unpacks to {expected} bytes and has {}", if *more { "more" } else { "fewer" })]
    WrongSize {
        /// What it is compressed with.
        compression: Compression,
        /// What it says.
        expected: u64,
        /// Whether there was more; else there was less.
        more: bool,
    },
    /// What was unpacked is no vmlinux.
    #[error("its payload is no x86-64 vmlinux: {0}")]
    NotAVmlinux(String),
}

fn hex(bytes: &[u8]) -> String {
    if bytes.is_empty() {
        return "nothing".into();
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(" ")
}

/// Takes the vmlinux out of an x86-64 bzImage (boot protocol 2.12, as [`header::identify`] wants it).
///
/// Never holds more than `init_size` of the header, or [`MAX_VMLINUX_BYTES`], of what it unpacks, and 256 MiB for a
/// decoder's window.
pub fn unpack(bzimage: &[u8]) -> Result<Unpacked, NotUnpacked> {
    if bzimage.starts_with(b"\x7fELF") {
        return Err(NotUnpacked::NotABzImage("it is an ELF file".into()));
    }
    header::identify(bzimage).map_err(NotUnpacked::NotABzImage)?;
    let payload = payload(bzimage)?;
    let compression = compression::recognise(payload)
        .ok_or_else(|| NotUnpacked::UnknownCompression(payload.iter().take(4).copied().collect()))?;
    let mut vmlinux = compression::unpack(compression, payload, limit(bzimage)?)?;
    let length = elf::length(&vmlinux).map_err(NotUnpacked::NotAVmlinux)?;
    vmlinux.truncate(length);
    let pvh_entry = elf::pvh_entry(&vmlinux).map_err(NotUnpacked::NotAVmlinux)?;
    Ok(Unpacked { vmlinux, compression, pvh_entry })
}

/// The bytes at `payload_offset`, which counts from the start of the protected-mode code.
fn payload(bzimage: &[u8]) -> Result<&[u8], NotUnpacked> {
    let sectors = match bzimage.get(SETUP_SECTS).copied().unwrap_or(0) {
        0 => DEFAULT_SETUP_SECTS,
        sectors => sectors,
    };
    let protected_mode = (usize::from(sectors) + 1) * SECTOR_BYTES;
    let from = protected_mode.saturating_add(word(bzimage, PAYLOAD_OFFSET)?);
    let to = from.saturating_add(word(bzimage, PAYLOAD_LENGTH)?);
    bzimage.get(from..to).ok_or(NotUnpacked::PayloadOutside {
        from: from as u64,
        to: to as u64,
        length: bzimage.len() as u64,
    })
}

/// The most that the payload may unpack to. The kernel unpacks itself within `init_size`, so that is a bound.
fn limit(bzimage: &[u8]) -> Result<usize, NotUnpacked> {
    Ok(match word(bzimage, INIT_SIZE)? {
        0 => MAX_VMLINUX_BYTES,
        init_size => init_size.min(MAX_VMLINUX_BYTES),
    })
}

fn word(bzimage: &[u8], at: usize) -> Result<usize, NotUnpacked> {
    let bytes = bzimage.get(at..).and_then(<[u8]>::first_chunk);
    let bytes = bytes.ok_or_else(|| NotUnpacked::NotABzImage("its boot header is cut off".into()))?;
    Ok(u32::from_le_bytes(*bytes) as usize)
}
