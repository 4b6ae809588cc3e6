//! A guest of another harness that runs on this machine.
//! Lives here: finding its memory and its kernel by QEMU's process.
//! May not live here: what is in the memory.

use super::ram::Ram;
use std::fs;
use std::io;
use std::path::PathBuf;

/// A guest that runs.
#[derive(Debug)]
pub struct Guest {
    /// Its memory; it may be read, and is not written.
    pub memory: Ram,
    /// The kernel that QEMU was given.
    pub kernel: PathBuf,
}

/// Why a process is not a guest that can be read.
#[derive(Debug, thiserror::Error)]
pub enum NotAGuest {
    /// It cannot be looked at.
    #[error("its command line cannot be read: {0}")]
    CommandLine(io::Error),
    /// It is something else.
    #[error("it is no QEMU of oomph's: its command line has no `{0}`")]
    Missing(&'static str),
    /// Its memory cannot be opened.
    #[error("its memory cannot be opened: {0}")]
    Memory(io::Error),
}

impl Guest {
    /// The guest of a QEMU that a harness has started.
    ///
    /// # Errors
    /// Where the process is none, or belongs to another user.
    pub fn of_process(pid: u32) -> Result<Self, NotAGuest> {
        let line = fs::read(format!("/proc/{pid}/cmdline")).map_err(NotAGuest::CommandLine)?;
        let words: Vec<String> =
            line.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        let after = |option: &'static str| {
            let at = words.iter().position(|word| word == option).ok_or(NotAGuest::Missing(option))?;
            words.get(at + 1).ok_or(NotAGuest::Missing(option))
        };
        let memory = words
            .iter()
            .find(|word| word.starts_with("memory-backend-file,"))
            .and_then(|word| word.split(',').find_map(|part| part.strip_prefix("mem-path=")))
            .ok_or(NotAGuest::Missing("memory-backend-file,mem-path="))?;
        let memory = fs::File::open(memory).and_then(Ram::of_file).map_err(NotAGuest::Memory)?;
        Ok(Self { memory, kernel: PathBuf::from(after("-kernel")?) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_guest_is_told() {
        let told = |pid| Guest::of_process(pid).map(|_| ()).map_err(|why| why.to_string());
        assert!(matches!(told(0), Err(why) if why.starts_with("its command line cannot be read")));
        assert!(matches!(told(std::process::id()), Err(why) if why.starts_with("it is no QEMU of oomph's")));
    }
}
