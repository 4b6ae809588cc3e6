//! The machine that is wanted, and the QEMU command line that makes it.
//! Lives here: the specification and its translation into arguments (pure).
//! May not live here: processes, files, or the search for QEMU.

use super::Qemu;
use oomph_wire::config::GUEST_ADDRESS;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// What executes the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Accel {
    /// The processor itself.
    Kvm,
    /// QEMU's translator, one thread per virtual processor.
    Tcg,
}

impl fmt::Display for Accel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// A data disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DriveSpec {
    /// Its name: the guest finds it by its serial number, which is this name. At most 20 bytes of `[a-z0-9._-]`.
    pub name: String,
    /// The throw-away qcow2 overlay that the guest writes to.
    pub overlay: PathBuf,
    /// The image below it, from which a person can make another overlay.
    pub base: PathBuf,
    /// How that is written, by QEMU's name: `raw`, `qcow2`.
    pub base_format: &'static str,
}

/// A kernel that QEMU is given.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct GivenKernel {
    /// bzImage, or a vmlinux with a PVH note.
    pub image: PathBuf,
    /// The initramfs.
    pub initrd: PathBuf,
    /// Its command line; see [`super::kernel_command_line`].
    pub cmdline: String,
}

/// A virtual machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Spec {
    /// QEMU's machine type: [`MACHINE`], or that with a version where a kept guest needs the very one.
    pub machine: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in bytes, a multiple of 1 KiB.
    pub memory: u64,
    /// What executes it.
    pub accel: Accel,
    /// The kernel; `None`: what the first disk's bootloader starts.
    pub kernel: Option<GivenKernel>,
    /// Disks.
    pub disks: Vec<DriveSpec>,
    /// Whether it has a balloon, by which the host can take memory away.
    pub balloon: bool,
    /// Whether it has a network: one by itself, in which a port of the host's loopback leads to the guest's ssh.
    pub network: bool,
}

/// The sockets to which QEMU connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sockets {
    /// ttyS0, the console.
    pub console: PathBuf,
    /// ttyS1, the beat.
    pub beat: PathBuf,
    /// ttyS2, the agent and the probes.
    pub agent: PathBuf,
    /// QMP.
    pub qmp: PathBuf,
    /// QMP for whoever else looks at the guest; here QEMU listens.
    pub visitors: PathBuf,
}

impl Sockets {
    /// The four sockets in a directory.
    pub fn within(directory: &Path) -> Self {
        let at = |name| directory.join(name);
        Self { console: at("console"), beat: at("beat"), agent: at("agent"), qmp: at("qmp"), visitors: at(VISITORS) }
    }
}

/// The sockets of a kept guest that goes on. QEMU listens at all but the console and QMP of ours, to which it connects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doors {
    /// The console, where somebody else than us is to speak with it.
    pub console: Option<PathBuf>,
    /// QEMU's monitor for people.
    pub monitor: PathBuf,
    /// QMP for programs.
    pub qmp: PathBuf,
    /// A gdbstub.
    pub gdb: PathBuf,
    /// Our console and QMP.
    pub(super) ours: Sockets,
}

impl Doors {
    /// The sockets in a directory; the console's where the caller wants it, if at all.
    pub(super) fn within(directory: &Path, console: Option<&Path>) -> Self {
        let at = |name| directory.join(name);
        let ours = Sockets { console: at("console"), qmp: at("our-qmp"), ..Sockets::within(directory) };
        Self { console: console.map(Path::to_owned), monitor: at("monitor"), qmp: at("qmp"), gdb: at("gdb"), ours }
    }
}

/// Where the guest's ports lead.
#[derive(Clone, Copy, Debug)]
pub enum Ports<'a> {
    /// To the harness, which has the guest's memory as a file.
    Harness(&'a Sockets, &'a Path),
    /// To a person who goes on with a kept guest.
    Attached(&'a Doors),
    /// To the person who runs the line: console and QEMU's monitor on the terminal, the beat in `beat.log`, the agent's
    /// port on a pty, overlays in the working directory.
    ByHand,
}

/// The machine type of a new guest.
pub const MACHINE: &str = "q35";

