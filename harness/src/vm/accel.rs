//! Which accelerator to use.
//! Lives here: the proof that KVM works by booting the very kernel, the memory of proofs, the choice.
//! May not live here: what `--accel` looks like on the command line.
//!
//! /dev/kvm may open and be of no use: QEMU aborts, ends in `internal-error`, or the guest stays mute for ever while
//! QMP says `running`. So only a guest whose agent has spoken proves anything.

use super::cpuinfo::cpu_model;
use super::machine::Seen;
use super::{Accel, Error, Qemu, Spec, Vm};
use crate::event::Kind;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, UNIX_EPOCH};
use tokio::time::timeout;

/// What the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// KVM where it works, else TCG.
    #[default]
    Auto,
    /// KVM or an error.
    Kvm,
    /// TCG.
    Tcg,
}

impl FromStr for Wanted {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => Ok(Self::Auto),
            "kvm" => Ok(Self::Kvm),
            "tcg" => Ok(Self::Tcg),
            other => Err(format!("unknown accelerator {other:?} (expected auto, kvm or tcg)")),
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        })
    }
}

/// How a proof ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Why KVM does not work; `None` where it does.
    pub failure: Option<String>,
}

/// Where the host shows KVM.
const DEVICE: &str = "/dev/kvm";
/// Time to end the proof's guest.
const GRACE: Duration = Duration::from_secs(2);

/// Boots the specification's kernel and initramfs under KVM, without disks, and waits for the agent's first word.
///
/// # Errors
/// What went wrong, where the agent has not spoken within `deadline`.
pub async fn prove_kvm(qemu: &Qemu, spec: &Spec, deadline: Duration) -> Result<(), String> {
    usable(Path::new(DEVICE))?;
    let spec = Spec { accel: Accel::Kvm, disks: Vec::new(), ..spec.clone() };
    let mut vm = Vm::launch(qemu, &spec, deadline).await.map_err(|error| one_line(&error.to_string()))?;
    let proof = prove(&mut vm, deadline).await;
    vm.shutdown(GRACE).await;
    proof.map_err(|reason| one_line(&reason))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn usable(device: &Path) -> Result<(), String> {
    let opened = std::fs::File::options().read(true).write(true).open(device);
    opened.map(drop).map_err(|cause| match cause.kind() {
        io::ErrorKind::PermissionDenied => format!("{} may not be opened by this user (group kvm?)", device.display()),
        _ => format!("{} cannot be opened: {cause}", device.display()),
    })
}

/// Waits for the agent's first word, or for what rules it out.
pub(super) async fn prove(vm: &mut Vm, deadline: Duration) -> Result<(), String> {
    let spoken = async {
        while let Some(seen) = vm.next().await {
            let Seen::Event { kind, .. } = seen else { continue };
            match kind {
                // An agent that has no disk to go on with has spoken, too.
                Kind::Hello { .. } | Kind::GuestFailed { .. } => return Ok(()),
                Kind::QemuExit { exit, stderr, .. } => return Err(format!("QEMU ended ({exit}): {}", stderr.trim())),
                Kind::Qmp { event, .. } if event == "STOP" => return Err("QEMU stopped the guest".to_owned()),
                _ => {}
            }
        }
        Err("QEMU ended".to_owned())
    };
    let proof = timeout(deadline, spoken).await;
    let proof = proof.unwrap_or_else(|_| Err(format!("the guest stayed mute for {} s", deadline.as_secs())));
    match proof {
        Ok(()) => Ok(()),
        // The run state tells a mute guest from one that KVM gave up on.
        Err(reason) => Err(match vm.status().await {
            Ok(status) => format!("{reason} (QEMU's state: {status})"),
            Err(_) => reason,
        }),
    }
}

/// Chooses the accelerator and says why in one line. A proof takes as long as `deadline`, and is remembered in `cache`
/// for this boot of this host, this QEMU and this kernel; where KVM is asked for by name, only a good one is.
///
/// # Errors
/// Where KVM is asked for by name and does not work.
pub async fn choose(
    wanted: Wanted,
    qemu: &Qemu,
    spec: &Spec,
    cache: &Path,
    deadline: Duration,
) -> Result<(Accel, String), Error> {
    if wanted == Wanted::Tcg {
        return Ok((Accel::Tcg, "TCG, as asked".to_owned()));
    }
    if spec.kernel.is_none() {
        return unproven(wanted);
    }
    let memory = Memory::of(qemu, spec, cache);
    let remembered =
        memory.as_ref().and_then(Memory::recall).filter(|proof| wanted == Wanted::Auto || proof.failure.is_none());
    let (proof, how) = match remembered {
        Some(proof) => (proof, ", as found before"),
        None => {
            let proof = Proof { failure: prove_kvm(qemu, spec, deadline).await.err() };
            if let Some(memory) = &memory {
                // A proof that cannot be kept is made again.
                let _ = memory.keep(&proof);
            }
            (proof, "")
        }
    };
    match (proof.failure, wanted) {
        (None, _) => Ok((Accel::Kvm, format!("KVM: it boots this kernel{how}"))),
        (Some(reason), Wanted::Kvm) => Err(Error::NoKvm { reason }),
        (Some(reason), _) => Ok((Accel::Tcg, format!("TCG: KVM does not work here{how}: {reason}"))),
    }
}

/// The accelerator of a guest that boots a kernel of its own: only one of ours has an agent that speaks soon, so nothing is proven.
fn unproven(wanted: Wanted) -> Result<(Accel, String), Error> {
    const WHY: &str = "what proves KVM is a kernel of ours, and this guest boots its own";
    if wanted != Wanted::Kvm {
        return Ok((Accel::Tcg, format!("TCG: {WHY}; `--accel kvm` takes KVM without a proof")));
    }
    usable(Path::new(DEVICE)).map_err(|reason| Error::NoKvm { reason })?;
    Ok((Accel::Kvm, format!("KVM, as asked, without a proof: {WHY}")))
}

/// Where a proof is remembered.
struct Memory(PathBuf);

impl Memory {
    /// The name carries all that the proof depends on. `None` where some of it cannot be read.
    fn of(qemu: &Qemu, spec: &Spec, cache: &Path) -> Option<Self> {
        let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let model = cpu_model()?;
        let modified = qemu.modified?.duration_since(UNIX_EPOCH).ok()?.as_nanos();
        let mut hasher = blake3::Hasher::new();
        let given = spec.kernel.as_ref()?;
        hasher.update_reader(std::fs::File::open(&given.image).ok()?).ok()?;
        let kernel = hasher.finalize();
        let program = qemu.program.display();
        let all = format!("{boot}\n{model}\n{program}\n{}\n{modified}\n{kernel}\n{}", qemu.version, given.cmdline);
        Some(Self(cache.join(format!("kvm-{}.json", &blake3::hash(all.as_bytes()).to_hex()[..32]))))
    }

    fn recall(&self) -> Option<Proof> {
        serde_json::from_slice(&std::fs::read(&self.0).ok()?).ok()
    }

    /// Written beside and renamed: two harnesses may do so at once.
    fn keep(&self, proof: &Proof) -> io::Result<()> {
        let directory = self.0.parent().ok_or(io::ErrorKind::NotFound)?;
        std::fs::create_dir_all(directory)?;
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        serde_json::to_writer(&mut file, proof)?;
        file.persist(&self.0)?;
        Ok(())
    }
}

#[cfg(test)]
#[path = "accel_tests.rs"]
mod tests;
