//! Any BTF: what is read of it answers every question.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::introspect::types::Types;

fuzz_target!(|bytes: &[u8]| {
    let Ok(mut types) = Types::from_btf(bytes) else { return };
    if let Ok(again) = Types::from_btf(bytes) {
        types.add(again);
    }
    for name in ["task_struct", "list_head", "atomic_t", "item"] {
        types.size_of(name);
        for path in ["list", "list.next", "comm", "flag", "table", "count.counter", "low"] {
            if let Some(member) = types.member(name, path) {
                assert!(member.bits.is_none_or(|bits| bits.width > 0 && member.size <= 8));
            }
        }
    }
    types.enumerator("ITEM_BIG");
});
