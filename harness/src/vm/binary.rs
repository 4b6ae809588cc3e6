//! The QEMU of this host.
//! Lives here: finding it, its version, what its build can do.
//! May not live here: running guests.

use super::Error;
use super::spec::SANDBOX;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, SystemTime};

/// The program's usual name.
pub const PROGRAM: &str = "qemu-system-x86_64";

/// Time in which QEMU must have printed its version. It takes some 50 ms; a starved host takes longer.
const DEADLINE: Duration = Duration::from_secs(30);

/// A QEMU.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qemu {
    /// The executable.
    pub program: PathBuf,
    /// The first line of `-version`.
    pub version: String,
    /// Whether the build knows `-sandbox` with all that is asked of it.
    pub sandbox: bool,
    /// When the executable was last modified: another build has another time.
    pub modified: Option<SystemTime>,
}

impl Qemu {
    /// What a usual build looks like, for command lines that are shown where no QEMU is installed.
    pub fn assumed() -> Self {
        Self { program: PROGRAM.into(), version: String::new(), sandbox: true, modified: None }
    }

    /// Finds a QEMU by name in PATH, or by path, and asks what it is.
    ///
    /// # Errors
    /// Where there is none, or it does not tell its version.
    pub async fn find(program: &Path) -> Result<Self, Error> {
        let missing = || Error::NoQemu { program: program.display().to_string() };
        let program = locate(program, std::env::var_os("PATH").as_deref()).ok_or_else(missing)?;
        let modified = std::fs::metadata(&program).and_then(|data| data.modified()).ok();
        // Options are read in their order, so a sandbox that the build lacks fails before the version is printed
        // (softmmu/vl.c, qemu_init).
        match version(&program, &["-sandbox", SANDBOX, "-version"]).await {
            Ok(version) => Ok(Self { program, version, sandbox: true, modified }),
            Err(_) => match version(&program, &["-version"]).await {
                Ok(version) => Ok(Self { program, version, sandbox: false, modified }),
                Err(detail) => Err(Error::BadQemu { program, detail }),
            },
        }
    }
}

impl Qemu {
    /// Whether it knows a machine type.
    ///
    /// # Errors
    /// Where it does not list its types.
    pub async fn has_machine(&self, machine: &str) -> Result<bool, Error> {
        let list = ask(&self.program, &["-M", "help"]).await;
        let list = list.map_err(|detail| Error::BadQemu { program: self.program.clone(), detail })?;
        Ok(list.lines().any(|line| line.split_whitespace().next() == Some(machine)))
    }
}

/// A name without a slash is looked for in PATH, as execvp(3) does.
fn locate(program: &Path, path: Option<&std::ffi::OsStr>) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    std::env::split_paths(path?).map(|directory| directory.join(program)).find(|file| file.is_file())
}

async fn version(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let text = ask(program, arguments).await?;
    match text.lines().next() {
        Some(line) if line.contains("version") => Ok(line.trim().to_owned()),
        _ => Err(format!("it printed {:?}", text.lines().next().unwrap_or_default())),
    }
}

/// What QEMU prints when it is only asked something.
async fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = tokio::process::Command::new(program);
    command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
    let output = tokio::time::timeout(DEADLINE, command.output())
        .await
        .map_err(|_| format!("no answer within {} s", DEADLINE.as_secs()))?
        .map_err(|cause| cause.to_string())?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    /// Written by a child, so that no descriptor open for writing can be inherited by a child of another test
    /// (ETXTBSY).
    fn script(directory: &Path, text: &str) -> PathBuf {
        let path = directory.join("qemu");
        let made = std::process::Command::new("sh")
            .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$1" > "$0" && chmod 755 "$0""#])
            .arg(&path)
            .arg(text)
            .status();
        assert!(made.unwrap().success());
        path
    }

    #[tokio::test]
    async fn a_build_without_sandbox_is_told_from_one_with_it() {
        let directory = tempfile::tempdir().unwrap();
        let without = script(directory.path(), "[ $1 = -version ] && echo 'QEMU emulator version 9.9'");
        let qemu = Qemu::find(&without).await.unwrap();
        assert_eq!((qemu.version.as_str(), qemu.sandbox), ("QEMU emulator version 9.9", false));
        let with = script(directory.path(), "echo 'QEMU emulator version 9.9'");
        assert!(Qemu::find(&with).await.unwrap().sandbox);
    }

    #[tokio::test]
    async fn what_is_no_qemu_is_said() {
        let directory = tempfile::tempdir().unwrap();
        let broken = script(directory.path(), "echo no >&2; exit 1");
        let error = Qemu::find(&broken).await.unwrap_err().to_string();
        assert!(error.contains("-version failed: no"), "{error}");
        let error = Qemu::find(Path::new("no-such-qemu")).await.unwrap_err().to_string();
        assert!(error.starts_with("no-such-qemu is not installed"), "{error}");
    }
}
