//! What a kernel module says about itself.
//! Lives here: reading `.modinfo` of a .ko and lines of modules.builtin.modinfo, taking a .ko out of its compression.
//! May not live here: other modules, or directories.
//!
//! Source: include/linux/moduleinfo.h, scripts/mod/modpost.c (3.10 to 6.12): NUL-terminated `key=value` texts.

use object::{Object, ObjectSection};
use std::io::{self, Read};
use std::path::Path;

/// Most bytes of a module, uncompressed; the largest of Debian's has 14 MB, with debug information some 200 MB.
const MAX_SIZE: u64 = 512 << 20;

/// A module's own words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Modinfo {
    /// Its name, where it says it (`name=`, since 4.13); normalised.
    pub name: Option<String>,
    /// What must be loaded before it; normalised.
    pub depends: Vec<String>,
    /// What should be loaded before it, by name or alias.
    pub pre: Vec<String>,
    /// What should be loaded after it, by name or alias.
    pub post: Vec<String>,
    /// Other names by which it is asked for, patterns left out.
    pub aliases: Vec<String>,
}

impl Modinfo {
    /// Reads a module that is not compressed; the error says what is wrong with it.
    pub fn of_module(bytes: &[u8]) -> Result<Self, String> {
        let file = object::File::parse(bytes).map_err(|cause| format!("no kernel module ({cause})"))?;
        let section = file.section_by_name(".modinfo").ok_or("no kernel module (no .modinfo)")?;
        let text = section.data().map_err(|cause| format!("a damaged kernel module ({cause})"))?;
        Ok(Self::of_text(text))
    }

    /// Reads the content of `.modinfo`.
    pub fn of_text(text: &[u8]) -> Self {
        let mut info = Self::default();
        for field in text.split(|&byte| byte == 0) {
            if let Some((key, value)) = String::from_utf8_lossy(field).split_once('=') {
                info.take(key, value);
            }
        }
        info
    }

    /// Takes one field in; unknown ones are left alone.
    pub fn take(&mut self, key: &str, value: &str) {
        match key {
            "name" => self.name = Some(normal(value)),
            "depends" => self.depends.extend(value.split(',').filter(|name| !name.is_empty()).map(normal)),
            "alias" if !value.contains(['*', '?', '[']) => self.aliases.push(normal(value)),
            "softdep" => {
                let mut before = None;
                for word in value.split_whitespace() {
                    match (word, before) {
                        ("pre:", _) => before = Some(true),
                        ("post:", _) => before = Some(false),
                        (name, Some(true)) => self.pre.push(normal(name)),
                        (name, Some(false)) => self.post.push(normal(name)),
                        (_, None) => {}
                    }
                }
            }
            _ => {}
        }
    }
}

/// `-` and `_` are one in a module's name (kmod does the same for aliases).
pub fn normal(name: &str) -> String {
    name.replace('-', "_")
}

/// A module's name from its file's (`virtio-rng.ko.xz` → `virtio_rng`); `None` for what is no module.
pub fn name_of_file(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stem = [".ko", ".ko.xz", ".ko.gz", ".ko.zst"].iter().find_map(|suffix| name.strip_suffix(suffix))?;
    Some(normal(stem))
}

