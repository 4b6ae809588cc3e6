//! Builds the guest's programs as static binaries and writes the Rust file that embeds them.
//! Lives here: the inner cargo call, and what makes it run again.
//! May not live here: what becomes of the programs (`src/image/programs.rs`).
//!
//! The inner cargo has a target directory of its own under OUT_DIR, so it never waits for the outer one's lock, and shares
//! its jobs (CARGO_MAKEFLAGS). It reads the workspace's lock file, which the outer cargo has checked already; an offline
//! setting in the environment (CARGO_NET_OFFLINE) or in cargo's configuration holds for both.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::{env, fs};

const TARGET: &str = "x86_64-unknown-linux-gnu";
const PROFILE: &str = "guest";
/// The flags go with an explicit target, so that build scripts of dependencies stay dynamic. A static file at a fixed
/// address needs no loader and no relocation.
const FLAGS: &str =
    "target.x86_64-unknown-linux-gnu.rustflags=[\"-Ctarget-feature=+crt-static\",\"-Crelocation-model=static\"]";
/// Folders of the workspace that the guest's programs are made of.
const SOURCES: [&str; 4] = ["images/init", "reproducers", "reproducers/catalog", "harness/wire"];

fn main() -> ExitCode {
    match build() {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("guest programs: {problem}");
            ExitCode::FAILURE
        }
    }
}

fn build() -> Result<(), String> {
    let out = PathBuf::from(variable("OUT_DIR")?);
    let harness = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let workspace = harness.parent().ok_or("the harness lies in no workspace")?;
    for path in ["Cargo.toml", "Cargo.lock", "harness/build.rs"] {
        println!("cargo::rerun-if-changed={}", workspace.join(path).display());
    }
    for source in SOURCES {
        println!("cargo::rerun-if-changed={}", workspace.join(source).join("Cargo.toml").display());
        println!("cargo::rerun-if-changed={}", workspace.join(source).join("src").display());
    }
    let reproducers = programs_in(&workspace.join("reproducers/src/bin"))?;
    let target_dir = out.join("guest");
    run_cargo(workspace, &target_dir)?;
    let file = |name: &str| target_dir.join(TARGET).join(PROFILE).join(name);
    let mut text = String::new();
    let mut line = |declaration: String| writeln!(text, "{declaration}").map_err(|error| error.to_string());
    line(format!("const INIT_FILE: &[u8] = include_bytes!({:?});", file("oomph-init")))?;
    line("const REPRODUCER_FILES: &[(&str, &[u8])] = &[".to_owned())?;
    for name in &reproducers {
        line(format!("    ({name:?}, include_bytes!({:?})),", file(name)))?;
    }
    line("];".to_owned())?;
    let path = out.join("programs.rs");
    fs::write(&path, text).map_err(|error| format!("write {}: {error}", path.display()))
}

/// Names of the programs whose sources lie in a folder, sorted.
fn programs_in(folder: &Path) -> Result<Vec<String>, String> {
    let problem = |error| format!("read {}: {error}", folder.display());
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(problem)? {
        let path = entry.map_err(problem)?.path();
        if path.extension().is_some_and(|extension| extension == "rs")
            && let Some(name) = path.file_stem()
        {
            names.push(name.to_string_lossy().into_owned());
        }
    }
    names.sort();
    Ok(names)
}

fn run_cargo(workspace: &Path, target_dir: &Path) -> Result<(), String> {
    let mut command = Command::new(variable("CARGO")?);
    command.current_dir(workspace).args(["build", "--locked", "--quiet", "--profile", PROFILE, "--target", TARGET]);
    command.args(["--package", "oomph-init", "--package", "oomph-reproducers", "--bins"]);
    command.args(["--config", FLAGS]).arg("--target-dir").arg(target_dir);
    // What the outer build was told about compilers and flags is about the harness: clippy's wrapper, coverage flags,
    // another target. Where cargo itself lives, how it reaches its registry and its jobs stay.
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_about_the_outer_build) {
            command.env_remove(name);
        }
    }
    let status = command.status().map_err(|error| format!("start {:?}: {error}", command.get_program()))?;
    if status.success() { Ok(()) } else { Err(format!("{command:?} ended with {status}")) }
}

fn is_about_the_outer_build(variable: &str) -> bool {
    const PREFIXES: [&str; 7] =
        ["CARGO_BUILD_", "CARGO_CFG_", "CARGO_FEATURE_", "CARGO_PKG_", "CARGO_PROFILE_", "CARGO_TARGET_", "DEP_"];
    const NAMES: [&str; 14] = [
        "CARGO_ENCODED_RUSTFLAGS",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_PATH",
        "CARGO_MANIFEST_LINKS",
        "CLIPPY_ARGS",
        "DEBUG",
        "HOST",
        "OPT_LEVEL",
        "OUT_DIR",
        "PROFILE",
        "RUSTC_WRAPPER",
        "RUSTC_WORKSPACE_WRAPPER",
        "RUSTFLAGS",
        "TARGET",
    ];
    PREFIXES.iter().any(|prefix| variable.starts_with(prefix)) || NAMES.contains(&variable)
}

fn variable(name: &str) -> Result<String, String> {
    env::var(name).map_err(|error| format!("{name}: {error}"))
}
