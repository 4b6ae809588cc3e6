//! Any bytes as an events.jsonl: an error that can be shown, or events with one verdict, which they keep when they are
//! written and read again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::event::read_events;
use oomph::verdict::judge;

fuzz_target!(|bytes: &[u8]| {
    let events = match read_events(bytes) {
        Ok(events) => events,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let verdict = judge(&events);
    let json = serde_json::to_string(&verdict).expect("every verdict has a JSON form");
    let written: String =
        events.iter().map(|event| serde_json::to_string(event).expect("every event has a JSON form") + "\n").collect();
    let again = read_events(written.as_bytes()).expect("what was written is read");
    assert_eq!(again.len(), events.len());
    let again = serde_json::to_string(&judge(&again)).expect("every verdict has a JSON form");
    assert_eq!(again, json);
});
