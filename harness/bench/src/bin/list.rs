//! How long `oomph results list` takes over many results, with its index and without (`make bench`).
//! Lives here: the made-up folder of results, the lists in turn, their ratio.
//! May not live here: a figure that a busy machine makes fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const ROUNDS: usize = 7;
/// What changed more recently is not taken into an index.
const SETTLED: Duration = Duration::from_millis(3500);

fn main() {
    let program = PathBuf::from(std::env::args_os().nth(1).expect("the oomph to measure as the argument"));
    let count = std::env::var("LIST_RESULTS").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let place = tempfile::tempdir().unwrap();
    let results = place.path().join("results");
    let bytes = make(&results, count);
    std::thread::sleep(SETTLED);
    println!("{count} results, {} MiB of run.json; medians of {ROUNDS}, all warm", bytes >> 20);
    let list = |options: &[&str]| seconds(&program, &results, options);
    list(&[]);
    let index = results.join(".index");
    println!("index                   {:6.1} MiB", fs::metadata(&index).unwrap().len() as f64 / f64::from(1 << 20));
    let (mut with, mut filtered, mut json, mut without) = (vec![], vec![], vec![], vec![]);
    for _ in 0..ROUNDS {
        with.push(list(&[]));
        filtered.push(list(&["--outcome", "hung", "--kernel", "6.1", "--sort", "stall", "--limit", "20"]));
        json.push(list(&["--json"]));
    }
    // A folder in its place can be neither read nor replaced.
    fs::remove_file(&index).unwrap();
    fs::create_dir(&index).unwrap();
    fs::write(index.join("x"), "").unwrap();
    for _ in 0..ROUNDS {
        without.push(list(&[]));
    }
    let [with, filtered, json, without] = [with, filtered, json, without].map(median);
    println!("list                    {:6.0} ms  (wanted: under 300)", with * 1000.0);
    println!("list, filtered, sorted  {:6.0} ms", filtered * 1000.0);
    println!("list --json             {:6.0} ms", json * 1000.0);
    println!("list without an index   {:6.0} ms", without * 1000.0);
    println!("ratio                   {:6.2}     (wanted: at most 0.25)", with / without);
}

/// Results of the repository's own records, under other names and times; their size in bytes.
fn make(results: &Path, count: usize) -> u64 {
    let soak = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../results/soak");
    let below = |folder: &Path| fs::read_dir(folder).unwrap().flatten().map(|entry| entry.path()).collect::<Vec<_>>();
    let runs = below(&soak).into_iter().filter(|folder| folder.is_dir()).flat_map(|scenario| below(&scenario));
    let records: Vec<serde_json::Value> = runs
        .filter_map(|run| fs::read(run.join("run.json")).ok())
        .map(|text| serde_json::from_slice(&text).unwrap())
        .collect();
    let mut bytes = 0;
    for number in 0..count {
        let mut record = records[number % records.len()].clone();
        let (day, hour, minute) = (1 + number / 1440 % 28, number / 60 % 24, number % 60);
        record["started"] = format!("2026-01-{day:02}T{hour:02}:{minute:02}:00Z").into();
        let (scenario, kernel) = (record["scenario"].as_str().unwrap(), record["kernel"].as_str().unwrap());
        let folder =
            results.join(scenario).join(format!("202601{day:02}T{hour:02}{minute:02}00Z-{kernel}-{number:05}"));
        fs::create_dir_all(&folder).unwrap();
        let text = serde_json::to_vec_pretty(&record).unwrap();
        bytes += text.len() as u64;
        fs::write(folder.join("run.json"), text).unwrap();
    }
    bytes
}

/// One list, into a pipe that is read.
fn seconds(program: &Path, results: &Path, options: &[&str]) -> f64 {
    let start = Instant::now();
    let mut command = Command::new(program);
    command.args(["results", "list", "--results"]).arg(results).args(options).stdin(Stdio::null());
    let output = command.output().unwrap();
    let seconds = start.elapsed().as_secs_f64();
    assert!(output.status.success() && !output.stdout.is_empty(), "{output:?}");
    seconds
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
