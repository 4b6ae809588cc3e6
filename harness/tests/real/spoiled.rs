//! Real runs that say nothing about the kernel, and must say so.
//! Lives here: what the workload, the user, the host or QEMU can do to a run.
//! May not live here: outcomes.

use super::ran::{Ran, Running, kill, shell};
use std::path::Path;
use std::time::Duration;

#[test]
fn a_workload_that_fails_is_inconclusive() {
    let ran = Ran::scenario("scenarios/tests/exit-at-once.yaml", &[]);
    ran.is_inconclusive("workload-failed");
    let ran = Ran::scenario("scenarios/tests/fill-disk.yaml", &[]);
    ran.is_inconclusive("workload-failed");
    assert!(ran.text("detail").contains("No space left on device"), "{}", ran.text("detail"));
}

#[test]
fn a_workload_that_does_not_press_is_inconclusive() {
    Ran::scenario("scenarios/tests/idle.yaml", &[]).is_inconclusive("no-pressure");
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
    assert!(!Path::new(&format!("/proc/{qemu}")).exists(), "QEMU is gone");
}

#[test]
fn a_qemu_that_is_killed_is_no_hung_guest() {
    let running = Running::start("scenarios/xfs-inode-mutex.yaml", &[]);
    let qemu = running.qemu();
    running.wait_for_event("\"workload-started\"");
    kill("KILL", qemu);
    running.end().is_inconclusive("qemu-died");
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

#[test]
fn a_kernel_that_does_not_reach_init_in_time_is_no_boot() {
    let ran = Ran::scenario("scenarios/tests/idle.yaml", &["--set", "phases.boot=500ms"]);
    ran.is_inconclusive("no-boot");
}

#[test]
fn a_probe_that_is_killed_spoils_the_run() {
    let script = "for p in /proc/[0-9]*; do read -r c < $p/comm; \
                  [ \"$c\" = oomph-fault ] && kill -9 ${p#/proc/}; done; while :; do sleep 1; done";
    let file = shell(script, "");
    Ran::scenario(file.path().to_str().unwrap(), &[]).is_inconclusive("probe-killed");
}

#[test]
fn a_flood_on_the_console_changes_nothing() {
    // Memory in pieces of 1 MiB until the OOM killer comes, beside a flood of lines that look almost like the kernel's.
    let script = "(while :; do echo 'Out of memory: Killed process 1 (init) total-vm:1kB, anon-rss:1kB'; done) & \
                  a=0123456789abcdef; for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16; do a=$a$a; done; \
                  while :; do set -- \"$@\" \"$a\"; done";
    let file = shell(script, "expect: [{outcome: oom-killed}]\n");
    let ran = Ran::scenario(file.path().to_str().unwrap(), &[]);
    ran.has_outcome("oom-killed");
    let size = std::fs::metadata(ran.folder().join("console.log")).unwrap().len();
    assert!(size < 17 << 20, "{size}");
}
