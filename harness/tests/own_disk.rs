//! A disk of the user's as a guest: made here of the project's own Debian, and then nobody's who made it.
//! Lives here: the disks, one with a bootloader and one for a kernel of ours; runs on them, and what goes in and comes out over ssh.
//! May not live here: anything that a test without a guest can show.
#![allow(clippy::unwrap_used, clippy::expect_used)]

#[allow(dead_code)]
#[path = "real/attached.rs"]
mod attached;
#[allow(dead_code)]
#[path = "real/ran.rs"]
mod ran;

use attached::{Attached, registers};
use oomph::image::{System, own_kernel, programs, stage, system};
use oomph::kernel::Cache;
use oomph::scenario::{DebianImage, Filesystem, ImageKernel, RootPlace};
use ran::{Ran, oomph};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// The password of everyone in these systems, and its hash (crypt(5), sha512).
const PASSWORD: &str = "oomph-test";
const HASH: &str =
    "$6$7tAiPT1BslAJ6Kwh$31EFZolzK3HG9rP4LVMGV2brlgKuKtREKYlRg7GTdGoR29noJFligGSULUF9QmtjnPAnYRTxSpgo4hW.H4BZs1";
/// Where the two partitions begin, in bytes: one for the bootloader, one for the root.
const BOOT: u64 = 1 << 20;
const ROOT: u64 = 97 << 20;
const MIB: u64 = 1 << 20;

fn run(program: &str, args: &[&str]) {
    let path = format!("/usr/sbin:/sbin:{}", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program).args(args).env("PATH", path).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("{program} (make check-images installs it): {error}"));
    assert!(output.status.success(), "{program} {args:?}: {output:?}");
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// A Debian with sudo and its release's kernel, on ext4.
async fn debian(cache: &Cache) -> System {
    let image = DebianImage {
        filesystem: Filesystem::Ext4,
        packages: vec!["sudo".into()],
        kernel: ImageKernel::Own,
        ..DebianImage::of("bookworm")
    };
    system(&image, None, cache, &|line| eprintln!("{line}")).await.unwrap()
}

/// A copy of its filesystem in `place`, as somebody else would have it: an address by DHCP, passwords, root's key in a file, one who may
/// use sudo and one who may not, a getty on the console, a place in fstab that no kernel of ours has a driver for.
fn foreign(system: &System, place: &Path) -> std::path::PathBuf {
    let root = place.join("root.raw");
    run("cp", &["--sparse=always", text(&system.disk), text(&root)]);
    run("ssh-keygen", &["-q", "-t", "rsa", "-b", "3072", "-N", "", "-f", text(&place.join("id"))]);
    run("ssh-keygen", &["-q", "-t", "ed25519", "-N", "secret", "-f", text(&place.join("locked"))]);
    let dump = |name: &str, to: &str| {
        run("debugfs", &["-R", &format!("dump {name} {}", text(&place.join(to))), text(&root)]);
        fs::read_to_string(place.join(to)).unwrap()
    };
    let users = |line: &str| {
        [("guest", "1000"), ("nobody-special", "1001")]
            .map(|(name, id)| line.replace("NAME", name).replace("ID", id))
            .concat()
    };
    let passwd = dump("/etc/passwd", "passwd") + &users("NAME:x:ID:ID::/:/bin/slow\n");
    let others = dump("/etc/shadow", "shadow");
    let others = others.lines().filter(|line| !line.starts_with("root:")).map(|line| format!("{line}\n"));
    let shadow = format!(
        "root:{HASH}:19000::::::\n{}{}",
        others.collect::<String>(),
        users(&format!("NAME:{HASH}:19000::::::\n"))
    );
    let key = fs::read_to_string(place.join("id.pub")).unwrap();
    let fstab = dump("/etc/fstab", "fstab") + "LABEL=nowhere /nowhere vfat defaults,nofail 0 0\n";
    // A login that is in the middle of its command for as long as anybody wants.
    let slow = "#!/bin/sh\n[ -e /run/slow ] && touch /tmp/begun && sleep 600\nexec /bin/sh \"$@\"\n";
    let files = [
        ("/usr/bin/slow", slow, "0100755"),
        ("/etc/passwd", passwd.as_str(), "0100644"),
        ("/etc/shadow", &shadow, "0100640"),
        ("/etc/fstab", &fstab, "0100644"),
        ("/etc/sudoers.d/guest", "guest ALL=(ALL) NOPASSWD: ALL\n", "0100440"),
        ("/etc/ssh/sshd_config.d/00-own.conf", "PermitRootLogin yes\nPasswordAuthentication yes\n", "0100644"),
        ("/etc/systemd/network/10-oomph.network", "[Match]\nType=ether\n\n[Network]\nDHCP=ipv4\n", "0100644"),
        ("/root/.ssh/authorized_keys", &key, "0100600"),
    ];
    // A unit that was off is on again: the console is somebody's.
    let mut commands =
        "mkdir /root/.ssh\nsif /root/.ssh mode 040700\nrm /etc/systemd/system/serial-getty@.service\n".to_owned();
    for (number, (to, content, mode)) in files.iter().enumerate() {
        let from = place.join(format!("file-{number}"));
        fs::write(&from, content).unwrap();
        commands +=
            &format!("rm {to}\nwrite {} {to}\nsif {to} mode {mode}\nsif {to} uid 0\nsif {to} gid 0\n", text(&from));
    }
    fs::write(place.join("commands"), commands).unwrap();
    run("debugfs", &["-w", "-f", text(&place.join("commands")), text(&root)]);
    root
}

