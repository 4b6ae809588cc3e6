//! The machine with the real QEMU, and a kernel of a hundred bytes.
//! Lives here: what only a real QEMU can show. Without one installed these tests say so and pass.
//! May not live here: tests that need a Linux kernel.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::event::{Exit, Kind};
use oomph::vm::{
    Accel, Command, DriveSpec, Error, Fails, GivenKernel, MACHINE, PROGRAM, Qemu, Seen, Spec, Throttle, Vm,
};
use oomph_wire::line::Encoder;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt};
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);

/// The QEMU of this host, if there is one.
async fn qemu() -> Option<Qemu> {
    match Qemu::find(Path::new(PROGRAM)).await {
        Ok(qemu) => Some(qemu),
        Err(error) => {
            eprintln!("skipped: {error}");
            None
        }
    }
}

/// Real-mode code that writes a text to each serial port, then echoes the console. `q` powers the machine off, and what
/// follows on a `z` is `z` for ever.
fn code(texts: &[(u16, u16)]) -> Vec<u8> {
    let mut code = Vec::new();
    for (port, text) in texts {
        let ([text_low, text_high], [port_low, port_high]) = (text.to_le_bytes(), port.to_le_bytes());
        code.extend([0xBE, text_low, text_high]); // mov si, text
        code.extend([0xBB, port_low, port_high]); // mov bx, port
        code.extend([0xAC, 0x84, 0xC0, 0x74, 17]); // next: lodsb; test al, al; jz done
        code.extend([0x88, 0xC4, 0x8D, 0x57, 5]); // mov ah, al; lea dx, [bx+5]
        code.extend([0xEC, 0xA8, 0x20, 0x74, 0xFB]); // wait: in al, dx; test al, 20h; jz wait
        code.extend([0x89, 0xDA, 0x88, 0xE0, 0xEE, 0xEB, 0xEA]); // mov dx, bx; mov al, ah; out dx, al; jmp next
    }
    code.extend([0xBA, 0xFD, 0x03]); // echo: mov dx, 3FDh
    code.extend([0xEC, 0xA8, 0x01, 0x74, 0xFB]); // poll: in al, dx; test al, 1; jz poll
    code.extend([0xBA, 0xF8, 0x03, 0xEC]); // mov dx, 3F8h; in al, dx
    code.extend([0x3C, b'q', 0x74, 7]); // cmp al, 'q'; je off
    code.extend([0xEE, 0x3C, b'z', 0x74, 0xFB, 0xEB, 0xE9]); // out: out dx, al; cmp al, 'z'; je out; jmp echo
    code.extend([0xBA, 0x04, 0x06, 0xB8, 0x00, 0x20, 0xEF, 0xF4]); // off: PM1a_CNT = S5; hlt
    code
}

/// A bzImage by its header only (Documentation/arch/x86/boot.rst): QEMU's loader starts its setup code.
fn kernel(agent: &[u8], beat: &[u8]) -> Vec<u8> {
    let (start, data) = (0x270_usize, 0x400_usize);
    let mut image = vec![0_u8; 0x1A00];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    put(0x1F1, &[4]); // setup_sects
    put(0x1F4, &0x100_u32.to_le_bytes()); // syssize
    put(0x1FE, &[0x55, 0xAA]);
    put(0x202, b"HdrS");
    put(0x206, &0x020C_u16.to_le_bytes()); // version
    put(0x211, &[1]); // LOADED_HIGH
    put(0x214, &0x10_0000_u32.to_le_bytes()); // code32_start
    put(0x22C, &0x7FFF_FFFF_u32.to_le_bytes()); // initrd_addr_max
    put(0x238, &0x7FF_u32.to_le_bytes()); // cmdline_size
    let mut at = data;
    let mut texts = Vec::new();
    for (port, text) in [(0x3F8_u16, b"tiny kernel\r\n".as_slice()), (0x2F8, beat), (0x3E8, agent)] {
        texts.push((port, u16::try_from(at).unwrap()));
        put(at, text);
        at += text.len() + 1;
    }
    let code = code(&texts);
    assert!(start + code.len() <= data);
    put(0x200, &[0xEB, u8::try_from(start - 0x202).unwrap()]); // jmp start
    put(start, &code);
    image
}

/// A folder with that kernel.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let hello = Encoder::new("agent", 1, 7, "hello").num("proto", 1).text("kernel", b"tiny").finish().to_vec();
    let tick = Encoder::new("beat", 1, 9, "tick").num("free", 42).finish().to_vec();
    std::fs::write(folder.path().join("kernel"), kernel(&hello, &tick)).unwrap();
    std::fs::write(folder.path().join("initrd"), b"initrd").unwrap();
    folder
}

