//! The workload's executable and all that it needs to start.
//! Lives here: static and dynamic executables, scripts, the environment that they need in the guest.
//! May not live here: the search for libraries (`library`).
//!
//! Libraries keep their paths, and the guest is told their directories by `LD_LIBRARY_PATH`: it has no ld.so.cache, and
//! `$ORIGIN` is another place there.

use super::error::Error;
use super::initramfs::Entry;
use super::library::{Needs, Search};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Where the workload's executable lies in the guest.
const DIRECTORY: &str = "/work";
/// Most bytes of an executable.
const MAX_SIZE: u64 = 1 << 30;
/// Variable with the directories of libraries, both glibc's and musl's.
const LIBRARY_PATH: &str = "LD_LIBRARY_PATH";
/// Where `#!/usr/bin/env NAME` is looked for.
const PATH: [&str; 4] = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/sbin"];
/// Longest `#!` line (BINPRM_BUF_SIZE, include/uapi/linux/binfmts.h, since 5.1; 128 before).
const MAX_SHEBANG: usize = 256;

/// An executable with what it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packed {
    /// Its path in the guest.
    pub path: String,
    /// All files to put into the initramfs.
    pub entries: Vec<Entry>,
    /// Directories in the guest where its libraries are.
    pub libraries: BTreeSet<String>,
    /// What the user should know, such as that a script's other programs are not packed.
    pub notes: Vec<String>,
}

impl Packed {
    /// A static executable of ours.
    pub fn embedded(name: &str, bytes: &[u8]) -> Self {
        let path = format!("{DIRECTORY}/{name}");
        let entries = vec![Entry::executable(&path, bytes.to_vec())];
        Self { path, entries, libraries: BTreeSet::new(), notes: Vec::new() }
    }

    /// Without libraries and interpreters, for a guest that has its own.
    #[must_use]
    pub fn alone(self) -> Self {
        let entries = self.entries.into_iter().filter(|entry| entry.path == self.path).collect();
        Self { entries, libraries: BTreeSet::new(), ..self }
    }

    /// A file of this machine, with its interpreter and libraries.
    ///
    /// # Errors
    /// Where it is no executable, or something that it needs is not here.
    pub fn from_host(path: &Path) -> Result<Self, Error> {
        let wrong = |why: String| Error::Program { path: path.to_owned(), why };
        let file = path.metadata().map_err(|cause| wrong(cause.to_string()))?;
        if !file.is_file() {
            return Err(wrong("is no regular file; the workload is one executable".into()));
        }
        if file.permissions().mode() & 0o111 == 0 {
            return Err(wrong("is not executable (chmod +x)".into()));
        }
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut packed = Self::embedded(&name, &[]);
        packed.entries.clear();
        let place = packed.path.clone();
        packed.add(path, &place, &Search::host(), 0).map_err(wrong)?;
        Ok(packed)
    }

    /// The workload's environment in the guest: the scenario's, and where libraries are.
    pub fn environment(&self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let mut all = given.clone();
        if !self.libraries.is_empty() {
            let given = given.get(LIBRARY_PATH).into_iter().cloned();
            let path: Vec<String> = given.chain(self.libraries.iter().cloned()).collect();
            all.insert(LIBRARY_PATH.into(), path.join(":"));
        }
        all
    }

    /// Adds an executable of the host at a place in the guest. `depth` counts interpreters of interpreters.
    fn add(&mut self, path: &Path, place: &str, search: &Search, depth: u32) -> Result<(), String> {
        let bytes = read(path)?;
        if let Some(line) = bytes.strip_prefix(b"#!") {
            if depth > 0 {
                return Err(format!("its interpreter {} is a script itself", path.display()));
            }
            self.add_interpreters(line, search)?;
        } else {
            let needs = Needs::read(&bytes).map_err(|why| {
                format!("{why}; the workload is an executable for x86-64, or a script that starts with `#!`")
            })?;
            // As the kernel does it: $ORIGIN is where the file really is.
            let real = path.canonicalize().map_err(|cause| cause.to_string())?;
            self.add_libraries(&real, &needs, search)?;
        }
        self.entries.push(Entry::executable(place, bytes));
        Ok(())
    }

    fn add_libraries(&mut self, path: &Path, needs: &Needs, search: &Search) -> Result<(), String> {
        let Some(linker) = &needs.interpreter else { return Ok(()) };
        self.entries.push(Entry::executable(linker, read(Path::new(linker))?));
        for library in search.libraries(path, needs)? {
            let path = plain(&library.path);
            let directory = path.rsplit_once('/').map_or("/", |(directory, _)| directory);
            self.libraries.insert(directory.to_owned());
            self.entries.push(Entry::executable(&path, library.bytes));
        }
        Ok(())
    }

