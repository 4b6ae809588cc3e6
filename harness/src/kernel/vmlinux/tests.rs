//! Unpacking, on images made here.
//! Lives here: a small vmlinux, its payloads as the kernel's build makes them, and what damage does.
//! May not live here: kernels of a distribution (`tests/`).

#![allow(clippy::unwrap_used)]
use super::*;
use crate::kernel::header::tests::bzimage as boot_header;
use proptest::prelude::*;
use std::io::Write;

const ENTRY: u32 = 0x0100_0450;
const RELOCATIONS: &[u8] = b"\0\0\0\0\x10\0\0\x81\x20\0\0\x81\x30\0\0\x81";
/// Where `vmlinux` has its parts.
const TEXT: usize = 0x100;
const NOTE: usize = 0x900;
const SECTIONS: usize = 0xa00;

/// Payloads of `vmlinux(Some(8 bytes of ENTRY))` and RELOCATIONS, made by the programs that the kernel's build calls, with
/// the options that it gives them (scripts/Makefile.lib and scripts/xz_wrap.sh of Linux 6.1); SIZE is `size_append`:
/// `gzip -n -f -9`; `bzip2 -9`, SIZE; `lzma -9`, SIZE; `xz --check=crc32 --x86 --lzma2=dict=32MiB`, SIZE;
/// `lz4 -l -c -9`, SIZE; `zstd -22 --ultra`, SIZE.
const PAYLOADS: [(Compression, &[u8]); 6] = [
    (Compression::Gzip, include_bytes!("payloads/vmlinux.gz")),
    (Compression::Bzip2, include_bytes!("payloads/vmlinux.bz2")),
    (Compression::Lzma, include_bytes!("payloads/vmlinux.lzma")),
    (Compression::Xz, include_bytes!("payloads/vmlinux.xz")),
    (Compression::Lz4, include_bytes!("payloads/vmlinux.lz4")),
    (Compression::Zstd, include_bytes!("payloads/vmlinux.zst")),
];

/// A vmlinux: code with calls, for the x86 filter of xz; a PVH note whose value is `entry`; two sections, the second of
/// them without content.
pub(in crate::kernel) fn vmlinux(entry: Option<&[u8]>) -> Vec<u8> {
    let mut bytes = vec![0; SECTIONS + 2 * 64];
    let mut put = |at: usize, value: &[u8]| bytes[at..at + value.len()].copy_from_slice(value);
    put(0, b"\x7fELF\x02\x01\x01");
    put(16, &[2, 0, 62, 0, 1]);
    put(32, &64_u64.to_le_bytes()); // e_phoff
    put(40, &(SECTIONS as u64).to_le_bytes()); // e_shoff
    put(52, &[64, 0, 56, 0, 2, 0, 64, 0, 2, 0]); // e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum
    for call in (TEXT..NOTE).step_by(8) {
        put(call, b"\xe8");
        put(call + 1, &(0x1000_u32.wrapping_sub(call as u32)).to_le_bytes());
    }
    let segment = |kind: u32, at: usize, size: usize| {
        let mut header = [0_u8; 56];
        header[..4].copy_from_slice(&kind.to_le_bytes());
        header[8..16].copy_from_slice(&(at as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(size as u64).to_le_bytes());
        header[48] = 4; // p_align
        header
    };
    put(64, &segment(1, TEXT, NOTE - TEXT)); // PT_LOAD
    let entry = entry.map(|entry| (entry, 12 + 4 + entry.len().next_multiple_of(4)));
    put(64 + 56, &segment(4, NOTE, entry.map_or(0, |(_, size)| size))); // PT_NOTE
    if let Some((entry, _)) = entry {
        put(NOTE, &[4, 0, 0, 0, entry.len() as u8, 0, 0, 0, 18, 0, 0, 0, b'X', b'e', b'n', 0]);
        put(NOTE + 16, entry);
    }
    put(SECTIONS + 32, &[0xff; 8]); // sh_size of SHT_NULL
    put(SECTIONS + 64 + 4, &[8]); // SHT_NOBITS
    put(SECTIONS + 64 + 32, &[0xff; 8]); // its sh_size
    bytes
}

pub(in crate::kernel) fn stock() -> Vec<u8> {
    vmlinux(Some(&u64::from(ENTRY).to_le_bytes()))
}

/// A bzImage of 31 setup sectors with `payload` 0x80 bytes into the protected-mode code.
fn bzimage(payload: &[u8], init_size: u32) -> Vec<u8> {
    let mut image = boot_header("6.1.0-31-amd64 (a@b) #1");
    image[SETUP_SECTS] = 31;
    image[PAYLOAD_OFFSET] = 0x80;
    image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    image[INIT_SIZE..INIT_SIZE + 4].copy_from_slice(&init_size.to_le_bytes());
    image.resize(32 * 512 + 0x80, 0x90);
    image.extend_from_slice(payload);
    image.extend_from_slice(b"code that unpacks");
    image
}

/// A bzImage of a gzipped vmlinux.
pub(in crate::kernel) fn bzimage_of(vmlinux: &[u8]) -> Vec<u8> {
    bzimage(&gzip(vmlinux), 1 << 20)
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(6));
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

fn refused(payload: &[u8]) -> NotUnpacked {
    unpack(&bzimage(payload, 1 << 20)).unwrap_err()
}

#[test]
fn every_compression_gives_the_same_vmlinux() {
    for (compression, payload) in PAYLOADS {
        let found = unpack(&bzimage(payload, 1 << 20)).unwrap();
        assert!(found.vmlinux == stock(), "{compression}");
        assert_eq!((found.compression, found.pvh_entry), (compression, Some(ENTRY)));
    }
    let plain = [stock().as_slice(), RELOCATIONS].concat();
    let found = unpack(&bzimage(&plain, 1 << 20)).unwrap();
    assert_eq!(found, Unpacked { vmlinux: stock(), compression: Compression::None, pvh_entry: Some(ENTRY) });
}

#[test]
fn setup_sectors_of_0_mean_4() {
    let mut image = bzimage(&gzip(&stock()), 0);
    image[SETUP_SECTS] = 0;
    image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&(27 * 512 + 0x80_u32).to_le_bytes());
    assert_eq!(unpack(&image).unwrap().vmlinux, stock());
}

