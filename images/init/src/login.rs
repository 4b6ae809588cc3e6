//! The server for logins: what an operator would knock at.
//! Lives here: its key, its own root directory, and the process that keeps it.
//! May not live here: what the server is, or logging in (both are the host's).
//!
//! The server has a root directory of its own, so that its libraries cannot meet the workload's. Its processes are no
//! children of PID 1: a keeper stands between, which reaps what they leave, so that the end of a login is never taken for
//! that of a process of the workload.

use crate::config::Server;
use crate::failure::{Failure, Step, errno_of};
use crate::probes::Probe;
use crate::{mounts, oom};
use oomph_wire::config::KEY_WORD;
use oomph_wire::page::GUEST_VARIABLE;
use oomph_wire::words::source;
use rustix::io::Errno;
use rustix::process::{Pid, WaitOptions, chroot, set_child_subreaper, wait};
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

/// What a program may be found in.
const PATH: &str = "/usr/sbin:/usr/bin:/sbin:/bin";

/// Starts the keeper of the server; it is not waited for, so that the guest is ready as soon as without it.
pub fn start(server: &Server) -> Result<Probe, Failure> {
    let step = |what: &str| format!("login: {what}");
    let root = Path::new(&server.root);
    let cmdline = fs::read_to_string("/proc/cmdline").step(|| step("read /proc/cmdline"))?;
    let key = key_of(&cmdline).ok_or_else(|| {
        let what = step(&format!("the kernel's command line has no {KEY_WORD}"));
        Failure { what, errno: Errno::NOKEY }
    })?;
    fs::write(root.join("root/.ssh/authorized_keys"), key).step(|| step("write authorized_keys"))?;
    mounts::mount_below(root)?;
    let mut command = Command::new(std::env::current_exe().step(|| step("own file"))?);
    command.arg("serve").arg(root).arg(&server.program).args(&server.args);
    command.env_clear().env(GUEST_VARIABLE, "1").stdin(Stdio::null());
    let child = command.spawn().step(|| step("start"))?;
    let pid = Pid::from_child(&child);
    let adj = oom::adj(pid.as_raw_nonzero()).step(|| step("read oom_score_adj"))?;
    Ok(Probe { name: source::LOGIN.to_owned(), pid, adj })
}

/// The line of an authorized_keys file in the kernel's command line; of several words the last, as for the kernel itself.
fn key_of(cmdline: &str) -> Option<String> {
    let word = cmdline.split_whitespace().rev().find_map(|word| word.strip_prefix(KEY_WORD))?;
    Some(format!("{}\n", word.replace(',', " ")))
}

/// The keeper's process: ends when the server does, with its exit status.
pub fn keep(root: &str, program: &str, args: &[String]) -> ExitCode {
    match serve(root, program, args) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            eprintln!("oomph-init: {}: {}", failure.what, failure.errno);
            ExitCode::FAILURE
        }
    }
}

fn serve(root: &str, program: &str, args: &[String]) -> Result<u8, Failure> {
    rustix::thread::set_name(c"oomph-login").step(|| "login: name".to_owned())?;
    set_child_subreaper(Some(rustix::process::getpid())).step(|| "login: become a subreaper".to_owned())?;
    chroot(root).step(|| format!("login: chroot {root}"))?;
    std::env::set_current_dir("/").step(|| format!("login: chdir {root}"))?;
    let mut command = Command::new(program);
    command.args(args).env_clear().env("PATH", PATH).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let server = command.spawn().map_err(|error| errno_of(&error)).step(|| format!("login: start {root}{program}"))?;
    let server = Pid::from_child(&server);
    loop {
        match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == server => {
                return Ok(status.exit_status().and_then(|code| u8::try_from(code).ok()).unwrap_or(u8::MAX));
            }
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno).step(|| "login: wait".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_is_one_word_of_the_command_line() {
        let line = "console=ttyS0 oomph.login=ssh-ed25519,AAAAC3Nz rdinit=/init\n";
        assert_eq!(key_of(line).as_deref(), Some("ssh-ed25519 AAAAC3Nz\n"));
        assert_eq!(key_of("oomph.login=a,A oomph.login=b,B").as_deref(), Some("b B\n"));
        assert_eq!(key_of("console=ttyS0 x.oomph.login=ssh-ed25519,A"), None);
    }
}
