//! A guest of another harness that runs on this machine.
//! Lives here: finding such guests, the memory and the kernel of one by QEMU's process, its processors' registers.
//! May not live here: what is in the memory.
//!
//! A harness has its guest's memory, and the socket of a QMP for others, as files without a name. The command line of its QEMU says what
//! both were, and so whose files they are; `/proc/HARNESS/fd` leads to them whoever may trace that process.

use super::capture;
use super::qmp::Qmp;
use super::ram::Ram;
use super::spec::VISITORS;
use crate::introspect::memory::Registers;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::UnixStream;

/// For QMP to greet and to answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// A guest that runs.
#[derive(Debug)]
pub struct Guest {
    /// Its memory; it may be read, and is not written.
    pub memory: Ram,
    /// The kernel that QEMU was given; none where a disk's bootloader starts one.
    pub kernel: Option<PathBuf>,
    /// The socket of the QMP for others.
    visitors: Option<PathBuf>,
}

/// A guest that runs, by its processes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Running {
    /// Its QEMU's process id.
    pub pid: u32,
    /// Its memory in bytes.
    pub memory: u64,
    /// The command line of the harness that started it.
    pub harness: String,
}

/// Why a process is not a guest that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NotAGuest {
    /// It cannot be looked at.
    #[error("its command line cannot be read: {0}")]
    CommandLine(io::Error),
    /// It is something else.
    #[error(
        "it is no QEMU of a run of oomph's: its command line has no `{0}` (of a guest that `oomph attach` goes on with, write a core by \
         `dump-guest-memory FILE` in its monitor, and read that with --core)"
    )]
    Missing(&'static str),
    /// Its memory cannot be opened.
    #[error("its memory cannot be opened: {0}")]
    Memory(io::Error),
}

/// Why there are no registers.
#[derive(Debug, thiserror::Error)]
pub enum NoRegisters {
    /// Nobody listens, or not for this user.
    #[error("its harness has no QMP for others (it is older, or of another user)")]
    NoSocket,
    /// It cannot be reached, or does not answer; another may be connected.
    #[error("its QMP for others does not answer; it speaks with one at a time ({0})")]
    Silent(String),
}

impl Guest {
    /// The guest of a QEMU that a harness has started.
    ///
    /// # Errors
    /// Where the process is none, or belongs to another user.
    pub fn of_process(pid: u32) -> Result<Self, NotAGuest> {
        let words = words(pid).map_err(NotAGuest::CommandLine)?;
        let path = memory_of(&words).ok_or(NotAGuest::Missing("memory-backend-file,mem-path="))?;
        let memory = fs::File::open(&path).and_then(Ram::of_file).map_err(NotAGuest::Memory)?;
        let kernel = after(&words, "-kernel").map(PathBuf::from);
        let visitors = harness_of(&path).zip(socket_of(&words)).and_then(|(pid, socket)| held_by(pid, &socket));
        Ok(Self { memory, kernel, visitors })
    }

    /// The registers of its processors as they are now, without holding it.
    ///
    /// # Errors
    /// Where its harness offers none, or QMP does not tell within its time.
    pub async fn registers(&self) -> Result<Vec<Registers>, NoRegisters> {
        let socket = self.visitors.as_ref().ok_or(NoRegisters::NoSocket)?;
        let silent = |why: &dyn ToString| NoRegisters::Silent(why.to_string());
        let stream = UnixStream::connect(socket).await.map_err(|why| silent(&why))?;
        let qmp = Qmp::connect(stream, |_, _, _| (), DEADLINE).await.map_err(|why| silent(&why))?;
        Ok(capture::registers::all(&qmp.registers().await.map_err(|why| silent(&why))?))
    }
}

impl Running {
    /// All guests of harnesses on this machine that this user may look at, the oldest process first.
    pub fn all() -> Vec<Self> {
        let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        let mut found: Vec<Self> = pids.filter_map(Self::of_process).collect();
        found.sort_by_key(|guest| guest.pid);
        found
    }

    fn of_process(pid: u32) -> Option<Self> {
        let path = memory_of(&words(pid).ok()?)?;
        let memory = fs::metadata(&path).ok()?.len();
        let harness = words(harness_of(&path)?).ok()?;
        Some(Self { pid, memory, harness: harness.join(" ").trim().to_owned() })
    }
}

