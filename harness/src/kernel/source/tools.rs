//! What building a kernel needs on the host: `oomph kernel build --check`.
//! Lives here: the list, what is missing of it, how to get it; versions of compiler and linker.
//! May not live here: getting it.

use super::compat::Tools;
use super::config;
use crate::kernel::Error;
use crate::kernel::child::{Call, ChildError, find, words};
use crate::kernel::job::Job;
use crate::scenario::{ConfigBase, SourceBuild};
use serde::Serialize;
use std::collections::BTreeMap;
use std::time::Duration;

/// For `--version`.
const DEADLINE: Duration = Duration::from_secs(20);

/// Something that a build needs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Tool {
    /// A program or a header.
    pub name: String,
    /// What it is for, where that is not plain.
    pub why: &'static str,
    /// The first line of what it says of itself; `None` where it is missing.
    pub found: Option<String>,
    /// Debian's package that has it.
    pub package: String,
}

/// How a need is looked for.
enum Look {
    /// A program, asked with this argument.
    Program(&'static str),
    /// A header, by the preprocessor of the host's compiler.
    Header,
}

struct Need {
    name: String,
    package: String,
    why: &'static str,
    look: Look,
}

fn program(name: &str, package: &str, why: &'static str) -> Need {
    Need { name: name.to_owned(), package: package.to_owned(), why, look: Look::Program("--version") }
}

/// All that `spec` needs on this host, present or not. Options of its fragments decide what else is needed than always is.
///
/// # Errors
/// Where a fragment is not there or unsound, or the caller went away.
pub fn check(spec: &SourceBuild, job: &Job) -> Result<Vec<Tool>, Error> {
    let asked =
        |option: &str| config::asked(spec, option).map(|value| value.as_deref().is_some_and(|value| value != "n"));
    let host =
        variable(&spec.make, "HOSTCC").unwrap_or_else(|| if llvm(&spec.make) { "clang" } else { "gcc" }.to_owned());
    let mut tools = Vec::new();
    for need in needs(spec, &asked)? {
        job.check()?;
        let found = match need.look {
            Look::Program(argument) => version(&need.name, argument, job),
            Look::Header => header(&host, &need.name, job),
        };
        tools.push(Tool { name: need.name, why: need.why, found, package: need.package });
    }
    Ok(tools)
}

/// One line that says what is missing and how to get it; `None` where nothing is.
pub fn missing(tools: &[Tool]) -> Option<String> {
    let missing: Vec<&Tool> = tools.iter().filter(|tool| tool.found.is_none()).collect();
    let mut packages: Vec<&str> = missing.iter().map(|tool| tool.package.as_str()).collect();
    packages.sort_unstable();
    packages.dedup();
    let what = |tool: &&Tool| match tool.why {
        "" => tool.name.clone(),
        why => format!("{} ({why})", tool.name),
    };
    let names = missing.iter().map(what).collect::<Vec<_>>().join(", ");
    let packages = packages.join(" ");
    (!missing.is_empty()).then(|| {
        format!("this build needs what is not installed: {names}; on Debian: apt-get install --no-install-recommends {packages}")
    })
}

fn needs(spec: &SourceBuild, asked: &dyn Fn(&str) -> Result<bool, Error>) -> Result<Vec<Need>, Error> {
    let mut needs = vec![program("make", "make", "")];
    needs.extend(toolchain(&spec.make));
    needs.extend([
        program("flex", "flex", "reads Kconfig, from 4.17 on"),
        program("bison", "bison", "reads Kconfig, from 4.17 on"),
        program("bc", "bc", "computes timeconst.h"),
        program("perl", "perl", ""),
        Need { name: "libelf.h".into(), package: "libelf-dev".into(), why: "for objtool", look: Look::Header },
    ]);
    // A distribution's config has what distributions have: signed modules, BTF.
    let distribution = matches!(spec.base, ConfigBase::Debian(_) | ConfigBase::File(_));
    let any = |options: &[&str]| -> Result<bool, Error> {
        options.iter().try_fold(false, |any, option| Ok(any || asked(option)?))
    };
    if distribution || any(&["MODULE_SIG", "SYSTEM_TRUSTED_KEYRING", "MODULE_SIG_ALL"])? {
        let why = "for signing modules";
        needs.push(Need { name: "openssl/opensslv.h".into(), package: "libssl-dev".into(), why, look: Look::Header });
        needs.push(Need { look: Look::Program("version"), ..program("openssl", "openssl", why) });
    }
    if distribution || asked("DEBUG_INFO_BTF")? {
        needs.push(program("pahole", "pahole", "for DEBUG_INFO_BTF"));
    }
    let compressed = [
        ("KERNEL_XZ", "xz", "xz-utils", "for KERNEL_XZ"),
        ("KERNEL_LZ4", "lz4", "lz4", "for KERNEL_LZ4"),
        ("KERNEL_ZSTD", "zstd", "zstd", "for KERNEL_ZSTD"),
        ("KERNEL_LZO", "lzop", "lzop", "for KERNEL_LZO"),
        ("KERNEL_BZIP2", "bzip2", "bzip2", "for KERNEL_BZIP2"),
        ("KERNEL_LZMA", "lzma", "xz-utils", "for KERNEL_LZMA"),
    ];
    for (option, name, package, why) in compressed {
        if asked(option)? {
            needs.push(program(name, package, why));
        }
    }
    // tinyconfig's own choice is XZ, which fragments leave only by choosing another.
    let chosen =
        any(&["KERNEL_GZIP", "KERNEL_LZ4", "KERNEL_ZSTD", "KERNEL_LZO", "KERNEL_BZIP2", "KERNEL_LZMA", "KERNEL_XZ"])?;
    if spec.base == ConfigBase::Target("tinyconfig".into()) && !chosen {
        needs.push(program("xz", "xz-utils", "for KERNEL_XZ"));
    }
    if asked("IKHEADERS")? {
        needs.push(program("cpio", "cpio", "for IKHEADERS"));
    }
    if spec.modules {
        needs.push(program("depmod", "kmod", "for modules_install"));
    }
    Ok(needs)
}

/// Compiler, assembler and linker by what the variables say.
fn toolchain(make: &BTreeMap<String, String>) -> Vec<Need> {
    let cross = make.get("CROSS_COMPILE").map_or("", String::as_str);
    let llvm = llvm(make);
    // LLVM=-19 or LLVM=/usr/lib/llvm-19/bin/, since 5.18.
    let (prefix, suffix) = match make.get("LLVM").map(String::as_str) {
        Some(path) if path.ends_with('/') => (path, ""),
        Some(suffix) if suffix.starts_with('-') => ("", suffix),
        _ => ("", ""),
    };
    let named = |tool: &str| if llvm { format!("{prefix}{tool}{suffix}") } else { format!("{cross}{tool}") };
    let compiler = variable(make, "CC").unwrap_or_else(|| named(if llvm { "clang" } else { "gcc" }));
    let package = package_of(&compiler);
    let mut needs = vec![program(&compiler, &package, "the compiler")];
    let rest: &[(&str, &str)] = if llvm {
        &[("LD", "ld.lld"), ("AR", "llvm-ar"), ("OBJCOPY", "llvm-objcopy")]
    } else {
        &[("LD", "ld"), ("AS", "as")]
    };
    for (name, tool) in rest {
        let tool = variable(make, name).unwrap_or_else(|| named(tool));
        let package = package_of(&tool);
        needs.push(program(&tool, &package, ""));
    }
    let host = variable(make, "HOSTCC").unwrap_or_else(|| if llvm { named("clang") } else { "gcc".to_owned() });
    if host != compiler {
        let package = package_of(&host);
        needs.push(program(&host, &package, "for tools that run on this machine"));
    }
    needs
}

fn llvm(make: &BTreeMap<String, String>) -> bool {
    make.get("LLVM").is_some_and(|value| !value.is_empty() && value != "0")
}

/// The program that a variable names: `ccache gcc-9 -fno-pie` is about `gcc-9`.
fn variable(make: &BTreeMap<String, String>, name: &str) -> Option<String> {
    let mut words = make.get(name)?.split_whitespace().filter(|word| *word != "ccache" && *word != "distcc");
    words.next().map(str::to_owned)
}

/// Debian's package of a program of a toolchain.
fn package_of(program: &str) -> String {
    let name = program.rsplit('/').next().unwrap_or(program);
    let (tool, version) = match name.rsplit_once('-') {
        Some((tool, version)) if version.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') => (tool, version),
        _ => (name, ""),
    };
    let dash = if version.is_empty() { "" } else { "-" };
    match tool {
        "ld.lld" => format!("lld{dash}{version}"),
        tool if tool.starts_with("llvm-") => format!("llvm{dash}{version}"),
        "clang" | "gcc" => format!("{tool}{dash}{version}"),
        "ld" | "as" | "ld.bfd" => "binutils".to_owned(),
        // x86_64-linux-gnu-gcc and the like.
        other => other
            .strip_suffix("-gcc")
            .map_or_else(|| other.to_owned(), |triple| format!("gcc{dash}{version}-{}", triple.replace('_', "-"))),
    }
}

/// The tools that compile and link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// What decides what a tree needs.
    pub tools: Tools,
    /// First line of the compiler's `--version`: `gcc (Debian 12.2.0-14+deb12u1) 12.2.0`.
    pub compiler: String,
    /// First line of the linker's.
    pub linker: String,
}

