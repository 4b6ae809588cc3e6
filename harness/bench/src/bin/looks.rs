//! What it costs to look at a guest's memory: the guest's own work with and without, and one look at a thousand tasks (`make bench`).
//! Lives here: runs in turn, their ratios; a guest with a thousand tasks.
//! May not live here: a figure that a busy machine makes fail.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

const SCENARIO: &str = "scenarios/xfs-inode-mutex.yaml";
/// Tasks of the large guest.
const TASKS: usize = 1000;

fn main() {
    let program = std::env::args_os().nth(1).expect("the oomph to measure as the argument");
    let program = Path::new(&program).canonicalize().expect("an oomph that is there");
    let rounds: usize = std::env::var("BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let place = tempfile::tempdir().unwrap();
    // The hogs never come: writers append and are counted. Nothing is synced: how long the host's disk takes is not what is asked.
    let steady = [
        "--set",
        "workload.args.delay=600",
        "--set",
        "workload.args.fsync=false",
        "--set",
        "phases.pressure=20s",
        "--set",
        "phases.verify=5s",
    ];
    let mut ratios = Vec::new();
    for round in 1..=rounds {
        let work = |options: &[&str]| {
            let (run, _) = run(&program, place.path(), SCENARIO, &[&steady[..], options].concat());
            run["work"].as_f64().unwrap() / phase(&run, "pressure")
        };
        // A machine that grows slower or quicker favours neither.
        let (without, with) = if round % 2 == 1 {
            let without = work(&[]);
            (without, work(&["--sample", "4"]))
        } else {
            let with = work(&["--sample", "4"]);
            (work(&[]), with)
        };
        eprintln!("round {round} of {rounds}: {without:.0} appends a second, {with:.0} while looked at");
        ratios.push(with / without);
    }
    let [least, most] = [f64::min, f64::max].map(|of| ratios.iter().copied().reduce(of).unwrap());
    println!(
        "work while looked at    {:6.3}     (of that without, median of {rounds} rounds, {least:.3} to {most:.3}; wanted: at least 0.97)",
        median(ratios)
    );
    let scenario = many_tasks(place.path());
    let (seen, memory) = run(&program, place.path(), scenario.to_str().unwrap(), &["--sample", "4"]);
    let looks = pictures(Path::new(seen["result"].as_str().unwrap()));
    let full: Vec<&(f64, u64)> = looks.iter().filter(|(_, tasks)| *tasks >= TASKS as u64).collect();
    assert!(!full.is_empty(), "no look saw {TASKS} tasks: {looks:?}");
    let times: Vec<f64> = full.iter().map(|(ms, _)| *ms).collect();
    let most = times.iter().copied().fold(0.0, f64::max);
    println!(
        "a look at {} tasks    {:6.1} ms   (median of {}, most {most:.1}; wanted: under 100)",
        full[0].1,
        median(times),
        full.len()
    );
    println!(
        "memory of the harness   {:6.1} MiB  (most at once in that run; {:.1} MiB with what it reads of files and the guest's memory; wanted: under 100)",
        memory.own, memory.all
    );
}

/// The most memory of a process at once, in MiB.
#[derive(Clone, Copy, Default)]
struct Peak {
    /// Its own: `RssAnon` of proc_pid_status(5), as seen ten times a second.
    own: f64,
    /// `VmHWM`: the pages of the program, of files and of the guest too that it has mapped and touched.
    all: f64,
}

impl Peak {
    fn look(&mut self, process: u32) {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
        let mib = |name: &str| {
            let line = status.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|line| line.trim_matches([':', '\t', ' ', 'k', 'B']).parse::<f64>().ok()).unwrap_or(0.0)
                / 1024.0
        };
        *self = Self { own: self.own.max(mib("RssAnon")), all: self.all.max(mib("VmHWM")) };
    }
}

/// A run: its record, and the harness's memory.
fn run(program: &Path, place: &Path, scenario: &str, options: &[&str]) -> (Value, Peak) {
    let mut command = Command::new(program);
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()).stdin(Stdio::null());
    command
        .args(["run", scenario, "--accel", "tcg", "--quiet", "--json", "--results"])
        .arg(place.join("results"))
        .args(options);
    // To files: a pipe that nobody empties would stop it.
    let [said, complained] = ["said", "complained"].map(|name| place.join(name));
    command.stdout(fs::File::create(&said).unwrap()).stderr(fs::File::create(&complained).unwrap());
    let (mut child, mut peak) = (command.spawn().unwrap(), Peak::default());
    while child.try_wait().unwrap().is_none() {
        peak.look(child.id());
        std::thread::sleep(Duration::from_millis(100));
    }
    let [said, complained] = [said, complained].map(|file| fs::read_to_string(file).unwrap());
    let record = serde_json::from_str(said.lines().last().unwrap_or_default());
    (record.unwrap_or_else(|error| panic!("{error}: {complained}")), peak)
}

fn phase(run: &Value, name: &str) -> f64 {
    let phases = run["phases"].as_array().unwrap();
    phases.iter().find(|phase| phase["phase"] == name).unwrap()["fair_s"].as_f64().unwrap()
}

/// Milliseconds and tasks of each look.
fn pictures(result: &Path) -> Vec<(f64, u64)> {
    let text = fs::read_to_string(result.join("events.jsonl")).unwrap();
    let events = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
    let pictures = events.filter(|event| event["kind"] == "picture");
    pictures.map(|event| (event["us"].as_f64().unwrap() / 1000.0, event["tasks"].as_u64().unwrap())).collect()
}

/// A scenario whose workload is a thousand processes that sleep in a guest of 1 GiB.
fn many_tasks(place: &Path) -> PathBuf {
    let source = format!(
        "#include <unistd.h>\nint main(void) {{ for (int i = 0; i < {TASKS}; i++) if (fork() == 0) for (;;) pause();\n  for (;;) pause(); }}\n"
    );
    let (code, program) = (place.join("many.c"), place.join("many"));
    fs::write(&code, source).unwrap();
    let built = Command::new("gcc").args(["-static", "-o"]).arg(&program).arg(&code).status().unwrap();
    assert!(built.success());
    let scenario = place.join("many.yaml");
    let text = format!(
        "name: many-tasks\nsummary: A thousand tasks that sleep.\nkernel: debian-6.1\nguest: {{cpus: 2, memory: 1 GiB}}\n\
         workload: {{program: {}}}\nphases: {{pressure: 20s}}\nprobes: [beat, fault, spawn]\nexpect: [{{outcome: recovered}}]\n",
        program.display()
    );
    fs::write(&scenario, text).unwrap();
    scenario
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
