//! A guest in a deadlock whose memory is damaged anywhere: a look at it comes to its end, and its words are bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::introspect::deadlock::survive;
use oomph::report::diagnosis;

fuzz_target!(|changes: &[u8]| {
    let text = diagnosis(&survive(changes), &[], true);
    assert!(text.len() < 1 << 20, "{} bytes", text.len());
});
