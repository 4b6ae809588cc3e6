//! The compressions that x86 kernels use.
//! Lives here: telling them apart and undoing them, within a bound (pure).
//! May not live here: where in an image the payload is, or what it contains.
//!
//! Sources: scripts/Makefile.lib (the commands that compress, and the size behind what they write), lib/decompress.c
//! (magic numbers), lib/decompress_unlz4.c (blocks of 8 MiB).

use super::NotUnpacked;
use std::fmt;
use std::io::{self, Read};

/// Most KiB for the window of an LZMA decoder; kernels use 128 MiB at most (scripts/xz_wrap.sh, Linux 6.12).
const MAX_WINDOW_KIB: u32 = 256 << 10;
/// Most bytes of one block in an LZ4 legacy frame.
const LZ4_BLOCK: usize = 8 << 20;
/// Starts an LZ4 legacy frame.
const LZ4_LEGACY: [u8; 4] = [0x02, 0x21, 0x4c, 0x18];

/// What a payload is compressed with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compression {
    /// Not at all.
    None,
    /// `CONFIG_KERNEL_GZIP`.
    Gzip,
    /// `CONFIG_KERNEL_BZIP2`.
    Bzip2,
    /// `CONFIG_KERNEL_LZMA`.
    Lzma,
    /// `CONFIG_KERNEL_XZ`.
    Xz,
    /// `CONFIG_KERNEL_LZO`: recognised, and not supported.
    Lzo,
    /// `CONFIG_KERNEL_LZ4`: the legacy frame.
    Lz4,
    /// `CONFIG_KERNEL_ZSTD`.
    Zstd,
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Bzip2 => "bzip2",
            Self::Lzma => "lzma",
            Self::Xz => "xz",
            Self::Lzo => "lzo",
            Self::Lz4 => "lz4",
            Self::Zstd => "zstd",
        })
    }
}

/// What a payload starts with.
const MAGIC: [(&[u8], Compression); 9] = [
    (b"\x7fELF", Compression::None),
    (b"\x1f\x8b", Compression::Gzip),
    (b"BZh", Compression::Bzip2),
    (b"\x5d\0", Compression::Lzma),
    (b"\xfd7zXZ\0", Compression::Xz),
    (b"\x89LZO", Compression::Lzo),
    (&LZ4_LEGACY, Compression::Lz4),
    (b"\x28\xb5\x2f\xfd", Compression::Zstd),
    (b"\x1f\x9e", Compression::Gzip),
];

/// What a payload is compressed with, by its first bytes.
pub(super) fn recognise(payload: &[u8]) -> Option<Compression> {
    MAGIC.iter().find(|(magic, _)| payload.starts_with(magic)).map(|&(_, compression)| compression)
}

/// Undoes the compression; `limit` is the most bytes that may come of it.
///
/// The last four bytes of a compressed payload are the size that it unpacks to: of gzip they are its own trailer, behind
/// all others the kernel's build puts them.
pub(super) fn unpack(compression: Compression, payload: &[u8], limit: usize) -> Result<Vec<u8>, NotUnpacked> {
    let damaged = |cause: String| NotUnpacked::Damaged { compression, cause };
    let (data, size) = match compression {
        Compression::None | Compression::Lzo => (payload, payload.len()),
        _ => {
            let (data, size) = payload.split_last_chunk::<4>().ok_or_else(|| damaged("it has no size".into()))?;
            (data, u32::from_le_bytes(*size) as usize)
        }
    };
    if size > limit {
        return Err(NotUnpacked::TooBig { size: size as u64, limit: limit as u64 });
    }
    let unpacked = match compression {
        Compression::None => Ok(data.to_vec()),
        Compression::Lzo => return Err(NotUnpacked::Unsupported(compression)),
        Compression::Gzip => read(flate2::read::GzDecoder::new(payload), size),
        Compression::Bzip2 => read(bzip2::read::BzDecoder::new(data), size),
        Compression::Lzma => {
            lzma_rust2::LzmaReader::new_mem_limit(data, MAX_WINDOW_KIB, None).and_then(|reader| read(reader, size))
        }
        Compression::Xz => read(lzma_rust2::XzReader::new_mem_limit(data, false, MAX_WINDOW_KIB), size),
        Compression::Lz4 => lz4(data, size),
        Compression::Zstd => zstd::stream::read::Decoder::with_buffer(data).and_then(|reader| read(reader, size)),
    };
    let unpacked = unpacked.map_err(|error| damaged(error.to_string()))?;
    if unpacked.len() == size {
        Ok(unpacked)
    } else {
        Err(NotUnpacked::WrongSize { compression, expected: size as u64, more: unpacked.len() > size })
    }
}

/// Reads to the end, or to one byte more than `size`.
fn read(reader: impl Read, size: usize) -> io::Result<Vec<u8>> {
    let mut unpacked = Vec::new();
    reader.take(size as u64 + 1).read_to_end(&mut unpacked)?;
    Ok(unpacked)
}

/// The blocks of an LZ4 legacy frame: each a 32-bit length, then as many bytes. A frame may follow on a frame.
///
/// Own code, because lz4_flex's reader of frames refuses a block that compression made longer than 8 MiB, which an
/// initramfs built into a kernel can give.
fn lz4(data: &[u8], size: usize) -> io::Result<Vec<u8>> {
    let wrong = |cause: String| io::Error::new(io::ErrorKind::InvalidData, cause);
    let mut unpacked = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (word, behind) = rest.split_first_chunk().ok_or_else(|| wrong("a block's length is cut off".into()))?;
        rest = behind;
        if *word == LZ4_LEGACY {
            continue;
        }
        let length = u32::from_le_bytes(*word) as usize;
        let (block, behind) = rest.split_at_checked(length).ok_or_else(|| wrong("a block is cut off".into()))?;
        rest = behind;
        let done = unpacked.len();
        unpacked.resize(size.min(done + LZ4_BLOCK), 0);
        let more = lz4_flex::block::decompress_into(block, &mut unpacked[done..])
            .map_err(|error| wrong(format!("block at {done}: {error}")))?;
        unpacked.truncate(done + more);
    }
    Ok(unpacked)
}
