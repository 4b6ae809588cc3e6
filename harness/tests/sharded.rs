//! A store that came together of shards is the store that one machine would have made: every report of both is the same.
//! Lives here: the committed records of the soak, dealt out to three shards and merged again.
//! May not live here: what a report says.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::{Path, PathBuf};

const SHARDS: usize = 3;

/// The results of the soak, in an order that does not change.
fn records() -> Vec<PathBuf> {
    let soak = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results/soak");
    let inside = |folder: &Path| -> Vec<PathBuf> {
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect()
    };
    let mut records: Vec<PathBuf> = inside(&soak).iter().flat_map(|scenario| inside(scenario)).collect();
    records.retain(|record| record.join("run.json").exists());
    records.sort();
    assert!(records.len() > 100, "{} records", records.len());
    records
}

fn copy(record: &Path, store: &Path) {
    let names = (record.parent().unwrap().file_name().unwrap(), record.file_name().unwrap());
    let to = store.join(names.0).join(names.1);
    fs::create_dir_all(&to).unwrap();
    for file in ["run.json", "scenario.yaml"] {
        fs::copy(record.join(file), to.join(file)).unwrap();
    }
}

/// What a command prints in a folder.
fn said(folder: &Path, words: &str) -> String {
    let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.args(words.split_whitespace()).current_dir(folder).env_remove("GITHUB_STEP_SUMMARY");
    let output = command.output().unwrap();
    assert!(output.status.success(), "oomph {words}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn three_shards_merged_give_the_reports_of_one_store() {
    let place = tempfile::tempdir().unwrap();
    let [whole, merged] = ["whole", "merged"].map(|name| place.path().join(name));
    for (number, record) in records().iter().enumerate() {
        copy(record, &whole.join("results"));
        copy(record, &merged.join(format!("shard-{}", number % SHARDS)));
    }
    // The last comes first: the order in which machines are done is nobody's choice.
    assert_eq!(said(&merged, "results merge shard-2 shard-0 shard-1"), "");
    for words in [
        "results list",
        "results list --json",
        "results summary",
        "results summary --markdown",
        "results summary --json",
        "report --csv -",
        "report --junit -",
        "report --ktap -",
        "report --kcidb -",
        "report --gitlab -",
        "report --jsonl -",
        "report --github",
    ] {
        let (one, other) = (said(&whole, words), said(&merged, words));
        assert!(one.len() > 100, "{words}: {one}");
        assert!(
            one == other,
            "{words} differs: {:?}",
            one.lines().zip(other.lines()).find(|(one, other)| one != other)
        );
    }
    let page = |folder: &Path| without_the_time(&said(folder, "report --html -"));
    let (one, other) = (page(&whole), page(&merged));
    assert!(one == other, "{:?}", one.lines().zip(other.lines()).find(|(one, other)| one != other));
}

/// A page without the time at which it was made, which stands in its heading.
fn without_the_time(page: &str) -> String {
    let (before, rest) = page.split_once("Made <time").unwrap();
    let (_, after) = rest.split_once("</time>").unwrap();
    format!("{before}{after}")
}
