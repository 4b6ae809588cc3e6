//! Any ELF file with types: reading it ends, and what is read of it answers every question.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::introspect::types::Types;

const WANTED: [&str; 5] = ["task_struct", "list_head", "atomic_t", "item", "word"];

fuzz_target!(|bytes: &[u8]| {
    let Ok(types) = Types::from_elf(bytes, &WANTED) else { return };
    for name in WANTED {
        types.size_of(name);
        for path in ["list", "list.next", "comm", "flag", "table", "count.counter", "low"] {
            if let Some(member) = types.member(name, path) {
                assert!(member.bits.is_none_or(|bits| bits.width > 0 && member.size <= 8));
            }
        }
    }
    types.enumerator("ITEM_BIG");
});
