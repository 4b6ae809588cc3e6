//! What the programs found mean.
//! Lives here: QEMU, KVM, the tools, apt (pure).
//! May not live here: calling any of them.

use super::check::{Check, install};
use super::facts::{Apt, Device, Kvm, Proof, QemuFacts, Tool};

/// `-action` came with 6.0 (docs/about/removed-features.rst has what it replaced), and every guest is started with it.
const OLDEST: (u32, u32) = (6, 0);
/// The oldest version that the tests have run with.
const TESTED: (u32, u32) = (7, 2);

/// QEMU.
pub(super) fn qemu(found: &Result<QemuFacts, String>) -> Check {
    const NAME: &str = "qemu";
    let mend = || install("qemu-system-x86");
    match found {
        Err(reason) => Check::fail(NAME, reason, mend()),
        Ok(QemuFacts { version, sandbox }) => {
            let text = if *sandbox { version.clone() } else { format!("{version}, a build without -sandbox") };
            let newer = |than: (u32, u32)| format!("a QEMU of version {}.{} or newer; {}", than.0, than.1, mend());
            match number(version) {
                Some(number) if number < OLDEST => Check::fail(NAME, format!("{text}: too old"), newer(OLDEST)),
                Some(number) if number < TESTED => {
                    Check::warn(NAME, format!("{text}: older than what was tested"), newer(TESTED))
                }
                Some(_) => Check::ok(NAME, text),
                None => Check::warn(NAME, format!("{text}: a version of unknown age"), newer(TESTED)),
            }
        }
    }
}

