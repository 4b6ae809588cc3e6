//! What is brought into a system on a disk: the agent, its configuration, the workload, and how they are put in place.
//! Lives here: the tar and the commands (pure).
//! May not live here: the way into the guest (`vm::login`), or what the agent makes of it.
//!
//! The agent runs as a unit that systemd leaves alone: it is exempt from the OOM killer, has no bounds, and lives on when something in
//! its group is killed. It lies on /run, which is memory, so that no disk is waited for to start a probe; the workload lies on the root.

use super::error::Error;
use super::initramfs::{Content, Entry};
use super::program::Packed;
use crate::kernel::At;
use std::path::Path;

/// Where everything lies until it is in place.
const PLACE: &str = "/tmp/oomph-bring";
/// The unit.
const UNIT: &str = "oomph-agent";
/// The agent in the guest.
const AGENT: &str = "/run/oomph/agent";
/// What the unit is given, each with its reason.
const PROPERTIES: [&str; 9] = [
    // As PID 1 of the minimal image: never a victim. The workload is put back to 0 by its launcher.
    "OOMScoreAdjust=-1000",
    // Of systemd's own: a victim in the unit would end all of it (DefaultOOMPolicy=stop).
    "OOMPolicy=continue",
    // A workload may have more tasks than a unit's share (DefaultTasksMax=15 %).
    "TasksMax=infinity",
    "LimitMEMLOCK=infinity",
    "LimitNPROC=infinity",
    "LimitNOFILE=1048576",
    // Its groups are its own: a workload may make some.
    "Delegate=yes",
    // Not the journal: its daemon may be the one that waits for memory.
    "StandardOutput=file:/dev/console",
    "StandardError=file:/dev/console",
];

/// Units of a system that was not made for this which are taken down first: the serial ports are the harness's.
const GETTYS: &str = "serial-getty@ttyS0.service serial-getty@ttyS1.service serial-getty@ttyS2.service";

/// The system that it is brought into.
#[derive(Clone, Copy, Debug)]
pub struct System<'a> {
    /// Who logs in: root, or one who becomes it by sudo.
    pub user: &'a str,
    /// Whether it was not made for this.
    pub foreign: bool,
    /// Modules that it is to load itself.
    pub modules: &'a [String],
}

/// The tar and the command that takes it on its standard input.
///
/// # Errors
/// Where the tar cannot be made, which only a name that is too long brings about.
pub fn pack(
    agent: &[u8],
    config: &str,
    program: &Packed,
    files: &[Entry],
    system: &System<'_>,
) -> Result<(Vec<u8>, String), Error> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut add = |name: &str, mode: u32, bytes: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(bytes.len() as u64);
        header.set_mode(mode);
        header.set_mtime(0);
        tar.append_data(&mut header, name, bytes).at("pack", Path::new(name))
    };
    add("agent", 0o755, agent)?;
    add("config", 0o644, config.as_bytes())?;
    let own = program.entries.iter().find(|entry| entry.path == program.path);
    if let Some(Entry { content: Content::File(bytes), .. }) = own {
        add("program", 0o755, bytes)?;
    }
    for (number, file) in files.iter().enumerate() {
        if let Content::File(bytes) = &file.content {
            add(&format!("file-{number}"), 0o600, bytes)?;
        }
    }
    add("start", 0o755, start(&program.path, files, system).as_bytes())?;
    let input = tar.into_inner().at("pack", Path::new("what is brought into the guest"))?;
    Ok((input, command(system.user)))
}

/// What takes the tar. The user's shell may be any, so it is given one word. The first line that it writes is told when it fails.
fn command(user: &str) -> String {
    let (check, sudo) = match user {
        "root" => (String::new(), ""),
        user => (
            format!(
                "out=$(sudo -n true 2>&1 </dev/null) || {{ echo \"{user} is not root and does not become it without a password (sudo: \
                 $out); expected root, or a line {user} ALL=(ALL) NOPASSWD: ALL in the system's sudoers\"; exit 77; }}; "
            ),
            "sudo -n ",
        ),
    };
    let script = format!("{check}mkdir -p {PLACE} && tar -x -f - -C {PLACE} && {sudo}sh {PLACE}/start");
    format!("sh -c {}", quoted(&script))
}

/// What sends files of the guest to who has logged in: `user` of a system, or root of the minimal image, whose server has a root of its own.
pub fn send_command(user: Option<&str>, paths: &[String]) -> String {
    let variable = oomph_wire::page::GUEST_VARIABLE;
    let begin = match user {
        None => format!("{variable}=1 exec /proc/1/exe"),
        Some("root") => format!("{variable}=1 exec {AGENT}"),
        Some(_) => format!("exec sudo -n env {variable}=1 {AGENT}"),
    };
    let paths: String = paths.iter().map(|path| format!(" {}", quoted(path))).collect();
    format!("sh -c {}", quoted(&format!("{begin} send{paths}")))
}

/// What a system that was not made for this is asked first, and what of it would be in the way.
fn make_fit(modules: &[String]) -> String {
    let modules: String = modules.iter().map(|module| format!("modprobe {}\n", quoted(module))).collect();
    format!(
        "for tool in systemctl systemd-run install; do\n\
         command -v $tool >/dev/null || {{ echo \"the system has no $tool; expected one with systemd\"; exit 1; }}\n\
         done\n\
         for port in ttyS0 ttyS1 ttyS2; do\n\
         [ -c /dev/$port ] || {{ echo \"the system has no /dev/$port; expected 8250.nr_uarts=4 on its kernel's command line\"; exit 1; }}\n\
         done\n\
         {modules}\
         systemctl mask --runtime --now {GETTYS} >/dev/null 2>&1 || true\n\
         systemctl stop '*.timer' >/dev/null 2>&1 || true\n"
    )
}