/// An entry of a partition table (MBR): by sectors alone, as everything does that has LBA.
fn partition(active: bool, kind: u8, from: u64, length: u64) -> [u8; 16] {
    let mut entry = [0; 16];
    (entry[0], entry[4]) = (if active { 0x80 } else { 0 }, kind);
    entry[8..12].copy_from_slice(&u32::try_from(from / 512).unwrap().to_le_bytes());
    entry[12..].copy_from_slice(&u32::try_from(length / 512).unwrap().to_le_bytes());
    entry
}

/// A whole disk with a bootloader, a kernel and this root: what a firmware starts by itself.
fn bootable(place: &Path, root: &Path, kernel: &Path, initrd: &Path, words: &str) -> std::path::PathBuf {
    let (disk, boot) = (place.join("disk.raw"), place.join("boot.img"));
    let length = fs::metadata(root).unwrap().len();
    let sectors = (ROOT - BOOT) / 512;
    let config = format!(
        "SERIAL 0 115200\nDEFAULT own\nPROMPT 0\nLABEL own\n  LINUX vmlinuz\n  INITRD initrd\n  APPEND {words}\n"
    );
    fs::write(place.join("syslinux.cfg"), config).unwrap();
    File::create(&boot).unwrap().set_len(ROOT - BOOT).unwrap();
    run(
        "mformat",
        &[
            "-i",
            text(&boot),
            "-T",
            &sectors.to_string(),
            "-H",
            &(BOOT / 512).to_string(),
            "-h",
            "255",
            "-s",
            "63",
            "-F",
            "::",
        ],
    );
    for (file, name) in [(kernel, "::vmlinuz"), (initrd, "::initrd"), (&place.join("syslinux.cfg"), "::syslinux.cfg")] {
        run("mcopy", &["-i", text(&boot), text(file), name]);
    }
    run("syslinux", &["--install", text(&boot)]);
    let mut out = File::create(&disk).unwrap();
    out.set_len(ROOT + length).unwrap();
    let mut first = fs::read("/usr/lib/SYSLINUX/mbr.bin").unwrap();
    first.resize(446, 0);
    first.extend(partition(true, 0x0c, BOOT, ROOT - BOOT));
    first.extend(partition(false, 0x83, ROOT, length));
    first.resize(510, 0);
    first.extend([0x55, 0xaa]);
    out.write_all(&first).unwrap();
    for (file, at) in [(boot.as_path(), BOOT), (root, ROOT)] {
        copy(file, &mut out, at);
    }
    disk
}

