//! Any vmlinux and any System.map: symbols that are read are in order, and each is found again by its name and address.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::introspect::symbols::Symbols;

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for symbols in [Symbols::from_elf(bytes), Symbols::from_system_map(&text)].into_iter().flatten() {
        let (start, end) = symbols.text().expect("a table has the bounds of its text");
        assert!(start < end && symbols.address("_stext") == Some(start) && symbols.address("_etext") == Some(end));
        for address in (start..end).step_by(1 + ((end - start) / 64) as usize) {
            if let Some((name, offset)) = symbols.function(address) {
                assert!(symbols.address(name).is_some_and(|lowest| lowest <= address - offset));
            }
        }
        let _ = symbols.shifted(0x1000_0000);
    }
});
