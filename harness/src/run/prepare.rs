//! From a scenario and a kernel to a machine that can be launched, and to the plan that its verdict needs.
//! Lives here: what of a scenario becomes what of a machine.
//! May not live here: how an initramfs or a disk is made (`image`).

use super::host::Host;
use crate::event::{Plan, SCHEMA};
use crate::image::{self, Executable, Images, programs};
use crate::kernel::{self, Kernel, Names, Temporary};
use crate::report::Live;
use crate::scenario::{ImageKernel, ImageSource, ImageSpec, KernelSource, ProbeKind, Program, Scenario, to_yaml};
use crate::vm::login::{Freight, Key};
use crate::vm::{Accel, DriveSpec, MACHINE, Qemu, Spec, Wanted, kernel_command_line};
use anyhow::{Context, bail};
use oomph_wire::config::KEY_WORD;
use std::path::Path;

/// Boot deadlines where a scenario leaves them open, in milliseconds of fair time.
pub(crate) const BOOT_TCG_MS: u64 = 120_000;
pub(crate) const BOOT_KVM_MS: u64 = 30_000;

/// How many times as long a system with systemd may take: under TCG some 20 s on an idle machine, against 2 s.
const SYSTEM: u64 = 3;
/// Who logs in to a system that was made here.
const ROOT: &str = "root";

/// A machine to launch. Its throw-away files go when it is dropped.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The machine.
    pub spec: Spec,
    /// What the verdict needs to know.
    pub plan: Plan,
    /// The key to log in with, where the scenario wants logins.
    pub key: Option<Key>,
    /// What is brought into a system on a disk.
    pub freight: Option<Freight>,
    _overlays: Temporary,
}

impl Prepared {
    /// Fixes the accelerator, and with it the boot deadline where the scenario leaves that open.
    pub fn set_accel(&mut self, accel: Accel) {
        self.spec.accel = accel;
        if self.plan.rules.boot_ms == 0 {
            let boot = if accel == Accel::Kvm { BOOT_KVM_MS } else { BOOT_TCG_MS };
            self.plan.rules.boot_ms = if self.freight.is_some() { boot * SYSTEM } else { boot };
        }
    }
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
    let program = match &scenario.workload.program {
        Program::Path(path) => Executable::Host(path),
        Program::Reproducer(name) => {
            let bytes = programs::reproducer(name).with_context(|| format!("no reproducer is named {name}"))?;
            Executable::Embedded(name, bytes)
        }
    };
    // Beside the cache, where there is room for disks; /tmp may be memory.
    let overlays = host.cache.temporary()?;
    let progress = |text: &str| live.doing(text);
    let (init, place, cache) = (programs::INIT, overlays.path(), &host.cache);
    let source = Images::find(&[&std::env::current_dir()?]).meaning(&scenario.guest.image)?;
    let (image, freight) = match &source {
        ImageSource::Minimal => (image::prepare(scenario, kernel, init, program, place, cache, &progress).await?, None),
        ImageSource::Debian(definition) if definition.kernel == ImageKernel::Ours => {
            let system = image::system(definition, Some(kernel.version), cache, &progress).await?;
            let (what, whose) = ((scenario, kernel), (&system, ROOT));
            let made = image::prepare_system(what, whose, init, program, place, cache, &progress).await?;
            (made.image, Some(Freight { user: ROOT.into(), input: made.input, command: made.command }))
        }
        ImageSource::Debian(_) => bail!("an image with `kernel: own` can be built but not run yet; leave `kernel` out"),
        ImageSource::Disk(_) => bail!("a disk of yours cannot be run yet; `debian: RELEASE` can"),
    };
    image.notes.iter().for_each(|note| live.note(note));
    let boot = kernel::bootable(kernel, &host.cache, &progress).await?;
    if let Some(why) = &boot.as_it_is {
        live.note(&format!("the kernel boots as it is, with firmware and decompression: {why}"));
    }
    let disks =
        image.disks.into_iter().map(|disk| DriveSpec { name: disk.name, overlay: disk.overlay, base: disk.base });
    let key = (scenario.has_login() || freight.is_some()).then(Key::new).transpose()?;
    let words = key.as_ref().map(|key| key_word(&key.word(), freight.is_some()));
    let mut spec = machine(scenario, &boot.image, &image.initramfs, disks.collect(), words);
    spec.network |= freight.is_some();
    let plan = Plan {
        schema: SCHEMA,
        scenario: scenario.name.clone(),
        required: required(scenario),
        rules: scenario.rules.clone(),
        login: scenario.has_login(),
        collect: !scenario.collect.is_empty(),
        sample: scenario.evidence.sample,
    };
    Ok(Prepared { spec, plan, key, freight, _overlays: overlays })
}

/// The word of the kernel's command line that brings a key to whoever serves logins: our server, or a system's.
fn key_word(key: &str, system: bool) -> String {
    if system { image::authorized_key(key) } else { format!("{KEY_WORD}{key}") }
}

fn machine(scenario: &Scenario, kernel: &Path, initrd: &Path, disks: Vec<DriveSpec>, key: Option<String>) -> Spec {
    let words: Vec<String> = key.into_iter().chain(scenario.guest.cmdline.iter().cloned()).collect();
    Spec {
        machine: MACHINE.into(),
        cpus: scenario.guest.cpus,
        memory: scenario.guest.memory,
        accel: Accel::Tcg,
        kernel: kernel.to_owned(),
        initrd: initrd.to_owned(),
        cmdline: kernel_command_line(&words),
        disks,
        balloon: scenario.has_balloon(),
        network: scenario.has_login(),
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
/// Where the kernel's name is unknown.
pub fn describe(scenario: &Scenario, names: &Names, wanted: Wanted) -> anyhow::Result<String> {
    let (kernel, source, _) = kernel::meaning(&scenario.kernel, names)?;
    let (image, origin) = match &source {
        KernelSource::Image { image, .. } => (image.clone(), image.display().to_string()),
        KernelSource::Debian(spec) => ("KERNEL".into(), format!("Debian {spec}")),
        KernelSource::Source(spec) => ("KERNEL".into(), kernel::describe(spec)),
    };
    let disk = |name: &String| DriveSpec { name: name.clone(), overlay: "OVERLAY".into(), base: "TEMPLATE".into() };
    let system = scenario.guest.image != ImageSpec::default();
    let root = system.then(|| image::ROOT_DISK.to_owned());
    let disks = root.iter().chain(scenario.guest.disks.keys()).map(disk).collect();
    let key = (scenario.has_login() || system).then(|| key_word("KEY", system));
    let mut spec = machine(scenario, &image, Path::new("INITRAMFS"), disks, key);
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
        let text = describe(&scenario, &Names::built_in().unwrap(), Wanted::Auto).unwrap();
        assert!(text.starts_with("# xfs-inode-mutex on debian-6.1 (Debian bookworm)"), "{text}");
        assert!(text.contains("required probes: beat, fault, spawn, file:data"), "{text}");
        assert!(text.contains("-m 256M") && text.contains("serial=data"), "{text}");
        let unknown = Scenario { kernel: KernelSpec::Named("debian-6.l".into()), ..scenario };
        let error = describe(&unknown, &Names::built_in().unwrap(), Wanted::Auto).unwrap_err().to_string();
        assert!(error.contains("did you mean `debian-6.1`"), "{error}");
    }
}
