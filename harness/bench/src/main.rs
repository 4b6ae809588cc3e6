//! From `oomph run` to a guest that is ready: against QEMU alone on the same kernel's bzImage, of our small kernel against
//! Debian's, and with a server for logins against without (`make bench`).
//! Lives here: the four boots, in turn; their ratios; what the harness itself costs while a run goes on.
//! May not live here: a figure that a busy machine makes fail; the ratio is of two measurements of one minute.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Debian's kernel, and one of the same version that is built from source with our fragments `base` and `fast`.
const KERNEL: &str = "debian-6.1";
const SMALL_KERNEL: &str = "debian-6.1-source";
const SCENARIO: &str = "scenarios/xfs-inode-mutex.yaml";
/// The same scenario with somebody who logs in.
const LOGIN_SCENARIO: &str = "scenarios/xfs-inode-mutex-login.yaml";
const DEADLINE: Duration = Duration::from_secs(300);
const POLL: Duration = Duration::from_millis(2);

fn main() {
    let program = std::env::args_os().nth(1).expect("the oomph to measure as the argument");
    let oomph = Oomph { program: Path::new(&program).canonicalize().expect("an oomph that is there") };
    let rounds: usize = std::env::var("BENCH_ROUNDS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(5);
    let place = tempfile::tempdir().unwrap();
    // The first run fetches, unpacks, formats and proves what later ones find, and writes the command of the machine.
    let cost = oomph.cost(place.path());
    let bare = oomph.bare_script(&cost.folder);
    oomph.fetch(SMALL_KERNEL);
    let boots = place.path().join("boots");
    // Its vmlinux is unpacked at its first boot.
    oomph.seconds_until_ready(&boots, SCENARIO, SMALL_KERNEL);
    // The server is fetched.
    oomph.seconds_until_ready(&boots, LOGIN_SCENARIO, KERNEL);
    let (mut ours, mut theirs, mut small, mut login) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for round in 1..=rounds {
        let times = (
            oomph.seconds_until_ready(&boots, SCENARIO, KERNEL),
            bare_seconds_until_ready(&bare),
            oomph.seconds_until_ready(&boots, SCENARIO, SMALL_KERNEL),
            oomph.seconds_until_ready(&boots, LOGIN_SCENARIO, KERNEL),
        );
        eprintln!(
            "round {round} of {rounds}: oomph {:.2} s, bare {:.2} s, small kernel {:.2} s, with logins {:.2} s",
            times.0, times.1, times.2, times.3
        );
        ours.push(times.0);
        theirs.push(times.1);
        small.push(times.2);
        login.push(times.3);
    }
    let ratios = ours.iter().zip(&theirs).map(|(ours, theirs)| ours / theirs).collect();
    let login_ratios = login.iter().zip(&ours).map(|(login, ours)| login / ours).collect();
    let small_ratios = small.iter().zip(&ours).map(|(small, ours)| small / ours).collect();
    println!("oomph run to ready      {:6.2} s   (median of {rounds})", median(ours));
    println!("bare QEMU, bzImage      {:6.2} s", median(theirs));
    println!("ratio                   {:6.2}     (median of the rounds' ratios; wanted: at most 0.6)", median(ratios));
    println!("small kernel to ready   {:6.2} s", median(small));
    println!(
        "ratio to Debian's       {:6.2}     (median of the rounds' ratios; wanted: at most 0.5)",
        median(small_ratios)
    );
    println!("with logins to ready    {:6.2} s", median(login));
    println!(
        "ratio to without        {:6.2}     (median of the rounds' ratios; wanted: at most 1.25)",
        median(login_ratios)
    );
    println!(
        "harness, resident       {:6.1} MiB (most of {} samples in a run; wanted: under 40)",
        cost.mib, cost.samples
    );
    println!(
        "harness, of a core      {:6.2} %   (over {:.0} s from ready on; wanted: under 3)",
        cost.percent, cost.seconds
    );
}

/// The program that is measured.
struct Oomph {
    program: PathBuf,
}

impl Oomph {
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()).stdin(Stdio::null());
        command
    }

    fn fetch(&self, kernel: &str) {
        let status = self.command().args(["kernel", "fetch", kernel]).stdout(Stdio::null()).status().unwrap();
        assert!(status.success(), "{kernel} cannot be had");
    }

    fn run(&self, results: &Path, scenario: &str, kernel: &str) -> Child {
        let mut command = self.command();
        command.args([
            "run",
            scenario,
            "--kernel",
            kernel,
            "--accel",
            "tcg",
            "--set",
            "phases.pressure=40s",
            "--results",
        ]);
        command.arg(results).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    }

    fn seconds_until_ready(&self, results: &Path, scenario: &str, kernel: &str) -> f64 {
        let start = Instant::now();
        let mut child = self.run(results, scenario, kernel);
        let lines = wait_until_ready(&mut child);
        let seconds = start.elapsed().as_secs_f64();
        // QEMU dies with it.
        child.kill().unwrap();
        child.wait().unwrap();
        drop(lines);
        seconds
    }

    /// The run's own `command.txt`, with the bzImage in place of the vmlinux and files in place of the terminals.
    fn bare_script(&self, result: &Path) -> String {
        let run: serde_json::Value = serde_json::from_slice(&fs::read(result.join("run.json")).unwrap()).unwrap();
        let bzimage = self.bzimage(run["kernel"].as_str().unwrap());
        let command = fs::read_to_string(result.join("command.txt")).unwrap();
        let line =
            command.lines().find(|line| line.trim_start().starts_with("-kernel ")).expect("command.txt names a kernel");
        let script = command
            .replace(line, &format!("  -kernel {} \\", bzimage.display()))
            .replace("stdio,id=console,mux=on,signal=off", "file,id=console,path=console.log")
            .replace("-mon chardev=console,mode=readline", "-monitor none")
            .replace("pty,id=agent", "file,id=agent,path=agent.log");
        assert!(script.contains("path=agent.log") && script.contains("path=console.log"), "{script}");
        format!(
            "set -e\n{}",
            script.replacen("\nqemu-system", "\nexec qemu-system", 1).replacen("\n/usr", "\nexec /usr", 1)
        )
    }

    /// The image of a named kernel.
    fn bzimage(&self, name: &str) -> PathBuf {
        let output = self.command().args(["kernel", "list", "--json"]).output().unwrap();
        let list = String::from_utf8(output.stdout).unwrap();
        let kernels = list.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let kernel = kernels.into_iter().find(|kernel| kernel["name"] == name).expect("the kernel is listed");
        PathBuf::from(kernel["cached"]["image"].as_str().expect("the kernel is in the cache"))
    }

    /// A whole run, watched from its `ready` on.
    fn cost(&self, place: &Path) -> Cost {
        let results = place.join("whole");
        let mut child = self.run(&results, SCENARIO, KERNEL);
        let lines = wait_until_ready(&mut child);
        // Somebody must read on, or the harness waits for room in the pipe.
        let reader = std::thread::spawn(move || lines.lines().map_while(Result::ok).for_each(drop));
        let (start, cpu) = (Instant::now(), cpu_seconds(child.id()).unwrap());
        let (mut most_kb, mut samples, mut last) = (0, 0, (cpu, 0.0));
        while child.try_wait().unwrap().is_none() {
            if let (Some(kb), Some(now)) = (resident_kb(child.id()), cpu_seconds(child.id())) {
                most_kb = most_kb.max(kb);
                samples += 1;
                last = (now, start.elapsed().as_secs_f64());
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        reader.join().unwrap();
        let folders = fs::read_dir(results.join("xfs-inode-mutex")).unwrap().flatten();
        let folder = folders.map(|entry| entry.path()).find(|path| path.join("run.json").is_file()).expect("a result");
        Cost {
            mib: most_kb as f64 / 1024.0,
            samples,
            percent: 100.0 * (last.0 - cpu) / last.1,
            seconds: last.1,
            folder,
        }
    }
}

/// Reads the harness's progress until the guest is ready, which is when it begins to settle.
fn wait_until_ready(child: &mut Child) -> BufReader<std::process::ChildStderr> {
    let mut lines = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while lines.read_line(&mut line).unwrap() > 0 {
        if line.contains(": settle at ") {
            return lines;
        }
        line.clear();
    }
    panic!("the guest never got ready");
}

fn bare_seconds_until_ready(script: &str) -> f64 {
    let place = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let mut child =
        Command::new("sh").args(["-c", script]).current_dir(place.path()).stdin(Stdio::null()).spawn().unwrap();
    let agent = place.path().join("agent.log");
    let ready = || fs::read_to_string(&agent).is_ok_and(|text| text.contains(" ready"));
    while !ready() {
        assert!(start.elapsed() < DEADLINE && child.try_wait().unwrap().is_none(), "bare QEMU never got ready");
        std::thread::sleep(POLL);
    }
    let seconds = start.elapsed().as_secs_f64();
    child.kill().unwrap();
    child.wait().unwrap();
    seconds
}

/// What the harness cost, and where the run's result is.
struct Cost {
    mib: f64,
    samples: usize,
    percent: f64,
    seconds: f64,
    folder: PathBuf,
}

fn resident_kb(pid: u32) -> Option<u64> {
    let lines = BufReader::new(File::open(format!("/proc/{pid}/status")).ok()?).lines();
    let line = lines.map_while(Result::ok).find(|line| line.starts_with("VmRSS:"))?;
    line.split_whitespace().nth(1)?.parse().ok()
}

/// User and system time (proc(5), fields 14 and 15 of stat; in ticks of 1/100 s on x86).
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<f64>().ok();
    Some((ticks(11)? + ticks(12)?) / 100.0)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 { values[middle] } else { (values[middle - 1] + values[middle]) / 2.0 }
}
