//! Golden dumps: what each console in `tests/diagnose/` must tell of its tasks.
//! Lives here: the runner. A file is its kernel and origin, what is expected (`EXPECT:` one line a place, `MEMORY:` one a
//! report), then the console behind an empty line. `UPDATE_GOLDEN=1` rewrites the expectations: read the difference
//! before you commit it.
//! May not live here: tests of single functions, rules of the mechanism.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::diagnose::{Circumstances, Diagnosis, Wait};
use oomph::kmsg::{Parser, Timestamps};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

struct Golden {
    path: PathBuf,
    header: Vec<String>,
    expected: Vec<String>,
    timestamps: Timestamps,
    log: String,
}

impl Golden {
    fn read(path: PathBuf) -> Self {
        let text = std::fs::read_to_string(&path).unwrap();
        let (head, log) = text.split_once("\n\n").unwrap();
        let expectation =
            |line: &String| ["EXPECT: ", "MEMORY: ", "MECHANISM: "].iter().any(|key| line.starts_with(key));
        let (expected, header): (Vec<String>, Vec<String>) = head.lines().map(str::to_owned).partition(expectation);
        let timestamps = match header.iter().find_map(|line| line.strip_prefix("TIMESTAMPS: ")) {
            Some("required") => Timestamps::Required,
            Some("absent") => Timestamps::Absent,
            other => panic!("{}: TIMESTAMPS is {other:?}, expected required or absent", path.display()),
        };
        Self { path, header, expected, timestamps, log: log.to_owned() }
    }

    /// The release behind `KERNEL: `.
    fn release(&self) -> &str {
        self.header[0].strip_prefix("KERNEL: ").and_then(|rest| rest.split(' ').next()).unwrap()
    }

    /// Time passes by ten seconds with each SysRq.
    fn diagnose<'a>(&self, lines: impl Iterator<Item = &'a str>) -> Diagnosis {
        let mut diagnosis = Diagnosis::new(self.timestamps);
        let mut parser = Parser::new(self.timestamps);
        diagnosis.release(self.release());
        let mut at_ms = 0;
        for (seq, line) in (0..).zip(lines) {
            for said in parser.feed(line) {
                at_ms += if matches!(said.message, oomph::kmsg::Message::Sysrq { .. }) { 10_000 } else { 0 };
                diagnosis.message(seq, at_ms, &said.message);
            }
            diagnosis.line(seq, at_ms, line);
        }
        diagnosis.finish();
        diagnosis
    }

    fn told(&self) -> Vec<String> {
        told(&self.diagnose(self.log.lines()))
    }

    fn write(&self, told: &[String]) {
        let head: Vec<&str> = self.header.iter().chain(told).map(String::as_str).collect();
        std::fs::write(&self.path, format!("{}\n\n{}", head.join("\n"), self.log)).unwrap();
    }
}

fn told(diagnosis: &Diagnosis) -> Vec<String> {
    let waits = diagnosis.history().waits(0);
    let memory =
        diagnosis.memory().iter().map(|(_, memory)| format!("MEMORY: {}", serde_json::to_string(memory).unwrap()));
    let now_ms = 1_000_000;
    let finding = diagnosis.mechanism(&Circumstances { now_ms, ..Circumstances::default() });
    let mechanism = format!("MECHANISM: {}", finding.evidence[0].text);
    waits.iter().map(place).chain(memory).chain([mechanism]).collect()
}

/// A place with the names and states found there, and how often the steadiest was seen.
fn place(wait: &Wait) -> String {
    let mut who: BTreeMap<(&str, char), usize> = BTreeMap::new();
    for task in &wait.tasks {
        *who.entry((&task.comm, task.state)).or_default() += 1;
    }
    let who: Vec<String> = who.iter().map(|((comm, state), count)| format!("{count} {comm} {state}")).collect();
    let steadiest = wait.tasks.iter().map(|task| (task.seen, task.of)).max().unwrap();
    format!(
        "EXPECT: {}: {} | {} | {} of {}",
        wait.place.kind.name(),
        wait.place,
        who.join(", "),
        steadiest.0,
        steadiest.1
    )
}

fn corpus() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnose");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(Golden::read).collect()
}

#[test]
fn every_console_tells_what_it_should() {
    let mut wrong = Vec::new();
    for golden in corpus() {
        let told = golden.told();
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            golden.write(&told);
        } else if told != golden.expected {
            wrong.push(format!(
                "{}\n  expected:\n    {}\n  told:\n    {}",
                golden.path.display(),
                golden.expected.join("\n    "),
                told.join("\n    ")
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_corpus_covers_the_ages() {
    let corpus = corpus();
    for version in ["3.10", "4.4", "4.14", "5.4", "5.10", "6.1", "7.2"] {
        assert!(corpus.iter().any(|golden| golden.release().starts_with(version)), "no console of {version}");
    }
    for golden in &corpus {
        let origin = golden.header[1].strip_prefix("ORIGIN: ").unwrap();
        let name = golden.path.file_name().unwrap().to_string_lossy().into_owned();
        assert_eq!(name.starts_with("real-"), origin.starts_with("real"), "{name}: {origin}");
        assert_eq!(origin.starts_with("real"), !origin.starts_with("synthetic"), "{name}: {origin}");
    }
}

#[test]
fn line_endings_of_a_serial_console_change_nothing() {
    for golden in corpus() {
        let lines: Vec<String> = golden.log.lines().map(|line| format!("\r{line}\r\n")).collect();
        let diagnosis = golden.diagnose(lines.iter().map(String::as_str));
        assert_eq!(told(&diagnosis), golden.told(), "{}", golden.path.display());
    }
}

/// Whatever line is lost, no task is taken for one that it is not: the tasks named are a part of those that were.
#[test]
fn a_lost_line_invents_no_task() {
    for golden in corpus() {
        let tasks = |diagnosis: &Diagnosis| -> Vec<(u32, String)> {
            let waits = diagnosis.history().waits(0);
            waits.iter().flat_map(|wait| &wait.tasks).map(|task| (task.pid, task.comm.clone())).collect()
        };
        let shown: Vec<(u32, String)> = {
            let diagnosis = golden.diagnose(golden.log.lines());
            let dumps = diagnosis.history().dumps().iter().flat_map(|dump| &dump.tasks);
            dumps.map(|task| (task.header.pid, task.header.comm.clone())).chain(tasks(&diagnosis)).collect()
        };
        let count = golden.log.lines().count();
        for lost in (0..count).step_by(count.div_ceil(150)) {
            let kept = golden.log.lines().enumerate().filter(|(at, _)| *at != lost).map(|(_, line)| line);
            for task in tasks(&golden.diagnose(kept)) {
                assert!(shown.contains(&task), "{}: without line {lost}: {task:?}", golden.path.display());
            }
        }
    }
}
