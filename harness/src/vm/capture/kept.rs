//! A whole guest, kept to go on with: its state, its disks, and what QEMU needs to take them in.
//! Lives here: the folder of a kept guest: what is in it, writing it, reading its description.
//! May not live here: going on with it (`vm::attach`).
//!
//! The folder stands for itself: the cache may be pruned and the next run's files be others. The state goes through a socket,
//! which every QEMU can do and `-sandbox spawn=deny` allows. QEMU lets go of the disks' images once the state is out, until
//! the guest goes on (migration/migration.c, `migration_completion`): in between they are whole and can be copied.

use super::packed::{Packed, check_room, pack};
use super::stream::{finish, store};
use super::{over, words};
use crate::event::{State, Stored};
use crate::kernel::ChildError;
use crate::kernel::child::{Call, words as arguments};
use crate::kernel::job::{Job, blocking};
use crate::vm::qmp::Qmp;
use crate::vm::{Accel, DriveSpec, GivenKernel, Qemu, RuntimeDir, Spec};
use serde::{Deserialize, Serialize};
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use tokio::net::UnixListener;

/// Names of the files, besides the disks' ([`image`]).
const STATE: &str = "state.zst";
const KERNEL: &str = "kernel.zst";
const INITRD: &str = "initrd.zst";
/// The description, for programs.
pub const DESCRIPTION: &str = "kept.json";
/// The description, for people.
pub const RESUME: &str = "resume.txt";
/// Version of the description.
const SCHEMA: u32 = 1;
/// Longest description that is read.
const MAX_DESCRIPTION: u64 = 1 << 20;
/// For the copy of one disk.
const COPY: Duration = Duration::from_secs(600);

/// Where a guest is kept, and what it is.
#[derive(Clone, Debug)]
pub struct Keep {
    /// The folder; it must not be there yet.
    pub folder: PathBuf,
    /// The machine.
    pub spec: Spec,
    /// What runs it.
    pub qemu: Qemu,
}

/// A kept guest, as its description has it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Kept {
    /// Version of these fields.
    pub schema: u32,
    /// The oomph that kept it.
    pub oomph: String,
    /// The QEMU that kept it, as it says its version.
    pub qemu: String,
    /// The machine type with its version, which a later QEMU must know.
    pub machine: String,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in bytes.
    pub memory: u64,
    /// What executed it.
    pub accel: Accel,
    /// The kernel's command line; empty where its disk's bootloader had started it.
    pub cmdline: String,
    /// Whether the first disk's bootloader had started its kernel: then none lies beside.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub own_kernel: bool,
    /// Names of the data disks, in their order.
    pub disks: Vec<String>,
    /// Whether it has a balloon.
    #[serde(default)]
    pub balloon: bool,
    /// Whether it has a network.
    #[serde(default)]
    pub network: bool,
}

/// The name of a disk's image.
pub fn image(disk: &str) -> String {
    format!("disk-{disk}.qcow2")
}

impl Kept {
    /// The machine to go on with, with the unpacked files and the disks' overlays in `place`.
    pub fn spec(&self, folder: &Path, place: &Path) -> Spec {
        let disk = |name: &String| DriveSpec {
            name: name.clone(),
            overlay: place.join(image(name)),
            base: folder.join(image(name)),
            base_format: "qcow2",
        };
        let (image, initrd) = (place.join("kernel"), place.join("initrd"));
        let given = || GivenKernel { image, initrd, cmdline: self.cmdline.clone() };
        Spec {
            machine: self.machine.clone(),
            cpus: self.cpus,
            memory: self.memory,
            accel: self.accel,
            kernel: (!self.own_kernel).then(given),
            disks: self.disks.iter().map(disk).collect(),
            balloon: self.balloon,
            network: self.network,
        }
    }

