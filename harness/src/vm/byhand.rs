//! `command.txt`: the same machine for a person to run.
//! Lives here: the text, and quoting for a POSIX shell.
//! May not live here: writing the file.

use super::spec::overlay_by_hand;
use super::{Command, DriveSpec, Ports, Qemu, Spec};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;

impl Spec {
    /// A shell script that runs this machine by hand, with what the harness did differently in its comments.
    pub fn command_text(&self, qemu: &Qemu) -> String {
        let mut text = String::from(
            "# The run's QEMU command, for a person. Under the harness the ports led to sockets of its own; here\n\
             # ttyS0 (console) is this terminal: Ctrl-A C is QEMU's monitor, Ctrl-A B and then a key is SysRq, Ctrl-A X quits;\n\
             # ttyS1 (beat) goes to ./beat.log; ttyS2 (agent and probes) is a pty that QEMU names when it starts.\n",
        );
        if let Ok(line) = String::from_utf8(Command::Start { release_ms: 3_600_000 }.line(1)) {
            let line = line.trim_end().replace('%', "%%");
            let _ = writeln!(text, "# The workload starts when the agent is told: printf '{line}\\n' > /dev/pts/N");
        }
        for disk in &self.disks {
            text.push_str(&overlay_line(disk));
        }
        text.push_str(&self.command_line(qemu, &[]));
        text
    }

    /// A shell script that goes on by hand with a kept guest, in the folder with its files.
    pub(super) fn resume_text(&self, qemu: &Qemu) -> String {
        let kernel = if self.kernel.is_some() { "kernel.zst initrd.zst " } else { "" };
        let mut text = format!("zstd -d {kernel}state.zst\n");
        for disk in &self.disks {
            text.push_str(&overlay_line(disk));
        }
        // The sandbox allows no child.
        let qemu = Qemu { sandbox: false, ..qemu.clone() };
        text + &self.command_line(&qemu, &["-gdb", "tcp:localhost:1234", "-incoming", "exec:cat state"])
    }

    /// QEMU's command for a shell, an option a line.
    fn command_line(&self, qemu: &Qemu, more: &[&str]) -> String {
        let mut text = quote(qemu.program.as_os_str());
        for word in self.arguments(qemu, Ports::ByHand).into_iter().chain(more.iter().map(OsString::from)) {
            text.push_str(if word.to_string_lossy().starts_with('-') { " \\\n  " } else { " " });
            text.push_str(&quote(&word));
        }
        text.push('\n');
        text
    }
}

/// The command that makes a disk's overlay in the working directory.
fn overlay_line(disk: &DriveSpec) -> String {
    let format = disk.base_format;
    let (base, overlay) = (quote(disk.base.as_os_str()), quote(overlay_by_hand(disk).as_os_str()));
    format!("qemu-img create -q -f qcow2 -F {format} -b {base} {overlay}\n")
}

/// One word for a POSIX shell. Bytes that are no UTF-8 are replaced: the text is for people.
fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_./,=:@%+".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::super::spec::tests::spec;
    use super::*;
    use oomph_wire::line::Line;

    /// What a shell makes of the text's last command, one word a line.
    fn words(text: &str) -> Vec<String> {
        let script = text.replace("qemu-system-x86_64", "printf '%s\\n'").replace("qemu-img", ": qemu-img");
        let output = std::process::Command::new("sh").arg("-c").arg(&script).output().expect("a shell");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_shell_reads_back_the_very_arguments() {
        let spec = spec();
        let text = spec.command_text(&Qemu::assumed());
        let wanted = spec.arguments(&Qemu::assumed(), Ports::ByHand);
        assert_eq!(words(&text), wanted.iter().map(|word| word.to_str().unwrap().to_owned()).collect::<Vec<_>>());
        assert!(text.contains("qemu-img create -q -f qcow2 -F raw -b /c/xfs.raw data.qcow2\n"), "{text}");
    }

    #[test]
    fn the_line_for_the_agent_is_one_that_it_takes() {
        let text = spec().command_text(&Qemu::assumed());
        let line = text.lines().find(|line| line.contains("printf")).unwrap();
        assert_eq!(Line::find(line.as_bytes()).unwrap().kind, "start");
    }
}