    /// `#!INTERPRETER [ARGUMENT]`; of `#!/usr/bin/env NAME` both programs.
    fn add_interpreters(&mut self, line: &[u8], search: &Search) -> Result<(), String> {
        let line = line.get(..MAX_SHEBANG).unwrap_or(line).split(|&byte| byte == b'\n').next().unwrap_or_default();
        let line = String::from_utf8_lossy(line).into_owned();
        let mut words = line.split_whitespace();
        let interpreter = words.next().ok_or("its `#!` line names no interpreter")?;
        let missing = |name: &str, cause: String| format!("a script whose interpreter {name} is not here: {cause}");
        self.add(Path::new(interpreter), interpreter, search, 1).map_err(|cause| missing(interpreter, cause))?;
        if let (true, Some(name)) = (interpreter.ends_with("/env"), words.find(|word| !word.starts_with('-'))) {
            let found = PATH.iter().map(|directory| Path::new(directory).join(name)).find(|path| path.is_file());
            let found = found.ok_or_else(|| missing(name, format!("looked in {}", PATH.join(", "))))?;
            self.add(&found, &found.to_string_lossy(), search, 1).map_err(|cause| missing(name, cause))?;
        }
        self.notes.push(format!(
            "{} is a script: its interpreter is packed along, but no other program or file that it uses",
            self.path
        ));
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>, String> {
    let size = path.metadata().map_err(|cause| format!("{}: {cause}", path.display()))?.len();
    if size > MAX_SIZE {
        return Err(format!("{} has {size} bytes; an executable in a guest has at most {MAX_SIZE}", path.display()));
    }
    fs::read(path).map_err(|cause| format!("{}: {cause}", path.display()))
}

/// An absolute path without `.` and `..`, by its text alone.
fn plain(path: &Path) -> String {
    let mut clean = PathBuf::from("/");
    for part in path.components() {
        match part {
            std::path::Component::ParentDir => {
                clean.pop();
            }
            std::path::Component::Normal(name) => clean.push(name),
            _ => {}
        }
    }
    clean.to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::image::initramfs::build;

    fn paths(packed: &Packed) -> Vec<&str> {
        packed.entries.iter().map(|entry| entry.path.as_str()).collect()
    }

    #[test]
    fn a_dynamic_program_brings_linker_and_libraries() {
        let path = std::env::current_exe().unwrap();
        let packed = Packed::from_host(&path).unwrap();
        assert_eq!(packed.path, format!("/work/{}", path.file_name().unwrap().display()));
        assert!(paths(&packed).iter().any(|path| path.contains("/ld-")), "{:?}", paths(&packed));
        assert!(paths(&packed).iter().any(|path| path.ends_with("/libc.so.6")));
        let environment = packed.environment(&BTreeMap::from([(LIBRARY_PATH.into(), "/mine".into())]));
        assert!(environment[LIBRARY_PATH].starts_with("/mine:/"), "{environment:?}");
        build(&packed.entries).unwrap();
    }

    fn script(text: &str) -> Result<Packed, String> {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("run.sh");
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Packed::from_host(&path).map_err(|error| error.to_string().replace(&path.display().to_string(), "FILE"))
    }

    #[test]
    fn a_script_brings_its_interpreter() {
        let packed = script("#!/bin/sh -e\necho\n").unwrap();
        assert!(paths(&packed).contains(&"/bin/sh") && paths(&packed).contains(&"/work/run.sh"));
        assert!(packed.notes[0].contains("its interpreter is packed along"));
        let packed = script("#!/usr/bin/env -S sh\n").unwrap();
        assert!(paths(&packed).contains(&"/usr/bin/env") && paths(&packed).contains(&"/usr/bin/sh"));
    }

    #[test]
    fn what_cannot_run_says_why() {
        assert!(
            script("#!/no/such\n").unwrap_err().starts_with("FILE: a script whose interpreter /no/such is not here")
        );
        assert!(script("text\n").unwrap_err().contains("no 64-bit ELF file; the workload is an executable for x86-64"));
        assert!(script("#!\n").unwrap_err().contains("names no interpreter"));
        let error = Packed::from_host(Path::new("/etc/passwd")).unwrap_err().to_string();
        assert_eq!(error, "/etc/passwd: is not executable (chmod +x)");
        let error = Packed::from_host(Path::new("/etc")).unwrap_err().to_string();
        assert_eq!(error, "/etc: is no regular file; the workload is one executable");
    }

    #[test]
    fn paths_are_made_plain() {
        assert_eq!(plain(Path::new("/opt/x/bin/../lib/./l.so")), "/opt/x/lib/l.so");
    }
}