    /// Unpacks into `place` what QEMU needs as plain files, and gives back the packed state. Blocks.
    ///
    /// # Errors
    /// Where a file is missing or damaged, or there is no room.
    pub fn unpack(&self, folder: &Path, place: &Path) -> io::Result<PathBuf> {
        if !self.own_kernel {
            super::unpack(&folder.join(KERNEL), &place.join("kernel"))?;
            super::unpack(&folder.join(INITRD), &place.join("initrd"))?;
        }
        Ok(folder.join(STATE))
    }
}

/// Reads the description in a folder.
///
/// # Errors
/// Where there is none, or none that this version can read.
pub fn load(folder: &Path) -> Result<Kept, String> {
    let file = folder.join(DESCRIPTION);
    if fs::metadata(&file).map_err(words)?.len() > MAX_DESCRIPTION {
        return Err("it is too long for a description".into());
    }
    let kept: Kept = serde_json::from_slice(&fs::read(&file).map_err(words)?).map_err(words)?;
    if kept.schema > SCHEMA {
        return Err(format!("written with schema {}, this oomph knows up to {SCHEMA}", kept.schema));
    }
    Ok(kept)
}

/// Takes a folder away again unless it is done.
struct Draft<'a>(Option<&'a Path>);

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if let Some(folder) = self.0 {
            // What cannot be removed goes with the draft of the result, or has no description and so is no kept guest.
            fs::remove_dir_all(folder).ok();
        }
    }
}

/// Keeps a guest that is held. It stays held. What fails leaves no folder.
pub(super) async fn write(qmp: &Qmp, keep: &Keep, memory: u64) -> Result<Stored, String> {
    let (started, Keep { folder, spec, qemu }) = (Instant::now(), keep);
    let disks: u64 = spec.disks.iter().flat_map(|disk| [&disk.overlay, &disk.base]).map(|file| allocated(file)).sum();
    check_room(folder, memory.saturating_add(disks))?;
    fs::create_dir(folder).map_err(words)?;
    let mut draft = Draft(Some(folder));
    let machine = qmp.machine_type(&spec.machine).await.map_err(words)?;
    let kept = Kept {
        schema: SCHEMA,
        oomph: env!("CARGO_PKG_VERSION").to_owned(),
        qemu: qemu.version.clone(),
        machine,
        cpus: spec.cpus,
        memory: spec.memory,
        accel: spec.accel,
        cmdline: spec.kernel.as_ref().map(|given| given.cmdline.clone()).unwrap_or_default(),
        own_kernel: spec.kernel.is_none(),
        disks: spec.disks.iter().map(|disk| disk.name.clone()).collect(),
        balloon: spec.balloon,
        network: spec.network,
    };
    let (bytes, _) = state(qmp, &folder.join(STATE)).await?;
    let (of, to, text) = (spec.clone(), folder.clone(), resume_text(&kept, folder, qemu));
    blocking(&|_| (), move |job| files(&of, &to, &kept, &text, job)).await.map_err(words)?;
    draft.0 = None;
    let stored = fs::read_dir(folder).map_err(words)?.flatten().map(|entry| allocated(&entry.path())).sum();
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Stored { state: State::Guest, bytes: bytes + disks, stored, ms })
}

/// Streams the guest's state into a file.
async fn state(qmp: &Qmp, file: &Path) -> Result<(u64, u64), String> {
    let directory = RuntimeDir::new().map_err(words)?;
    let name = directory.path().join("state");
    let listener = UnixListener::bind(&name).map_err(words)?;
    let packed = Packed::create(file).map_err(words)?;
    qmp.migrate(&name).await.map_err(words)?;
    let storing = async {
        let (stream, _) = listener.accept().await.map_err(words)?;
        store(stream, packed).await
    };
    let (_, packed) = tokio::try_join!(over(|| qmp.migration_progress()), storing)?;
    finish(packed).await
}

/// What a file takes on the disk, in bytes.
fn allocated(file: &Path) -> u64 {
    fs::metadata(file).map_or(0, |data| data.blocks().saturating_mul(512))
}

