//! A guest's memory as an ELF core.
//! Lives here: the pipe from QEMU to the file.
//! May not live here: what debuggers need besides.
//!
//! QEMU writes the core to a name in the filesystem. That name is a pipe's: it can be opened on every QEMU and under
//! `-sandbox spawn=deny`, and an ELF core is written from its beginning to its end (dump/dump.c, `create_vmcore`).

use super::packed::{Packed, check_room};
use super::stream::{finish, store};
use super::{over, words};
use crate::event::{State, Stored};
use crate::vm::RuntimeDir;
use crate::vm::qmp::Qmp;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::path::Path;
use std::time::Instant;
use tokio::net::unix::pipe;

/// Writes the memory of a guest that is held; what fails leaves no file.
pub(super) async fn write(qmp: &Qmp, file: &Path, memory: u64) -> Result<Stored, String> {
    let started = Instant::now();
    check_room(file, memory)?;
    let directory = RuntimeDir::new().map_err(words)?;
    let name = directory.path().join("core");
    mknodat(CWD, &name, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).map_err(words)?;
    // Open before QEMU opens it: so that QEMU need not wait, and an end is one only after it has begun.
    let pipe = pipe::OpenOptions::new().open_receiver(&name).map_err(words)?;
    let packed = Packed::create(file).map_err(words)?;
    qmp.dump(&name).await.map_err(words)?;
    // Who fails first ends the other: QEMU that fails says so, and a pipe without reader is an error to QEMU.
    let (progress, packed) = tokio::try_join!(over(|| qmp.dump_progress()), store(pipe, packed))?;
    if packed.bytes() < progress.total {
        return Err(format!("{} of {} bytes came", packed.bytes(), progress.total));
    }
    let (bytes, stored) = finish(packed).await?;
    let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Ok(Stored { state: State::Core, bytes, stored, ms })
}
