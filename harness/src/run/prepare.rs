//! From a scenario and a kernel to a machine that can be launched, and to the plan that its verdict needs.
//! Lives here: what of a scenario becomes what of a machine.
//! May not live here: how an initramfs or a disk is made (`image`).

use super::host::Host;
use crate::event::{Plan, Rules, SCHEMA};
use crate::kernel::{Kernel, Names};
use crate::scenario::{KernelSpec, ProbeKind, Scenario, to_yaml};
use crate::vm::{Accel, DriveSpec, Qemu, Spec, Wanted, kernel_command_line};
use std::path::PathBuf;

/// A machine to launch. Its throw-away files go with it.
#[derive(Debug)]
pub struct Prepared {
    /// The machine.
    pub spec: Spec,
    /// What the verdict needs to know.
    pub plan: Plan,
    _scratch: tempfile::TempDir,
}
impl Prepared {
    pub fn set_accel(&mut self, accel: Accel, boot_ms: u64) {
        self.spec.accel = accel;
        if self.plan.rules.boot_ms == 0 {
            self.plan.rules.boot_ms = boot_ms;
        }
    }
}
/// x
pub async fn prepare(host: &Host, scenario: &Scenario, kernel: &Kernel) -> anyhow::Result<Prepared> {
    let _ = (host, scenario, kernel);
    anyhow::bail!("x")
}
/// x
pub fn describe(scenario: &Scenario, names: &Names, wanted: Wanted) -> anyhow::Result<String> {
    let _ = (scenario, names, wanted);
    anyhow::bail!("x")
}
/// x
pub fn required(scenario: &Scenario) -> Vec<String> {
    let _ = scenario;
    vec![]
}
