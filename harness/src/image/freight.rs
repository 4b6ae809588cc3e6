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

/// The tar and the command that takes it on its standard input, for a user who is root or becomes it by sudo.
///
/// # Errors
/// Where the tar cannot be made, which only a name that is too long brings about.
pub fn pack(
    agent: &[u8],
    config: &str,
    program: &Packed,
    files: &[Entry],
    user: &str,
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
    let files = || files.iter().enumerate();
    for (number, file) in files() {
        if let Content::File(bytes) = &file.content {
            add(&format!("file-{number}"), file.mode, bytes)?;
        }
    }
    let places: Vec<(String, &str)> =
        files().map(|(number, file)| (format!("file-{number}"), file.path.as_str())).collect();
    add("start", 0o755, start(&program.path, &places).as_bytes())?;
    let input = tar.into_inner().at("pack", Path::new("what is brought into the guest"))?;
    let sudo = if user == "root" { "" } else { "sudo -n " };
    Ok((input, format!("mkdir -p {PLACE} && tar -x -f - -C {PLACE} && {sudo}sh {PLACE}/start")))
}

/// The script that puts everything in place and starts the agent. A second time it does nothing.
fn start(program: &str, files: &[(String, &str)]) -> String {
    let properties: Vec<String> = PROPERTIES.iter().map(|property| format!("--property={property}")).collect();
    let variable = oomph_wire::page::GUEST_VARIABLE;
    let config = oomph_wire::config::PATH;
    let own = ("program".to_owned(), program);
    let put = |(name, place): &(String, &str)| {
        let folder = place.rsplit_once('/').map_or("/", |(folder, _)| folder);
        format!("mkdir -p {}\nmv -f {PLACE}/{name} {}\n", quoted(&format!("{folder}/")), quoted(place))
    };
    let put: String = [own].iter().chain(files).map(put).collect();
    format!(
        "set -e\n\
         systemctl -q is-active {UNIT} && exit 0\n\
         mkdir -p /run/oomph\n\
         mount -o remount,exec /run 2>/dev/null || true\n\
         mv -f {PLACE}/agent {AGENT}\n\
         mv -f {PLACE}/config {config}\n\
         {put}\
         rm -rf {PLACE}\n\
         exec systemd-run --quiet --unit={UNIT} --setenv={variable}=1 {} {AGENT} agent\n",
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

    #[test]
    fn agent_configuration_and_workload_are_in_it() {
        let program = Packed::embedded("r", b"workload");
        let file = Entry { path: "/etc/my.conf".into(), mode: 0o600, content: Content::File(b"mine".to_vec()) };
        let (tar, command) = pack(b"agent", "probe name=beat\n", &program, &[file], "root").unwrap();
        let mut found = Vec::new();
        for entry in tar::Archive::new(&*tar).entries().unwrap() {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            found.push((entry.path().unwrap().display().to_string(), entry.header().mode().unwrap(), text));
        }
        let names: Vec<&str> = found.iter().map(|(name, ..)| name.as_str()).collect();
        assert_eq!(names, ["agent", "config", "program", "file-0", "start"]);
        assert_eq!((found[3].1, found[3].2.as_str()), (0o600, "mine"));
        assert_eq!((found[0].1, found[1].2.as_str(), found[2].2.as_str()), (0o755, "probe name=beat\n", "workload"));
        let script = &found[4].2;
        assert!(script.contains("mkdir -p '/etc/'\nmv -f /tmp/oomph-bring/file-0 '/etc/my.conf'\n"), "{script}");
        assert!(script.contains("mv -f /tmp/oomph-bring/program '/work/r'\n"), "{script}");
        assert!(script.contains("--property=OOMScoreAdjust=-1000 --property=OOMPolicy=continue"), "{script}");
        assert!(script.ends_with("/run/oomph/agent agent\n") && command.ends_with(" && sh /tmp/oomph-bring/start"));
    }

    #[test]
    fn any_name_is_one_word() {
        assert_eq!(quoted("/work/it's x"), r"'/work/it'\''s x'");
    }

    #[test]
    fn who_is_not_root_becomes_it() {
        let (_, command) = pack(b"", "", &Packed::embedded("r", b""), &[], "debian").unwrap();
        assert!(command.ends_with(" && sudo -n sh /tmp/oomph-bring/start"), "{command}");
    }
}
