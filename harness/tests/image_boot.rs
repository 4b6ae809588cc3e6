//! A Debian image that is made here, booted under TCG by a kernel from outside of it, with a login over ssh.
//! Lives here: what can only be seen in a guest: that stage 1, the filesystem and the key work together.
//! May not live here: anything that a test without a guest can show.
#![allow(clippy::unwrap_used, clippy::expect_used)]

use oomph::image::{ROOT_DISK, authorized_key, programs, stage, system};
use oomph::kernel::{self, Cache, Names, bootable};
use oomph::scenario::{DebianImage, Filesystem, KernelSpec, RootPlace};
use oomph::vm::kernel_command_line;
use oomph::vm::login::{Access, Key, Limits, Login, attempt};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

/// A boot with everything takes some 20 s here under TCG on an idle machine, and several times that on a busy one.
const BOOT: Duration = Duration::from_secs(300);
/// For one login and what it asks.
const LOGIN: Duration = Duration::from_secs(60);

/// QEMU, ended with the test.
struct Guest(Child);

impl Drop for Guest {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{command:?}: {output:?}");
}

/// What one command in the guest wrote; `None` while nobody can log in.
fn login(key: &Key, port: u16, command: &str) -> Option<String> {
    let (address, access) = ((Ipv4Addr::LOCALHOST, port).into(), Access::root(key.clone()));
    // What the command says counts, not how it ends: `systemctl is-system-running` of a system that starts ends with 1.
    let login = Login { address, access, command: format!("{command}; true"), input: Vec::new() };
    let limits = Limits { within: LOGIN, fair_ms: None, called_off: &AtomicBool::new(false) };
    let output = attempt(&login, limits, &mut |_| ()).ok()?;
    Some(String::from_utf8_lossy(&output).trim().to_owned())
}

async fn boots(image: DebianImage, kernel: &str) {
    let (cache, names) = (Cache::open(None).unwrap(), Names::built_in().unwrap());
    let say = |line: &str| eprintln!("{line}");
    let kernel = kernel::resolve(&KernelSpec::Named(kernel.into()), &names, &cache, &say).await.unwrap();
    let system = system(&image, Some(kernel.version), &cache, &say).await.unwrap();
    let root = RootPlace { partition: None, filesystem: image.filesystem };
    let stage = stage(&kernel, root, &["virtio_net"], programs::INIT, &cache, &say).await.unwrap();
    let boot = bootable(&kernel, &cache, &say).await.unwrap();

    let place = tempfile::tempdir().unwrap();
    let (key, overlay, console) = (Key::new().unwrap(), place.path().join("root.qcow2"), place.path().join("console"));
    run(Command::new("qemu-img")
        .args(["create", "-q", "-f", "qcow2", "-F", "raw", "-b"])
        .arg(&system.disk)
        .arg(&overlay));
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let start = Instant::now();
    let mut qemu = Command::new("setpriv");
    qemu.args(["--pdeathsig", "SIGKILL", "--", "qemu-system-x86_64", "-nodefaults", "-display", "none", "-no-reboot"]);
    qemu.args(["-M", "q35", "-cpu", "max", "-accel", "tcg,thread=multi", "-smp", "2", "-m", "256M", "-kernel"]);
    qemu.arg(&boot.image).arg("-initrd").arg(&stage.initramfs);
    qemu.args(["-append", &kernel_command_line(&[authorized_key(&key.word())])]);
    qemu.arg("-serial").arg(format!("file:{}", console.display()));
    qemu.args(["-serial", "null", "-serial", "null", "-blockdev"]);
    qemu.arg(format!("driver=qcow2,node-name=root,file.driver=file,file.filename={}", overlay.display()));
    qemu.args([
        "-device",
        &format!("virtio-blk-pci,drive=root,serial={ROOT_DISK}"),
        "-device",
        "virtio-net-pci,netdev=n",
    ]);
    qemu.args(["-netdev", &format!("user,id=n,restrict=on,hostfwd=tcp:127.0.0.1:{port}-:22")]);
    let mut guest = Guest(qemu.stdin(Stdio::null()).spawn().unwrap());

    let told = || format!("console:\n{}", std::fs::read_to_string(&console).unwrap_or_default());
    let mut first = None;
    let state = loop {
        assert!(start.elapsed() < BOOT, "nobody can log in, or the system does not come up; {}", told());
        assert!(guest.0.try_wait().unwrap().is_none(), "QEMU ended; {}", told());
        let state = login(&key, port, "systemctl is-system-running");
        first = first.or_else(|| state.as_ref().map(|_| start.elapsed()));
        match state {
            Some(state) if state != "starting" && state != "initializing" => break state,
            _ => std::thread::sleep(Duration::from_millis(500)),
        }
    };
    let ask = |command: &str| login(&key, port, command).unwrap_or_default();
    eprintln!(
        "first login after {:.1} s, {state} after {:.1} s",
        first.unwrap().as_secs_f64(),
        start.elapsed().as_secs_f64()
    );
    eprintln!(
        "{}\n{}",
        ask("systemd-analyze"),
        ask("systemd-analyze blame | head -20; free -m; systemctl list-units --state=running --no-legend")
    );
    assert_eq!(
        state,
        "running",
        "{}\n{}",
        ask("systemctl --failed --no-legend; journalctl -b -p err --no-pager"),
        told()
    );
    // Modes, owners and the sticky bit came through, the initramfs is gone, and the root is what was asked for.
    assert_eq!(ask("stat -c %a /tmp /usr/bin/su /etc/shadow"), "1777\n4755\n640");
    assert_eq!(ask("findmnt -nr -o FSTYPE,OPTIONS / | cut -d, -f1"), format!("{} rw", image.filesystem.name()));
    assert_eq!(ask("cat /proc/1/comm; ls -d /oomph* 2>/dev/null"), "systemd");
    assert_eq!(ask("cat /proc/$(cat /run/sshd.pid)/oom_score_adj"), "-1000");
    // Nobody else has the harness's ports.
    assert_eq!(ask("ls /proc/*/fd -l 2>/dev/null | grep -c ttyS[12]"), "0");
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make check-images; bookworm on XFS is in `make test` too, under a whole run"]
async fn bookworm_on_xfs_comes_up_with_its_releases_kernel_and_takes_a_login() {
    boots(DebianImage::of("bookworm"), "debian-6.1").await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make check-images: another system to fetch and to make"]
async fn trixie_on_ext4_comes_up_with_its_releases_kernel_and_takes_a_login() {
    boots(DebianImage { filesystem: Filesystem::Ext4, ..DebianImage::of("trixie") }, "debian-6.12").await;
}