/// A process's command line.
fn words(pid: u32) -> io::Result<Vec<String>> {
    let line = fs::read(format!("/proc/{pid}/cmdline"))?;
    Ok(line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect())
}

/// The word that follows an option.
fn after<'a>(words: &'a [String], option: &str) -> Option<&'a str> {
    let at = words.iter().position(|word| word == option)?;
    words.get(at + 1).map(String::as_str)
}

/// The file of a guest's memory, if that is the file of a harness.
fn memory_of(words: &[String]) -> Option<PathBuf> {
    let backend = words.iter().find(|word| word.starts_with("memory-backend-file,"))?;
    let path = Path::new(backend.split(',').find_map(|part| part.strip_prefix("mem-path="))?);
    harness_of(path).map(|_| path.to_owned())
}

/// The harness that has a guest's memory: the path is `/proc/HARNESS/fd/N`.
fn harness_of(memory: &Path) -> Option<u32> {
    let (pid, file) = memory.to_str()?.strip_prefix("/proc/")?.split_once("/fd/")?;
    file.parse::<u32>().ok().and(pid.parse().ok())
}

/// What the socket of the QMP for others was called; a comma in it is doubled (see `spec`).
fn socket_of(words: &[String]) -> Option<String> {
    let begin = format!("socket,id={VISITORS},");
    let (_, path) = words.iter().find_map(|word| word.strip_prefix(&begin))?.split_once("path=")?;
    Some(path.replace(",,", ","))
}

/// The file of a process that once had this name, as a path that still leads to it.
fn held_by(pid: u32, name: &str) -> Option<PathBuf> {
    let gone = format!("{name} (deleted)");
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.flatten().map(|entry| entry.path());
    let was = |file: &PathBuf| fs::read_link(file).is_ok_and(|link| link == Path::new(&gone));
    files.into_iter().find(was)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::vm::spec::tests::spec;
    use crate::vm::{Ports, Qemu, RuntimeDir, Sockets};
    use rustix::fs::{Mode, OFlags, open};
    use tokio::io::AsyncReadExt;

    #[test]
    fn what_is_no_guest_is_told() {
        let told = |pid| Guest::of_process(pid).map(|_| ()).map_err(|why| why.to_string());
        assert!(matches!(told(0), Err(why) if why.starts_with("its command line cannot be read")));
        assert!(matches!(told(std::process::id()), Err(why) if why.starts_with("it is no QEMU of a run of oomph's")));
        assert!(Running::of_process(std::process::id()).is_none());
    }

    #[test]
    fn a_command_line_says_whose_files_memory_and_socket_are() {
        let sockets = Sockets::within(Path::new("/r/a,b"));
        let line = spec().arguments(&Qemu::assumed(), Ports::Harness(&sockets, Path::new("/proc/17/fd/2")));
        let words: Vec<String> = line.into_iter().map(|word| word.into_string().unwrap()).collect();
        let memory = memory_of(&words).unwrap();
        assert_eq!((memory.to_str(), harness_of(&memory)), (Some("/proc/17/fd/2"), Some(17)));
        assert_eq!(socket_of(&words).as_deref(), Some("/r/a,b/visitors"));
        assert_eq!(after(&words, "-kernel"), Some("/k/bzImage"));
        let other = ["memory-backend-file,id=m,mem-path=/dev/shm/x".to_owned()];
        assert_eq!(memory_of(&other), None, "another program's guest");
    }

    #[tokio::test]
    async fn a_socket_without_a_name_is_reached_through_who_has_it() {
        let directory = RuntimeDir::new().unwrap();
        let path = directory.path().join(VISITORS);
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        let _kept = open(&path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).unwrap();
        drop(directory);
        let way = held_by(std::process::id(), path.to_str().unwrap()).unwrap();
        let (mut there, here) = tokio::join!(UnixStream::connect(way), listener.accept());
        here.unwrap().0.try_write(b"hi").unwrap();
        let mut said = [0; 2];
        there.as_mut().unwrap().read_exact(&mut said).await.unwrap();
        assert_eq!(&said, b"hi");
    }
}
