//! Any core: its memory and its page tables answer every question, within bounds.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::introspect::memory::{Core, Levels, Physical, Space};

fuzz_target!(|bytes: &[u8]| {
    let Ok(core) = Core::new(bytes) else { return };
    let mut word = [0; 8];
    core.read(0x1000, &mut word);
    let roots = core
        .registers()
        .iter()
        .map(|cpu| (cpu.cr3, cpu.levels()))
        .chain([(0x1000, Levels::Four), (0x1000, Levels::Five)]);
    for (root, levels) in roots {
        let space = Space::new(&core, root, levels);
        for address in [0, 0x1000, 0xffff_8880_0000_0000, 0xffff_ffff_8100_0000, u64::MAX - 3] {
            let words = space.words(address, 64);
            assert!(words.len() <= 64);
            // A word across the end of a page is read as a word, and begins no run of them.
            if address % 8 == 0 {
                assert_eq!(space.word(address).is_some(), !words.is_empty());
            }
            space.text(address, 64);
        }
    }
});
