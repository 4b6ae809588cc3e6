//! The shared libraries of an executable, found without running it.
//! Lives here: what an ELF file asks for, and where the dynamic linker would find it (ld.so(8)).
//! May not live here: scripts, or what is packed where.
//!
//! `LD_TRACE_LOADED_OBJECTS`, as ldd(1) uses it, would run the program. Libraries that a program opens by itself
//! (dlopen(3): name services, plug-ins) are named nowhere and are not found.

use object::Endianness;
use object::elf::{DT_NEEDED, DT_RPATH, DT_RUNPATH, DT_STRSZ, DT_STRTAB, EM_X86_64, ET_DYN, ET_EXEC, FileHeader64};
use object::read::elf::{Dyn, FileHeader, ProgramHeader};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fs;
use std::path::{Path, PathBuf};

/// Where every dynamic linker looks last: those of Debian, Fedora and Arch together.
const DEFAULT_DIRECTORIES: [&str; 6] =
    ["/lib/x86_64-linux-gnu", "/usr/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"];
/// Most libraries of one program.
const MAX_LIBRARIES: usize = 1000;

/// What an ELF file asks the dynamic linker for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Needs {
    /// The dynamic linker; `None` in a static executable and in libraries.
    pub interpreter: Option<String>,
    /// Names of libraries.
    pub libraries: Vec<String>,
    /// Directories to look in, which hold for what these libraries need too (DT_RPATH without DT_RUNPATH).
    rpath: Vec<String>,
    /// Directories to look in for these libraries alone.
    runpath: Vec<String>,
}

impl Needs {
    /// Reads an executable or library for x86-64; the error says why it is none.
    pub fn read(bytes: &[u8]) -> Result<Self, String> {
        let wrong = |cause| format!("a damaged ELF file ({cause})");
        let header = FileHeader64::<Endianness>::parse(bytes).map_err(|_| "no 64-bit ELF file")?;
        let endian = header.endian().map_err(wrong)?;
        if header.e_machine(endian) != EM_X86_64 || !matches!(header.e_type(endian), ET_EXEC | ET_DYN) {
            return Err("no executable or library for x86-64".into());
        }
        let segments = header.program_headers(endian, bytes).map_err(wrong)?;
        let mut needs = Self::default();
        for segment in segments {
            if let Some(path) = segment.interpreter(endian, bytes).map_err(wrong)? {
                needs.interpreter = Some(String::from_utf8_lossy(path).into_owned());
            }
            let Some(dynamic) = segment.dynamic(endian, bytes).map_err(wrong)? else { continue };
            let values = |wanted| {
                let found = dynamic.iter().filter(move |entry| entry.d_tag(endian) == wanted);
                found.map(|entry| entry.d_val(endian)).collect::<Vec<u64>>()
            };
            let (address, size) = (values(DT_STRTAB), values(DT_STRSZ));
            let (Some(&address), Some(&size)) = (address.first(), size.first()) else { continue };
            let strings = segments.iter().find_map(|segment| segment.data_range(endian, bytes, address, size).ok()?);
            let strings = strings.ok_or("a damaged ELF file (no string table)")?;
            let text = |at: u64| {
                let rest = usize::try_from(at).ok().and_then(|at| strings.get(at..)).unwrap_or_default();
                let end = rest.iter().position(|&byte| byte == 0).unwrap_or(rest.len());
                String::from_utf8_lossy(&rest[..end]).into_owned()
            };
            let paths = |tag| values(tag).into_iter().flat_map(|at| split(&text(at))).collect::<Vec<_>>();
            needs.libraries = values(DT_NEEDED).into_iter().map(text).collect();
            (needs.rpath, needs.runpath) = (paths(DT_RPATH), paths(DT_RUNPATH));
            if !needs.runpath.is_empty() {
                needs.rpath.clear();
            }
        }
        Ok(needs)
    }
}

fn split(list: &str) -> Vec<String> {
    list.split(':').filter(|path| !path.is_empty()).map(str::to_owned).collect()
}

/// A library: where it was found, and its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its path on the host.
    pub path: PathBuf,
    /// Its content.
    pub bytes: Vec<u8>,
}

/// Where a dynamic linker looks.
#[derive(Clone, Debug, Default)]
pub struct Search {
    cache: BTreeMap<String, Vec<PathBuf>>,
    /// The directory that is the root; empty for the host's own.
    root: PathBuf,
}

