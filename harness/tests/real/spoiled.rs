//! Real runs that say nothing about the kernel, and must say so.
//! Lives here: what the workload, the kernel or its console can do to a run.
//! May not live here: outcomes, or what the host does (`host`).

use super::ran::{Ran, Running, shell, wait_for};
use std::fs;
use std::time::Duration;

#[test]
fn a_workload_that_fails_is_inconclusive() {
    let ran = Ran::scenario("scenarios/tests/exit-at-once.yaml", &[]);
    ran.is_inconclusive("workload-failed");
    let ran = Ran::scenario("scenarios/tests/fill-disk.yaml", &[]);
    ran.is_inconclusive("workload-failed");
    assert!(ran.text("detail").contains("No space left on device"), "{}", ran.text("detail"));
    let missing = shell("exec /no/such/program", "");
    let ran = Ran::scenario(missing.path().to_str().unwrap(), &[]);
    ran.is_inconclusive("workload-failed");
    assert!(ran.text("detail").contains("127"), "a shell's status for what is not there: {}", ran.text("detail"));
}

/// A bzImage by its header only (Documentation/arch/x86/boot.rst), whose setup code is a loop.
fn mute_kernel() -> Vec<u8> {
    let mut image = vec![0_u8; 0x1a00];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1f1, &[4]); // setup_sects
    put(0x1f4, &0x100_u32.to_le_bytes()); // syssize
    put(0x1fe, &[0x55, 0xaa]);
    put(0x200, &[0xeb, 0xfe]); // jmp to itself
    put(0x202, b"HdrS");
    put(0x206, &0x020c_u16.to_le_bytes()); // version
    put(0x20e, &0x100_u16.to_le_bytes()); // kernel_version, less 0x200
    put(0x211, &[1]); // LOADED_HIGH
    put(0x214, &0x10_0000_u32.to_le_bytes()); // code32_start
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes()); // initrd_addr_max
    put(0x236, &1_u16.to_le_bytes()); // XLF_KERNEL_64
    put(0x238, &0x7ff_u32.to_le_bytes()); // cmdline_size
    put(0x300, b"6.1.0-mute (nobody@nowhere) #1\0");
    image
}

#[test]
fn a_kernel_that_never_reaches_init_is_no_boot_and_not_hung() {
    let file = tempfile::Builder::new().prefix("mute").tempfile().unwrap();
    fs::write(&file, mute_kernel()).unwrap();
    let options = ["--kernel", file.path().to_str().unwrap(), "--set", "phases.boot=10s"];
    let ran = Ran::scenario("scenarios/tests/idle.yaml", &options);
    ran.is_inconclusive("no-boot");
    let boot = ran.run["fair_s"].as_f64().unwrap();
    assert!((10.0..15.0).contains(&boot), "fair seconds, so no matter of load: {boot}");
}

#[test]
fn a_workload_that_does_not_press_is_inconclusive() {
    let ran = Ran::scenario("scenarios/tests/wrong-key.yaml", &[]);
    ran.is_inconclusive("no-pressure");
    no_outcome_rests_on_logins(&ran);
    files_went_in_and_came_out(&ran);
}

#[test]
fn a_probe_that_is_killed_spoils_the_run() {
    let script = "for p in /proc/[0-9]*; do read -r c < $p/comm; \
                  [ \"$c\" = oomph-fault ] && kill -9 ${p#/proc/}; done; while :; do sleep 1; done";
    let file = shell(script, "");
    Ran::scenario(file.path().to_str().unwrap(), &[]).is_inconclusive("probe-killed");
}

#[test]
fn a_flood_on_the_console_is_bounded_and_forges_no_kill() {
    let running = Running::start("scenarios/tests/flood.yaml", &[]);
    let pid = running.pid();
    let watch = std::thread::spawn(move || most_resident_kb(pid));
    let ran = running.end();
    ran.is_inconclusive("no-pressure");
    assert_eq!(ran.run["kills"], serde_json::json!([]));
    let size = fs::metadata(ran.folder().join("console.log")).unwrap().len();
    assert!((100_000..17 << 20).contains(&size), "{size}");
    let most = watch.join().unwrap();
    assert!((1..200 << 10).contains(&most), "bounded memory, in a build for tests: {most} kB");
}

/// The most memory that a process had at once, as last seen before it ended (proc_pid_status(5), `VmHWM`).
fn most_resident_kb(pid: u32) -> u64 {
    let mut most = 0;
    let look = || {
        let Ok(status) = fs::read_to_string(format!("/proc/{pid}/status")) else { return Some(()) };
        let line = status.lines().find(|line| line.starts_with("VmHWM:"));
        let kb = line.and_then(|line| line.split_whitespace().nth(1)?.parse().ok());
        most = most.max(kb.unwrap_or(0));
        // A zombie has none.
        kb.is_none().then_some(())
    };
    wait_for(Duration::from_secs(900), look).expect("the run ends");
    most
}

#[track_caller]
fn no_outcome_rests_on_logins(ran: &Ran) {
    let logins = ran.run["logins"].as_array().unwrap();
    // Nothing waits for the server, so the first may come before it is there.
    let ended: Vec<_> = logins.iter().skip(1).filter(|login| !login["ok"].is_null()).collect();
    assert!(!ended.is_empty(), "{logins:#?}");
    for login in ended {
        let why = login["failed"].as_str().unwrap();
        assert!(login["passed"] == "key-exchange" && why.starts_with("auth: "), "{login:#}");
    }
    let refused = |event: &serde_json::Value| event["probe"] == "login" && event["result"]["errno"] == 13;
    assert!(ran.events().iter().any(refused), "refused is EACCES");
}

#[track_caller]
fn files_went_in_and_came_out(ran: &Ran) {
    let collected = ran.folder().join("collected");
    let own = std::fs::read_to_string(collected.join("etc/own.yaml")).unwrap();
    assert!(own.contains("name: wrong-key"), "{own}");
    assert_eq!(std::fs::read_to_string(collected.join("proc/sys/vm/oom_dump_tasks")).unwrap(), "0\n");
    let failed = |event: &serde_json::Value| event["path"] == "/none" && event["failed"].as_str().is_some();
    assert!(ran.events().iter().any(failed) && !collected.join("none").exists());
}
