//! `oomph kernel` as its users call it, on a tree that make "compiles" in milliseconds.
#![allow(clippy::unwrap_used)]

use assert_cmd::assert::Assert;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A cache, a list of kernels and a gate that keeps make from compiling while it is there.
struct Place {
    directory: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        let fake = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake-linux");
        let (tree, patch) = (fake.join("tree"), fake.join("no-reap.patch"));
        let gate = place.path("gate");
        let list = format!(
            "stock: {{source: {{path: {tree}}}, config: [], make: {{GATE: {gate}}}}}\n\
             patched: {{source: {{path: {tree}}}, config: [], patches: [{patch}], make: {{GATE: {gate}}}, tags: [extra]}}\n\
             broken: {{source: {{path: {nothing}}}}}\n\
             other: {{debian: sid}}\n",
            tree = tree.display(),
            gate = gate.display(),
            patch = patch.display(),
            nothing = place.directory.path().display(),
        );
        fs::write(place.path("kernels.yaml"), list).unwrap();
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn oomph(&self, arguments: &[&str]) -> Assert {
        let mut command = assert_cmd::Command::new(env!("CARGO_BIN_EXE_oomph"));
        command.env("XDG_CACHE_HOME", self.path("cache")).arg("--kernels").arg(self.path("kernels.yaml"));
        command.arg("kernel").args(arguments).assert()
    }
}

fn stdout(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stdout).into_owned()
}

fn stderr(assert: &Assert) -> String {
    String::from_utf8_lossy(&assert.get_output().stderr).into_owned()
}

#[test]
fn a_kernel_is_built_listed_shown_and_written_out() {
    let place = Place::new();
    assert!(stdout(&place.oomph(&["list"]).success()).contains("+ no-reap  not built"));
    let absent = stderr(&place.oomph(&["path", "patched"]).code(2));
    assert!(absent.contains("patched is not here; `oomph kernel fetch patched` gets it"), "{absent}");

    let out = place.path("out");
    let built = stdout(&place.oomph(&["build", "patched", "--output", out.to_str().unwrap(), "--json"]).success());
    let built: serde_json::Value = serde_json::from_str(&built).unwrap();
    assert_eq!(built["tags"], serde_json::json!(["extra", "no-reap"]));
    assert_eq!((&built["release"], &built["build"]["patches"][0]["name"]), (&"6.1.7".into(), &"no-reap".into()));
    for file in ["bzImage", "vmlinux", "System.map", ".config", "build.json"] {
        assert!(out.join(file).is_file(), "{file}");
    }

    let image = stdout(&place.oomph(&["path", "patched"]).success());
    assert_eq!(fs::read(image.trim_end()).unwrap(), fs::read(out.join("bzImage")).unwrap());
    let shown = stdout(&place.oomph(&["show", "patched"]).success());
    assert!(shown.contains("\n  patch     no-reap (") && shown.contains("\n  compiler  gcc"), "{shown}");
    let listed = stdout(&place.oomph(&["list"]).success());
    let line = |name: &str| listed.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("patched").contains("config ") && line("stock").ends_with("not built"), "{listed}");

    let pruned = stdout(&place.oomph(&["prune", "--max-size", "0B"]).success());
    assert!(pruned.starts_with("0 B removed; "), "what was just used stays: {pruned}");
    // The list and the image of any other kernel are not touched by an error.
    let error = stderr(&place.oomph(&["build", "other"]).code(2));
    assert!(error.contains("other is no kernel from source"), "{error}");
    let error = stderr(&place.oomph(&["build", "broken"]).code(2));
    assert!(error.contains("no kernel"), "{error}");
    let error =
        stderr(&place.oomph(&["build", "patched", "--output", place.directory.path().to_str().unwrap()]).code(2));
    assert!(error.contains("is not empty and holds no kernel of oomph's"), "{error}");
}

#[test]
fn an_interrupted_build_ends_at_once_and_goes_on_later() {
    let place = Place::new();
    fs::write(place.path("gate"), "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_oomph"));
    command.env("XDG_CACHE_HOME", place.path("cache")).arg("--kernels").arg(place.path("kernels.yaml"));
    let mut build = command.args(["kernel", "build", "stock"]).stderr(Stdio::null()).spawn().unwrap();
    let log = || {
        let trees = fs::read_dir(place.path("cache/oomph/build-trees")).ok()?;
        trees.flatten().find_map(|tree| fs::read_to_string(tree.path().join("make.log")).ok())
    };
    let end = Instant::now() + Duration::from_secs(120);
    while !log().is_some_and(|log| log.contains("  CC ")) {
        assert!(Instant::now() < end, "make never began");
        std::thread::sleep(Duration::from_millis(20));
    }
    let kill = Command::new("kill").args(["-INT", &build.id().to_string()]).status().unwrap();
    assert!(kill.success());
    assert_eq!(build.wait().unwrap().code(), Some(130));
    fs::remove_file(place.path("gate")).unwrap();
    let built = place.oomph(&["build", "stock"]).success();
    assert!(!stderr(&built).contains("cut off"), "{}", stderr(&built));
}

#[test]
fn what_a_build_needs_is_told_beforehand() {
    let place = Place::new();
    let found = stdout(&place.oomph(&["build", "--check"]).success());
    assert!(found.contains("ok       gcc "), "{found}");
    let list = format!("odd: {{source: {{path: {}}}, make: {{CC: gcc-4.9}}}}\n", place.directory.path().display());
    fs::write(place.path("kernels.yaml"), list).unwrap();
    let checked = place.oomph(&["build", "odd", "--check"]).code(2);
    assert!(stdout(&checked).contains("missing  gcc-4.9 "), "{}", stdout(&checked));
    assert!(stderr(&checked).contains("apt-get install"), "{}", stderr(&checked));
}