impl Search {
    /// The host's, with its ld.so.cache, where it has one.
    pub fn host() -> Self {
        let cache = fs::read("/etc/ld.so.cache").map(|bytes| read_cache(&bytes)).unwrap_or_default();
        Self { cache, root: PathBuf::new() }
    }

    /// That of a system whose root is this directory and which has no ld.so.cache.
    pub fn below(root: &Path) -> Self {
        Self { cache: BTreeMap::new(), root: root.to_owned() }
    }

    /// All libraries that a program at `path` needs, directly or not, sorted by path. The error names what is missing.
    pub fn libraries(&self, path: &Path, needs: &Needs) -> Result<Vec<Library>, String> {
        let linker =
            needs.interpreter.as_deref().map(|path| Path::new(path).file_name().unwrap_or_default().to_owned());
        let mut found: BTreeMap<PathBuf, Vec<u8>> = BTreeMap::new();
        let mut seen: BTreeSet<String> = BTreeSet::new();
        // The linker is there already and answers to its own name.
        seen.extend(linker.and_then(|name| name.into_string().ok()));
        let mut open = VecDeque::from([(path.to_owned(), needs.clone(), Vec::new())]);
        while let Some((user, needs, above)) = open.pop_front() {
            let here = |list: &[String]| list.iter().map(|entry| expand(entry, &user)).collect::<Vec<PathBuf>>();
            let rpath: Vec<PathBuf> = here(&needs.rpath).into_iter().chain(above).collect();
            let directories: Vec<PathBuf> = rpath.iter().cloned().chain(here(&needs.runpath)).collect();
            for name in &needs.libraries {
                if !seen.insert(name.clone()) {
                    continue;
                }
                let (path, bytes, needs) = self.find(name, &directories).ok_or_else(|| {
                    format!("the library {name} that {} needs is not {}", user.display(), self.place())
                })?;
                if found.len() >= MAX_LIBRARIES {
                    return Err(format!("it needs more than {MAX_LIBRARIES} libraries"));
                }
                found.insert(path.clone(), bytes);
                open.push_back((path, needs, rpath.clone()));
            }
        }
        Ok(found.into_iter().map(|(path, bytes)| Library { path, bytes }).collect())
    }

    /// The file behind a path of the system that is searched.
    fn at(&self, path: &str) -> PathBuf {
        if self.root.as_os_str().is_empty() { path.into() } else { self.root.join(path.trim_start_matches('/')) }
    }

    /// What is searched, for people.
    fn place(&self) -> String {
        if self.root.as_os_str().is_empty() {
            "on this machine".into()
        } else {
            format!("below {}", self.root.display())
        }
    }

    /// The dynamic linker of this name.
    pub fn linker(&self, interpreter: &str) -> Option<Vec<u8>> {
        let name = Path::new(interpreter).file_name()?.to_str()?;
        self.find(name, &[]).map(|(_, bytes, _)| bytes)
    }

    /// The first file of this name that is a library for this machine.
    fn find(&self, name: &str, directories: &[PathBuf]) -> Option<(PathBuf, Vec<u8>, Needs)> {
        let usable = |path: PathBuf| {
            let bytes = path.is_file().then(|| fs::read(&path).ok()).flatten()?;
            let needs = Needs::read(&bytes).ok()?;
            Some((path, bytes, needs))
        };
        if name.contains('/') {
            return usable(self.at(name));
        }
        let given = directories.iter().map(|directory| directory.join(name));
        let cached = self.cache.get(name).into_iter().flatten().cloned();
        let default = DEFAULT_DIRECTORIES.iter().map(|directory| self.at(directory).join(name));
        given.chain(cached).chain(default).find_map(usable)
    }
}

/// `$ORIGIN`, `$LIB` and `$PLATFORM` of ld.so(8).
fn expand(entry: &str, user: &Path) -> PathBuf {
    let origin = user.parent().unwrap_or(Path::new("/")).to_string_lossy();
    let mut text = entry.to_owned();
    for (name, value) in [("ORIGIN", &*origin), ("LIB", "lib/x86_64-linux-gnu"), ("PLATFORM", "x86_64")] {
        text = text.replace(&format!("${{{name}}}"), value).replace(&format!("${name}"), value);
    }
    PathBuf::from(text)
}

