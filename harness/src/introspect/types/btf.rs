//! BTF: the types that kernels since 4.18 carry in their image.
//! Lives here: reading the section.
//! May not live here: where it is in a file.
//!
//! Source: Documentation/bpf/btf.rst; include/uapi/linux/btf.h of 7.2, whose wider fields were unused before.

use super::store::{Field, Id, Type};
use super::{Named, NotRead, Types};

const MAGIC: u16 = 0xeb9f;
/// Longest name that is read.
const MAX_NAME: usize = 512;
/// `BTF_INT_SIGNED`, in the word behind an integer's type.
const INT_SIGNED: u32 = 1 << 24;

/// A part of the section as numbers of 4 bytes, read one after the other.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn next(&mut self) -> Result<u32, NotRead> {
        let (word, rest) = self.0.split_first_chunk().ok_or_else(|| damaged("its last type is cut off"))?;
        self.0 = rest;
        Ok(u32::from_le_bytes(*word))
    }

    fn skip(&mut self, bytes: usize) -> Result<(), NotRead> {
        self.0 = self.0.get(bytes..).ok_or_else(|| damaged("its last type is cut off"))?;
        Ok(())
    }
}

fn damaged(cause: &str) -> NotRead {
    NotRead::Btf(cause.to_owned())
}

/// The parts of the section.
struct Parts<'a> {
    types: &'a [u8],
    strings: &'a [u8],
    /// Since 7.1, where asked for: 4 bytes a kind, the first two of which say how long what follows a type of it is.
    layout: &'a [u8],
}

impl<'a> Parts<'a> {
    fn of(section: &'a [u8]) -> Result<Self, NotRead> {
        let cut = || damaged("its header is cut off");
        let word = |at: usize| section.get(at..)?.first_chunk().map(|bytes| u32::from_le_bytes(*bytes) as usize);
        let start = word(0).ok_or_else(cut)?;
        let (magic, version) = (start as u16, (start >> 16) as u8);
        if (magic, version) != (MAGIC, 1) {
            return Err(NotRead::Btf(format!("it starts with {magic:#06x}, version {version}, not {MAGIC:#06x}, 1")));
        }
        let header = word(4).ok_or_else(cut)?;
        let part = |at: usize| {
            let from = header.checked_add(word(at)?)?;
            section.get(from..from.checked_add(word(at + 4)?)?)
        };
        let outside = || damaged("its header points behind its end");
        let layout = if header >= 32 { part(24).ok_or_else(outside)? } else { &[] };
        Ok(Self { types: part(8).ok_or_else(outside)?, strings: part(16).ok_or_else(outside)?, layout })
    }

    /// A string, without its NUL.
    fn string(&self, at: u32) -> &'a [u8] {
        let rest = self.strings.get(at as usize..).unwrap_or_default();
        let end = rest.iter().take(MAX_NAME).position(|&byte| byte == 0);
        end.and_then(|end| rest.get(..end)).unwrap_or_default()
    }

    /// Bytes behind a type of a kind that is not known, with so many parts.
    fn unknown(&self, kind: u8, parts: usize) -> Result<usize, NotRead> {
        match self.layout.get(4 * usize::from(kind)..).and_then(<[u8]>::first_chunk::<2>) {
            Some([alone, part]) => Ok(usize::from(*alone) + usize::from(*part) * parts),
            None => Err(NotRead::UnknownKind { kind }),
        }
    }
}

/// Reads the section.
pub(super) fn read(section: &[u8]) -> Result<Types, NotRead> {
    let parts = Parts::of(section)?;
    let mut types = Types::default();
    let names = types.store.keep(parts.strings);
    let mut words = Words(parts.types);
    while !words.0.is_empty() {
        one(&parts, names, &mut words, &mut types)?;
    }
    Ok(types)
}

/// Reads a type. Types are numbered from 1, and so are those of the store.
fn one(parts: &Parts<'_>, names: u32, words: &mut Words<'_>, types: &mut Types) -> Result<(), NotRead> {
    let (name_at, info, size_or_type) = (words.next()?, words.next()?, words.next()?);
    let (kind, flag, count) = ((info >> 24 & 0x7f) as u8, info >> 31 == 1, (info & 0xff_ffff) as usize);
    let (name, id) = (parts.string(name_at), types.store.len() as Id);
    let size = u64::from(size_or_type);
    let mut named = None;
    let read = match kind {
        1 => Type::Number { size, signed: words.next()? & INT_SIGNED != 0 },
        2 => Type::Pointer,
        3 => {
            let (element, _, count) = (words.next()?, words.next()?, words.next()?);
            Type::Array { element, count: count.into() }
        }
        4 | 5 => {
            let mut fields = Vec::new();
            for _ in 0..count {
                let (name_at, kind, at) = (words.next()?, words.next()?, words.next()?);
                // With the flag, the upper 8 bits are a bit-field's width.
                let (at, width) = if flag { (at & 0xff_ffff, (at >> 24) as u8) } else { (at, 0) };
                let length = parts.string(name_at).len() as u16;
                fields.push(Field { name: (names.saturating_add(name_at), length), kind, at: at.into(), width });
            }
            named = Some(false);
            types.store.fields(size, fields)
        }
        6 => {
            let mut signed = flag;
            for _ in 0..count {
                let (name_at, value) = (words.next()?, words.next()?.cast_signed());
                // The flag came with 6.0. Before, nothing tells a negative value from a very large one.
                types.enumerate(parts.string(name_at), value.into());
                signed |= value < 0;
            }
            named = Some(false);
            Type::Number { size, signed }
        }
        8 => {
            named = Some(true);
            Type::Alias(size_or_type)
        }
        9..=11 | 18 => Type::Alias(size_or_type),
        16 => Type::Number { size, signed: true },
        19 => {
            for _ in 0..count {
                let (name_at, low, high) = (words.next()?, words.next()?, words.next()?);
                types.enumerate(parts.string(name_at), (u64::from(high) << 32 | u64::from(low)).cast_signed());
            }
            named = Some(false);
            Type::Number { size, signed: flag }
        }
        _ => {
            words.skip(match kind {
                7 | 12 => 0,
                13 => 8 * count,
                14 | 17 => 4,
                15 => 12 * count,
                _ => parts.unknown(kind, count)?,
            })?;
            Type::Unknown
        }
    };
    types.store.push(read);
    if let Some(typedef) = named {
        types.name(name, Named { id, typedef });
    }
    Ok(())
}
