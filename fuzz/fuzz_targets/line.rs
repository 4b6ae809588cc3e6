//! Bytes of an agent port: whatever they are, reading them is total; a line with a right checksum is found behind any
//! noise, and its event is one.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::event::from_guest;
use oomph_wire::config::Directive;
use oomph_wire::line::{Line, unescape};

fuzz_target!(|bytes: &[u8]| {
    for stretch in bytes.split(|&byte| byte == b'\n') {
        read(stretch);
        // The checksum keeps a fuzzer out, so it is made right.
        let body = stretch.iter().position(|&byte| byte == b'@').map_or(stretch, |at| &stretch[at + 1..]);
        let mut whole = b"noise@".to_vec();
        whole.extend_from_slice(body);
        whole.extend_from_slice(format!(" *{:08x}", crc32fast::hash(body)).as_bytes());
        read(&whole);
        if let Ok(text) = std::str::from_utf8(stretch)
            && let Some(directive) = Directive::read(text)
        {
            let _ = directive.get("path").map(Iterator::count);
        }
    }
});

fn read(stretch: &[u8]) {
    let Some(line) = Line::find(stretch) else { return };
    for (key, value) in line.fields() {
        assert!(unescape(value).count() <= value.len());
        let _ = (line.num(key), line.int(key));
    }
    if let Some(kind) = from_guest(&line) {
        let text = serde_json::to_string(&kind).expect("every event has a JSON form");
        assert_eq!(serde_json::from_str::<oomph::event::Kind>(&text).expect("and comes back from it"), kind);
    }
}