/// Names and paths in an ld.so.cache of glibc 2.2 or later (glibc's sysdeps/generic/dl-cache.h); nothing for other content.
/// Entries for special processors are left out: a guest's processor is another than the host's.
fn read_cache(bytes: &[u8]) -> BTreeMap<String, Vec<PathBuf>> {
    const MAGIC: &[u8] = b"glibc-ld.so.cache1.1";
    const HEADER: usize = 48;
    const ENTRY: usize = 24;
    let mut found: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    // Before glibc 2.32 a part in an older form comes first.
    let Some(start) = bytes.windows(MAGIC.len()).position(|window| window == MAGIC) else { return found };
    let cache = &bytes[start..];
    let number = |at: usize| Some(u32::from_le_bytes(*cache.get(at..)?.first_chunk()?) as usize);
    let text = |at: usize| {
        let rest = cache.get(at..)?;
        Some(String::from_utf8_lossy(&rest[..rest.iter().position(|&byte| byte == 0)?]).into_owned())
    };
    for index in 0..number(MAGIC.len()).unwrap_or(0).min(cache.len() / ENTRY) {
        let at = HEADER + index * ENTRY;
        let (Some(key), Some(value)) = (number(at + 4).and_then(text), number(at + 8).and_then(text)) else { continue };
        if cache.get(at + 16..at + 24) == Some(&[0; 8]) {
            found.entry(key).or_default().push(value.into());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn this_test_program_brings_its_libraries() {
        let path = std::env::current_exe().unwrap();
        let needs = Needs::read(&fs::read(&path).unwrap()).unwrap();
        let libraries = Search::host().libraries(&path, &needs).unwrap();
        let has = |start: &str| {
            libraries.iter().any(|library| library.path.file_name().unwrap().to_string_lossy().starts_with(start))
        };
        assert!(needs.interpreter.is_some());
        assert!(has("libc.so.6") && has("libgcc_s.so"), "{:?}", needs.libraries);
        assert!(!has("ld-linux"), "the linker is packed by its own path");
    }

    #[test]
    fn a_missing_library_is_named() {
        let needs = Needs { libraries: vec!["libnothing.so.9".into()], ..Needs::default() };
        let error = Search::default().libraries(Path::new("/x/prog"), &needs).unwrap_err();
        assert_eq!(error, "the library libnothing.so.9 that /x/prog needs is not on this machine");
    }

    #[test]
    fn tokens_are_expanded() {
        let expand = |entry| expand(entry, Path::new("/opt/x/bin/prog")).display().to_string();
        assert_eq!(expand("$ORIGIN/../lib"), "/opt/x/bin/../lib");
        assert_eq!(expand("${ORIGIN}:"), "/opt/x/bin:");
        assert_eq!(expand("/a/$LIB/$PLATFORM"), "/a/lib/x86_64-linux-gnu/x86_64");
    }

    #[test]
    fn the_linkers_cache_is_read() {
        let mut cache = b"ld.so-1.7.0\0old".to_vec();
        let start = cache.len();
        cache.extend_from_slice(b"glibc-ld.so.cache1.1\x02\0\0\0");
        cache.resize(start + 48, 0);
        let strings = 48 + 2 * 24;
        for (key, value, hwcap) in [(0, 9, 0_u64), (0, 22, 1)] {
            cache.extend_from_slice(&0x0303_u32.to_le_bytes());
            cache.extend_from_slice(&(strings + key as u32).to_le_bytes());
            cache.extend_from_slice(&(strings + value as u32).to_le_bytes());
            cache.extend_from_slice(&[0; 4]);
            cache.extend_from_slice(&hwcap.to_le_bytes());
        }
        cache.extend_from_slice(b"libx.so1\0/l/libx.so1\0\0/fast/libx.so1\0");
        let expected = BTreeMap::from([("libx.so1".to_owned(), vec![PathBuf::from("/l/libx.so1")])]);
        assert_eq!(read_cache(&cache), expected);
        assert!(read_cache(b"something else").is_empty());
    }

    proptest! {
        #[test]
        fn damage_never_panics(at in 0usize..4096, value in any::<u8>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let mut cache = b"glibc-ld.so.cache1.1\x02\0\0\0".to_vec();
            cache.extend_from_slice(&bytes);
            let _ = read_cache(&cache);
            let mut program = vec![0; 4096];
            std::io::Read::read_exact(&mut fs::File::open("/proc/self/exe").unwrap(), &mut program).unwrap();
            program[at] = value;
            let _ = Needs::read(&program);
        }
    }
}