/// The tools that compile and link with these variables of make.
///
/// # Errors
/// Where one is not there, or does not say its version.
pub fn tools(make: &BTreeMap<String, String>, job: &Job) -> Result<Toolchain, Error> {
    let needs = toolchain(make);
    let mut names = needs.iter();
    let (compiler, linker) = (names.next(), names.next());
    let ask = |need: Option<&Need>, parse: fn(&str) -> Option<(u32, u32)>| -> Result<(String, (u32, u32)), Error> {
        let Some(need) = need else { return Err(Error::Config("there is no compiler".into())) };
        let Some(text) = say(&need.name, "--version", job)? else {
            return Err(Error::Config(format!(
                "{} is not installed; it comes with the package {}",
                need.name, need.package
            )));
        };
        let wrong =
            || Error::Config(format!("{} --version does not say which it is: {}", need.name, first_line(&text)));
        parse(&text).map(|version| (text.clone(), version)).ok_or_else(wrong)
    };
    let (text, compiler_version) = ask(compiler, parse_compiler)?;
    let (linker, linker_version) = ask(linker, parse_linker)?;
    let compiler = if text.contains("clang version") { "clang" } else { "gcc" };
    let tools = Tools { compiler: compiler.to_owned(), compiler_version, linker_version };
    Ok(Toolchain { tools, compiler: first_line(&text).to_owned(), linker: first_line(&linker).to_owned() })
}

