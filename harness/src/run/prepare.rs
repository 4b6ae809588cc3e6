//! From a scenario and a kernel to a machine that can be launched, and to the plan that its verdict needs.
//! Lives here: what of a scenario becomes what of a machine.
//! May not live here: how an initramfs or a disk is made (`image`).

use super::host::Host;
use crate::event::{Plan, SCHEMA};
use crate::image::{self, DiskFormat, Executable, ImageIdentity, Images, PreparedDisk, SystemDisk, programs};
use crate::kernel::{self, Kernel, Names, Progress, Temporary};
use crate::report::Live;
use crate::scenario::{
    Credential, DiskImage, ImageKernel, ImageSource, KernelSource, ProbeKind, Program, Scenario, to_yaml,
};
use crate::vm::login::{Access, Fetch, Freight, Key, Proof, key_file};
use crate::vm::{Accel, DriveSpec, GivenKernel, MACHINE, Qemu, Spec, Wanted, kernel_command_line, tsc_word};
use anyhow::Context;
use oomph_wire::config::KEY_WORD;
use std::path::Path;

/// Boot deadlines where a scenario leaves them open, in milliseconds of fair time.
pub(crate) const BOOT_TCG_MS: u64 = 120_000;
pub(crate) const BOOT_KVM_MS: u64 = 30_000;

/// How many times as long a system with systemd may take: under TCG some 20 s on an idle machine, against 2 s.
const SYSTEM: u64 = 3;
/// … and one that was not made for this, with a bootloader, a large initramfs, and whatever it starts.
const FOREIGN: u64 = 6;
/// A system of the user's under a kernel of ours has nothing but its root: the kernel may lack what the rest of its fstab takes, and what
/// fails there keeps sshd from starting (systemd-fstab-generator(8)).
const NO_FSTAB: &str = "fstab=no";

/// A machine to launch. Its throw-away files go when it is dropped.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The machine.
    pub spec: Spec,
    /// What the verdict needs to know.
    pub plan: Plan,
    /// How to log in, where somebody does.
    pub access: Option<Access>,
    /// What is brought into a system on a disk.
    pub freight: Option<Freight>,
    /// What is brought back over ssh.
    pub fetch: Option<Fetch>,
    /// Which image it is; `None` for the minimal one.
    pub image: Option<ImageIdentity>,
    /// How many times as long as the minimal image it may take to boot.
    patience: u64,
    _overlays: Temporary,
}

impl Prepared {
    /// Fixes the accelerator, and with it the boot deadline where the scenario leaves that open.
    pub fn set_accel(&mut self, accel: Accel) {
        self.spec.accel = accel;
        if self.plan.rules.boot_ms == 0 {
            let boot = if accel == Accel::Kvm { BOOT_KVM_MS } else { BOOT_TCG_MS };
            self.plan.rules.boot_ms = boot * self.patience;
        }
    }
}

/// What a guest boots into, and how it is reached.
struct Guest {
    /// The initramfs for a kernel that is given.
    initramfs: Option<std::path::PathBuf>,
    /// Words for the kernel's command line.
    words: Vec<String>,
    disks: Vec<PreparedDisk>,
    access: Option<Access>,
    freight: Option<Freight>,
    notes: Vec<String>,
}

/// Makes what a guest boots into.
///
/// # Errors
/// Where the image cannot be made.
pub(super) async fn prepare(
    host: &Host,
    scenario: &Scenario,
    kernel: &Kernel,
    live: &Live,
) -> anyhow::Result<Prepared> {
    // Beside the cache, where there is room for disks; /tmp may be memory.
    let overlays = host.cache.temporary()?;
    let progress = |text: &str| live.doing(text);
    let source = host.images.meaning(&scenario.guest.image)?;
    let disk = SystemDisk::of(&source, kernel.version, &host.cache, &progress).await?;
    let guest = match &disk {
        None => minimal(host, scenario, kernel, overlays.path(), &progress).await?,
        Some(disk) => system(host, (scenario, kernel), (&source, disk), overlays.path(), &progress).await?,
    };
    guest.notes.iter().for_each(|note| live.note(note));
    let given = match guest.initramfs {
        None => None,
        Some(initrd) => {
            let boot = kernel::bootable(kernel, &host.cache, &progress).await?;
            if let Some(why) = &boot.as_it_is {
                live.note(&format!("the kernel boots as it is, with firmware and decompression: {why}"));
            }
            Some(GivenKernel { image: boot.image, initrd, cmdline: command_line(scenario, &guest.words) })
        }
    };
    let mut spec = machine(scenario, given, guest.disks.into_iter().map(drive).collect());
    spec.network |= guest.freight.is_some();
    let plan = Plan {
        schema: SCHEMA,
        scenario: scenario.name.clone(),
        required: required(scenario),
        rules: scenario.rules.clone(),
        login: scenario.has_login(),
        collect: !scenario.collect.is_empty(),
        sample: scenario.evidence.sample,
        fetch: scenario.fetches(),
    };
    let user = guest.freight.as_ref().and(guest.access.as_ref()).map(|access| access.user.as_str());
    let fetch = scenario
        .fetches()
        .then(|| Fetch { command: image::send_command(user, &scenario.collect), asked: scenario.collect.clone() });
    let patience = disk.as_ref().map_or(1, |disk| if disk.foreign { FOREIGN } else { SYSTEM });
    let image = disk.map(|disk| ImageIdentity::new(&scenario.guest.image, &source, &disk));
    Ok(Prepared {
        spec,
        plan,
        access: guest.access,
        freight: guest.freight,
        fetch,
        image,
        patience,
        _overlays: overlays,
    })
}