/// The numbers in `QEMU emulator version 7.2.22 (Debian …)`.
fn number(version: &str) -> Option<(u32, u32)> {
    let number = version.split_once("version ")?.1;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// KVM. That it does not work is no failure: guests run under TCG, some ten times slower.
pub(super) fn kvm(kvm: &Kvm) -> Check {
    const NAME: &str = "kvm";
    const SLOWER: &str = "guests run under TCG, slower";
    match (&kvm.device, &kvm.proof) {
        (Device::Absent, _) => Check::warn(
            NAME,
            format!("no /dev/kvm: {SLOWER}"),
            "as root: modprobe kvm_intel || modprobe kvm_amd; where that fails, switch virtualization on in the \
             firmware, or, if this is itself a virtual machine, nested virtualization on its host",
        ),
        (Device::Denied, _) => Check::warn(
            NAME,
            format!("/dev/kvm may not be opened by this user: {SLOWER}"),
            "as root: usermod -aG kvm USER; then log in anew",
        ),
        (Device::Broken(reason), _) => Check::warn(
            NAME,
            format!("/dev/kvm does not open ({reason}): {SLOWER}"),
            "see what the kernel says: dmesg | grep -i kvm",
        ),
        (Device::Opens, Proof::Works(kernel)) => Check::ok(NAME, format!("works: {kernel} has booted under it")),
        (Device::Opens, Proof::Fails { kernel, reason }) => Check::warn(
            NAME,
            format!("/dev/kvm opens, but {kernel} does not boot under it ({reason}): {SLOWER}"),
            "nothing, if this is a virtual machine without nested virtualization; --accel tcg saves the attempt",
        ),
        (Device::Opens, Proof::NoKernel) => Check::warn(
            NAME,
            "/dev/kvm opens; not proven: no kernel in the cache",
            "oomph kernel fetch debian-6.1 && oomph doctor",
        ),
        (Device::Opens, Proof::NotTried) => {
            Check::warn(NAME, "/dev/kvm opens; not proven, for want of QEMU", install("qemu-system-x86"))
        }
    }
}

/// A program that runs call.
pub(super) fn tool(tool: &Tool) -> Check {
    match &tool.usable {
        Ok(path) => Check::ok(tool.program, path.display().to_string()),
        Err(reason) => Check::fail(tool.program, format!("{reason}; {}", tool.purpose), install(tool.package)),
    }
}

/// apt. Without it, kernels can still be given as files.
pub(super) fn apt(apt: &Apt) -> Check {
    const NAME: &str = "apt";
    const FILES: &str = "kernels can only be given as files";
    const INSTEAD: &str = "or give kernels as files: oomph run --kernel BZIMAGE --modules DIR";
    if !apt.missing.is_empty() {
        let mend = format!("on Debian, as root: apt-get is part of the system; {INSTEAD}");
        return Check::warn(NAME, format!("{} not found: {FILES}", apt.missing.join(", ")), mend);
    }
    let mend = format!("name a mirror of Debian in /etc/apt/sources.list.d (see sources.list(5)); {INSTEAD}");
    match &apt.mirror {
        Ok(true) => Check::ok(NAME, "set up for a mirror of Debian"),
        Ok(false) => Check::warn(NAME, format!("no mirror of Debian among its sources: {FILES}"), mend),
        Err(reason) => Check::warn(NAME, format!("its sources cannot be read ({reason}): {FILES}"), mend),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::check::Status::{self, Fail, Ok as Well, Warn};
    use super::*;

    fn of_version(version: &str) -> Status {
        qemu(&Ok(QemuFacts { version: version.into(), sandbox: true })).status
    }

    #[test]
    fn old_qemus_are_told_from_new_ones() {
        assert_eq!(of_version("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)"), Well);
        assert_eq!(of_version("QEMU emulator version 10.0.2"), Well);
        assert_eq!(of_version("QEMU emulator version 6.2.0"), Warn);
        assert_eq!(of_version("QEMU emulator version 5.2.0 (Debian 1:5.2+dfsg-11)"), Fail);
        assert_eq!(of_version("QEMU emulator version git"), Warn);
        let none = qemu(&Err("qemu-system-x86_64 is not installed".into()));
        assert_eq!(none.status, Fail);
        assert!(none.mend.unwrap().ends_with("install --no-install-recommends qemu-system-x86"));
    }

    #[test]
    fn a_build_without_sandbox_is_said() {
        let check = qemu(&Ok(QemuFacts { version: "QEMU emulator version 9.1.0".into(), sandbox: false }));
        assert_eq!((check.status, &*check.found), (Well, "QEMU emulator version 9.1.0, a build without -sandbox"));
    }

    fn kvm_of(device: Device, proof: Proof) -> Check {
        kvm(&Kvm { device, proof })
    }

    #[test]
    fn kvm_is_believed_when_a_guest_has_spoken_only() {
        assert_eq!(kvm_of(Device::Opens, Proof::Works("6.1.0".into())).status, Well);
        let fails = Proof::Fails { kernel: "6.1.0".into(), reason: "the guest stayed mute for 10 s".into() };
        let check = kvm_of(Device::Opens, fails);
        assert_eq!(check.status, Warn);
        assert!(check.found.contains("6.1.0 does not boot under it (the guest stayed mute for 10 s)"), "{check:?}");
        let unproven = kvm_of(Device::Opens, Proof::NoKernel);
        assert_eq!(unproven.status, Warn);
        assert!(unproven.found.contains("not proven: no kernel in the cache"));
        assert!(unproven.mend.unwrap().starts_with("oomph kernel fetch "));
        assert_eq!(kvm_of(Device::Opens, Proof::NotTried).status, Warn);
    }

    #[test]
    fn each_kind_of_missing_kvm_has_its_own_mend() {
        let mends: Vec<String> = [Device::Absent, Device::Denied, Device::Broken("No such device".into())]
            .map(|device| kvm_of(device, Proof::NotTried))
            .into_iter()
            .inspect(|check| assert_eq!(check.status, Warn))
            .filter_map(|check| check.mend)
            .collect();
        assert!(mends[0].contains("modprobe") && mends[1].contains("usermod -aG kvm") && mends[2].contains("dmesg"));
    }

    #[test]
    fn a_missing_tool_names_its_package() {
        let mut xfs = Tool {
            program: "mkfs.xfs",
            package: "xfsprogs",
            purpose: "no scenario with an xfs disk can run",
            usable: Ok("/sbin/mkfs.xfs".into()),
        };
        assert_eq!((tool(&xfs).status, tool(&xfs).found), (Well, "/sbin/mkfs.xfs".to_owned()));
        xfs.usable = Err("not installed".into());
        let check = tool(&xfs);
        assert_eq!(check.status, Fail);
        assert_eq!(check.found, "not installed; no scenario with an xfs disk can run");
        assert!(check.mend.unwrap().ends_with(" xfsprogs"));
    }

    #[test]
    fn apt_needs_its_programs_and_a_mirror() {
        let status = |missing: &[&'static str], mirror| apt(&Apt { missing: missing.to_vec(), mirror }).status;
        assert_eq!(status(&[], Ok(true)), Well);
        assert_eq!(status(&[], Ok(false)), Warn);
        assert_eq!(status(&[], Err("E: syntax".into())), Warn);
        let check = apt(&Apt { missing: vec!["apt-get", "apt-cache"], mirror: Ok(true) });
        assert!(check.status == Warn && check.found.starts_with("apt-get, apt-cache not found"), "{check:?}");
    }
}