/// A file into another at a place; holes stay holes.
fn copy(from: &Path, to: &mut File, mut at: u64) {
    let (mut from, mut buffer) = (File::open(from).unwrap(), vec![0; MIB as usize]);
    loop {
        let read = from.read(&mut buffer).unwrap();
        if read == 0 {
            return;
        }
        if buffer[..read].iter().any(|byte| *byte != 0) {
            to.seek(SeekFrom::Start(at)).unwrap();
            to.write_all(&buffer[..read]).unwrap();
        }
        at += read as u64;
    }
}

/// `xfs-inode-mutex` in an image, with what goes in and comes out over ssh.
fn scenario(place: &Path, name: &str, image: &str, expect: &str) -> String {
    let big = place.join("big");
    if !big.exists() {
        // More than a serial port brings, and no text.
        fs::write(&big, (0..3 * MIB).map(|n| ((n * n) >> 7) as u8).collect::<Vec<u8>>()).unwrap();
    }
    let file = place.join(format!("{name}.yaml"));
    let scenario = format!(
        "name: {name}\nsummary: A disk of one's own.\nkernel: debian-6.1\n\
         guest:\n  cpus: 2\n  memory: 256 MiB\n  image: {image}\n  transport: ssh\n  files: {{/etc/oomph-big: {}}}\n\
         \x20 disks: {{data: {{filesystem: xfs, size: 512 MiB, mount: /data}}}}\n\
         workload: {{program: xfs-inode-mutex, args: {{writers: 10, hogs: 4, threads: 8, file: same}}}}\n\
         phases: {{settle: 5s, pressure: 45s, verify: 60s}}\n\
         probes: [beat, counters, fault, spawn, file, login]\n\
         collect: [/etc/oomph-big, /proc/vmstat, /none]\nexpect: {expect}\n",
        text(&big)
    );
    fs::write(&file, scenario).unwrap();
    text(&file).to_owned()
}

/// What went in came out, whole; what is not there is told.
#[track_caller]
fn came_back(ran: &Ran, place: &Path) {
    let collected = ran.folder().join("collected");
    assert!(fs::read(collected.join("etc/oomph-big")).unwrap() == fs::read(place.join("big")).unwrap());
    assert!(fs::read_to_string(collected.join("proc/vmstat")).unwrap().contains("nr_free_pages "));
    let missing =
        ran.events().into_iter().find(|event| event["kind"] == "collected" && event["path"] == "/none").unwrap();
    assert!(missing["failed"].as_str().unwrap().contains("No such file"), "{missing}");
}

fn remarks(ran: &Ran) -> Vec<String> {
    let remarks = ran.events().into_iter().filter(|event| event["kind"] == "remark");
    remarks.map(|event| event["text"].as_str().unwrap().to_owned()).collect()
}