#[test]
fn a_kernel_without_a_pvh_note_is_unpacked_all_the_same() {
    let found = unpack(&bzimage(&gzip(&vmlinux(None)), 0)).unwrap();
    assert_eq!((found.vmlinux, found.pvh_entry), (vmlinux(None), None));
    let found = unpack(&bzimage(&gzip(&vmlinux(Some(&ENTRY.to_le_bytes()))), 0)).unwrap();
    assert_eq!(found.pvh_entry, Some(ENTRY));
}

/// A block that is one run of literals, so longer than what it stands for.
fn lz4_literals(bytes: &[u8]) -> Vec<u8> {
    let mut block = vec![0xf0];
    block.extend(std::iter::repeat_n(0xff, (bytes.len() - 15) / 255));
    block.push(((bytes.len() - 15) % 255) as u8);
    block.extend_from_slice(bytes);
    [(block.len() as u32).to_le_bytes().as_slice(), &block].concat()
}

#[test]
fn lz4_blocks_that_do_not_compress() {
    let mut plain = stock();
    plain.extend((plain.len()..9 << 20).map(|at| (at * at / 7) as u8));
    let (first, second) = plain.split_at(8 << 20);
    let size = (plain.len() as u32).to_le_bytes();
    for between in [b"".as_slice(), b"\x02\x21\x4c\x18"] {
        let payload = [b"\x02\x21\x4c\x18", &*lz4_literals(first), between, &*lz4_literals(second), &size].concat();
        assert!(compression::unpack(Compression::Lz4, &payload, plain.len()).unwrap() == plain);
    }
}

#[test]
fn what_is_no_such_image_says_so() {
    let text = |image: &[u8]| unpack(image).unwrap_err().to_string();
    let image = bzimage(&gzip(&stock()), 0);
    assert_eq!(text(&stock()), "no bzImage that can be unpacked: it is an ELF file");
    assert_eq!(text(&image[..0x200]), "no bzImage that can be unpacked: no boot header (HdrS at 0x202)");
    let expected = format!(
        "its payload should be bytes 16512 to {}, and the image has 16600; it is cut off or its header is damaged",
        image.len() - 17
    );
    assert_eq!(text(&image[..16600]), expected);
    let mut far = image;
    far[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 8].fill(0xff);
    assert!(matches!(unpack(&far), Err(NotUnpacked::PayloadOutside { from: 0x1_0000_3fff, to: 0x2_0000_3ffe, .. })));
    assert_eq!(
        refused(b"MZ\x90\0ab").to_string(),
        "its payload starts with 4d 5a 90 00, which is no compression of the kernel's"
    );
    assert_eq!(refused(b"").to_string(), "its payload starts with nothing, which is no compression of the kernel's");
    assert_eq!(
        refused(b"\x89LZO\0\r\n\x1a\n\x10\x40\x20\xa0....").to_string(),
        "lzo payloads are not supported here; use the bzImage itself"
    );
    for bytes in [&[0; 64], &stock()[..SECTIONS], &stock()[..20], b""] {
        let text = refused(&gzip(bytes)).to_string();
        assert!(text.starts_with("its payload is no x86-64 vmlinux: a damaged ELF file ("), "{text}");
    }
    let mut arm = stock();
    arm[18] = 183;
    assert_eq!(refused(&gzip(&arm)).to_string(), "its payload is no x86-64 vmlinux: an ELF file for another processor");
    assert_eq!(
        refused(&gzip(&vmlinux(Some(&[0; 12])))).to_string(),
        "its payload is no x86-64 vmlinux: a damaged ELF file (its PVH note has 12 bytes, not 8)"
    );
    assert_eq!(
        refused(&gzip(&vmlinux(Some(&[1; 8])))).to_string(),
        "its payload is no x86-64 vmlinux: a damaged ELF file (its PVH entry 0x101010101010101 is above 4 GiB)"
    );
}

