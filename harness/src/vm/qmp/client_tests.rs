//! The QMP client against a scripted QEMU.
//! Lives here: tests.
//! May not live here: anything else.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::*;
use serde_json::json;
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, Lines, ReadHalf, WriteHalf};

type Events = Arc<Mutex<Vec<(String, Value)>>>;

/// QEMU's end.
struct Far {
    lines: Lines<BufReader<ReadHalf<DuplexStream>>>,
    out: WriteHalf<DuplexStream>,
}

impl Far {
    async fn say(&mut self, text: &str) {
        self.out.write_all(text.as_bytes()).await.unwrap();
        self.out.write_all(b"\r\n").await.unwrap();
    }

    /// The next command and its id.
    async fn hear(&mut self) -> (String, u64) {
        let value: Value = serde_json::from_str(&self.lines.next_line().await.unwrap().unwrap()).unwrap();
        (value["execute"].as_str().unwrap().to_owned(), value["id"].as_u64().unwrap())
    }

    async fn answer(&mut self, id: u64, value: Value) {
        self.say(&json!({"return": value, "id": id}).to_string()).await;
    }
}

async fn connected() -> (Arc<Qmp>, Far, Events) {
    let (near, far) = tokio::io::duplex(4096);
    let (read, out) = tokio::io::split(far);
    let mut far = Far { lines: BufReader::new(read).lines(), out };
    let events = Events::default();
    let sink = Arc::clone(&events);
    let connect =
        Qmp::connect(near, move |_, event, data| sink.lock().unwrap().push((event, data)), Duration::from_secs(1));
    let greet = async {
        far.say(r#"{"QMP": {"version": {}, "capabilities": ["oob"]}}"#).await;
        let (command, id) = far.hear().await;
        assert_eq!(command, "qmp_capabilities");
        far.answer(id, json!({})).await;
    };
    let (client, ()) = tokio::join!(connect, greet);
    (Arc::new(client.unwrap()), far, events)
}

fn status(client: &Arc<Qmp>) -> tokio::task::JoinHandle<Result<String, QmpError>> {
    let client = Arc::clone(client);
    tokio::spawn(async move { client.status().await })
}

const RUNNING: &str = "running";

fn running() -> Value {
    json!({"running": true, "status": RUNNING, "singlestep": false})
}

#[tokio::test(start_paused = true)]
async fn replies_find_their_commands_in_any_order() {
    let (client, mut far, _) = connected().await;
    let first = status(&client);
    let (_, one) = far.hear().await;
    let second = status(&client);
    let (_, two) = far.hear().await;
    assert_ne!(one, two);
    far.answer(two, json!({"running": false, "status": "paused"})).await;
    far.answer(one, running()).await;
    assert_eq!(first.await.unwrap().unwrap(), RUNNING);
    assert_eq!(second.await.unwrap().unwrap(), "paused");
}

#[tokio::test(start_paused = true)]
async fn a_late_reply_is_counted_and_disturbs_nobody() {
    let (client, mut far, _) = connected().await;
    let started = Instant::now();
    let slow = status(&client);
    let (_, id) = far.hear().await;
    assert!(matches!(slow.await.unwrap(), Err(QmpError::Deadline { .. })));
    assert_eq!(started.elapsed(), DEADLINE);
    assert!(client.shared.waiting().as_ref().unwrap().is_empty(), "nobody waits any more");
    far.answer(id, running()).await;
    let next = status(&client);
    let (_, id) = far.hear().await;
    far.answer(id, running()).await;
    assert_eq!(next.await.unwrap().unwrap(), RUNNING);
    assert_eq!(client.counts(), Counts { garbage: 0, late: 1 });
}

#[tokio::test(start_paused = true)]
async fn events_known_or_not_come_in_order_and_garbage_is_counted() {
    let (client, mut far, events) = connected().await;
    far.say(r#"{"event": "STOP", "timestamp": {"seconds": 1, "microseconds": 2}}"#).await;
    far.say("no json").await;
    far.say(r#"{"event": "FROM_THE_FUTURE", "data": {"x": [1]}}"#).await;
    far.say(&format!("{{\"event\": \"LONG\", \"data\": \"{}\"}}", "x".repeat(MAX_LINE))).await;
    let asked = status(&client);
    let (_, id) = far.hear().await;
    far.answer(id, running()).await;
    asked.await.unwrap().unwrap();
    let wanted = [("STOP".to_owned(), Value::Null), ("FROM_THE_FUTURE".to_owned(), json!({"x": [1]}))];
    assert_eq!(*events.lock().unwrap(), wanted);
    assert_eq!(client.counts(), Counts { garbage: 2, late: 0 });
}

#[tokio::test(start_paused = true)]
async fn at_the_end_all_who_wait_learn_of_it() {
    let (client, mut far, _) = connected().await;
    let (one, two) = (status(&client), status(&client));
    far.hear().await;
    far.hear().await;
    drop(far);
    for call in [one, two, status(&client)] {
        assert!(matches!(call.await.unwrap(), Err(QmpError::Closed { .. })));
    }
    client.quit(DEADLINE).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_told_in_qemus_words() {
    let (client, mut far, _) = connected().await;
    let asked = status(&client);
    let (_, id) = far.hear().await;
    far.say(&json!({"error": {"class": "DeviceNotFound", "desc": "no such disk"}, "id": id}).to_string()).await;
    let error = asked.await.unwrap().unwrap_err();
    assert_eq!(error.to_string(), "QMP command query-status: DeviceNotFound: no such disk");
}

#[tokio::test(start_paused = true)]
async fn a_qemu_that_reads_nothing_is_bounded_and_gets_whole_lines_later() {
    let (client, mut far, _) = connected().await;
    let calls: Vec<_> = (0..400).map(|_| status(&client)).collect();
    let mut busy = 0;
    for call in calls {
        match call.await.unwrap().unwrap_err() {
            QmpError::Busy { .. } => busy += 1,
            error => assert!(matches!(error, QmpError::Deadline { .. }), "{error}"),
        }
    }
    assert!(busy > 200, "{busy}");
    for _ in busy..400 {
        assert_eq!(far.hear().await.0, "query-status", "no call that was given up left half a line");
    }
}

#[tokio::test(start_paused = true)]
async fn a_qemu_that_does_not_greet_is_given_up() {
    let (near, _far) = tokio::io::duplex(64);
    let error = Qmp::connect(near, |_, _, _| (), Duration::from_secs(3)).await.unwrap_err();
    assert_eq!(error, QmpError::Deadline { command: "qmp_capabilities".into(), after: Duration::from_secs(3) });
    let (near, far) = tokio::io::duplex(64);
    drop(far);
    assert!(matches!(Qmp::connect(near, |_, _, _| (), DEADLINE).await, Err(QmpError::Closed { .. })));
}
