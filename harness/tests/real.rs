//! Real QEMU, Debian's real kernel, real memory pressure: one run per outcome, and what a user does besides.
//! They need QEMU and apt, which `make test` sees to, and take minutes together. Nothing here depends on absolute times.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn oomph(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null());
    command
}

/// A run, its exit status and the last line of JSON.
struct Ran {
    status: Option<i32>,
    run: Value,
    results: tempfile::TempDir,
    output: Output,
}

impl Ran {
    fn scenario(file: &str, options: &[&str]) -> Self {
        let results = tempfile::tempdir().unwrap();
        let mut arguments = vec!["run", file, "--json", "--results", results.path().to_str().unwrap()];
        arguments.extend(options);
        let output = oomph(&arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let run = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| {
            panic!("no JSON; stdout {text:?}, stderr {}", String::from_utf8_lossy(&output.stderr));
        });
        Self { status: output.status.code(), run, results, output }
    }

    fn text(&self, field: &str) -> &str {
        self.run[field].as_str().unwrap_or_default()
    }

    fn folder(&self) -> PathBuf {
        PathBuf::from(self.text("result"))
    }

    fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What holds of every result, whatever became of the guest.
    #[track_caller]
    fn is_whole(&self) {
        for file in ["run.json", "scenario.yaml", "command.txt", "console.log", "events.jsonl"] {
            assert!(self.folder().join(file).is_file(), "{file} is missing");
        }
        let replay = oomph(&["replay", self.text("result"), "--json"]).output().unwrap();
        let replayed: Value = serde_json::from_slice(&replay.stdout).unwrap();
        for field in ["outcome", "inconclusive", "kills", "max_stall_s", "evidence", "phases", "ended_by", "expected"] {
            assert_eq!(self.run[field], replayed[field], "replay differs in {field}");
        }
        let drafts = fs::read_dir(self.results.path()).unwrap().flatten();
        assert!(drafts.map(|entry| entry.file_name()).all(|name| !name.to_string_lossy().starts_with(".tmp-")));
    }

    #[track_caller]
    fn has_outcome(&self, outcome: &str) {
        let seen = (self.text("outcome"), self.status);
        assert_eq!(seen, (outcome, Some(0)), "{:#}\n{}", self.run, String::from_utf8_lossy(&self.output.stderr));
        self.is_whole();
    }

    #[track_caller]
    fn is_inconclusive(&self, reason: &str) {
        let seen = (self.run["outcome"].is_null(), self.text("inconclusive"), self.status);
        assert_eq!(seen, (true, reason, Some(3)), "{:#}", self.run);
        self.is_whole();
    }
}

#[test]
fn xfs_inode_mutex_is_oom_killed() {
    let ran = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &["--set", "phases.pressure=40s"]);
    ran.has_outcome("oom-killed");
    let events = ran.events();
    let counts = |kind: &str| -> Vec<u64> {
        events.iter().filter(|event| event["kind"] == kind).map(|event| event["allocs"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts("bye"), [0], "the agent allocates nothing after ready");
    let beats = counts("beat");
    assert!(beats.len() > 40 && beats.iter().all(|&allocs| allocs == 0), "nor does the beat: {beats:?}");
    assert!(events.iter().any(|event| event["kind"] == "counters" && event["allocstall"].as_u64() > Some(0)));
    let victims: Vec<&str> =
        ran.run["kills"].as_array().unwrap().iter().map(|kill| kill["role"].as_str().unwrap()).collect();
    assert!(victims.iter().all(|role| *role == "workload"), "{victims:?}");
}

#[test]
fn a_frozen_filesystem_is_hung_and_nothing_helps() {
    let ran = Ran::scenario("scenarios/tests/freeze-forever.yaml", &[]);
    ran.has_outcome("hung");
    assert!(ran.run["kills"].as_array().unwrap().iter().all(|kill| kill["counts"] == false));
    assert!(ran.run["stalls"][0]["probes"].as_array().unwrap().contains(&"file:data".into()));
    let actions: Vec<&str> =
        ran.run["escapes"].as_array().unwrap().iter().map(|escape| escape["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..2], ["sysrq-f", "release"]);
    let console = fs::read_to_string(ran.folder().join("console.log")).unwrap();
    assert!(console.contains("Show Blocked State") && console.contains("sb_start_write"), "SysRq-w names the wait");
}

#[test]
fn processors_taken_away_for_ever_are_hung() {
    let ran = Ran::scenario("scenarios/tests/spin-rt.yaml", &[]);
    ran.has_outcome("hung");
    assert!(ran.run["stalls"][0]["probes"].as_array().unwrap().contains(&"beat".into()), "{:#}", ran.run["stalls"]);
}

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
fn a_users_own_dynamic_program_is_packed_with_its_libraries() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.yaml");
    // tail keeps the last line, and /dev/zero has none: it takes memory until it is killed.
    let text = "name: own\nsummary: A program of the host's.\nkernel: debian-6.1\n\
                guest: {cpus: 2, memory: 256 MiB}\n\
                workload: {program: /usr/bin/tail, args: [/dev/zero]}\n\
                phases: {settle: 3s, pressure: 60s, verify: 20s}\n\
                expect: [{outcome: oom-killed, victims: [tail]}]\n";
    fs::write(&file, text).unwrap();
    Ran::scenario(file.to_str().unwrap(), &[]).has_outcome("oom-killed");
}

#[test]
fn an_interrupted_run_leaves_a_result_and_no_qemu() {
    let results = tempfile::tempdir().unwrap();
    let child = oomph(&["run", "scenarios/tests/idle.yaml", "--set", "phases.pressure=10m", "--json", "--results"])
        .arg(results.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let qemu = wait_for(Duration::from_secs(300), || qemu_below(child.id())).expect("QEMU never started");
    let interrupted = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(interrupted.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{output:?}");
    let run: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(run["inconclusive"], "cancelled");
    assert!(!Path::new(&format!("/proc/{qemu}")).exists(), "QEMU is gone");
}

fn wait_for<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + deadline;
    loop {
        match look() {
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(100)),
            found => return found,
        }
    }
}

/// The process id of a QEMU that is a child of `parent`.
fn qemu_below(parent: u32) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let its_parent: u32 = rest.split_whitespace().nth(1)?.parse().ok()?;
        (name.contains("qemu-system") && its_parent == parent).then_some(pid)
    })
}
