//! Any console, with and without timestamps: what it says of tasks ends in one mechanism with evidence, and its summary stays
//! within what was seen.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::diagnose::{Circumstances, Diagnosis};
use oomph::kmsg::{Parser, Timestamps};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    for timestamps in [Timestamps::Required, Timestamps::Absent] {
        let mut parser = Parser::new(timestamps);
        let mut diagnosis = Diagnosis::new(timestamps);
        let mut lines = 0;
        for line in text.split('\n') {
            for said in parser.feed(line) {
                diagnosis.message(lines, lines * 100, &said.message);
            }
            diagnosis.line(lines, lines * 100, line);
            lines += 1;
        }
        diagnosis.finish();
        let circumstances = Circumstances { now_ms: lines * 100, ..Circumstances::default() };
        assert!(!diagnosis.mechanism(&circumstances).evidence.is_empty());
        let mut tasks = 0;
        for wait in diagnosis.history().waits(0) {
            assert!(!wait.sentence().is_empty());
            for task in &wait.tasks {
                assert!(task.first_ms <= task.last_ms && (1..=task.of).contains(&task.seen));
                tasks += 1;
            }
        }
        // A task has a header of its own.
        assert!(tasks <= lines, "{tasks} tasks from {lines} lines");
    }
});