/// The sandbox that is asked for where the build has one. Without children and privileges QEMU's process group is QEMU.
pub(super) const SANDBOX: &str = "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny";

/// The memory's name, which is also that of a memory that QEMU makes for itself (hw/i386/pc.c): so a guest that is kept finds it
/// again in a machine without the file.
const MEMORY: &str = "pc.ram";

/// The guest's port for logins.
pub(super) const SSH_PORT: u16 = 22;

/// Chardev of the QMP for whoever else looks at the guest, and its socket's name.
pub(super) const VISITORS: &str = "visitors";

/// Chardev of the console, to which a serial break is sent.
pub(super) const CONSOLE: &str = "console";

impl Spec {
    /// QEMU's arguments, without the program itself.
    ///
    /// No network but for logins, no default devices, no configuration of the host's user. A guest that resets ends QEMU
    /// (`-no-reboot`), a guest that panics is an event and goes on (`-action panic=none`). Disks never wait for the
    /// host's disk (`cache.no-flush`), and their errors go to the guest instead of stopping it.
    pub fn arguments(&self, qemu: &Qemu, ports: Ports<'_>) -> Vec<OsString> {
        let mut line = Arguments::default();
        line.add(&["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]);
        if qemu.sandbox {
            line.add(&["-sandbox", SANDBOX]);
        }
        let machine = match ports {
            Ports::Harness(_, memory) => {
                line.memory(self.memory, memory);
                format!("{},memory-backend={MEMORY}", self.machine)
            }
            Ports::Attached(_) | Ports::ByHand => self.machine.clone(),
        };
        line.add(&["-M", &machine, "-cpu", "max", "-accel"]);
        line.add(&[match self.accel {
            Accel::Kvm => "kvm",
            Accel::Tcg => "tcg,thread=multi",
        }]);
        line.add(&["-smp", &self.cpus.to_string(), "-m", &memory(self.memory)]);
        if let Some(GivenKernel { image, initrd, cmdline }) = &self.kernel {
            line.path("-kernel", image).path("-initrd", initrd).add(&["-append", cmdline]);
        }
        line.ports(ports);
        line.add(&["-device", "pvpanic", "-action", "panic=none"]);
        // Where the guest's kernel says what debuggers need to know of it; one without a driver does not notice.
        line.add(&["-device", "vmcoreinfo"]);
        for (number, disk) in self.disks.iter().enumerate() {
            line.disk(disk, ports, self.kernel.is_none() && number == 0);
        }
        if self.balloon {
            line.add(&["-device", "virtio-balloon-pci,id=balloon"]);
        }
        if self.network {
            // The host's kernel picks a free port (0); the guest reaches nobody (restrict); nothing boots from it (romfile).
            let forward = format!("hostfwd=tcp:127.0.0.1:0-{GUEST_ADDRESS}:{SSH_PORT}");
            line.add(&["-netdev", &format!("user,id=net,restrict=on,ipv6=off,{forward}")]);
            line.add(&["-device", "virtio-net-pci,netdev=net,romfile="]);
        }
        line.0
    }
}

/// `-m` counts in MiB unless told otherwise.
fn memory(bytes: u64) -> String {
    let kib = bytes / 1024;
    if kib.is_multiple_of(1024) { format!("{}M", kib / 1024) } else { format!("{kib}k") }
}

/// Node of a disk's image.
pub(super) fn node_name(disk: &str) -> String {
    format!("node-{disk}")
}

/// Id of a disk's device.
fn device_id(disk: &str) -> String {
    format!("disk-{disk}")
}

/// QOM path of what QMP knows as a disk's block device: not the PCI device but the virtio device in it
/// (hw/virtio/virtio-pci.c and virtio-blk.c; the backend belongs to the latter).
pub(super) fn block_device(disk: &str) -> String {
    format!("/machine/peripheral/{}/virtio-backend", device_id(disk))
}

/// The overlay's name in a run by hand.
pub(super) fn overlay_by_hand(disk: &DriveSpec) -> PathBuf {
    PathBuf::from(format!("{}.qcow2", disk.name))
}

#[derive(Default)]
struct Arguments(Vec<OsString>);

impl Arguments {
    fn add(&mut self, words: &[&str]) -> &mut Self {
        self.0.extend(words.iter().map(OsString::from));
        self
    }

    fn path(&mut self, option: &str, path: &Path) -> &mut Self {
        self.0.push(option.into());
        self.0.push(path.into());
        self
    }

    /// `PREFIX` and a path in one `key=value` list, where a comma is doubled.
    fn path_in_list(&mut self, option: &str, prefix: &str, path: &Path) -> &mut Self {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        let mut value = prefix.as_bytes().to_vec();
        for &byte in path.as_os_str().as_bytes() {
            value.push(byte);
            if byte == b',' {
                value.push(byte);
            }
        }
        self.0.push(option.into());
        self.0.push(OsString::from_vec(value));
        self
    }

    fn memory(&mut self, bytes: u64, file: &Path) {
        let backend = format!("memory-backend-file,id={MEMORY},size={bytes},share=on,mem-path=");
        self.path_in_list("-object", &backend, file);
    }

    fn ports(&mut self, ports: Ports<'_>) {
        let listens = |id: &str| format!("socket,id={id},server=on,wait=off,path=");
        match ports {
            Ports::Harness(sockets, _) => {
                // First, so that it is there when the others have connected.
                self.path_in_list("-chardev", &listens(VISITORS), &sockets.visitors);
                self.add(&["-mon", &format!("chardev={VISITORS},mode=control")]);
                let named = [
                    (CONSOLE, &sockets.console),
                    ("beat", &sockets.beat),
                    ("agent", &sockets.agent),
                    ("qmp", &sockets.qmp),
                ];
                for (id, path) in named {
                    self.path_in_list("-chardev", &format!("socket,id={id},path="), path);
                }
                self.add(&["-mon", "chardev=qmp,mode=control"]);
            }
            Ports::Attached(doors) => {
                match &doors.console {
                    Some(path) => self.path_in_list("-chardev", &listens(CONSOLE), path),
                    None => self.path_in_list("-chardev", &format!("socket,id={CONSOLE},path="), &doors.ours.console),
                };
                self.add(&["-chardev", "null,id=beat", "-chardev", "null,id=agent"]);
                self.path_in_list("-chardev", "socket,id=ours,path=", &doors.ours.qmp);
                self.add(&["-mon", "chardev=ours,mode=control"]);
                for (id, path, mode) in [("qmp", &doors.qmp, "control"), ("monitor", &doors.monitor, "readline")] {
                    self.path_in_list("-chardev", &listens(id), path);
                    self.add(&["-mon", &format!("chardev={id},mode={mode}")]);
                }
                self.path_in_list("-chardev", &listens("gdb"), &doors.gdb);
                self.add(&["-gdb", "chardev:gdb", "-incoming", "defer"]);
            }
            Ports::ByHand => {
                self.add(&["-chardev", "stdio,id=console,mux=on,signal=off", "-mon", "chardev=console,mode=readline"]);
                self.add(&["-chardev", "file,id=beat,path=beat.log", "-chardev", "pty,id=agent"]);
            }
        }
        for (index, id) in [CONSOLE, "beat", "agent"].iter().enumerate() {
            self.add(&["-device", &format!("isa-serial,chardev={id},index={index}")]);
        }
    }

    fn disk(&mut self, disk: &DriveSpec, ports: Ports<'_>, boots: bool) {
        let by_hand = overlay_by_hand(disk);
        let overlay = match ports {
            Ports::Harness(..) | Ports::Attached(_) => &disk.overlay,
            Ports::ByHand => &by_hand,
        };
        let name = &disk.name;
        let node = serde_json::json!({
            "driver": "qcow2",
            "node-name": node_name(name),
            "cache": {"direct": false, "no-flush": true},
            "file": {"driver": "file", "filename": overlay.to_string_lossy()},
        });
        let (device, node_name) = (device_id(name), node_name(name));
        let first = if boots { ",bootindex=0" } else { "" };
        self.add(&["-blockdev", &node.to_string()]);
        self.add(&[
            "-device",
            &format!("virtio-blk-pci,id={device},drive={node_name},serial={name},werror=report,rerror=report{first}"),
        ]);
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    pub(in crate::vm) fn given(image: impl Into<PathBuf>, initrd: impl Into<PathBuf>) -> GivenKernel {
        GivenKernel { image: image.into(), initrd: initrd.into(), cmdline: "console=ttyS0 x='y'".into() }
    }

    pub(in crate::vm) fn disk(name: &str, base_format: &'static str) -> DriveSpec {
        DriveSpec { name: name.into(), overlay: "/o/a,b.qcow2".into(), base: "/c/xfs.raw".into(), base_format }
    }

    pub(in crate::vm) fn spec() -> Spec {
        Spec {
            machine: MACHINE.into(),
            cpus: 2,
            memory: 256 << 20,
            accel: Accel::Tcg,
            kernel: Some(given("/k/bzImage", "/k/init,rd")),
            disks: vec![disk("data", "raw")],
            balloon: false,
            network: false,
        }
    }

    fn text(arguments: &[OsString]) -> String {
        arguments.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn sockets_and_disks_are_named_with_commas_kept() {
        let sockets = Sockets::within(Path::new("/r/a,b"));
        let text = text(&spec().arguments(&Qemu::assumed(), Ports::Harness(&sockets, Path::new("/proc/1/fd/2"))));
        assert!(
            text.contains("-object\nmemory-backend-file,id=pc.ram,size=268435456,share=on,mem-path=/proc/1/fd/2\n")
        );
        assert!(text.contains("-M\nq35,memory-backend=pc.ram\n"));
        assert!(text.contains("-chardev\nsocket,id=console,path=/r/a,,b/console"), "{text}");
        assert!(text.contains("-mon\nchardev=qmp,mode=control"));
        assert!(text.contains("-chardev\nsocket,id=visitors,server=on,wait=off,path=/r/a,,b/visitors\n"));
        assert!(text.contains(r#""filename":"/o/a,b.qcow2""#), "JSON needs no doubled comma: {text}");
        assert!(text.contains("-initrd\n/k/init,rd"), "a path of its own needs none either");
        assert!(text.contains("id=disk-data,drive=node-data,serial=data,werror=report,rerror=report"));
        assert!(
            text.contains("-accel\ntcg,thread=multi") && text.contains("-m\n256M") && text.contains("-sandbox\non,")
        );
        assert!(!text.contains("netdev") && !text.contains("-nic") && !text.contains("balloon"));
    }

    #[test]
    fn a_build_without_sandbox_is_not_asked_for_one() {
        let qemu = Qemu { sandbox: false, ..Qemu::assumed() };
        let kvm =
            Spec { accel: Accel::Kvm, memory: 1_536 << 10, disks: vec![], balloon: true, network: true, ..spec() };
        let text = text(&kvm.arguments(&qemu, Ports::ByHand));
        assert!(!text.contains("sandbox") && !text.contains("blockdev"));
        assert!(text.contains("-device\nvirtio-balloon-pci,id=balloon"));
        assert!(
            text.contains(
                "restrict=on,ipv6=off,hostfwd=tcp:127.0.0.1:0-10.0.2.15:22\n-device\nvirtio-net-pci,netdev=net"
            )
        );
        assert!(text.contains("-M\nq35\n") && !text.contains("-object"));
        assert!(text.contains("-accel\nkvm\n") && text.contains("-m\n1536k") && !text.contains("bootindex"));
        assert!(text.contains("stdio,id=console,mux=on") && text.contains("pty,id=agent"));
    }

    #[test]
    fn what_is_given_no_kernel_starts_from_its_first_disk() {
        let own = Spec { kernel: None, disks: vec![disk("oomph-root", "qcow2"), disk("data", "raw")], ..spec() };
        let text = text(&own.arguments(&Qemu::assumed(), Ports::ByHand));
        assert!(!["-kernel", "-initrd", "-append"].iter().any(|option| text.contains(option)), "{text}");
        assert!(text.contains("serial=oomph-root,werror=report,rerror=report,bootindex=0\n"), "{text}");
        assert_eq!(text.matches("bootindex").count(), 1);
    }
}
