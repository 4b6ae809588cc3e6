//! Real runs that the host, the user or another harness disturbs.
//! Lives here: load, stops, deaths, full disks, and what must not come of them.
//! May not live here: what the guest does (`outcomes`, `spoiled`).

use super::ran::{Ran, Running, kill, oomph, wait_for};
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

fn is_gone(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(')').is_some_and(|(_, rest)| rest.trim_start().starts_with('Z')))
}

#[test]
fn an_interrupted_run_leaves_a_result_and_no_qemu() {
    let running =
        Running::start("scenarios/tests/idle.yaml", &["--set", "phases.pressure=10m", "--set", "phases.wall=1h"]);
    let qemu = running.qemu();
    running.wait_for_event("\"hello\"");
    running.signal("INT");
    let ran = running.end();
    assert_eq!((ran.status, ran.text("inconclusive")), (Some(130), "cancelled"));
    ran.is_whole();
    assert!(is_gone(qemu));
}

/// By the files that the run itself reads the guest by, of a kernel that was built here, and without the run's taking notice.
#[test]
fn a_guest_that_runs_is_looked_at_from_another_process() {
    let options = ["--kernel", "debian-6.1-source", "--set", "phases.pressure=10m", "--set", "phases.wall=1h"];
    let running = Running::start("scenarios/tests/idle.yaml", &options);
    let qemu = running.qemu().to_string();
    running.wait_for_event("\"ready\"");
    for _ in 0..2 {
        let output = oomph(&["diagnose", "--live", &qemu, "--json"]).output().unwrap();
        let look: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        assert!(look["found"].as_u64() > Some(20) && look["free_kb"].as_u64() > Some(0), "{look:#}");
        assert_eq!(look["processors"].as_array().unwrap().len(), 2, "a second look is let in after the first");
        assert_eq!(look["reaper"]["queue"], serde_json::json!([]));
    }
    let output = oomph(&["diagnose", "--live", &std::process::id().to_string()]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(
        error.contains("no QEMU of a run of oomph's") && error.contains(&format!("\n  {qemu}  256 MiB  ")),
        "{error}"
    );
    running.signal("INT");
    running.end().is_whole();
}

/// PDEATHSIG: the kernel kills QEMU when the harness dies, however it dies (`vm::spawner`).
#[test]
fn a_harness_that_is_killed_leaves_no_qemu_and_no_half_result() {
    let results = Arc::new(tempfile::tempdir().unwrap());
    let long = ["--set", "phases.pressure=10m", "--set", "phases.wall=1h"];
    let running = Running::start_in(&results, "scenarios/tests/idle.yaml", &long);
    let qemu = running.qemu();
    running.wait_for_event("\"hello\"");
    running.signal("KILL");
    running.ends_without_result();
    assert!(wait_for(Duration::from_secs(30), || is_gone(qemu).then_some(())).is_some(), "QEMU outlived the harness");
    assert_eq!(listed(results.path()), Vec::<String>::new());
    let ran = Running::start_in(&results, "scenarios/tests/idle.yaml", &[]).end();
    ran.is_inconclusive("no-pressure");
    assert_eq!((listed(results.path()).len(), drafts(results.path())), (1, 0), "what was left is swept away");
}

/// The result folders that `oomph results list` knows.
fn listed(results: &Path) -> Vec<String> {
    let output = oomph(&["results", "list", "--json", "--results"]).arg(results).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn drafts(results: &Path) -> usize {
    let names = fs::read_dir(results).unwrap().flatten().map(|entry| entry.file_name());
    names.filter(|name| name.to_string_lossy().starts_with(".tmp-")).count()
}

#[test]
fn two_harnesses_share_a_cache_and_a_results_folder() {
    let results = Arc::new(tempfile::tempdir().unwrap());
    let start = || Running::start_in(&results, "scenarios/tests/idle.yaml", &[]);
    let runs = [start(), start()].map(Running::end);
    runs.iter().for_each(|ran| ran.is_inconclusive("no-pressure"));
    assert_ne!(runs[0].folder(), runs[1].folder());
    assert_eq!((listed(results.path()).len(), drafts(results.path())), (2, 0));
}

/// Somebody is logging in as it goes, as when a guest resets itself (`-no-reboot`): that login has no end, and keeps nobody.
#[test]
fn a_qemu_that_is_killed_is_no_hung_guest() {
    let running = Running::start("scenarios/xfs-inode-mutex-login.yaml", &[]);
    let qemu = running.qemu();
    running.wait_for_event("\"workload-started\"");
    // The last stage that was told is not the last one.
    let under_way = |record: &str| {
        let last = record.lines().rfind(|line| line.contains("\"kind\":\"login\""));
        last.is_some_and(|line| !line.contains("\"stage\":\"exec\""))
    };
    running.wait_until("a login that is under way", under_way);
    kill("KILL", qemu);
    let ran = running.end();
    ran.is_inconclusive("qemu-died");
    assert!(!ran.run["logins"].as_array().unwrap().is_empty(), "{:#}", ran.run);
}

#[test]
fn a_qemu_that_is_stopped_for_a_minute_changes_nothing() {
    let running = Running::start("scenarios/xfs-inode-mutex.yaml", &["--set", "phases.pressure=25s"]);
    let qemu = running.qemu();
    running.wait_for_event("\"workload-started\"");
    std::thread::sleep(Duration::from_secs(3));
    kill("STOP", qemu);
    std::thread::sleep(Duration::from_secs(60));
    kill("CONT", qemu);
    let ran = running.end();
    ran.has_outcome("oom-killed");
    let lost = ran.run["duration_s"].as_f64().unwrap() - ran.run["fair_s"].as_f64().unwrap();
    assert!(lost > 55.0, "the minute does not count: {lost}");
}

/// Twice as many busy threads as processors, beside whatever else this machine does.
#[test]
fn a_host_whose_processors_are_taken_by_others_changes_nothing() {
    let busy = Arc::new(AtomicBool::new(true));
    let processors = std::thread::available_parallelism().unwrap().get();
    let spin = |_| {
        let busy = Arc::clone(&busy);
        std::thread::spawn(move || while busy.load(Relaxed) {})
    };
    let load: Vec<_> = (0..2 * processors).map(spin).collect();
    let ran = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &["--set", "phases.pressure=12s"]);
    busy.store(false, Relaxed);
    load.into_iter().for_each(|thread| thread.join().unwrap());
    ran.has_outcome("oom-killed");
    let lost = ran.run["duration_s"].as_f64().unwrap() - ran.run["fair_s"].as_f64().unwrap();
    assert!(lost > 5.0, "the host was loaded: {lost} s of it did not count");
}

/// A filesystem of a few MB in a mount namespace of its own; `unshare -Ur` so that an ordinary user may have one too.
#[test]
fn a_full_results_disk_is_said_and_costs_no_earlier_result() {
    let place = tempfile::tempdir().unwrap();
    let script = r#"
        mount -t tmpfs -o size=8m none "$1"
        run() { "$2" run scenarios/tests/"$1" --accel tcg --json --results "$3/results"; echo "status $?"; }
        fill() { # leaves so many KiB
            dd if=/dev/zero of="$1/filler" bs=1k count=$(( $(df --output=avail -k "$1" | tail -1) - $2 )) 2>/dev/null; }
        run idle.yaml "$2" "$1"
        fill "$1" 100
        run idle.yaml "$2" "$1" 2>&1
        rm "$1/filler"; fill "$1" 700
        run flood.yaml "$2" "$1"
        "$2" results list --json --results "$1/results"
    "#;
    let mut command = Command::new("unshare");
    command.args(["-Urm", "sh", "-c", script, "sh"]).arg(place.path()).arg(env!("CARGO_BIN_EXE_oomph"));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let output = command.current_dir(root).stdin(Stdio::null()).output().unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    let statuses: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("status ")).collect();
    assert_eq!(statuses, ["3", "2", "3"], "{text}");
    assert!(text.contains("no space left on the disk (free some, or choose another folder for results)"), "{text}");
    let runs = text.lines().filter_map(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let reasons: Vec<String> = runs.filter_map(|run| run["inconclusive"].as_str().map(str::to_owned)).collect();
    // The two that ran, then the list of them, the newest first.
    assert_eq!(reasons, ["no-pressure", "disk-full", "disk-full", "no-pressure"], "{text}");
}
