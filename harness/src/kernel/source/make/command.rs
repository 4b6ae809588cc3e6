//! The command line and the environment of make.
//! Lives here: what makes the result depend on the tree, the .config and the variables alone.
//! May not live here: variables that old trees need (`compat`).

use super::Make;
use crate::kernel::child;
use std::ffi::OsString;

/// Variables of the caller's environment that make gets. All else could change what comes out without being in the key:
/// kbuild reads `KCFLAGS`, `CROSS_COMPILE`, `MAKEFLAGS` and many more from it.
const KEPT: [&str; 7] = ["PATH", "HOME", "TMPDIR", "LD_LIBRARY_PATH", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "USER"];
/// Those of ccache, which only decide where it keeps what.
const KEPT_PREFIX: &str = "CCACHE_";

/// What every build has in its environment (Documentation/kbuild/reproducible-builds.rst, kbuild.rst). The date is a
/// constant: a build's key says what is in it, and nothing may differ beside.
const FIXED: [(&str, &str); 7] = [
    ("LC_ALL", "C"),
    ("TZ", "UTC"),
    ("KBUILD_BUILD_TIMESTAMP", "Sat Jan  1 00:00:00 UTC 2000"),
    ("SOURCE_DATE_EPOCH", "946684800"),
    ("KBUILD_BUILD_USER", "oomph"),
    ("KBUILD_BUILD_HOST", "oomph"),
    ("KBUILD_BUILD_VERSION", "1"),
];

/// The environment: what is kept of the caller's, and what is fixed.
pub(super) fn environment() -> Vec<(OsString, OsString)> {
    let kept = |name: &OsString| {
        let name = name.to_string_lossy();
        KEPT.contains(&&*name) || name.starts_with(KEPT_PREFIX)
    };
    let fixed = FIXED.map(|(name, value)| (name.into(), value.into()));
    std::env::vars_os().filter(|(name, _)| kept(name)).chain(fixed).collect()
}

/// Whether ccache is there.
pub(super) fn has_ccache() -> bool {
    child::find("ccache", "ccache").is_ok()
}

/// The arguments. `ARCH=x86_64` makes 64-bit kernels of `tinyconfig` too (arch/x86/Kconfig asks only where it is `x86`),
/// and `LOCALVERSION=` keeps the state of a git repository out of the release (scripts/setlocalversion).
pub(super) fn arguments(make: &Make, targets: &[&str], jobs: usize, ccache: bool) -> Vec<OsString> {
    let mut variables = make.variables.clone();
    variables.entry("ARCH".into()).or_insert_with(|| "x86_64".into());
    variables.entry("LOCALVERSION".into()).or_default();
    if ccache && !variables.contains_key("CC") && !variables.contains_key("LLVM") {
        variables.insert("CC".into(), "ccache gcc".into());
    }
    let mut arguments: Vec<OsString> = vec!["-C".into(), make.tree.clone().into(), format!("-j{jobs}").into()];
    let mut output = OsString::from("O=");
    output.push(&make.output);
    arguments.push(output);
    arguments.extend(variables.into_iter().map(|(name, value)| format!("{name}={value}").into()));
    arguments.extend(targets.iter().map(Into::into));
    arguments
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(variables: &[(&str, &str)], ccache: bool) -> String {
        let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let make = Make { tree: "/t".into(), output: "/o".into(), variables };
        let words = arguments(&make, &["bzImage", "modules"], 2, ccache);
        words.iter().map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn variables_come_before_targets() {
        assert_eq!(line(&[], false), "-C /t -j2 O=/o ARCH=x86_64 LOCALVERSION= bzImage modules");
        let text = line(&[("KCFLAGS", "-g -O1"), ("LOCALVERSION", "-x")], false);
        assert_eq!(text, "-C /t -j2 O=/o ARCH=x86_64 KCFLAGS=-g -O1 LOCALVERSION=-x bzImage modules");
    }

    #[test]
    fn ccache_stands_before_the_default_compiler_only() {
        assert!(line(&[], true).contains(" CC=ccache gcc "));
        assert!(line(&[("CC", "gcc-9")], true).contains(" CC=gcc-9 "));
        assert!(!line(&[("LLVM", "1")], true).contains("CC="));
    }

    #[test]
    fn the_environment_is_fixed() {
        let environment = environment();
        let get = |name: &str| environment.iter().rfind(|(known, _)| known == name).map(|(_, value)| value.clone());
        assert_eq!(get("LC_ALL"), Some("C".into()));
        assert_eq!(get("KBUILD_BUILD_HOST"), Some("oomph".into()));
        assert!(get("PATH").is_some());
        // Set by cargo for every test.
        assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some() && get("CARGO_MANIFEST_DIR").is_none());
    }
}