fn given(folder: &Path, kernel: &str) -> GivenKernel {
    GivenKernel { image: folder.join(kernel), initrd: folder.join("initrd"), cmdline: "console=ttyS0".into() }
}

fn spec(folder: &Path) -> Spec {
    Spec {
        machine: MACHINE.into(),
        cpus: 2,
        memory: 64 << 20,
        accel: Accel::Tcg,
        kernel: Some(given(folder, "kernel")),
        disks: Vec::new(),
        balloon: false,
        network: false,
    }
}

/// A disk with a base and an overlay, or nothing where qemu-img is not installed.
fn disk(folder: &Path) -> Option<DriveSpec> {
    let (base, overlay) = (folder.join("base.raw"), folder.join("over, lay.qcow2"));
    std::fs::File::create(&base).unwrap().set_len(8 << 20).unwrap();
    let mut command = std::process::Command::new("qemu-img");
    command.args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"]).arg(&base).arg(&overlay);
    command.status().is_ok_and(|status| status.success()).then(|| DriveSpec {
        name: "data".into(),
        overlay,
        base,
        base_format: "raw",
    })
}

/// Waits for an event; all events up to it.
async fn wait_for(vm: &mut Vm, mut wanted: impl FnMut(&Kind) -> bool) -> Vec<Kind> {
    let mut seen = Vec::new();
    let found = timeout(DEADLINE, async {
        while let Some(next) = vm.next().await {
            let Seen::Event { kind, .. } = next else { continue };
            seen.push(kind);
            if seen.last().is_some_and(&mut wanted) {
                return true;
            }
        }
        false
    });
    let found = found.await;
    assert_eq!(found, Ok(true), "{seen:?}");
    seen
}

fn is_hello(kind: &Kind) -> bool {
    matches!(kind, Kind::Hello { .. })
}

#[tokio::test(flavor = "multi_thread")]
async fn ports_disks_sysrq_and_power_off() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let mut spec = spec(folder.path());
    spec.disks.extend(disk(folder.path()));
    let mut vm = Vm::launch(&qemu, &spec, DEADLINE).await.unwrap();
    assert_eq!(vm.status().await.unwrap(), "running");
    assert!(qemu.version.contains(vm.qmp().version().await.unwrap().split(' ').next().unwrap()));

    // Each port is a stream of its own: there is no order between them.
    let mut missing = 3;
    wait_for(&mut vm, |kind| {
        let told = match kind {
            Kind::Console { line } => line == "tiny kernel",
            Kind::Beat(beat) => beat.free_kb == 42,
            Kind::Hello { kernel, .. } => kernel == "tiny",
            _ => false,
        };
        missing -= u32::from(told);
        missing == 0
    })
    .await;
    vm.command(Command::Start { release_ms: 1 }).await.unwrap();

    for disk in &spec.disks {
        vm.throttle(&disk.name, Throttle { iops: Some(1), bps: Some(1) }).await.unwrap();
        vm.throttle(&disk.name, Throttle::default()).await.unwrap();
    }
    assert!(vm.throttle("none", Throttle::default()).await.is_err());

    vm.tick();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let tick = vm.tick();
    assert!(tick.cpu_ns > 0 && tick.stopped_ns == 0, "the kernel polls the console: {tick:?}");

    vm.qmp().stop().await.unwrap();
    vm.qmp().cont().await.unwrap();
    wait_for(&mut vm, |kind| matches!(kind, Kind::Qmp { event, .. } if event == "RESUME")).await;

    // A break arrives as a zero byte, then the key; the kernel here echoes both, and `q` powers off.
    vm.sysrq('a').await.unwrap();
    tokio::time::sleep(Duration::from_millis(500)).await;
    vm.sysrq('q').await.unwrap();
    let end = wait_for(&mut vm, |kind| matches!(kind, Kind::QemuExit { .. })).await;
    assert!(end.contains(&Kind::Console { line: "\0a\0".into() }), "{end:?}");
    assert!(end.iter().any(|kind| matches!(kind, Kind::Qmp { event, .. } if event == "SHUTDOWN")), "{end:?}");
    assert!(matches!(end.last(), Some(Kind::QemuExit { asked: false, exit: Exit::Code(0), .. })), "{end:?}");
    assert_eq!(vm.next().await, None);
}

