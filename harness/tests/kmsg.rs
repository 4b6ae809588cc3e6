//! Golden logs of the kernel-log parser: what each log in `tests/kmsg/` must tell.
//! Lives here: the runner. A file is its kernel and origin, the messages expected (`EXPECT: MICROSECONDS JSON`), then
//! the log behind an empty line. `UPDATE_GOLDEN=1` rewrites the expectations: read the difference before you commit it.
//! May not live here: tests of single functions.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::kmsg::{Parser, Stamped, Timestamps, matters, may_tell_of_kills};
use serde_json::Value;
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
        let (expected, header): (Vec<String>, Vec<String>) =
            head.lines().map(str::to_owned).partition(|line| line.starts_with("EXPECT: "));
        let timestamps = match header.iter().find_map(|line| line.strip_prefix("TIMESTAMPS: ")) {
            Some("required") => Timestamps::Required,
            Some("absent") => Timestamps::Absent,
            other => panic!("{}: TIMESTAMPS is {other:?}, expected required or absent", path.display()),
        };
        Self { path, header, expected, timestamps, log: log.to_owned() }
    }

    fn told(&self, keep: impl Fn(&str) -> bool) -> Vec<String> {
        let mut parser = Parser::new(self.timestamps);
        let mut told: Vec<Stamped> =
            self.log.lines().filter(|line| keep(line)).flat_map(|line| parser.feed(line)).collect();
        told.extend(parser.finish());
        told.iter().map(written).collect()
    }

    fn write(&self, told: &[String]) {
        let head: Vec<&str> = self.header.iter().chain(told).map(String::as_str).collect();
        std::fs::write(&self.path, format!("{}\n\n{}", head.join("\n"), self.log)).unwrap();
    }
}

/// One message on one line, without what is absent or false.
fn written(stamped: &Stamped) -> String {
    let mut value = serde_json::to_value(&stamped.message).unwrap();
    if let Some(fields) =
        value.as_object_mut().and_then(|outer| outer.values_mut().next()).and_then(Value::as_object_mut)
    {
        fields.retain(|_, value| !value.is_null() && *value != Value::Bool(false));
    }
    let at = stamped.at_us.map_or("-".to_owned(), |at| at.to_string());
    format!("EXPECT: {at} {value}")
}

fn corpus() -> Vec<Golden> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kmsg");
    let mut paths: Vec<PathBuf> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(Golden::read).collect()
}

#[test]
fn every_log_tells_what_it_should() {
    let mut wrong = Vec::new();
    for golden in corpus() {
        let told = golden.told(|_| true);
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
    assert!(corpus.len() >= 20);
    for version in ["3.10", "3.16", "4.4", "4.9", "4.19", "5.4", "5.10", "6.1", "6.12", "7.2"] {
        let kernel = format!("KERNEL: {version}");
        assert!(corpus.iter().any(|golden| golden.header[0].starts_with(&kernel)), "no log of {version}");
    }
    assert!(corpus.iter().all(|golden| golden.header[1].starts_with("ORIGIN: ")));
}

/// A recorder may drop lines that do not matter. Pieces that waited for a dropped line's end come a little later, which
/// is why only the messages, not their order, are compared.
#[test]
fn the_lines_that_matter_tell_the_same() {
    for golden in corpus() {
        let mut all = golden.told(|_| true);
        let mut kept = golden.told(|line| matters(line, golden.timestamps));
        all.sort();
        kept.sort();
        assert_eq!(kept, all, "{}", golden.path.display());
    }
}

/// Whoever wants kills and panics only may pass over all other lines unread.
#[test]
fn lines_that_may_tell_of_kills_tell_all_of_them() {
    let mut kills = 0;
    for golden in corpus() {
        let told = |keep: &dyn Fn(&str) -> bool| {
            let wanted = |line: &String| line.contains(r#" {"kill""#) || line.contains(r#" {"panic""#);
            golden.told(keep).into_iter().filter(wanted).collect::<Vec<_>>()
        };
        let all = told(&|_| true);
        assert_eq!(told(&|line| may_tell_of_kills(line.as_bytes())), all, "{}", golden.path.display());
        kills += all.len();
    }
    assert!(kills > 20, "{kills}");
}

#[test]
fn line_endings_of_a_serial_console_change_nothing() {
    for golden in corpus() {
        let mut parser = Parser::new(golden.timestamps);
        let mut told: Vec<Stamped> =
            golden.log.lines().flat_map(|line| parser.feed(&format!("\r{line}\r\n"))).collect();
        told.extend(parser.finish());
        assert_eq!(told.iter().map(written).collect::<Vec<_>>(), golden.told(|_| true), "{}", golden.path.display());
    }
}
