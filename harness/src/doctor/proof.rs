//! The proof of KVM: a guest of a cached kernel and nothing but PID 1.
//! Lives here: that guest.
//! May not live here: the attempt itself (`vm`), or what its failure means.

use super::facts::{CachedKernel, Proof};
use crate::image::programs::INIT;
use crate::vm::{Accel, Qemu, Spec, kernel_command_line, prove_kvm};
use std::io::{self, Write};
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
    let spec = Spec {
        cpus: 1,
        memory: MEMORY,
        accel: Accel::Kvm,
        kernel: kernel.image.clone(),
        initrd: initrd.path().to_owned(),
        cmdline: kernel_command_line(&[]),
        disks: Vec::new(),
    };
    match prove_kvm(qemu, &spec, DEADLINE).await {
        Ok(()) => Proof::Works(kernel.release.clone()),
        Err(reason) => failed(reason),
    }
}

/// A newc archive (Documentation/driver-api/early-userspace/buffer-format.rst) with `/init`; it makes the rest itself.
fn initramfs() -> io::Result<tempfile::NamedTempFile> {
    const EXECUTABLE: u32 = 0o100_755;
    let size = u32::try_from(INIT.len()).map_err(io::Error::other)?;
    let mut file = tempfile::Builder::new().prefix("oomph-doctor-").suffix(".cpio").tempfile()?;
    let mut entry = cpio::newc::Builder::new("init").ino(1).nlink(1).mode(EXECUTABLE).write(file.as_file_mut(), size);
    entry.write_all(INIT)?;
    entry.finish()?;
    cpio::newc::trailer(file.as_file_mut())?;
    file.flush()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_initramfs_holds_init_and_nothing_else() {
        let file = initramfs().unwrap();
        let reader = cpio::newc::Reader::new(std::fs::File::open(file.path()).unwrap()).unwrap();
        let entry = reader.entry();
        assert_eq!((entry.name(), entry.mode(), entry.file_size() as usize), ("init", 0o100_755, INIT.len()));
        let rest = cpio::newc::Reader::new(reader.finish().unwrap()).unwrap();
        assert!(rest.entry().is_trailer());
    }
}
