//! Old trees with today's tools: which flags and patches a version needs with a compiler.
//! Lives here: the table of rules, by kernel version and tools (pure), and its patches (`kernel-configs/patches/compat/`).
//! May not live here: applying them.

use std::collections::BTreeMap;

/// The tools that decide what a tree needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tools {
    /// `gcc` or `clang`.
    pub compiler: String,
    /// Its major and minor version.
    pub compiler_version: (u32, u32),
    /// Of `ld -v`.
    pub linker_version: (u32, u32),
}

/// What a tree needs to build.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// Variables of make, `KCFLAGS`, `HOSTCFLAGS`, …; what the user gives is appended to flags and replaces the rest.
    pub make: BTreeMap<String, String>,
    /// Patches by name, with their text; a patch that does not apply to a tree that has it already is left out.
    pub patches: Vec<(&'static str, &'static str)>,
    /// For people: what was done and whether that was ever seen to build.
    pub notes: Vec<String>,
}

/// What a kernel of this version needs with these tools.
pub fn needs(version: (u32, u32, u32), tools: &Tools) -> Needs {
    let _ = (version, tools);
    Needs::default()
}
