//! What this guest is to be: the directives of /oomph.conf as values.
//! Lives here: reading them, strictly.
//! May not live here: carrying them out, or the file's syntax (`oomph_wire::config`).

use crate::failure::Failure;
use oomph_wire::config::Directive;
use rustix::io::Errno;
use std::ffi::OsString;
use std::net::Ipv4Addr;
use std::os::unix::ffi::OsStringExt;

/// All directives.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Config {
    /// What to do before probes and workload, in its order.
    pub steps: Vec<SetUp>,
    /// The root to go on in, where the system is another.
    pub root: Option<Root>,
    /// Whether the kernel has been started with words that are not the host's.
    pub own_kernel: bool,
    /// The server for logins, where there is one.
    pub login: Option<Server>,
    /// Files and directories that the host wants back.
    pub collect: Vec<OsString>,
    /// Names of probes.
    pub probes: Vec<String>,
    /// The workload's executable.
    pub program: Option<OsString>,
    /// Its arguments.
    pub args: Vec<OsString>,
    /// What its environment has besides what every workload gets.
    pub env: Vec<(OsString, OsString)>,
    /// Its working directory, where one is given.
    pub dir: Option<OsString>,
}

/// One step of the set-up.
#[derive(Debug, PartialEq, Eq)]
pub enum SetUp {
    /// Load a kernel module.
    Module {
        /// Its file.
        path: OsString,
        /// Whether the guest does without it when it does not load.
        optional: bool,
    },
    /// Mount a disk.
    Disk(Disk),
    /// Swap to the disk with this serial number.
    Swap(String),
    /// Give the network interface an address.
    Network {
        /// IPv4.
        address: Ipv4Addr,
        /// Bits of the network.
        prefix: u8,
    },
    /// Write a kernel setting.
    Sysctl {
        /// Its name, with dots.
        name: String,
        /// Its value.
        value: Vec<u8>,
    },
}

/// The server for logins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Its root directory.
    pub root: String,
    /// Its executable, in there.
    pub program: OsString,
    /// Its arguments.
    pub args: Vec<OsString>,
}

/// The root of another system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// The disk's serial number.
    pub name: String,
    /// The partition, where the filesystem has not the whole disk.
    pub partition: Option<u8>,
    /// Its filesystem's type.
    pub fs: String,
}

/// A disk to mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The disk's serial number.
    pub name: String,
    /// Its filesystem's type.
    pub fs: String,
    /// Where to mount it.
    pub mount: String,
}

impl Config {
    /// Reads the file's text. An unknown directive or a missing field is a failure that names the line.
    pub fn read(text: &str) -> Result<Self, Failure> {
        let mut config = Self::default();
        for (index, line) in text.lines().enumerate() {
            if let Some(directive) = Directive::read(line) {
                config.take(&directive).map_err(|problem| Failure {
                    what: format!("{}:{}: {}: {problem}", oomph_wire::config::PATH, index + 1, directive.word),
                    errno: Errno::INVAL,
                })?;
            }
        }
        Ok(config)
    }

    fn take(&mut self, directive: &Directive<'_>) -> Result<(), String> {
        let bytes = |key: &str| {
            let value = directive.get(key).ok_or_else(|| format!("field {key}= is missing"))?;
            Ok::<_, String>(value.collect::<Vec<u8>>())
        };
        let os = |key| bytes(key).map(OsString::from_vec);
        let text = |key| String::from_utf8(bytes(key)?).map_err(|_| format!("{key} is not UTF-8"));
        match directive.word {
            "module" => {
                let optional = directive.get("optional").is_some_and(|value| value.eq(*b"1"));
                self.steps.push(SetUp::Module { path: os("path")?, optional });
            }
            "disk" => {
                self.steps.push(SetUp::Disk(Disk { name: text("name")?, fs: text("fs")?, mount: text("mount")? }));
            }
            "swap" => self.steps.push(SetUp::Swap(text("name")?)),
            "sysctl" => self.steps.push(SetUp::Sysctl { name: text("name")?, value: bytes("value")? }),
            "network" => {
                let address = text("address")?.parse().map_err(|_| "address is not IPv4")?;
                let prefix = text("prefix")?.parse().ok().filter(|bits| *bits <= 32).ok_or("prefix is not 0 to 32")?;
                self.steps.push(SetUp::Network { address, prefix });
            }
            "root" => {
                let number = |value: String| value.parse().ok().filter(|number| *number > 0);
                let partition = match directive.get("partition") {
                    Some(_) => Some(number(text("partition")?).ok_or("partition is not 1 to 255")?),
                    None => None,
                };
                self.root = Some(Root { name: text("name")?, partition, fs: text("fs")? });
            }
            "own-kernel" => self.own_kernel = true,
            "login" => self.login = Some(Server { root: text("root")?, program: os("program")?, args: Vec::new() }),
            "login-arg" => self.login.as_mut().ok_or("no login comes before it")?.args.push(os("value")?),
            "collect" => self.collect.push(os("path")?),
            "probe" => self.probes.push(text("name")?),
            "program" => self.program = Some(os("path")?),
            "arg" => self.args.push(os("value")?),
            "env" => self.env.push((os("name")?, os("value")?)),
            "dir" => self.dir = Some(os("path")?),
            _ => return Err("unknown directive".to_owned()),
        }
        Ok(())
    }