/// The workload's executable.
fn program(scenario: &Scenario) -> anyhow::Result<Executable<'_>> {
    Ok(match &scenario.workload.program {
        Program::Path(path) => Executable::Host(path),
        Program::Reproducer(name) => {
            let bytes = programs::reproducer(name).with_context(|| format!("no reproducer is named {name}"))?;
            Executable::Embedded(name, bytes)
        }
    })
}

async fn minimal(
    host: &Host,
    scenario: &Scenario,
    kernel: &Kernel,
    place: &Path,
    progress: Progress<'_>,
) -> anyhow::Result<Guest> {
    let program = program(scenario)?;
    let image = image::prepare(scenario, kernel, programs::INIT, program, place, &host.cache, progress).await?;
    let key = scenario.is_logged_in_to().then(Key::new).transpose()?;
    Ok(Guest {
        initramfs: Some(image.initramfs),
        words: key.iter().map(|key| format!("{KEY_WORD}{}", key.word())).collect(),
        disks: image.disks,
        access: key.map(Access::root),
        freight: None,
        notes: image.notes,
    })
}

/// A system on a disk. One that was made here takes a key of this run; into one of the user's one logs in as the user says.
async fn system(
    host: &Host,
    what: (&Scenario, &Kernel),
    (source, disk): (&ImageSource, &SystemDisk),
    place: &Path,
    progress: Progress<'_>,
) -> anyhow::Result<Guest> {
    let (access, words) = match source {
        ImageSource::Disk(DiskImage { ssh, .. }) => {
            let by = match &ssh.with {
                Credential::Key(file) => Proof::Key(key_file(file)?),
                Credential::Password(password) => Proof::Password(password.clone()),
            };
            (Access { user: ssh.user.clone(), by }, vec![NO_FSTAB.to_owned()])
        }
        ImageSource::Minimal | ImageSource::Debian(_) => {
            let key = Key::new()?;
            let word = image::authorized_key(&key.word());
            (Access::root(key), vec![word])
        }
    };
    let (program, whose) = (program(what.0)?, (disk, access.user.as_str()));
    let made = image::prepare_system(what, whose, programs::INIT, program, place, &host.cache, progress).await?;
    let mut notes = made.notes;
    if made.stage.is_none() && !what.0.guest.cmdline.is_empty() {
        notes.push(
            "`guest.cmdline` is not used: the image's bootloader starts its own kernel, with its own words".into(),
        );
    }
    Ok(Guest {
        initramfs: made.stage.map(|stage| stage.initramfs),
        words,
        disks: made.disks,
        access: Some(access),
        freight: Some(Freight { input: made.input, command: made.command }),
        notes,
    })
}

fn drive(PreparedDisk { name, overlay, base, format }: PreparedDisk) -> DriveSpec {
    DriveSpec { name, overlay, base, base_format: format.name() }
}

fn command_line(scenario: &Scenario, words: &[String]) -> String {
    let words: Vec<String> =
        tsc_word().into_iter().chain(words.iter().chain(&scenario.guest.cmdline).cloned()).collect();
    kernel_command_line(&words)
}

fn machine(scenario: &Scenario, kernel: Option<GivenKernel>, disks: Vec<DriveSpec>) -> Spec {
    Spec {
        machine: MACHINE.into(),
        cpus: scenario.guest.cpus,
        memory: scenario.guest.memory,
        accel: Accel::Tcg,
        kernel,
        disks,
        balloon: scenario.has_balloon(),
        network: scenario.is_logged_in_to(),
    }
}

/// The probes that must answer.
fn required(scenario: &Scenario) -> Vec<String> {
    let kinds = scenario.probes.iter().filter(|kind| **kind != ProbeKind::Counters);
    kinds.flat_map(|kind| image::probe_names(*kind, scenario)).collect()
}

