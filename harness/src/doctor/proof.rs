//! The proof of KVM: a guest of a cached kernel and nothing but PID 1.
//! Lives here: that guest.
//! May not live here: the attempt itself (`vm`), or what its failure means.

use super::facts::{CachedKernel, Proof};
use crate::image::programs::INIT;
use crate::image::{self, Entry};
use crate::vm::{Accel, GivenKernel, MACHINE, Qemu, Spec, kernel_command_line, prove_kvm};
use std::io::Write;
use std::time::Duration;

/// Boots take 1 to 3 s under KVM.
const DEADLINE: Duration = Duration::from_secs(20);
/// Enough for any kernel of a distribution with its initramfs, in bytes.
const MEMORY: u64 = 256 << 20;

/// Has the kernel boot under KVM until PID 1 speaks, which it does before it needs anything.
pub(super) async fn prove(qemu: &Qemu, kernel: &CachedKernel) -> Proof {
    let failed = |reason| Proof::Fails { kernel: kernel.release.clone(), reason };
    let initrd = match initramfs() {
        Ok(file) => file,
        Err(cause) => return failed(format!("no initramfs for it: {cause}")),
    };
    let (initrd, cmdline) = (initrd.path().to_owned(), kernel_command_line(&[]));
    let given = GivenKernel { image: kernel.image.clone(), initrd, cmdline };
    let spec = Spec {
        machine: MACHINE.into(),
        cpus: 1,
        memory: MEMORY,
        accel: Accel::Kvm,
        kernel: Some(given),
        disks: Vec::new(),
        balloon: false,
        network: false,
    };
    match prove_kvm(qemu, &spec, DEADLINE).await {
        Ok(()) => Proof::Works(kernel.release.clone()),
        Err(reason) => failed(reason),
    }
}

/// `/init` and the console that it is started with; it makes the rest itself.
fn initramfs() -> Result<tempfile::NamedTempFile, String> {
    // Documentation/admin-guide/devices.txt.
    let entries = [Entry::executable("/init", INIT.to_vec()), Entry::device("/dev/console", 0o600, 5, 1)];
    let archive = image::build(&entries).map_err(|error| error.to_string())?;
    let file = tempfile::Builder::new().prefix("oomph-doctor-").suffix(".cpio").tempfile();
    let mut file = file.map_err(|cause| cause.to_string())?;
    file.write_all(&archive).map_err(|cause| cause.to_string())?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_initramfs_holds_init() {
        let file = initramfs().unwrap();
        let mut reader = cpio::newc::Reader::new(std::fs::File::open(file.path()).unwrap()).unwrap();
        let mut seen = Vec::new();
        while !reader.entry().is_trailer() {
            seen.push((reader.entry().name().to_owned(), reader.entry().file_size() as usize));
            reader = cpio::newc::Reader::new(reader.finish().unwrap()).unwrap();
        }
        assert_eq!(seen, [("dev".into(), 0), ("dev/console".into(), 0), ("init".into(), INIT.len())]);
    }
}