/// Major and minor from `gcc --version` or `clang --version`.
fn parse_compiler(text: &str) -> Option<(u32, u32)> {
    let first = text.lines().next()?;
    // The last word: `gcc-12 (Debian 12.2.0-14) 12.2.0`; of clang, the one after `version`.
    match first.split_once("clang version ") {
        Some((_, rest)) => numbers(rest.split_whitespace().next()?),
        None => first.split_whitespace().rev().find_map(numbers),
    }
}

/// Major and minor from `ld -v`: `GNU ld (GNU Binutils for Debian) 2.40`, `LLD 19.1.7 (compatible with GNU linkers)`.
fn parse_linker(text: &str) -> Option<(u32, u32)> {
    let first = text.lines().find(|line| line.contains("GNU ld") || line.contains("LLD"))?;
    match first.split_once("LLD ") {
        Some((_, rest)) => numbers(rest.split_whitespace().next()?),
        None => first.split_whitespace().rev().find_map(numbers),
    }
}

/// `12.2.0`, `2.35.2`, `2.40-8.el9`.
fn numbers(word: &str) -> Option<(u32, u32)> {
    let mut parts = word.split(['.', '-', '+', '~']);
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

fn version(name: &str, argument: &str, job: &Job) -> Option<String> {
    say(name, argument, job).ok().flatten().map(|text| first_line(&text).to_owned())
}

/// What a program says; `None` where it is not installed.
fn say(name: &str, argument: &str, job: &Job) -> Result<Option<String>, Error> {
    if !name.contains('/') && find(name, "").is_err() {
        return Ok(None);
    }
    let call = Call { program: name, package: "", args: words([argument]), directory: None, deadline: DEADLINE };
    match call.run(job) {
        // bison, bc and others speak on the one, lzop and as on the other.
        Ok(output) if output.stdout.trim().is_empty() => Ok(Some(output.stderr)),
        Ok(output) => Ok(Some(output.stdout)),
        Err(ChildError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn header(compiler: &str, name: &str, job: &Job) -> Option<String> {
    let args = words(["-E", "-x", "c", "-include", name, "/dev/null", "-o", "/dev/null"]);
    let call = Call { program: compiler, package: "", args, directory: None, deadline: DEADLINE };
    call.run(job).ok().map(|_| "there".to_owned())
}

fn first_line(text: &str) -> &str {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::{Fragment, SourceTree};

    fn make(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn spec(config: &[&str], variables: &[(&str, &str)]) -> SourceBuild {
        SourceBuild {
            tree: SourceTree::Path("t".into()),
            base: ConfigBase::Target("tinyconfig".into()),
            config: config.iter().map(|name| Fragment::Named((*name).to_owned())).collect(),
            required: vec![],
            patches: vec![],
            fuzz: 0,
            make: make(variables),
            modules: false,
        }
    }

    fn names(spec: &SourceBuild) -> Vec<String> {
        let asked =
            |option: &str| config::asked(spec, option).map(|value| value.as_deref().is_some_and(|value| value != "n"));
        needs(spec, &asked).unwrap().into_iter().map(|need| need.name).collect()
    }

    #[test]
    fn versions_as_tools_tell_them() {
        assert_eq!(parse_compiler("gcc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright"), Some((12, 2)));
        assert_eq!(parse_compiler("gcc-9 (Debian 9.3.0-22) 9.3.0\n"), Some((9, 3)));
        assert_eq!(parse_compiler("gcc (GCC) 4.8.5 20150623 (Red Hat 4.8.5-44)\n"), Some((4, 8)));
        assert_eq!(parse_compiler("Debian clang version 19.1.7 (3+b1)\nTarget: x86_64"), Some((19, 1)));
        assert_eq!(parse_compiler("no version\n"), None);
        assert_eq!(parse_linker("GNU ld (GNU Binutils for Debian) 2.40\n"), Some((2, 40)));
        assert_eq!(parse_linker("GNU ld version 2.35.2-42.el9\n"), Some((2, 35)));
        assert_eq!(parse_linker("Debian LLD 19.1.7 (compatible with GNU linkers)\n"), Some((19, 1)));
        assert_eq!(parse_linker("something else\n"), None);
    }

    #[test]
    fn options_decide_what_is_needed() {
        let plain = names(&spec(&["base"], &[]));
        assert_eq!(plain, ["make", "gcc", "ld", "as", "flex", "bison", "bc", "perl", "libelf.h"]);
        assert!(names(&spec(&["base", "fast"], &[])).contains(&"lz4".into()));
        assert!(names(&spec(&["base", "debug-info"], &[])).contains(&"pahole".into()));
        assert!(names(&spec(&[], &[])).contains(&"xz".into()), "tinyconfig compresses with xz");
        let distribution = SourceBuild { base: ConfigBase::Debian("bookworm".into()), modules: true, ..spec(&[], &[]) };
        let needed = names(&distribution);
        for name in ["openssl/opensslv.h", "openssl", "pahole", "depmod"] {
            assert!(needed.contains(&name.to_owned()), "{name}");
        }
    }

    #[test]
    fn variables_decide_who_compiles() {
        let tools = |variables: &[(&str, &str)]| -> Vec<(String, String)> {
            toolchain(&make(variables)).into_iter().map(|need| (need.name, need.package)).collect()
        };
        let pair = |name: &str, package: &str| (name.to_owned(), package.to_owned());
        assert_eq!(
            tools(&[("CC", "ccache gcc-9 -fno-pie")]),
            [pair("gcc-9", "gcc-9"), pair("ld", "binutils"), pair("as", "binutils"), pair("gcc", "gcc")]
        );
        assert_eq!(
            tools(&[("LLVM", "-19")]),
            [
                pair("clang-19", "clang-19"),
                pair("ld.lld-19", "lld-19"),
                pair("llvm-ar-19", "llvm-19"),
                pair("llvm-objcopy-19", "llvm-19")
            ]
        );
        assert_eq!(tools(&[("LLVM", "0")])[0], pair("gcc", "gcc"));
        assert_eq!(
            tools(&[("CROSS_COMPILE", "x86_64-linux-gnu-")])[0],
            pair("x86_64-linux-gnu-gcc", "gcc-x86-64-linux-gnu")
        );
    }

    #[test]
    fn what_is_missing_is_told_with_its_package() {
        let tool = |name: &str, why, found: Option<&str>, package: &str| Tool {
            name: name.into(),
            why,
            found: found.map(str::to_owned),
            package: package.into(),
        };
        let tools = [
            tool("make", "", Some("GNU Make 4.3"), "make"),
            tool("flex", "reads Kconfig", None, "flex"),
            tool("libelf.h", "", None, "libelf-dev"),
        ];
        let line = missing(&tools).unwrap();
        assert_eq!(
            line,
            "this build needs what is not installed: flex (reads Kconfig), libelf.h; \
             on Debian: apt-get install --no-install-recommends flex libelf-dev"
        );
        assert_eq!(missing(&tools[..1]), None);
    }

    #[test]
    fn this_host_builds_our_own_kernels() {
        let tools = check(&spec(&["base", "fast"], &[]), &Job::silent()).unwrap();
        assert_eq!(missing(&tools), None);
        let absent = check(&spec(&[], &[("CC", "no-such-cc")]), &Job::silent()).unwrap();
        assert!(missing(&absent).unwrap().contains("no-such-cc (the compiler)"));
        let found = super::tools(&BTreeMap::new(), &Job::silent()).unwrap();
        let tools = &found.tools;
        assert!(tools.compiler == "gcc" && tools.compiler_version.0 >= 8 && tools.linker_version.0 == 2, "{found:?}");
        assert!(found.compiler.contains("gcc") && found.linker.contains("ld"), "{found:?}");
        let error = super::tools(&make(&[("CC", "no-such-cc")]), &Job::silent()).unwrap_err().to_string();
        assert!(error.contains("no-such-cc is not installed"), "{error}");
    }
}
