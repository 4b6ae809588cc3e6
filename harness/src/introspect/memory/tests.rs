//! Physical and virtual memory.
//! Lives here: page tables and cores made by hand, whole and torn.
//! May not live here: what is in memory.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::introspect::fixture::{Guest, PAGE, ROOT};
use proptest::prelude::*;

#[test]
fn a_pc_has_its_memory_in_one_piece_or_two() {
    let small = pieces_of_pc(256 << 20);
    assert_eq!(small.offset(0x1000, 8), Some(0x1000));
    assert_eq!((small.offset((256 << 20) - 8, 8), small.offset((256 << 20) - 8, 9)), (Some((256 << 20) - 8), None));
    let large = pieces_of_pc(4 << 30);
    assert_eq!(large.offset((2 << 30) - 1, 1), Some((2 << 30) - 1));
    assert_eq!((large.offset(2 << 30, 1), large.offset((2 << 30) - 1, 2)), (None, None));
    assert_eq!(large.offset(5 << 30, 1), Some(3 << 30));
    assert_eq!(large.bytes(), 4 << 30);
    let most = pieces_of_pc(0xb000_0000 - 4096);
    assert_eq!(most.offset(0xaff0_0000, 1), Some(0xaff0_0000));
}

#[test]
fn reads_cross_pages_and_stop_where_nothing_is() {
    let mut guest = Guest::new();
    let at = 0xffff_c900_0000_0000;
    guest.write(at + PAGE - 4, b"over the edge\0");
    let space = Space::new(&guest, ROOT | 0xfff, Levels::Four);
    assert_eq!(space.text(at + PAGE - 4, 64).as_deref(), Some("over the edge"));
    assert_eq!(space.number(at + PAGE - 4, 4), Some(u64::from(u32::from_le_bytes(*b"over"))));
    assert_eq!(space.number(at, 9), None, "no number has nine bytes");
    assert_eq!(space.words(at + 2 * PAGE - 16, 10).len(), 2, "as many as are there");
    assert_eq!(space.word(at + 2 * PAGE - 4), None);
    assert_eq!(space.text(at + 2 * PAGE - 4, 64), Some(String::new()), "zeroes up to the edge");
    assert_eq!(space.physical(0x0001_0000_0000_0000), None, "no address: its highest bits differ");
    assert!(!space.read(u64::MAX, &mut [0; 2]));
}

#[test]
fn large_pages_are_followed() {
    struct Tables;
    impl Physical for Tables {
        fn read(&self, address: u64, into: &mut [u8]) -> bool {
            let entry: u64 = match address {
                // 1 GiB in the second table, 2 MiB in the third, each not executable.
                0x1000 => 0x2003,
                0x2000 => 0x8000_0000_4000_0083,
                0x2008 => 0x3003,
                0x3008 => 0x8000_0000_0060_0083,
                0x3010 => 0x0060_0082,
                _ => return false,
            };
            into.copy_from_slice(&entry.to_le_bytes()[..into.len()]);
            true
        }
    }
    let space = Space::new(&Tables, 0x1000, Levels::Four);
    assert_eq!(space.physical(0x1234_5678), Some(0x5234_5678));
    assert_eq!(space.physical(0x4020_0010), Some(0x0060_0010));
    assert_eq!(space.physical(0x4040_0000), None, "not present");
    let deep = Space::new(&Tables, 0x1000, Levels::Five);
    assert_eq!(deep.physical(0x1234_5678), None, "one level more leads elsewhere");
}

