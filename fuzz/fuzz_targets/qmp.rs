//! Any bytes from QEMU's monitor, from its first on or after its greeting: every call ends, every message is taken,
//! refused or counted.
#![no_main]

use libfuzzer_sys::fuzz_target;
use oomph::vm::qmp::Qmp;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};

const DEADLINE: Duration = Duration::from_secs(1);

fuzz_target!(|bytes: &[u8]| {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(talk(bytes));
});

async fn talk(bytes: &[u8]) {
    let (ours, mut qemus) = duplex(1 << 20);
    // An even first byte leaves the greeting to the fuzzer.
    let greets = bytes.first().is_some_and(|byte| byte % 2 == 1);
    let rest = bytes.get(1..).unwrap_or_default().to_vec();
    let qemu = tokio::spawn(async move {
        let (first, second) = rest.split_at(rest.len() / 2);
        if greets {
            say(&mut qemus, b"{\"QMP\": {}}\n").await;
            hear(&mut qemus).await;
            say(&mut qemus, b"{\"return\": {}, \"id\": 1}\n").await;
        }
        say(&mut qemus, first).await;
        // A reply counts only once its command is there.
        hear(&mut qemus).await;
        say(&mut qemus, second).await;
        while hear(&mut qemus).await {}
    });
    let (tell, mut told) = tokio::sync::mpsc::channel(1 << 16);
    let on_event = move |at, event: String, data| drop(tell.try_send((at, event, data)));
    if let Ok(qmp) = Qmp::connect(ours, on_event, DEADLINE).await {
        let before = tokio::time::Instant::now();
        if let Err(error) = qmp.status().await {
            assert!(!error.to_string().is_empty());
        }
        if let Err(error) = qmp.quit(DEADLINE).await {
            assert!(!error.to_string().is_empty());
        }
        assert!(before.elapsed() <= 2 * (oomph::vm::qmp::DEADLINE + DEADLINE), "a call did not end in time");
        let counts = qmp.counts();
        let lines = bytes.iter().filter(|&&byte| byte == b'\n').count() as u64;
        assert!(counts.garbage + counts.late <= lines, "{counts:?}");
        let mut last = None;
        while let Ok((at, ..)) = told.try_recv() {
            assert!(last <= Some(at));
            last = Some(at);
        }
    }
    qemu.abort();
}

/// The client may have gone away.
async fn say(qemus: &mut DuplexStream, bytes: &[u8]) {
    drop(qemus.write_all(bytes).await);
}

/// Whether there was a command, or some of one.
async fn hear(qemus: &mut DuplexStream) -> bool {
    matches!(qemus.read(&mut [0; 4096]).await, Ok(1..))
}