/// Has the device of the disk carry a command of qemu-io out; a failure is seen as QEMU counts it.
async fn disk_io(vm: &Vm, command: &str) {
    let device = "/machine/peripheral/disk-data/virtio-backend";
    let command_line = format!("qemu-io -d {device} \"{command}\"");
    let command = qapi::qmp::human_monitor_command { cpu_index: None, command_line };
    vm.qmp().execute(command, Duration::from_secs(10)).await.unwrap();
}

/// The counters of all disks as they stand: newer versions of QEMU have more of them.
#[derive(serde::Serialize)]
struct BlockStats {}

impl qapi::Command for BlockStats {
    const NAME: &'static str = "query-blockstats";
    const ALLOW_OOB: bool = false;
    type Ok = serde_json::Value;
}

/// Writes of the disk that have succeeded and that have failed.
async fn counts(vm: &Vm) -> (u64, u64) {
    let all = vm.qmp().execute(BlockStats {}, DEADLINE).await.unwrap();
    let count = |name: &str| all[0]["stats"][name].as_u64().unwrap();
    (count("wr_operations"), count("failed_wr_operations"))
}

/// The same once they are as wanted, or as they are at the deadline: qemu-io hands requests in and does not wait for them.
async fn counts_become(vm: &Vm, wanted: (u64, u64)) -> (u64, u64) {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        let now = counts(vm).await;
        if now == wanted || tokio::time::Instant::now() > end {
            return now;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_stops_fails_and_works_again_at_once() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let Some(disk) = disk(folder.path()) else { return eprintln!("skipped: no qemu-img") };
    let spec = Spec { disks: vec![disk], balloon: true, ..spec(folder.path()) };
    let mut vm = Vm::launch(&qemu, &spec, DEADLINE).await.unwrap();
    // Not before the firmware is done: it resets the disk, and QEMU carries out what a disk holds before it does.
    wait_for(&mut vm, is_hello).await;
    disk_io(&vm, "aio_write 0 4k").await;
    vm.throttle("data", Throttle::STOP).await.unwrap();
    for _ in 0..4 {
        disk_io(&vm, "aio_write 0 4k").await;
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(counts(&vm).await.0, 2, "of four the first goes through");
    vm.throttle("data", Throttle::default()).await.unwrap();
    assert_eq!(counts_become(&vm, (5, 0)).await.0, 5, "the others do at once when it is over");

    // Flushes that fail do not keep it from working again.
    let fails = Fails { write: Some(5), flush: Some(28), read: None };
    vm.fail("data", fails).await.unwrap();
    disk_io(&vm, "aio_write 0 4k").await;
    disk_io(&vm, "aio_read 0 4k").await;
    disk_io(&vm, "aio_flush").await;
    assert_eq!(counts_become(&vm, (5, 1)).await, (5, 1));
    vm.fail("data", Fails { write: None, ..fails }).await.unwrap();
    disk_io(&vm, "aio_write 0 4k").await;
    vm.fail("data", Fails::default()).await.unwrap();
    disk_io(&vm, "aio_write 0 4k").await;
    assert_eq!(counts_become(&vm, (7, 1)).await, (7, 1));
    assert!(vm.fail("none", fails).await.is_err());

    // The guest here has no driver; QEMU takes the wish all the same.
    vm.balloon(Some(32 << 20)).await.unwrap();
    vm.balloon(None).await.unwrap();
    vm.pause().await.unwrap();
    assert_eq!(vm.status().await.unwrap(), "paused");
    wait_for(&mut vm, |kind| matches!(kind, Kind::Qmp { event, .. } if event == "STOP")).await;
    assert!(vm.asked_to_stop() && vm.tick().stopped_ns > 0);
    vm.resume().await.unwrap();
    assert_eq!(vm.status().await.unwrap(), "running");
    assert_eq!(vm.shutdown(DEADLINE).await, Some(Exit::Code(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn quits_when_asked_and_is_killed_when_the_host_has_stopped_it() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let mut vm = Vm::launch(&qemu, &spec(folder.path()), DEADLINE).await.unwrap();
    assert_eq!(vm.shutdown(DEADLINE).await, Some(Exit::Code(0)));

    let mut vm = Vm::launch(&qemu, &spec(folder.path()), DEADLINE).await.unwrap();
    let pid = vm.pid().unwrap();
    let stopped = std::process::Command::new("kill").args(["-STOP", &pid.to_string()]).status().unwrap();
    assert!(stopped.success());
    vm.tick();
    tokio::time::sleep(Duration::from_millis(100)).await;
    let tick = vm.tick();
    assert!(tick.stopped_ns >= 100_000_000, "{tick:?}");
    let exit = vm.shutdown(Duration::from_secs(1)).await;
    assert_eq!(exit, Some(Exit::Signal(9)), "only SIGKILL reaches a stopped process");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_qemu_that_will_not_start_says_why() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let spec = Spec { kernel: Some(given(folder.path(), "none")), ..spec(folder.path()) };
    match Vm::launch(&qemu, &spec, DEADLINE).await.map(drop).unwrap_err() {
        Error::Ended { exit: Exit::Code(1), stderr } => assert!(stderr.contains("none"), "{stderr}"),
        other => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_console_without_end_stalls_neither_qmp_nor_the_other_ports() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let mut vm = Vm::launch(&qemu, &spec(folder.path()), DEADLINE).await.unwrap();
    wait_for(&mut vm, is_hello).await;
    vm.sysrq('z').await.unwrap();
    // Nobody takes anything out meanwhile.
    for _ in 0..10 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        assert_eq!(vm.status().await.unwrap(), "running");
    }
    assert_eq!(vm.shutdown(DEADLINE).await, Some(Exit::Code(0)));
    let mut bytes = 0;
    while let Some(seen) = timeout(DEADLINE, vm.next()).await.unwrap() {
        if let Seen::ConsoleBytes { bytes: some, .. } = seen {
            bytes += some.len();
        }
    }
    eprintln!("{bytes} bytes in 2 s");
    assert!(bytes > 1_000 && bytes <= 4 << 20, "{bytes}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_for_people_runs_by_hand() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let mut spec = spec(folder.path());
    spec.disks.extend(disk(folder.path()));
    // timeout(1) ends the whole group of what it runs, were anything here to fail.
    let mut shell = tokio::process::Command::new("timeout")
        .args(["60", "sh", "-ec", &spec.command_text(&qemu)])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = tokio::io::BufReader::new(shell.stdout.take().unwrap()).lines();
    while !lines.next_line().await.unwrap().expect("QEMU runs").contains("tiny kernel") {}
    let mut keys = shell.stdin.take().unwrap();
    // The agent's line is still on its way when the console's is read.
    tokio::time::sleep(Duration::from_millis(500)).await;
    keys.write_all(b"q").await.unwrap();
    assert!(shell.wait().await.unwrap().success());
    let beat = std::fs::read_to_string(folder.path().join("beat.log")).unwrap();
    assert!(beat.starts_with("@beat 1 9 tick free=42 "), "{beat}");
    assert_eq!(folder.path().join("data.qcow2").exists(), !spec.disks.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn dropping_the_machine_leaves_no_qemu() {
    let Some(qemu) = qemu().await else { return };
    let folder = folder();
    let vm = Vm::launch(&qemu, &spec(folder.path()), DEADLINE).await.unwrap();
    let pid = vm.pid().unwrap();
    assert!(alive(pid));
    drop(vm);
    assert!(gone(pid).await);
}

/// In the environment of the helper: the folder with the kernel.
const HELPER: &str = "OOMPH_TEST_HELPER";

/// What the test below starts and kills: it launches QEMU, prints its process id and waits.
#[test]
fn helper() {
    let Some(folder) = std::env::var_os(HELPER) else { return };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let vm = Vm::launch(&qemu().await.unwrap(), &spec(Path::new(&folder)), DEADLINE).await.unwrap();
        println!("qemu {}", vm.pid().unwrap());
        tokio::time::sleep(DEADLINE).await;
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_harness_leaves_no_qemu() {
    if qemu().await.is_none() {
        return;
    }
    let folder = folder();
    let mut helper = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["helper", "--exact", "--nocapture"])
        .env(HELPER, folder.path())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(helper.stdout.take().unwrap()).lines();
    let pid = lines.find_map(|line| line.unwrap().split_once("qemu ").map(|(_, pid)| pid.parse::<u32>().unwrap()));
    let pid = pid.expect("the helper launches QEMU");
    let name = std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap();
    assert!(alive(pid) && name.starts_with("qemu"), "{name}");
    // SIGKILL: nothing of the helper's own code runs any more.
    helper.kill().unwrap();
    helper.wait().unwrap();
    assert!(gone(pid).await, "QEMU {pid} has outlived its harness");
}

/// Whether a process runs. One that has ended and that nobody has waited for does not.
fn alive(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

async fn gone(pid: u32) -> bool {
    let since = Instant::now();
    while alive(pid) && since.elapsed() < Duration::from_secs(10) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    !alive(pid)
}