#[track_caller]
fn is_well(ran: &Ran) {
    let ready = ran.events().iter().find(|event| event["kind"] == "ready").map(|event| event["host_ns"].clone());
    eprintln!(
        "{} on {} ({}): ready after {:.0} s, {} kills, {}\n  {:?}",
        ran.text("outcome"),
        ran.text("kernel"),
        ran.run["kernel_identity"]["release"],
        ready.and_then(|ns| ns.as_f64()).unwrap_or(0.0) / 1e9,
        ran.run["kills"].as_array().unwrap().len(),
        ran.run["image"],
        remarks(ran),
    );
    ran.has_outcome("oom-killed");
    assert!(
        ran.run["logins"].as_array().unwrap().iter().any(|login| login["ok"] == true),
        "the probe has the user's credentials"
    );
    let allocs = ran.events().into_iter().filter(|event| event["kind"] == "bye").map(|event| event["allocs"].clone());
    assert_eq!(allocs.collect::<Vec<_>>(), [Value::from(0)]);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make check-images: a system to make, and disks of it"]
async fn a_disk_of_ones_own_is_started_by_its_bootloader() {
    let (cache, place) = (Cache::open(None).unwrap(), tempfile::tempdir().unwrap());
    let place = place.path();
    let system = debian(&cache).await;
    let kernel = own_kernel(&system, &cache).unwrap();
    let root = foreign(&system, place);
    let partitioned = RootPlace { partition: Some(2), filesystem: Filesystem::Ext4 };
    let stage = stage(&kernel, partitioned, &["virtio_net"], programs::INIT, &cache, &|_| ()).await.unwrap();
    let disk = |words: &str| bootable(place, &root, &kernel.image, &stage.initramfs, words);

    // As a cloud image: raw, root by a key in a file.
    let own = disk("console=tty0 console=ttyS0,115200 quiet");
    let before = fs::metadata(&own).unwrap().modified().unwrap();
    let image = format!("{{disk: {}, ssh: {{user: root, key: {}}}}}", text(&own), text(&place.join("id")));
    let expect = "[{version: \"<6.1.1\", outcome: hung}, {version: \">=6.1.1 <6.2\", outcome: oom-killed}]";
    let ran = Ran::scenario(&scenario(place, "own", &image, expect), &[]);
    is_well(&ran);
    came_back(&ran, place);
    assert_eq!(
        (ran.text("kernel"), &ran.run["kernel_identity"]["release"]),
        ("disk-own", &Value::from(kernel.release.as_str()))
    );
    assert_eq!(ran.run["image"]["key"], ran.run["kernel_identity"]["hash"]);
    assert_eq!(ran.run["expectation"]["version"].as_array().unwrap().len(), 2, "by the version that the guest said");
    assert!(
        remarks(&ran).iter().any(|text| text.contains("console=tty0 console=ttyS0,115200 quiet")),
        "{:?}",
        remarks(&ran)
    );
    let command = fs::read_to_string(ran.folder().join("command.txt")).unwrap();
    assert!(command.contains("bootindex=0") && !command.contains("-kernel"), "{command}");
    assert_eq!(fs::metadata(&own).unwrap().modified().unwrap(), before, "it is never written to");

    // One that hangs is kept with its disk, and no kernel: it goes on from where it was.
    let frozen = place.join("frozen.yaml");
    let freeze = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/tests/freeze-forever.yaml");
    let freeze = fs::read_to_string(freeze).unwrap().replace("  memory:", &format!("  image: {image}\n  memory:"));
    fs::write(&frozen, freeze).unwrap();
    let ran = Ran::scenario(text(&frozen), &["--keep-hung"]);
    ran.has_outcome("hung");
    let attached = Attached::start(&ran.folder());
    let before = registers(&fs::read_to_string(ran.folder().join("registers.txt")).unwrap());
    assert!(before.len() > 30 && registers(&attached.monitor("info registers -a")) == before);
    attached.quit();

    // One whose kernel prints elsewhere would look well while it kills.
    let mute = disk("console=tty0");
    let image = format!("{{disk: {}, ssh: {{user: root, key: {}}}}}", text(&mute), text(&place.join("id")));
    let ran = Ran::scenario(&scenario(place, "mute", &image, "[]"), &[]);
    ran.is_inconclusive("setup-failed");
    assert!(ran.text("detail").contains("console=ttyS0"), "{}", ran.text("detail"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make check-images: a system to make, and a disk of it"]
async fn a_disk_of_ones_own_runs_under_a_kernel_of_ours() {
    let (cache, place) = (Cache::open(None).unwrap(), tempfile::tempdir().unwrap());
    let place = place.path();
    let root = foreign(&debian(&cache).await, place);

    // As a qcow2 that is one filesystem, by a password and sudo.
    let whole = place.join("whole.qcow2");
    run("qemu-img", &["convert", "-f", "raw", "-O", "qcow2", text(&root), text(&whole)]);
    let ours = |user: &str, with: &str| {
        let ssh = format!("{{user: {user}, {with}}}");
        format!("{{disk: {}, ssh: {ssh}, kernel: ours, root: {{filesystem: ext4}}}}", text(&whole))
    };
    let password = format!("password: {PASSWORD}");
    let ran = Ran::scenario(&scenario(place, "ours", &ours("guest", &password), "[{outcome: oom-killed}]"), &[]);
    is_well(&ran);
    came_back(&ran, place);
    assert_eq!(ran.text("kernel"), "debian-6.1");

    // A guest that resets in the middle of a login's command: QEMU takes the connection away, and the login just has no end.
    let script =
        "touch /run/slow; while [ ! -e /tmp/begun ]; do sleep 0.1; done; echo b > /proc/sysrq-trigger; sleep 60";
    let reset = place.join("reset.yaml");
    let text_of = format!(
        "name: reset\nsummary: A reset.\nkernel: debian-6.1\nguest: {{cpus: 2, memory: 256 MiB, image: {}}}\n\
         workload: {{program: /bin/sh, args: [-c, {script:?}]}}\nphases: {{settle: 3s, pressure: 120s}}\n\
         probes: [beat, fault, spawn, login]\nexpect: [{{outcome: panicked}}]\n",
        ours("guest", &password)
    );
    fs::write(&reset, text_of).unwrap();
    let ran = Ran::scenario(text(&reset), &[]);
    ran.has_outcome("panicked");
    let last = ran.run["logins"].as_array().unwrap().last().unwrap().clone();
    assert!(last["passed"] == "auth" && last["ok"] != true, "{last:#}");

    // Who may not become root is told so.
    let ran = Ran::scenario(&scenario(place, "no-sudo", &ours("nobody-special", &password), "[]"), &[]);
    ran.is_inconclusive("setup-failed");
    assert!(ran.text("detail").contains("does not become it without a password"), "{}", ran.text("detail"));

    // What is wrong is said before anything boots, or by the guest that lets nobody in.
    let locked = scenario(place, "locked", &ours("root", &format!("key: {}", text(&place.join("locked")))), "[]");
    let output = oomph(&["run", &locked, "--accel", "tcg"]).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.code() == Some(2) && said.contains("locked: the key has a passphrase"), "{said}");
    let wrong = scenario(place, "wrong", &ours("root", "password: wrong"), "[]");
    let ran = Ran::scenario(&wrong, &["--set", "phases.boot=60s"]);
    ran.is_inconclusive("no-boot");
    assert!(ran.text("detail").contains("does not let root in"), "{}", ran.text("detail"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "make check-images: a system to make"]
async fn a_debian_system_has_its_releases_kernel_and_the_minimal_image_sends_files_over_ssh() {
    let place = tempfile::tempdir().unwrap();
    let image = "{debian: bookworm, filesystem: ext4, packages: [sudo], kernel: own}";
    let ran = Ran::scenario(&scenario(place.path(), "debian-own", image, "[{outcome: oom-killed}]"), &[]);
    is_well(&ran);
    came_back(&ran, place.path());
    assert_eq!(ran.text("kernel"), "debian-bookworm-own");
    let modules = fs::read_to_string(ran.folder().join("console.log")).unwrap();
    assert!(modules.contains("running in system mode"), "{modules}");
    let ran = Ran::scenario(&scenario(place.path(), "minimal", "minimal", "[{outcome: oom-killed}]"), &[]);
    is_well(&ran);
    came_back(&ran, place.path());
    assert!(ran.run["image"].is_null());
}
