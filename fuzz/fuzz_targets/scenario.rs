//! Any text as a scenario file, with what stands before the first NUL as an override: an error that can be shown, or a
//! scenario that comes back from its own YAML.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::scenario::{parse, to_yaml};
use std::path::Path;

fuzz_target!(|text: &str| {
    let (overrides, text) = match text.split_once('\0') {
        Some((change, text)) => (vec![change.to_owned()], text),
        None => (vec![], text),
    };
    let file = Path::new("fuzz/x.yaml");
    match parse(text, file, &overrides) {
        Err(error) => assert!(!error.to_string().trim().is_empty()),
        Ok(scenario) => {
            let yaml = to_yaml(&scenario).expect("a scenario that was read can be written");
            let again = parse(&yaml, file, &[]).unwrap_or_else(|error| panic!("{yaml}\n{error}"));
            assert_eq!(again, scenario, "{yaml}");
        }
    }
});
