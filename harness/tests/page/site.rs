//! Results of every outcome, their page, and a server that counts what is asked of it.
//! Lives here: results made of the recorded runs in `tests/corpus`, and one whose every text is hostile.
//! May not live here: what the page should be like.

use oomph::event::{Event, Kind, read_events};
use oomph::results::{EvidenceJson, RunJson};
use oomph::scenario::Outcome;
use oomph::verdict::{Weight, judge};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock, Mutex};
use tempfile::TempDir;

/// Text that would act in a page or a terminal.
const HOSTILE: &str =
    "</code></pre><script>alert(1)</script><img src=x onerror=alert(2)>\"'><b> ]]> \u{1b}[31mred\r\u{202e}desrever\0";

/// The pages, made once.
static PAGES: LazyLock<Pages> = LazyLock::new(Pages::new);

struct Pages {
    place: TempDir,
}

impl Pages {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let results = place.path().join("results");
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")).unwrap() {
            recorded(&entry.unwrap().path(), &results);
        }
        hostile(&results);
        fs::create_dir_all(results.join("torn/20260101T000000Z-<b>torn")).unwrap();
        fs::write(results.join("torn/20260101T000000Z-<b>torn/run.json"), "{").unwrap();
        let page = place.path().join("page.html");
        oomph(&["report".as_ref(), results.as_os_str(), "--html".as_ref(), page.as_os_str()]);
        let compared = place.path().join("compared.html");
        let kernels = "--between=debian-6.1-no-oom-reaper,debian-6.1-source";
        let words =
            ["results".as_ref(), "compare".as_ref(), results.as_os_str(), kernels.as_ref(), "--by=scenario".as_ref()];
        oomph(&[&words[..], &["--html".as_ref(), compared.as_os_str()]].concat());
        Self { place }
    }
}

fn oomph(words: &[&std::ffi::OsStr]) {
    let output = Command::new(env!("CARGO_BIN_EXE_oomph")).args(words).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A recorded run as three results: as expected, not as expected, and as expected with another kernel.
fn recorded(path: &Path, results: &Path) {
    let name = path.file_stem().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let (head, events) = text.split_once('\n').unwrap();
    let head: serde_json::Value = serde_json::from_str(head).unwrap();
    let of = |key: &str| head["from"][key].as_str().unwrap_or("recorded").to_owned();
    let stream = read_events(events.as_bytes()).unwrap();
    let started = of("started").parse().unwrap_or_else(|_| "2026-11-20T00:00:00Z".parse().unwrap());
    let run = RunJson::of_verdict(&of("scenario"), &judge(&stream), started);
    for (number, (kernel, expected)) in
        [(of("kernel"), true), (of("kernel"), false), ("debian-6.1-source".into(), true)].into_iter().enumerate()
    {
        let mut run = RunJson { kernel: kernel.clone(), expected: expected && run.outcome.is_some(), ..run.clone() };
        if !run.expected && run.outcome.is_some() {
            run.differences = vec!["outcome: expected something else, saw this".into()];
        }
        run.kernel_identity.release = if kernel.contains("4.") { "4.19.0".into() } else { "6.1.192".into() };
        run.kernel_identity.origin = "linux-source-6.1 6.1.192-3, config da8cd7769f58, gcc 12.2.0".into();
        run.kernel_identity.hash = "e3dd87413196a3b94a22394527b5a9d9".into();
        run.host.qemu = "QEMU emulator version 7.2.22".into();
        run.host.accelerator = "tcg".into();
        keep(&results.join(&run.scenario).join(format!("{name}-{number}")), &run, events);
    }
}

fn hostile(results: &Path) {
    let events: String = (0..3)
        .map(|seq| Event { seq, host_ns: seq, guest_ns: None, kind: Kind::Console { line: HOSTILE.repeat(2) } })
        .map(|event| serde_json::to_string(&event).unwrap() + "\n")
        .collect();
    let bad = || HOSTILE.to_owned();
    let mut run = RunJson::of_verdict(HOSTILE, &judge(&[]), "2026-11-29T00:00:00Z".parse().unwrap());
    (run.kernel, run.outcome, run.inconclusive, run.detail) = (bad(), Some(Outcome::Panicked), None, Some(bad()));
    run.differences = vec![bad()];
    run.evidence =
        vec![EvidenceJson { seq: 1, time_s: 0.0, weight: Weight::Other, text: bad() + &"long".repeat(2000) }];
    (run.kernel_identity.release, run.kernel_identity.origin, run.kernel_identity.hash) = (bad(), bad(), bad());
    (run.host.qemu, run.host.accelerator, run.host.cpu) = (bad(), bad(), "x".repeat(500));
    keep(&results.join("hostile").join("20260101T000000Z-<b>\"&amp;"), &run, &events);
}

fn keep(folder: &Path, run: &RunJson, events: &str) {
    fs::create_dir_all(folder).unwrap();
    fs::write(folder.join("run.json"), serde_json::to_string(run).unwrap()).unwrap();
    fs::write(folder.join("events.jsonl"), events).unwrap();
}

/// The pages on a server of their own.
pub struct Site {
    address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Begins to serve.
    pub fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let site = Self { address: listener.local_addr().unwrap(), asked: Arc::default() };
        let asked = Arc::clone(&site.asked);
        let place: PathBuf = PAGES.place.path().to_owned();
        // It ends with the tests.
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (asked, place) = (Arc::clone(&asked), place.clone());
                std::thread::spawn(move || serve(stream.unwrap(), &asked, &place));
            }
        });
        site
    }

    /// The address of the report, with what follows it.
    pub fn url(&self, hash: &str) -> String {
        format!("http://{}/page.html{hash}", self.address)
    }

    /// The address of the comparison.
    pub fn compared(&self) -> String {
        format!("http://{}/compared.html", self.address)
    }

    /// All that was asked for.
    pub fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(mut stream: std::net::TcpStream, asked: &Mutex<Vec<String>>, place: &Path) {
    let mut request = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    // A connection that is made and not used is none of a page's.
    if request.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut line = String::new();
    while request.read_line(&mut line).is_ok_and(|bytes| bytes > 2) {
        line.clear();
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let file = place.join(path.trim_start_matches('/').replace('/', "_"));
    asked.lock().unwrap().push(path);
    let head = |status: &str, length: usize| {
        format!("HTTP/1.1 {status}\r\nContent-Type: text/html\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
    };
    let body = fs::read(&file).unwrap_or_default();
    let status = if body.is_empty() { "404 Not Found" } else { "200 OK" };
    // A browser that has gone away wants nothing.
    let _ = stream.write_all(head(status, body.len()).as_bytes()).and_then(|()| stream.write_all(&body));
}
