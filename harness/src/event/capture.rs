//! What is taken of a guest while the host holds it.
//! Lives here: the parts of events about that.
//! May not live here: the taking (`vm`).

use serde::{Deserialize, Serialize};

/// State of a guest that can be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum State {
    /// The registers of its processors, as text.
    Registers,
    /// Its memory, as a core for debuggers.
    Core,
    /// The whole guest, to go on with.
    Guest,
}

impl State {
    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registers => "the registers",
            Self::Core => "the core",
            Self::Guest => "the guest",
        }
    }
}

/// State that was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stored {
    /// Which.
    pub state: State,
    /// Its size in bytes.
    pub bytes: u64,
    /// What it takes on the disk, in bytes: it is compressed.
    pub stored: u64,
    /// How long that took, in milliseconds of wall time.
    pub ms: u64,
}

/// Where a processor was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Register {
    /// Which.
    pub cpu: u32,
    /// The address of its next instruction, in hex with `0x`: JSON's numbers do not hold it.
    pub rip: String,
    /// The function there, as `name+0x12`, where the kernel's symbols are at hand and have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub symbol: Option<String>,
}

impl std::fmt::Display for Register {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "processor {} at {}", self.cpu, self.symbol.as_ref().unwrap_or(&self.rip))
    }
}