/// What `--dry-run` prints: the resolved scenario and QEMU's command. Needs no network, kernel or image: what is not there
/// yet is written in capitals.
///
/// # Errors
/// Where the kernel's name or the image's is unknown.
pub fn describe(scenario: &Scenario, names: &Names, images: &Images, wanted: Wanted) -> anyhow::Result<String> {
    let image = images.meaning(&scenario.guest.image)?;
    let drive = |name: &str, base: &Path, base_format| DriveSpec {
        name: name.into(),
        overlay: "OVERLAY".into(),
        base: base.into(),
        base_format,
    };
    let raw = DiskFormat::Raw.name();
    let (words, root, own) = match &image {
        ImageSource::Minimal => {
            (scenario.is_logged_in_to().then(|| format!("{KEY_WORD}KEY")).into_iter().collect(), None, false)
        }
        ImageSource::Debian(debian) => {
            let root = drive(image::ROOT_DISK, Path::new("TEMPLATE"), raw);
            (vec![image::authorized_key("KEY")], Some(root), debian.kernel == ImageKernel::Own)
        }
        ImageSource::Disk(disk) => {
            let root = drive(image::ROOT_DISK, &disk.disk, DiskFormat::of(&disk.disk)?.name());
            (vec![NO_FSTAB.to_owned()], Some(root), disk.kernel == ImageKernel::Own)
        }
    };
    let (kernel, file, origin) = match kernel::meaning(&scenario.kernel, names)? {
        _ if own => ("its own kernel".to_owned(), "KERNEL".into(), image::describe_image(&image)),
        (kernel, KernelSource::Image { image, .. }, _) => (kernel, image.clone(), image.display().to_string()),
        (kernel, KernelSource::Debian(spec), _) => (kernel, "KERNEL".into(), format!("Debian {spec}")),
        (kernel, KernelSource::Source(spec), _) => (kernel, "KERNEL".into(), kernel::describe(&spec)),
    };
    let bootloader = own && matches!(image, ImageSource::Disk(_));
    let cmdline = command_line(scenario, &words);
    let given = (!bootloader).then(|| GivenKernel { image: file, initrd: "INITRAMFS".into(), cmdline });
    let system = root.is_some();
    let data = scenario.guest.disks.keys().map(|name| drive(name, Path::new("TEMPLATE"), raw));
    let mut spec = machine(scenario, given, root.into_iter().chain(data).collect());
    spec.network |= system;
    if wanted == Wanted::Kvm {
        spec.accel = Accel::Kvm;
    }
    Ok(format!(
        "# {} on {kernel} ({origin}), accelerator {wanted}, required probes: {}\n{}\n{}",
        scenario.name,
        required(scenario).join(", "),
        to_yaml(scenario)?.trim_end(),
        spec.command_text(&Qemu::assumed()),
    ))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{self, KernelSpec};

    #[test]
    fn a_dry_run_needs_nothing_but_the_scenario() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/xfs-inode-mutex.yaml");
        let scenario = scenario::load(&file, &[]).unwrap();
        let text = describe(&scenario, &Names::built_in().unwrap(), &Images::find(&[]), Wanted::Auto).unwrap();
        assert!(text.starts_with("# xfs-inode-mutex on debian-6.1 (Debian bookworm)"), "{text}");
        assert!(text.contains("required probes: beat, fault, spawn, file:data"), "{text}");
        assert!(text.contains("-m 256M") && text.contains("serial=data"), "{text}");
        let unknown = Scenario { kernel: KernelSpec::Named("debian-6.l".into()), ..scenario };
        let error =
            describe(&unknown, &Names::built_in().unwrap(), &Images::find(&[]), Wanted::Auto).unwrap_err().to_string();
        assert!(error.contains("did you mean `debian-6.1`"), "{error}");
    }

    #[test]
    fn a_dry_run_of_a_disk_of_ones_own_names_it_and_gives_it_no_kernel() {
        let place = tempfile::tempdir().unwrap();
        let disk = place.path().join("cloud.raw");
        std::fs::write(&disk, vec![0; 4096]).unwrap();
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/xfs-inode-mutex.yaml");
        let mut scenario = scenario::load(&file, &[]).unwrap();
        let ssh = scenario::Ssh { user: "me".into(), with: Credential::Password("secret".into()) };
        let root = Some(scenario::RootPlace { partition: Some(1), filesystem: scenario::Filesystem::Ext4 });
        let mut text = |kernel, root| {
            let image = DiskImage { disk: disk.clone(), ssh: ssh.clone(), root, kernel };
            scenario.guest.image = scenario::ImageSpec::Inline(ImageSource::Disk(image));
            describe(&scenario, &Names::built_in().unwrap(), &Images::find(&[]), Wanted::Tcg).unwrap()
        };
        let own = text(ImageKernel::Own, None);
        assert!(own.contains("on its own kernel (") && !own.contains("-kernel"), "{own}");
        assert!(
            own.contains("-F raw -b ") && own.contains("cloud.raw oomph-root.qcow2") && own.contains("bootindex=0")
        );
        let ours = text(ImageKernel::Ours, root);
        assert!(ours.contains("-kernel KERNEL") && ours.contains(" fstab=no") && !ours.contains("bootindex"), "{ours}");
    }
}
