//! From a scenario and a kernel to a machine that can be launched, and to the plan that its verdict needs.
//! Lives here: what of a scenario becomes what of a machine.
//! May not live here: how an initramfs or a disk is made (`image`).

use super::host::Host;
use crate::event::{Plan, SCHEMA};
use crate::image::{self, Executable, programs};
use crate::kernel::{self, Kernel, Names, Temporary};
use crate::report::Live;
use crate::scenario::{ImageSpec, KernelSource, ProbeKind, Program, Scenario, to_yaml};
use crate::vm::login::Key;
use crate::vm::{Accel, DriveSpec, MACHINE, Qemu, Spec, Wanted, kernel_command_line};
use anyhow::Context;
use oomph_wire::config::KEY_WORD;
use std::path::Path;

/// Boot deadlines where a scenario leaves them open, in milliseconds of fair time.
pub(crate) const BOOT_TCG_MS: u64 = 120_000;
pub(crate) const BOOT_KVM_MS: u64 = 30_000;

/// A machine to launch. Its throw-away files go when it is dropped.
#[derive(Debug)]
pub(super) struct Prepared {
    /// The machine.
    pub spec: Spec,
    /// What the verdict needs to know.
    pub plan: Plan,
    /// The key to log in with, where the scenario wants logins.
    pub key: Option<Key>,
    _overlays: Temporary,
}

impl Prepared {
    /// Fixes the accelerator, and with it the boot deadline where the scenario leaves that open.
    pub fn set_accel(&mut self, accel: Accel) {
        self.spec.accel = accel;
        if self.plan.rules.boot_ms == 0 {
            self.plan.rules.boot_ms = if accel == Accel::Kvm { BOOT_KVM_MS } else { BOOT_TCG_MS };
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
    anyhow::ensure!(
        scenario.guest.image == ImageSpec::default(),
        "a run can have no image but `minimal` yet; `oomph image build` makes others, to be booted by hand"
    );
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
    let image =
        image::prepare(scenario, kernel, programs::INIT, program, overlays.path(), &host.cache, &progress).await?;
    image.notes.iter().for_each(|note| live.note(note));
    let boot = kernel::bootable(kernel, &host.cache, &progress).await?;
    if let Some(why) = &boot.as_it_is {
        live.note(&format!("the kernel boots as it is, with firmware and decompression: {why}"));
    }
    let disks =
        image.disks.into_iter().map(|disk| DriveSpec { name: disk.name, overlay: disk.overlay, base: disk.base });
    let key = scenario.has_login().then(Key::new).transpose()?;
    let word = key.as_ref().map(Key::word);
    let spec = machine(scenario, &boot.image, &image.initramfs, disks.collect(), word.as_deref());
    let plan = Plan {
        schema: SCHEMA,
        scenario: scenario.name.clone(),
        required: required(scenario),
        rules: scenario.rules.clone(),
        login: scenario.has_login(),
    };
    Ok(Prepared { spec, plan, key, _overlays: overlays })
}

fn machine(scenario: &Scenario, kernel: &Path, initrd: &Path, disks: Vec<DriveSpec>, key: Option<&str>) -> Spec {
    let key = key.map(|key| format!("{KEY_WORD}{key}"));
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
    let disks = scenario.guest.disks.keys().map(disk).collect();
    let mut spec = machine(scenario, &image, Path::new("INITRAMFS"), disks, scenario.has_login().then_some("KEY"));
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