/// A core as QEMU writes it: notes with one processor, then memory.
fn core(memory: &[u8], physical: u64) -> Vec<u8> {
    let word = |bytes: &mut Vec<u8>, at: usize, value: u64| bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
    let mut state = vec![0; 8 + 18 * 8 + 10 * 24 + 6 * 8];
    state[0] = 1;
    word(&mut state, 8 + 6 * 8, 0xffff_c900_0001_3e40);
    word(&mut state, 8 + 16 * 8, 0xffff_ffff_8100_0042);
    word(&mut state, 8 + 18 * 8, 0x10);
    word(&mut state, 8 + 18 * 8 + 240 + 3 * 8, 0x2a1_0000);
    word(&mut state, 8 + 18 * 8 + 240 + 4 * 8, 1 << 12);
    let mut note = Vec::new();
    for size in [5, state.len() as u32, 0] {
        note.extend(size.to_le_bytes());
    }
    note.extend(b"QEMU\0\0\0\0");
    note.extend(&state);
    let mut file = vec![0; 64 + 2 * 56];
    file[..16].copy_from_slice(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file[16..20].copy_from_slice(&[4, 0, 62, 0]);
    file[20] = 1;
    word(&mut file, 32, 64);
    file[52..54].copy_from_slice(&64u16.to_le_bytes());
    file[54..56].copy_from_slice(&56u16.to_le_bytes());
    file[56..58].copy_from_slice(&2u16.to_le_bytes());
    let (notes, data) = (64 + 2 * 56, 64 + 2 * 56 + note.len());
    for (at, kind, offset, address, size) in [(64, 4, notes, 0, note.len()), (120, 1, data, physical, memory.len())] {
        file[at] = kind;
        word(&mut file, at + 8, offset as u64);
        word(&mut file, at + 24, address);
        word(&mut file, at + 32, size as u64);
        word(&mut file, at + 40, size as u64);
        word(&mut file, at + 48, 4);
    }
    file.extend(note);
    file.extend(memory);
    file
}

#[test]
fn a_core_has_memory_and_registers() {
    let file = core(b"0123456789", 0x1000);
    let parsed = Core::new(&file).unwrap();
    let mut bytes = [0; 4];
    assert!(parsed.read(0x1003, &mut bytes) && &bytes == b"3456");
    assert!(!parsed.read(0x1007, &mut bytes) && !parsed.read(0, &mut bytes));
    let registers = parsed.registers()[0];
    assert_eq!(
        (registers.rip, registers.rsp, registers.cr3),
        (0xffff_ffff_8100_0042, 0xffff_c900_0001_3e40, 0x2a1_0000)
    );
    assert_eq!((registers.levels(), registers.in_user()), (Levels::Five, false));
    // Cut off in the middle of the memory: what is there can be read.
    let short = Core::new(&file[..file.len() - 5]).unwrap();
    assert!(short.read(0x1001, &mut bytes) && !short.read(0x1002, &mut bytes));
}

#[test]
fn words_of_a_page_in_which_a_core_was_cut_are_read_up_to_there() {
    let mut memory = vec![0; 4 * 4096 + 27];
    for (table, next) in [(0, 0x2003u64), (1, 0x3003), (2, 0x4003), (3, 0x5003)] {
        memory[table * 4096..][..8].copy_from_slice(&next.to_le_bytes());
    }
    memory[4 * 4096] = 7;
    let file = core(&memory, 0x1000);
    let parsed = Core::new(&file).unwrap();
    let space = Space::new(&parsed, 0x1000, Levels::Four);
    assert_eq!(space.words(0, 64), [7, 0, 0]);
    assert_eq!((space.words(16, 64).len(), space.words(24, 64).len()), (1, 0));
}

#[test]
fn what_is_no_core_is_refused() {
    assert!(matches!(Core::new(b"no"), Err(NotACore::Elf(_))));
    let mut other = core(b"x", 0);
    other[16] = 2;
    assert_eq!(Core::new(&other).unwrap_err(), NotACore::Other);
    assert_eq!(Core::new(&core(b"", 0)).unwrap_err(), NotACore::Empty);
}

proptest! {
    #[test]
    fn a_torn_core_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..60), cut in any::<prop::sample::Index>()) {
        let mut file = core(&[7; 300], 0x1000);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        file.truncate(cut.index(file.len()) + 1);
        if let Ok(parsed) = Core::new(&file) {
            let _ = parsed.read(0x1000, &mut [0; 64]);
            let _ = Space::new(&parsed, 0x1000, Levels::Four).word(0xffff_ffff_8100_0000);
        }
    }
}