#[test]
fn a_segment_beyond_the_end_is_damage() {
    let mut bytes = stock();
    bytes[64 + 32..64 + 40].copy_from_slice(&0x10_0000_u64.to_le_bytes());
    let text = refused(&gzip(&bytes)).to_string();
    assert!(text.ends_with("a damaged ELF file (it should have 1048832 bytes and has 2688)"), "{text}");
}

#[test]
fn no_more_than_the_bound_is_unpacked() {
    let bomb = gzip(&vec![0; 8 << 20]);
    let refused = |init_size: u32| unpack(&bzimage(&bomb, init_size)).unwrap_err();
    assert_eq!(refused(1 << 20), NotUnpacked::TooBig { size: 8 << 20, limit: 1 << 20 });
    assert!(matches!(refused(8 << 20), NotUnpacked::NotAVmlinux(_)));
    let mut huge = gzip(&stock());
    let at = huge.len() - 4;
    huge[at..].copy_from_slice(&(MAX_VMLINUX_BYTES as u32 + 1).to_le_bytes());
    for init_size in [0, u32::MAX] {
        let limit = MAX_VMLINUX_BYTES as u64;
        let found = unpack(&bzimage(&huge, init_size)).unwrap_err();
        assert_eq!(found, NotUnpacked::TooBig { size: limit + 1, limit });
    }
    let plain = [stock(), vec![0; 1 << 20]].concat();
    assert!(matches!(unpack(&bzimage(&plain, 1 << 20)), Err(NotUnpacked::TooBig { .. })));
}

#[test]
fn the_stated_size_holds() {
    for (compression, payload) in PAYLOADS {
        for (stated, more) in [(16_u32, true), (0x1_0000, false)] {
            let mut payload = payload.to_vec();
            let at = payload.len() - 4;
            payload[at..].copy_from_slice(&stated.to_le_bytes());
            let found = refused(&payload);
            // lz4_flex and gzip's own trailer notice before the size is compared.
            let damaged = matches!(found, NotUnpacked::Damaged { .. });
            let wrong_size = NotUnpacked::WrongSize { compression, expected: stated.into(), more };
            match compression {
                Compression::Gzip if !more => assert!(damaged, "{found}"),
                Compression::Lz4 if more => assert!(damaged, "{found}"),
                _ => assert_eq!(found, wrong_size),
            }
        }
    }
}

#[test]
fn a_payload_cut_anywhere_is_an_error() {
    for (compression, payload) in PAYLOADS {
        for length in 0..payload.len() {
            let found = unpack(&bzimage(&payload[..length], 1 << 20));
            assert!(found.is_err(), "{compression} cut to {length} bytes");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Damage is an error or goes unseen (lzma and lz4 have no checksums); it is never a panic, and never more bytes
    /// than the bound.
    #[test]
    fn damage_is_bounded(
        which in 0..PAYLOADS.len(),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        length in prop::option::of(any::<prop::sample::Index>()),
    ) {
        let (_, payload) = PAYLOADS[which];
        let mut image = bzimage(payload, 1 << 20);
        for (at, value) in damage {
            let at = at.index(payload.len() + 16);
            // Into the payload, or into the header's fields.
            let at = match at.checked_sub(payload.len()) {
                None => 32 * 512 + 0x80 + at,
                Some(field) => [SETUP_SECTS, PAYLOAD_OFFSET, PAYLOAD_LENGTH, INIT_SIZE][field / 4] + field % 4,
            };
            image[at] = value;
        }
        if let Some(length) = length {
            image.truncate(length.index(image.len()));
        }
        if let Ok(found) = unpack(&image) {
            prop_assert!(found.vmlinux.len() <= limit(&image).unwrap());
        }
    }

    /// A damaged vmlinux, in a payload that is well.
    #[test]
    fn a_damaged_vmlinux_is_bounded(at in 0..0xc0_usize, value in any::<u8>(), length in 0..SECTIONS + 128) {
        let mut bytes = stock();
        // The headers of file and segments, the note.
        let at = if at < 0xb0 { at } else { NOTE + at - 0xb0 };
        bytes[at] = value;
        bytes.truncate(length);
        if let Ok(found) = unpack(&bzimage(&bytes, 0)) {
            prop_assert!(found.vmlinux.len() <= length);
        }
    }
}
