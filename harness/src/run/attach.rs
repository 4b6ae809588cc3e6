//! Going on with a guest that a run kept.
//! Lives here: from a result folder to a machine that has taken the guest in.
//! May not live here: QEMU (`vm`), the terminal and what a person is told (`commands`).

use super::host::Host;
use crate::kernel::Temporary;
use crate::kernel::child::{Call, ChildError, words};
use crate::kernel::job::{Job, blocking};
use crate::report::Live;
use crate::results::file;
use crate::vm::capture::{self, Kept, image};
use crate::vm::{Attached, Console, Error, Spec};
use anyhow::{Context, bail};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For QEMU to start and take the guest in, and more by its memory.
const LOAD: Duration = Duration::from_secs(60);
const BYTES_PER_SECOND: u64 = 8 << 20;
/// For programs that do next to nothing.
const SHORT: Duration = Duration::from_secs(60);

/// A kept guest that was taken in, and is held still.
pub struct Reopened {
    /// The machine.
    pub vm: Attached,
    /// Its console, unless that is a socket of the caller's.
    pub console: Option<Console>,
    /// What was kept.
    pub kept: Kept,
    /// Goes with its files when QEMU has ended.
    _place: Temporary,
}

/// Takes in the guest that a result keeps; what it writes from then on is thrown away, so a result can be gone on with again.
///
/// # Errors
/// Where the result keeps no guest, or QEMU cannot take it in.
pub async fn attach(host: &Host, result: &Path, console: Option<&Path>, live: &Live) -> anyhow::Result<Reopened> {
    let result = result.canonicalize().with_context(|| result.display().to_string())?;
    let folder = result.join(file::KEPT);
    if !folder.join(capture::DESCRIPTION).is_file() {
        let run = result.join(file::RUN);
        if !run.is_file() {
            bail!("{} is no result folder (it has no {})", result.display(), file::RUN);
        }
        bail!(
            "{} keeps no guest: only a run that is hung keeps one, and only with `oomph run --keep-hung`, or with \
             `evidence: {{keep: true}}` in its scenario",
            result.display()
        );
    }
    let kept = capture::load(&folder)
        .map_err(anyhow::Error::msg)
        .with_context(|| folder.join(capture::DESCRIPTION).display().to_string())?;
    let qemu = &host.qemu;
    if !qemu.has_machine(&kept.machine).await? {
        return Err(Error::NoMachine {
            program: qemu.program.display().to_string(),
            version: qemu.version.clone(),
            machine: kept.machine,
            kept_by: kept.qemu,
        }
        .into());
    }
    if qemu.version != kept.qemu {
        live.note(&format!("the guest was kept by {}, this is {}", kept.qemu, qemu.version));
    }
    live.doing("unpacking the guest");
    let place = host.cache.temporary()?;
    let spec = kept.spec(&folder, place.path());
    let state = blocking(&|_| (), {
        let (kept, spec, to) = (kept.clone(), spec.clone(), place.path().to_owned());
        move |job| unpack(&kept, &spec, &folder, &to, job)
    })
    .await?;
    live.doing("taking the guest in");
    let deadline = LOAD + Duration::from_secs(kept.memory / BYTES_PER_SECOND);
    let (vm, console) = Attached::start(qemu, &spec, &state, console, deadline).await?;
    Ok(Reopened { vm, console, kept, _place: place })
}

/// Makes plain files of what QEMU needs so, and overlays over the kept disks.
fn unpack(kept: &Kept, spec: &Spec, folder: &Path, to: &Path, job: &Job) -> Result<PathBuf, ChildError> {
    for disk in &spec.disks {
        let mut args = words(["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b"]);
        args.extend([folder.join(image(&disk.name)).into(), disk.overlay.clone().into()]);
        Call { program: "qemu-img", package: "qemu-utils", args, directory: None, deadline: SHORT }.run(job)?;
    }
    let wrong = |cause| ChildError::Run { program: "the unpacking of the kept guest".into(), cause };
    kept.unpack(folder, to).map_err(wrong)
}
