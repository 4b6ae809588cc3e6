//! The guest's configuration: `/oomph.conf`.
//! Lives here: a scenario in the words of `oomph_wire::config` (pure).
//! May not live here: what the guest makes of it, or the file's syntax.

use super::modules::LoadedModule;
use super::program::Packed;
use super::server;
use crate::scenario::{ProbeKind, Scenario};
use oomph_wire::config::{Escaped, GUEST_ADDRESS, GUEST_PREFIX};
use oomph_wire::words::source;
use std::fmt::Write;

/// Where modules lie in the initramfs.
pub(super) const MODULES: &str = "/modules";

/// The text of the guest's configuration. Modules come first, in their order; disks and settings follow.
pub fn config(scenario: &Scenario, modules: &[LoadedModule], program: &Packed) -> String {
    let mut text = module_lines(modules);
    let mut line = |word: &str, fields: &[(&str, &str)]| {
        text.push_str(word);
        for (key, value) in fields {
            // Writing into a String does not fail.
            write!(text, " {key}={}", Escaped(value.as_bytes())).unwrap_or_default();
        }
        text.push('\n');
    };
    for (name, disk) in &scenario.guest.disks {
        match &disk.mount {
            Some(mount) => line("disk", &[("name", name), ("fs", disk.filesystem.name()), ("mount", mount)]),
            None => line("swap", &[("name", name)]),
        }
    }
    if scenario.is_logged_in_to() {
        let (address, prefix) = (GUEST_ADDRESS.to_string(), GUEST_PREFIX.to_string());
        line("network", &[("address", &address), ("prefix", &prefix)]);
        line("login", &[("root", server::ROOT), ("program", server::PROGRAM)]);
        server::ARGS.iter().for_each(|value| line("login-arg", &[("value", value)]));
    }
    for (name, value) in &scenario.guest.sysctl {
        line("sysctl", &[("name", name), ("value", value)]);
    }
    for path in scenario.collect.iter().filter(|_| !scenario.fetches()) {
        line("collect", &[("path", path)]);
    }
    for probe in &scenario.probes {
        for name in probe_names(*probe, scenario) {
            line("probe", &[("name", &name)]);
        }
    }
    line("program", &[("path", &program.path)]);
    for value in &scenario.workload.args {
        line("arg", &[("value", value)]);
    }
    for (name, value) in &program.environment(&scenario.workload.env) {
        line("env", &[("name", name), ("value", value)]);
    }
    text
}

/// The same for the agent in a system on a disk: its modules are loaded before, and network and server are its own. With `own_kernel` the
/// system's bootloader has started its kernel, with a command line of its own.
pub(super) fn config_in_system(scenario: &Scenario, program: &Packed, own_kernel: bool) -> String {
    let mut scenario = scenario.clone();
    scenario.probes.retain(|probe| *probe != ProbeKind::Login);
    if scenario.fetches() {
        scenario.collect.clear();
    }
    let first = if own_kernel { "own-kernel\n" } else { "" };
    format!("{first}{}", config(&scenario, &[], program))
}

/// The line that gives the guest its address.
pub(super) fn network_line() -> String {
    format!("network address={GUEST_ADDRESS} prefix={GUEST_PREFIX}\n")
}

/// The lines of a configuration that load modules, in their order.
pub(super) fn module_lines(modules: &[LoadedModule]) -> String {
    let line = |module: &LoadedModule| {
        let optional = if module.optional { " optional=1" } else { "" };
        format!("module path={}{optional}\n", Escaped(module_path(&module.name).as_bytes()))
    };
    modules.iter().map(line).collect()
}

/// A module's place in the initramfs.
pub(super) fn module_path(name: &str) -> String {
    format!("{MODULES}/{name}.ko")
}

/// The names by which the guest knows a kind of probe: `file` stands for one of each disk that is mounted.
pub fn probe_names(probe: ProbeKind, scenario: &Scenario) -> Vec<String> {
    match probe {
        ProbeKind::Beat => vec![source::BEAT.to_owned()],
        ProbeKind::Counters => vec![source::COUNTERS.to_owned()],
        ProbeKind::Fault => vec![source::FAULT.to_owned()],
        ProbeKind::Spawn => vec![source::SPAWN.to_owned()],
        ProbeKind::File => {
            let mounted = scenario.guest.disks.iter().filter(|(_, disk)| disk.mount.is_some());
            mounted.map(|(disk, _)| format!("{}:{disk}", source::FILE)).collect()
        }
        // The host logs in; the guest has a server for it.
        ProbeKind::Login => Vec::new(),
    }
}