/// A module's plain bytes from its file's; the file's name says how it is compressed.
pub fn plain(path: &Path, bytes: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut reader: Box<dyn Read> = match path.extension().and_then(|extension| extension.to_str()) {
        Some("xz") => Box::new(lzma_rust2::XzReader::new(&*bytes, true)),
        Some("gz") => Box::new(flate2::read::MultiGzDecoder::new(&*bytes)),
        Some("zst") => Box::new(zstd::Decoder::new(&*bytes)?),
        _ => return Ok(bytes),
    };
    let mut plain = Vec::new();
    reader.by_ref().take(MAX_SIZE).read_to_end(&mut plain)?;
    if plain.len() as u64 == MAX_SIZE {
        return Err(io::Error::other(format!("it has more than {MAX_SIZE} bytes")));
    }
    Ok(plain)
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::io::Write;

    /// A relocatable ELF file with a `.modinfo` section.
    pub(in crate::image) fn module(modinfo: &str) -> Vec<u8> {
        let names = b"\0.modinfo\0.shstrtab\0";
        let mut bytes = vec![0; 64];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..24].copy_from_slice(&[1, 0, 62, 0, 1, 0, 0, 0]);
        let (text, strings) = (bytes.len(), bytes.len() + modinfo.len());
        bytes.extend_from_slice(modinfo.as_bytes());
        bytes.extend_from_slice(names);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        let headers = bytes.len() as u64;
        bytes[40..48].copy_from_slice(&headers.to_le_bytes());
        bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
        bytes[58..60].copy_from_slice(&64_u16.to_le_bytes());
        bytes[60..62].copy_from_slice(&3_u16.to_le_bytes());
        bytes[62..64].copy_from_slice(&2_u16.to_le_bytes());
        let mut section = |name: u32, kind: u32, offset: usize, size: usize| {
            let mut header = [0; 64];
            header[..4].copy_from_slice(&name.to_le_bytes());
            header[4..8].copy_from_slice(&kind.to_le_bytes());
            header[24..32].copy_from_slice(&(offset as u64).to_le_bytes());
            header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
            header[48] = 1;
            bytes.extend_from_slice(&header);
        };
        section(0, 0, 0, 0);
        section(1, 1, text, modinfo.len());
        section(10, 3, strings, names.len());
        bytes
    }

    const XFS: &str = "license=GPL\0alias=fs-xfs\0depends=libcrc32c\0name=xfs\0vermagic=6.1.0 SMP\0";

    #[test]
    fn fields_are_read_from_a_module() {
        let info = Modinfo::of_module(&module(XFS)).unwrap();
        assert_eq!(
            (info.name.as_deref(), &*info.depends, &*info.aliases),
            (Some("xfs"), &["libcrc32c".into()][..], &["fs_xfs".into()][..])
        );
        let text =
            "softdep=pre: crc32c aes-ni post: late\0alias=pci:v0001d*\0depends=virtio-ring,virtio\0depends=\0broken";
        let info = Modinfo::of_text(text.as_bytes());
        assert_eq!((info.pre, info.post), (vec!["crc32c".into(), "aes_ni".into()], vec!["late".into()]));
        assert_eq!(
            (info.depends, info.aliases, info.name),
            (vec!["virtio_ring".into(), "virtio".into()], vec![], None)
        );
    }

    #[test]
    fn what_is_no_module_says_so() {
        assert!(Modinfo::of_module(b"text").unwrap_err().starts_with("no kernel module"));
        let mut other = module(XFS);
        let at = other.windows(8).position(|bytes| bytes == b".modinfo").unwrap();
        other[at] = b'x';
        assert_eq!(Modinfo::of_module(&other).unwrap_err(), "no kernel module (no .modinfo)");
    }

    #[test]
    fn compressed_modules_come_out_plain() {
        let bytes = module(XFS);
        let gz = {
            let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            gz.write_all(&bytes).unwrap();
            gz.finish().unwrap()
        };
        let xz = {
            let mut xz = lzma_rust2::XzWriter::new(Vec::new(), lzma_rust2::XzOptions::with_preset(1)).unwrap();
            xz.write_all(&bytes).unwrap();
            xz.finish().unwrap()
        };
        let zst = zstd::encode_all(&*bytes, 1).unwrap();
        for (name, packed) in [("a.ko", bytes.clone()), ("a.ko.gz", gz), ("a.ko.xz", xz), ("a.ko.zst", zst)] {
            assert_eq!(plain(Path::new(name), packed).unwrap(), bytes, "{name}");
            assert_eq!(name_of_file(Path::new(name)).as_deref(), Some("a"));
        }
        assert!(plain(Path::new("a.ko.xz"), bytes).is_err());
        assert_eq!(name_of_file(Path::new("kernel/virtio-rng.ko.xz")).as_deref(), Some("virtio_rng"));
        assert_eq!(name_of_file(Path::new("modules.builtin")), None);
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..400, value in any::<u8>(), length in 0usize..500) {
            let mut bytes = module(XFS);
            let last = bytes.len() - 1;
            bytes[at.min(last)] = value;
            bytes.truncate(length);
            let _ = Modinfo::of_module(&bytes);
        }
    }
}