    /// The disks, in their order.
    pub fn disks(&self) -> impl Iterator<Item = &Disk> {
        self.steps.iter().filter_map(|step| if let SetUp::Disk(disk) = step { Some(disk) } else { None })
    }

    /// The workload's working directory.
    pub fn working_directory(&self) -> OsString {
        let disk = || self.disks().next().map(|disk| OsString::from(&disk.mount));
        self.dir.clone().or_else(disk).unwrap_or_else(|| OsString::from("/"))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn reads_every_directive() {
        let text = "# made by a test\n\nown-kernel\nmodule path=/modules/xfs.ko\nmodule path=/modules/fast.ko optional=1\n\
            disk name=data fs=xfs mount=/data\nswap name=more\nsysctl name=vm.panic_on_oom value=0\n\
            network address=10.0.2.15 prefix=24\nlogin root=/login program=/usr/sbin/dropbear\nlogin-arg value=-F\n\
            collect path=/proc/vmstat\nprobe name=file:data\n\
            program path=/bin/xfs-inode-mutex\narg value=--file%3dsame\nenv name=A value=b%20c\n";
        let config = Config::read(text).unwrap();
        let disk = Disk { name: "data".into(), fs: "xfs".into(), mount: "/data".into() };
        assert_eq!(
            config.steps,
            [
                SetUp::Module { path: "/modules/xfs.ko".into(), optional: false },
                SetUp::Module { path: "/modules/fast.ko".into(), optional: true },
                SetUp::Disk(disk),
                SetUp::Swap("more".into()),
                SetUp::Sysctl { name: "vm.panic_on_oom".into(), value: b"0".to_vec() },
                SetUp::Network { address: [10, 0, 2, 15].into(), prefix: 24 },
            ]
        );
        let server = config.login.as_ref().unwrap();
        assert_eq!((server.root.as_str(), server.program.to_str()), ("/login", Some("/usr/sbin/dropbear")));
        assert_eq!(server.args, ["-F"]);
        assert!(config.own_kernel && !Config::default().own_kernel);
        assert_eq!(config.collect, ["/proc/vmstat"]);
        assert_eq!(config.probes, ["file:data"]);
        assert_eq!(config.args, ["--file=same"]);
        assert_eq!(config.env, [("A".into(), "b c".into())]);
        assert_eq!(config.working_directory(), "/data");
    }

    #[test]
    fn the_working_directory_can_be_given_or_fall_back() {
        assert_eq!(Config::read("dir path=/tmp\ndisk name=d fs=xfs mount=/d").unwrap().working_directory(), "/tmp");
        assert_eq!(Config::default().working_directory(), "/");
    }

    #[test]
    fn a_root_has_a_disk_or_a_partition_of_it() {
        let root = |text| Config::read(text).unwrap().root.unwrap();
        let whole = Root { name: "r".into(), partition: None, fs: "xfs".into() };
        assert_eq!(root("root name=r fs=xfs"), whole);
        assert_eq!(root("root name=r fs=xfs partition=3"), Root { partition: Some(3), ..whole });
    }

    #[test]
    fn a_wrong_line_is_named() {
        let what = |text| Config::read(text).unwrap_err().what;
        assert_eq!(what("probe name=beat\nmoduel path=/x"), "/oomph.conf:2: moduel: unknown directive");
        assert_eq!(what("disk name=data fs=xfs"), "/oomph.conf:1: disk: field mount= is missing");
        assert_eq!(what("network address=10.0.2 prefix=24"), "/oomph.conf:1: network: address is not IPv4");
        assert_eq!(what("network address=10.0.2.15 prefix=33"), "/oomph.conf:1: network: prefix is not 0 to 32");
        assert_eq!(what("root name=r partition=0 fs=xfs"), "/oomph.conf:1: root: partition is not 1 to 255");
        assert_eq!(what("root name=r"), "/oomph.conf:1: root: field fs= is missing");
        assert_eq!(what("login-arg value=-F"), "/oomph.conf:1: login-arg: no login comes before it");
        assert_eq!(what("probe name=%ff"), "/oomph.conf:1: probe: name is not UTF-8");
    }
}
