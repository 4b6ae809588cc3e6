//! One real run per outcome.
//! Lives here: what a guest does, and what it is called.
//! May not live here: runs that the host spoils (`spoiled`).

use super::attached::{Attached, registers};
use super::ran::{Ran, oomph, shell};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

#[test]
fn xfs_inode_mutex_is_oom_killed() {
    let options = ["--set", "phases.pressure=25s", "--sample", "4"];
    let ran = Ran::scenario("scenarios/xfs-inode-mutex-login.yaml", &options);
    ran.has_outcome("oom-killed");
    somebody_could_log_in(&ran);
    a_cycle_is_seen_and_proves_nothing(&ran);
    let events = ran.events();
    let counts = |kind: &str| -> Vec<u64> {
        events.iter().filter(|event| event["kind"] == kind).map(|event| event["allocs"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts("bye"), [0], "the agent allocates nothing after ready");
    let beats = counts("beat");
    assert!(beats.len() > 25 && beats.iter().all(|&allocs| allocs == 0), "nor does the beat: {beats:?}");
    assert!(events.iter().any(|event| event["kind"] == "counters" && event["allocstall"].as_u64() > Some(0)));
    let victims: Vec<&str> =
        ran.run["kills"].as_array().unwrap().iter().map(|kill| kill["role"].as_str().unwrap()).collect();
    assert!(victims.iter().all(|role| *role == "workload"), "{victims:?}");
}

#[test]
fn xfs_inode_mutex_in_a_debian_system_is_oom_killed() {
    // On a busy host the first kill was seen after 25 s.
    let image = ["--set", "guest.image=debian", "--set", "phases.pressure=45s"];
    let ran = Ran::scenario("scenarios/xfs-inode-mutex-login.yaml", &image);
    ran.has_outcome("oom-killed");
    somebody_could_log_in(&ran);
    let events = ran.events();
    let counts = |kind: &str| -> Vec<u64> {
        events.iter().filter(|event| event["kind"] == kind).map(|event| event["allocs"].as_u64().unwrap()).collect()
    };
    assert_eq!(counts("bye"), [0], "the agent as a unit allocates nothing after ready, either");
    assert!(counts("beat").iter().all(|&allocs| allocs == 0), "nor does the beat");
    // A unit that systemd takes down with the first victim would have ended the probes, and with them the run.
    assert!(!ran.run["kills"].as_array().unwrap().is_empty());
    let probes = events.iter().filter(|event| event["kind"] == "probe");
    assert!(probes.clone().count() >= 5 && probes.clone().all(|probe| probe["adj"] == -1000));
    let command = fs::read_to_string(ran.folder().join("command.txt")).unwrap();
    assert!(
        command.contains("serial=oomph-root") && command.contains("ssh.authorized_keys.root:ssh-ed25519"),
        "{command}"
    );
    let console = fs::read_to_string(ran.folder().join("console.log")).unwrap();
    assert!(console.contains("running in system mode"), "systemd is PID 1: {console}");
}

/// On a sound kernel the victim and who waits for its memory wait for each other too, until the reaper comes. Debian's kernel has nothing but
/// its image to be read by.
#[track_caller]
fn a_cycle_is_seen_and_proves_nothing(ran: &Ran) {
    let pictures: Vec<Value> = ran.events().into_iter().filter(|event| event["kind"] == "picture").collect();
    assert!(pictures.len() > 25, "{} pictures", pictures.len());
    assert!(pictures.iter().any(|picture| picture["cycle"].get("closed").is_some()), "{:#}", pictures[0]);
    assert!(ran.run["proof"].is_null(), "{:#}", ran.run["proof"]);
}

/// That a shell's end is seen also shows that what the agent starts has no signals blocked.
#[track_caller]
fn somebody_could_log_in(ran: &Ran) {
    let logins = ran.run["logins"].as_array().unwrap();
    let pressed = |login: &&Value| login["ok"] == true && login["phase"] != "settle" && login["phase"] != "boot";
    assert!(logins.iter().any(|login| pressed(&login)), "{logins:#?}");
    let stages = |n: u64| -> Vec<String> {
        let events = ran.events().into_iter().filter(|event| event["kind"] == "login" && event["n"] == n);
        events.map(|event| event["stage"].as_str().unwrap().to_owned()).collect()
    };
    let through = logins.iter().find(|login| login["ok"] == true).unwrap()["n"].as_u64().unwrap();
    assert_eq!(stages(through), ["tcp", "banner", "key-exchange", "auth", "exec"]);
    let command = fs::read_to_string(ran.folder().join("command.txt")).unwrap();
    assert!(command.contains("restrict=on") && !command.contains("PRIVATE"), "{command}");
}

#[test]
fn a_frozen_filesystem_is_hung_and_nothing_helps() {
    let ran = Ran::scenario("scenarios/tests/freeze-forever.yaml", &["--core", "--keep-hung"]);
    ran.has_outcome("hung");
    assert!(ran.run["kills"].as_array().unwrap().iter().all(|kill| kill["counts"] == false));
    assert!(ran.run["stalls"][0]["probes"].as_array().unwrap().contains(&"file:data".into()));
    let actions: Vec<&str> =
        ran.run["escapes"].as_array().unwrap().iter().map(|escape| escape["action"].as_str().unwrap()).collect();
    assert_eq!(actions[..2], ["sysrq-f", "release"]);
    let console = fs::read_to_string(ran.folder().join("console.log")).unwrap();
    assert!(console.contains("Show Blocked State") && console.contains("percpu_down_read"), "SysRq-w names the wait");
    let frozen = ran.run["waits"].as_array().unwrap().iter().find(|wait| wait["kind"] == "frozen").unwrap();
    let seen = |task: &Value| task["seen"].as_u64() >= Some(2) && task["last_s"].as_f64() > task["first_s"].as_f64();
    assert!(frozen["tasks"].as_array().unwrap().iter().any(seen), "{frozen:#}");
    let stacks = fs::read_to_string(ran.folder().join("stacks.txt")).unwrap();
    assert!(stacks.contains("percpu_rwsem_wait ← vfs_write (frozen)") && stacks.contains("(SysRq-t)"), "{stacks}");
    for dump in ["Show State", "Show backtrace of all active CPUs", "Manual OOM execution"] {
        assert!(console.contains(dump), "the key for {dump:?} was lost");
    }
    left_a_core(&ran);
    goes_on_from_where_it_hung(&ran);
}

/// What debuggers need: an ELF core that is whole, with the kernel's own note in it.
fn left_a_core(ran: &Ran) {
    let file = fs::File::open(ran.folder().join("core/core.zst")).unwrap();
    let core = zstd::decode_all(file).unwrap();
    assert!(core.starts_with(b"\x7fELF") && core.len() > 256 << 20, "{}", core.len());
    let has = |part: &[u8]| core[..1 << 20].windows(part.len()).any(|window| window == part);
    assert!(has(b"VMCOREINFO\0") && has(b"OSRELEASE=6.1."), "the guest's kernel found the device for its note");
    let text = fs::read_to_string(ran.folder().join("core/core.txt")).unwrap();
    assert!(text.contains("crash vmlinux core") && text.contains("-dbg"), "{text}");
}

/// The kept guest has the registers that it had when it hung, and the tasks that hung hang on.
fn goes_on_from_where_it_hung(ran: &Ran) {
    let attached = Attached::start(&ran.folder());
    let (before, now) =
        (fs::read_to_string(ran.folder().join("registers.txt")).unwrap(), attached.monitor("info registers -a"));
    assert!(registers(&before).len() > 30, "{before}");
    assert_eq!(registers(&now), registers(&before));
    attached.monitor("cont");
    let tasks = attached.sysrq('w', "percpu_rwsem_wait");
    assert!(tasks.contains("task:oomph-file:data"), "{tasks}");
    attached.quit();
    // What it wrote meanwhile is gone: it can be gone on with again.
    let again = Attached::start(&ran.folder());
    assert_eq!(registers(&again.monitor("info registers -a")), registers(&before));
    again.quit();
}

#[test]
fn processors_taken_away_for_ever_are_hung() {
    let ran = Ran::scenario("scenarios/tests/spin-rt.yaml", &[]);
    ran.has_outcome("hung");
    assert!(ran.run["stalls"][0]["probes"].as_array().unwrap().contains(&"beat".into()), "{:#}", ran.run["stalls"]);
}

#[test]
fn a_guest_whose_swap_stood_still_is_recovered() {
    let ran = Ran::scenario("scenarios/kswapd-block.yaml", &["--set", "phases.pressure=35s"]);
    ran.has_outcome("recovered");
    assert!(ran.run["kills"].as_array().unwrap().is_empty());
    let events = ran.events();
    let blocked = |event: &&Value| event["kind"] == "kswapd" && event["state"] == "D";
    assert!(events.iter().filter(blocked).count() > 5, "kswapd waited for the disk");
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
fn a_crash_under_pressure_is_panicked() {
    let file = shell("sleep 2; echo c > /proc/sysrq-trigger; sleep 60", "expect: [{outcome: panicked}]\n");
    Ran::scenario(file.path().to_str().unwrap(), &[]).has_outcome("panicked");
}

/// The ground truth: one source, one small patch apart. A build from nothing takes minutes, and the second only what the
/// patch changes; whichever of the two comes first makes the other wait.
#[test]
fn a_kernel_built_from_source_is_oom_killed() {
    let options = ["--kernel", "debian-6.1-source", "--set", "phases.pressure=25s"];
    let stock = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &options);
    stock.has_outcome("oom-killed");
    let build = &stock.run["kernel_identity"]["build"];
    assert_eq!((&build["patches"], &build["tree_id"]), (&serde_json::json!([]), &tree("debian-6.1-no-oom-reaper")));
}

/// How long a hang must last is the user's to say: here no longer than its evidence needs. What proves it is only told, so that the
/// rules decide by themselves.
#[test]
fn the_same_kernel_without_the_reaper_is_hung() {
    let options = [
        "--kernel",
        "debian-6.1-no-oom-reaper",
        "--core",
        "--set",
        "phases.frozen_for=40s",
        "--set",
        "phases.proof=told",
    ];
    let patched = Ran::scenario("scenarios/xfs-inode-mutex.yaml", &options);
    patched.has_outcome("hung");
    assert_eq!((patched.text("mechanism"), patched.text("ended_by")), ("oom-deadlock", "release"), "{:#}", patched.run);
    assert_eq!(patched.run["kernel_identity"]["build"]["patches"][0]["name"], "no-oom-reaper");
    assert_eq!(patched.run["expectation"]["tag"], "no-oom-reaper");
    // The victim waits for a lock whose holder waits for memory: a kill was seen, and then no more work.
    assert!(patched.run["kills"].as_array().unwrap().iter().any(|kill| kill["counts"] == true));
    is_proven(&patched);
}

/// The cycle that was seen from outside is the one that the scenario makes, long before the rules decide, and a core of the guest has it too.
#[track_caller]
fn is_proven(hung: &Ran) {
    let (proof, stall) = (&hung.run["proof"], &hung.run["stalls"][0]);
    let steps: Vec<&Value> = proof["steps"].as_array().unwrap().iter().collect();
    let nodes: Vec<&str> = steps.iter().map(|step| step["node"].as_str().unwrap()).collect();
    assert_eq!(nodes, ["task", "lock", "task", "memory"], "{proof:#}");
    let says = |at: usize, field: &str, text: &str| steps[at][field].as_str().is_some_and(|said| said.contains(text));
    assert!(says(1, "name", "i_rwsem of vda:/xfs-inode-mutex (inode "), "{proof:#}");
    assert!(says(0, "detail", "OOM victim") && says(2, "detail", "no __GFP_FS"), "{proof:#}");
    let took = proof["until_s"].as_f64().unwrap() - stall["since_s"].as_f64().unwrap();
    assert!(took < 30.0, "proven {took} s after the first outstanding probe, before the rules can know: {proof:#}");
    let told = |args: &[&str]| String::from_utf8(oomph(args).output().unwrap().stdout).unwrap();
    let page = told(&["diagnose", hung.text("result")]);
    let holder = format!("held by {}", steps[2]["name"].as_str().unwrap());
    assert!(page.starts_with("Proof of a hang: the same cycle from ") && page.contains(&holder), "{page}");
    let core = hung.folder().join("core/core.zst");
    let core = core.to_str().unwrap();
    let vmlinux = hung.folder().join("core/vmlinux");
    // The kernel's files as they lie beside the core, and one of them named.
    for options in [&[][..], &["--vmlinux", vmlinux.to_str().unwrap()]] {
        let told = told(&[&["diagnose", "--core", core], options].concat());
        assert!(told.starts_with("The waiting goes round:") && told.contains(&holder), "{told}");
        assert!(told.contains("\nProcessors:\n  0: ") && told.contains("\nOOM reaper: nothing in its queue"), "{told}");
    }
    // The last picture and the core were taken while the guest was held: they are of one moment.
    let json =
        |args: &[&str]| -> Value { serde_json::from_str(&told(&[&["--json", "diagnose"], args].concat())).unwrap() };
    let (picture, core_says) = (&json(&[hung.text("result")])["state"], json(&["--core", core]));
    assert_eq!(picture["held"], true, "{picture:#}");
    for same in ["found", "free_kb", "isolated_kb", "victims", "locks", "cycle", "tasks"] {
        assert_eq!(picture[same], core_says[same], "{same}");
    }
    another_build_is_refused(core);
}

/// The kernel with the reaper has the same banner, and other functions.
#[track_caller]
fn another_build_is_refused(core: &str) {
    let output = oomph(&["kernel", "path", "debian-6.1-source"]).output().unwrap();
    let image = PathBuf::from(String::from_utf8(output.stdout).unwrap().trim());
    let vmlinux = image.with_file_name("vmlinux");
    let output = oomph(&["diagnose", "--core", core, "--vmlinux", vmlinux.to_str().unwrap()]).output().unwrap();
    let error = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success() && error.contains("of another build than the guest's kernel"), "{error}");
}

/// The tree that a named kernel is built from, before its patches.
fn tree(kernel: &str) -> Value {
    let output = oomph(&["kernel", "build", kernel, "--json"]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let built: Value = serde_json::from_str(text.lines().last().unwrap_or_default()).expect("one line of JSON");
    built["build"]["tree_id"].clone()
}
