//! Any console, with and without timestamps: the kernel-log parser never panics, and its answers stay bounded.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::kmsg::{Parser, Timestamps, matters};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for timestamps in [Timestamps::Required, Timestamps::Absent] {
        let mut parser = Parser::new(timestamps);
        let mut lines = 0;
        let mut told = 0;
        for line in text.split('\n') {
            let _ = matters(line, timestamps);
            lines += 1;
            told += parser.feed(line).len();
        }
        told += parser.finish().len();
        // A line ends at most what was open and tells at most two things of its own.
        assert!(told <= 3 * lines, "{told} messages from {lines} lines");
    }
});