/// The script that puts everything in place and starts the agent. A second time it does nothing.
fn start(program: &str, files: &[Entry], system: &System<'_>) -> String {
    let make_fit = if system.foreign { make_fit(system.modules) } else { String::new() };
    let properties: Vec<String> = PROPERTIES.iter().map(|property| format!("--property={property}")).collect();
    let put = files.iter().enumerate().map(|(number, file)| {
        let place = quoted(&file.path);
        format!("install -D -m {:o} {PLACE}/file-{number} {place}\n", file.mode)
    });
    let put: String = put.collect();
    let variable = oomph_wire::page::GUEST_VARIABLE;
    let (folder, config) = (Path::new(program).parent().unwrap_or(Path::new("/")).display(), oomph_wire::config::PATH);
    format!(
        "set -e\n\
         systemctl -q is-active {UNIT} && exit 0\n\
         {make_fit}\
         chown -R 0:0 {PLACE}\n\
         mkdir -p /run/oomph {folder}\n\
         mount -o remount,exec /run 2>/dev/null || true\n\
         mv -f {PLACE}/agent {AGENT}\n\
         mv -f {PLACE}/config {config}\n\
         mv -f {PLACE}/program {}\n\
         {put}\
         rm -rf {PLACE}\n\
         exec systemd-run --quiet --unit={UNIT} --setenv={variable}=1 {} {AGENT} agent\n",
        quoted(program),
        properties.join(" ")
    )
}

/// A word of a shell's.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', "'\\''"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Read;

    fn system(user: &str) -> System<'_> {
        System { user, foreign: false, modules: &[] }
    }

    #[test]
    fn agent_configuration_and_workload_are_in_it() {
        let program = Packed::embedded("r", b"workload");
        let conf = Entry { mode: 0o640, ..Entry::file("/etc/my conf", b"x".to_vec()) };
        let (tar, command) = pack(b"agent", "probe name=beat\n", &program, &[conf], &system("root")).unwrap();
        let mut found = Vec::new();
        for entry in tar::Archive::new(&*tar).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), text));
        }
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["agent", "config", "program", "file-0", "start"]);
        assert_eq!((found[0].1, found[1].2.as_str(), found[2].2.as_str()), (0o755, "probe name=beat\n", "workload"));
        let script = &found[4].2;
        assert!(script.contains("\ninstall -D -m 640 /tmp/oomph-bring/file-0 '/etc/my conf'\nrm -rf "), "{script}");
        assert!(script.contains("mv -f /tmp/oomph-bring/program '/work/r'\n"), "{script}");
        assert!(script.contains("--property=OOMScoreAdjust=-1000 --property=OOMPolicy=continue"), "{script}");
        assert!(script.ends_with("/run/oomph/agent agent\n") && command.ends_with(" && sh /tmp/oomph-bring/start'"));
    }

    #[test]
    fn a_sender_is_the_agents_program() {
        let paths = ["/a b".to_owned()];
        let minimal = send_command(None, &paths);
        assert!(
            minimal.starts_with("sh -c 'OOMPH_GUEST=1 exec /proc/1/exe send ") && minimal.contains("/a b"),
            "{minimal}"
        );
        assert!(send_command(Some("root"), &paths).contains("OOMPH_GUEST=1 exec /run/oomph/agent send "));
        assert!(send_command(Some("me"), &paths).contains("exec sudo -n env OOMPH_GUEST=1 /run/oomph/agent send "));
    }

    #[test]
    fn any_name_is_one_word() {
        assert_eq!(quoted("/work/it's x"), r"'/work/it'\''s x'");
    }

    #[test]
    fn who_is_not_root_becomes_it() {
        let (_, command) = pack(b"", "", &Packed::embedded("r", b""), &[], &system("debian")).unwrap();
        assert!(command.ends_with(" && sudo -n sh /tmp/oomph-bring/start'"), "{command}");
    }

    /// What a shell makes of the command where sudo refuses, and where a word has everything in it.
    #[test]
    fn who_cannot_become_root_is_told_so() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("sudo"), "#!/bin/sh\necho 'sudo: a password is required' >&2\nexit 1\n")
            .unwrap();
        let executable =
            std::process::Command::new("chmod").arg("755").arg(place.path().join("sudo")).status().unwrap();
        assert!(executable.success());
        let path = format!("{}:/usr/bin:/bin", place.path().display());
        let output =
            std::process::Command::new("sh").args(["-c", &command("debian")]).env("PATH", path).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(output.status.code(), Some(77));
        assert!(
            said.starts_with(
                "debian is not root and does not become it without a password (sudo: sudo: a password is required)"
            ),
            "{said}"
        );
    }

    #[test]
    fn a_foreign_system_is_made_fit_and_loads_its_own_modules() {
        let modules = ["loop".to_owned()];
        let foreign = System { foreign: true, modules: &modules, ..system("root") };
        let script = start("/work/r", &[], &foreign);
        let (fit, put) =
            (script.find("systemctl mask --runtime --now serial-getty@ttyS0").unwrap(), script.find("mv -f").unwrap());
        assert!(
            fit < put && script.contains("\nmodprobe 'loop'\n") && script.contains("systemctl stop '*.timer'"),
            "{script}"
        );
        let syntax = std::process::Command::new("sh").args(["-n", "-c", &script]).output().unwrap();
        assert!(syntax.status.success(), "{syntax:?}");
        assert!(!start("/work/r", &[], &system("root")).contains("timer"), "one that was made here is fit");
    }
}
