//! Running `oomph` as its users do, and what holds of every result.
//! Lives here: the process, its JSON, the checks that every run must pass.
//! May not live here: scenarios.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// For what has to come at some time: its kernel may have to be built first, on a machine that is busy.
const LONG: Duration = Duration::from_secs(1800);

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

pub fn oomph(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.current_dir(root()).args(arguments).stdin(Stdio::null());
    command
}

/// A run, its exit status and the last line of JSON.
pub struct Ran {
    pub status: Option<i32>,
    pub run: Value,
    pub output: Output,
    _results: Arc<tempfile::TempDir>,
}

impl Ran {
    /// Runs a scenario to its end.
    pub fn scenario(file: &str, options: &[&str]) -> Self {
        Running::start(file, options).end()
    }

    pub fn text(&self, field: &str) -> &str {
        self.run[field].as_str().unwrap_or_default()
    }

    pub fn folder(&self) -> PathBuf {
        PathBuf::from(self.text("result"))
    }

    pub fn events(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.folder().join("events.jsonl")).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// What holds of every result, whatever became of the guest.
    #[track_caller]
    pub fn is_whole(&self) {
        for file in ["run.json", "scenario.yaml", "command.txt", "console.log", "events.jsonl"] {
            assert!(self.folder().join(file).is_file(), "{file} is missing");
        }
        let replay = oomph(&["replay", self.text("result"), "--json"]).output().unwrap();
        let replayed: Value = serde_json::from_slice(&replay.stdout).unwrap();
        for field in [
            "outcome",
            "mechanism",
            "waits",
            "proof",
            "inconclusive",
            "kills",
            "max_stall_s",
            "evidence",
            "phases",
            "ended_by",
            "escapes",
            "registers",
            "stored",
            "logins",
            "expected",
        ] {
            assert_eq!(self.run[field], replayed[field], "replay differs in {field}");
        }
    }

    #[track_caller]
    pub fn has_outcome(&self, outcome: &str) {
        let seen = (self.text("outcome"), self.status);
        assert_eq!(seen, (outcome, Some(0)), "{:#}\n{}", self.run, String::from_utf8_lossy(&self.output.stderr));
        self.is_whole();
        self.is_drawn();
    }

    /// Its picture lies beside it, and is in its page.
    #[track_caller]
    fn is_drawn(&self) {
        let picture = std::fs::read_to_string(self.folder().join("timeline.svg")).unwrap();
        assert!(picture.starts_with("<svg") && picture.trim_end().ends_with("</svg>"), "{picture}");
        let page = oomph(&["report", self.text("result"), "--html", "-"]).output().unwrap();
        let page = String::from_utf8(page.stdout).unwrap();
        assert!(
            page.contains("<svg") && page.contains(&format!("{} on {}", self.text("scenario"), self.text("kernel")))
        );
    }

    #[track_caller]
    pub fn is_inconclusive(&self, reason: &str) {
        let seen = (self.run["outcome"].is_null(), self.text("inconclusive"), self.status);
        assert_eq!(seen, (true, reason, Some(3)), "{:#}", self.run);
        self.is_whole();
    }
}

/// A run that goes on.
pub struct Running {
    child: Child,
    results: Arc<tempfile::TempDir>,
}

impl Running {
    pub fn start(file: &str, options: &[&str]) -> Self {
        Self::start_in(&Arc::new(tempfile::tempdir().unwrap()), file, options)
    }

    /// Starts a run with its result in this folder.
    pub fn start_in(results: &Arc<tempfile::TempDir>, file: &str, options: &[&str]) -> Self {
        let mut command = oomph(&["run", file, "--json", "--accel", "tcg", "--results"]);
        command.arg(results.path()).args(options).stdout(Stdio::piped()).stderr(Stdio::piped());
        Self { child: command.spawn().unwrap(), results: Arc::clone(results) }
    }

    /// The harness's process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Signals the harness.
    pub fn signal(&self, signal: &str) {
        kill(signal, self.child.id());
    }

    /// The process id of its QEMU, once there is one.
    pub fn qemu(&self) -> u32 {
        wait_for(LONG, || qemu_below(self.child.id())).expect("QEMU never started")
    }

    /// Waits until the record of the run that goes on contains a text.
    pub fn wait_for_event(&self, text: &str) {
        self.wait_until(text, |record| record.contains(text));
    }

    /// Waits until the record of the run that goes on is as it is wanted.
    pub fn wait_until(&self, wanted: &str, is_so: impl Fn(&str) -> bool) {
        let written = || {
            let drafts = fs::read_dir(self.results.path()).ok()?.flatten();
            let records = drafts.filter_map(|draft| fs::read_to_string(draft.path().join("events.jsonl")).ok());
            records.into_iter().any(|record| is_so(&record)).then_some(())
        };
        wait_for(LONG, written).unwrap_or_else(|| panic!("{wanted} never came"));
    }

    /// Waits for a harness that cannot say what became of its run.
    pub fn ends_without_result(mut self) {
        assert_eq!(self.child.wait().unwrap().code(), None, "it was killed");
    }

    pub fn end(self) -> Ran {
        let Self { child, results } = self;
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        let run = text.lines().last().and_then(|line| serde_json::from_str(line).ok()).unwrap_or_else(|| {
            panic!("no JSON; stdout {text:?}, stderr {}", String::from_utf8_lossy(&output.stderr));
        });
        Ran { status: output.status.code(), run, output, _results: results }
    }
}

pub fn kill(signal: &str, pid: u32) {
    let status = Command::new("kill").args([&format!("-{signal}"), &pid.to_string()]).status().unwrap();
    assert!(status.success(), "kill -{signal} {pid}");
}

pub fn wait_for<T>(deadline: Duration, mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let until = Instant::now() + deadline;
    loop {
        match look() {
            None if Instant::now() < until => std::thread::sleep(Duration::from_millis(100)),
            found => return found,
        }
    }
}

/// The process id of the QEMU of a run, which is a child of `parent`; not of one that only says its version or proves KVM.
pub fn qemu_below(parent: u32) -> Option<u32> {
    fs::read_dir("/proc").ok()?.flatten().find_map(|entry| {
        let pid: u32 = entry.file_name().to_str()?.parse().ok()?;
        let stat = fs::read_to_string(entry.path().join("stat")).ok()?;
        let (name, rest) = stat.rsplit_once(')')?;
        let its_parent: u32 = rest.split_whitespace().nth(1)?.parse().ok()?;
        let command = fs::read_to_string(entry.path().join("cmdline")).ok()?;
        let runs = name.contains("qemu-system") && command.contains("tcg,thread=multi");
        (runs && its_parent == parent).then_some(pid)
    })
}

/// A scenario file whose workload is a shell of the host's, packed with its libraries, and a script.
pub fn shell(script: &str, more: &str) -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
    let script = serde_json::to_string(script).unwrap();
    let text = format!(
        "name: shell\nsummary: A shell script.\nkernel: debian-6.1\nguest: {{cpus: 2, memory: 256 MiB}}\n\
         workload: {{program: /bin/sh, args: [-c, {script}]}}\n\
         phases: {{settle: 3s, pressure: 15s, verify: 20s}}\n{more}"
    );
    fs::write(&file, text).unwrap();
    file
}