#[cfg(test)]
pub(super) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Rules;
    use crate::scenario::{Disk, Evidence, Filesystem, Guest, ImageSpec, KernelSpec, Program, Transport, Workload};
    use std::collections::BTreeMap;

    pub(in crate::image) fn scenario(disks: &[(&str, Filesystem)]) -> Scenario {
        let disk = |(name, filesystem): &(&str, Filesystem)| {
            let mount = filesystem.holds_files().then(|| format!("/{name}"));
            ((*name).to_owned(), Disk { filesystem: *filesystem, size: 512 << 20, mount })
        };
        Scenario {
            name: "s".into(),
            summary: String::new(),
            references: vec![],
            kernel: KernelSpec::Named("k".into()),
            guest: Guest {
                cpus: 2,
                memory: 256 << 20,
                image: ImageSpec::default(),
                transport: Transport::Serial,
                disks: disks.iter().map(disk).collect(),
                sysctl: BTreeMap::from([("vm.panic_on_oom".into(), "0".into())]),
                modules: vec![],
                cmdline: vec![],
                files: BTreeMap::new(),
            },
            workload: Workload {
                program: Program::Reproducer("r".into()),
                args: vec!["--writers".into(), "10 20%".into(), String::new()],
                env: BTreeMap::from([("A".into(), "b=c".into())]),
            },
            rules: Rules::default(),
            probes: vec![ProbeKind::Beat, ProbeKind::Counters, ProbeKind::Fault, ProbeKind::Spawn, ProbeKind::File],
            faults: vec![],
            evidence: Evidence::default(),
            collect: vec![],
            expect: vec![],
        }
    }

    #[test]
    fn a_system_has_its_own_network_and_server() {
        let mut scenario = scenario(&[("data", Filesystem::Xfs)]);
        scenario.probes.push(ProbeKind::Login);
        let text = config_in_system(&scenario, &Packed::embedded("r", b""), false);
        let own = config_in_system(&scenario, &Packed::embedded("r", b""), true);
        assert_eq!(own, format!("own-kernel\n{text}"));
        assert!(!text.contains("network ") && !text.contains("login"), "{text}");
        assert!(text.contains("disk name=data fs=xfs mount=/data\n") && text.contains("probe name=file:data\n"));
    }

    #[test]
    fn a_login_needs_a_network_and_a_server() {
        let mut scenario = scenario(&[]);
        scenario.probes = vec![ProbeKind::Beat, ProbeKind::Login];
        let text = config(&scenario, &[], &Packed::embedded("r", b""));
        let server =
            "network address=10.0.2.15 prefix=24\nlogin root=/login program=/usr/sbin/dropbear\nlogin-arg value=-F\n";
        assert!(text.starts_with(server), "{text}");
        assert!(text.contains("probe name=beat\nprogram "), "the login is the host's: {text}");
    }

    #[test]
    fn what_is_fetched_over_ssh_needs_a_server_and_no_sender() {
        let mut scenario = scenario(&[]);
        scenario.collect = vec!["/proc/vmstat".into()];
        let packed = Packed::embedded("r", b"");
        assert!(config(&scenario, &[], &packed).contains("collect path=/proc/vmstat\n"));
        scenario.guest.transport = Transport::Ssh;
        let text = config(&scenario, &[], &packed);
        assert!(text.contains("login root=/login") && !text.contains("collect"), "{text}");
        let text = config_in_system(&scenario, &packed, false);
        assert!(!text.contains("login") && !text.contains("collect"), "{text}");
    }

    #[test]
    fn a_scenario_in_the_guests_words() {
        let scenario = scenario(&[("data", Filesystem::Xfs), ("log", Filesystem::Ext4), ("more", Filesystem::Swap)]);
        let module = |name: &str, optional| LoadedModule { name: name.into(), path: "/x".into(), optional };
        let modules = [module("crc32c_generic", true), module("xfs", false)];
        let text = config(&scenario, &modules, &Packed::embedded("r", b""));
        assert_eq!(
            text,
            "module path=/modules/crc32c_generic.ko optional=1\n\
             module path=/modules/xfs.ko\n\
             disk name=data fs=xfs mount=/data\n\
             disk name=log fs=ext4 mount=/log\n\
             swap name=more\n\
             sysctl name=vm.panic_on_oom value=0\n\
             probe name=beat\nprobe name=counters\nprobe name=fault\nprobe name=spawn\n\
             probe name=file:data\nprobe name=file:log\n\
             program path=/work/r\n\
             arg value=--writers\narg value=10%2020%25\narg value=\n\
             env name=A value=b%3dc\n"
        );
        for line in text.lines() {
            assert!(oomph_wire::config::Directive::read(line).is_some());
        }
    }
}