/// The disks with all that is below their overlays, the kernel, the initramfs, and last of all the description.
fn files(spec: &Spec, folder: &Path, kept: &Kept, text: &str, job: &Job) -> Result<(), ChildError> {
    for disk in &spec.disks {
        let mut args = arguments(["convert", "-q", "-O", "qcow2"]);
        args.extend([disk.overlay.clone().into(), folder.join(image(&disk.name)).into()]);
        Call { program: "qemu-img", package: "qemu-utils", args, directory: None, deadline: COPY }.run(job)?;
    }
    let wrong = |cause| ChildError::Run { program: "the copying of kernel and initramfs".into(), cause };
    if let Some(given) = &spec.kernel {
        pack(&given.image, &folder.join(KERNEL)).map_err(wrong)?;
        pack(&given.initrd, &folder.join(INITRD)).map_err(wrong)?;
    }
    fs::write(folder.join(RESUME), text).map_err(wrong)?;
    let description = serde_json::to_vec_pretty(kept).map_err(|error| wrong(error.into()))?;
    fs::write(folder.join(DESCRIPTION), description).map_err(wrong)
}

/// How to go on with it, for people.
fn resume_text(kept: &Kept, folder: &Path, qemu: &Qemu) -> String {
    // A kept guest is moved with its result: by hand, everything is where one stands.
    let spec = kept.spec(Path::new(""), Path::new(""));
    let name = folder.file_name().unwrap_or_default().to_string_lossy();
    format!(
        "# This folder holds a guest as it hung, before anything was tried against it.\n\
         # `oomph attach RESULT` goes on with it (RESULT is the folder above {name}/): console, monitor and gdb at hand.\n\
         # It was kept by {} as a {} machine.\n\
         # By hand, without oomph, in this folder (the files below are thrown away afterwards):\n{}",
        kept.qemu,
        kept.machine,
        spec.resume_text(qemu)
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    pub(in crate::vm::capture) fn kept() -> Kept {
        Kept {
            schema: SCHEMA,
            oomph: "0".into(),
            qemu: "QEMU emulator version 7.2".into(),
            machine: "pc-q35-7.2".into(),
            cpus: 2,
            memory: 256 << 20,
            accel: Accel::Tcg,
            cmdline: "console=ttyS0".into(),
            own_kernel: false,
            disks: vec!["data".into()],
            balloon: false,
            network: false,
        }
    }

    #[test]
    fn a_description_comes_back_and_a_newer_or_broken_one_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let file = place.path().join(DESCRIPTION);
        assert!(load(place.path()).unwrap_err().contains("No such file"));
        fs::write(&file, serde_json::to_vec(&kept()).unwrap()).unwrap();
        assert_eq!(load(place.path()), Ok(kept()));
        fs::write(&file, serde_json::to_vec(&Kept { schema: 9, ..kept() }).unwrap()).unwrap();
        assert!(load(place.path()).unwrap_err().contains("schema 9"));
        fs::write(&file, "{").unwrap();
        load(place.path()).unwrap_err();
    }

    #[test]
    fn a_person_is_told_how_to_go_on() {
        let text = resume_text(&kept(), Path::new("/r/kept"), &Qemu::assumed());
        for part in [
            "`oomph attach RESULT`",
            "zstd -d kernel.zst initrd.zst state.zst\n",
            "qemu-img create -q -f qcow2 -F qcow2 -b disk-data.qcow2 data.qcow2\n",
            "-M pc-q35-7.2 ",
            "-incoming 'exec:cat state'",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        assert!(!text.contains("sandbox"), "`exec:` needs a child: {text}");
        let own = resume_text(&Kept { own_kernel: true, ..kept() }, Path::new("/r/kept"), &Qemu::assumed());
        assert!(own.contains("zstd -d state.zst\n") && !own.contains("-kernel"), "{own}");
    }
}
