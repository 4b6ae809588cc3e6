//! Which packages a system is made of (pure).
//! Lives here: what every system has, reading what apt would install.
//! May not live here: calling apt or mmdebstrap (`bootstrap`).

use crate::scenario::{DebianImage, ImageKernel};
use serde::{Deserialize, Serialize};

/// What a login over ssh into a system with systemd takes, and nothing else.
const BASE: [&str; 5] = ["systemd", "systemd-sysv", "udev", "kmod", "openssh-server"];
/// Debian's default kernel for 64-bit PCs.
pub const KERNEL: &str = "linux-image-amd64";
/// What a bootstrap has anyway, in apt's patterns (apt-patterns(7)).
const BOOTSTRAPPED: [&str; 3] = ["?essential", "?priority(required)", "apt"];
/// bookworm's essential packages ask for one of these two. The first moves files at its installation, for which it brings perl; the
/// second only says that there is nothing to move, as in what is bootstrapped here.
const MOVES: &str = "usrmerge";
const MOVED: &str = "usr-is-merged";

/// A package that is installed.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl Package {
    /// This version and no other, as apt takes it.
    pub fn exactly(&self) -> String {
        format!("{}={}", self.name, self.version)
    }
}

/// The packages that are asked for by name, sorted.
pub fn wanted(image: &DebianImage) -> Vec<String> {
    let kernel = (image.kernel == ImageKernel::Own).then_some(KERNEL);
    let mut wanted: Vec<String> = BASE.into_iter().chain(kernel).map(str::to_owned).collect();
    wanted.extend(image.packages.iter().cloned());
    wanted.sort();
    wanted.dedup();
    wanted
}

/// What apt is asked to install in a system of nothing.
pub fn question(wanted: &[String]) -> Vec<String> {
    BOOTSTRAPPED.iter().map(|pattern| (*pattern).to_owned()).chain(wanted.iter().cloned()).collect()
}

/// What apt would install, from the output of `apt-get --simulate install`; sorted by name.
pub fn read(output: &str) -> Vec<Package> {
    let package = |line: &str| {
        let (name, rest) = line.strip_prefix("Inst ")?.split_once(' ')?;
        let version = rest.split_once('(')?.1.split([' ', ')']).next()?;
        Some(Package { name: name.to_owned(), version: version.to_owned() })
    };
    let mut packages: Vec<Package> = output.lines().filter_map(package).collect();
    packages.sort();
    packages
}

/// What to ask for besides, so that less is installed.
pub fn instead(packages: &[Package]) -> Option<&'static str> {
    packages.iter().any(|package| package.name == MOVES).then_some(MOVED)
}

/// Major and minor of a kernel package's version.
pub fn kernel_version(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split(['.', '-', '+', '~']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// The packages of a system, from its dpkg's status file; sorted by name.
pub fn installed(status: &str) -> Vec<Package> {
    let stanza = |stanza: &str| {
        let field = |name: &str| {
            let mut values = stanza.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
            values.next().map(str::to_owned)
        };
        let whole = field("Status").is_some_and(|status| status == "install ok installed");
        whole.then(|| Some(Package { name: field("Package")?, version: field("Version")? })).flatten()
    };
    let mut packages: Vec<Package> = status.split("\n\n").filter_map(stanza).collect();
    packages.sort();
    packages
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn package(name: &str, version: &str) -> Package {
        Package { name: name.into(), version: version.into() }
    }

    #[test]
    fn what_apt_would_install_is_read() {
        let output = "NOTE: This is only a simulation!\nInst libc6 (2.36-9 Debian:12.15/oldstable [amd64]) []\n\
            Inst apt [1.0] (2.6.1 Debian:12.15/oldstable [amd64])\nConf libc6 (2.36-9 Debian:12.15/oldstable [amd64])\n";
        let read = read(output);
        assert_eq!(read, [package("apt", "2.6.1"), package("libc6", "2.36-9")]);
        assert_eq!(instead(&read), None);
        assert_eq!(instead(&[package("usrmerge", "37")]), Some("usr-is-merged"));
    }

    #[test]
    fn a_kernels_package_says_its_version() {
        assert_eq!(kernel_version("6.12.57-1~deb13u1"), Some((6, 12)));
        assert_eq!(kernel_version("six"), None);
    }

    #[test]
    fn what_is_installed_is_read() {
        let status = "Package: b\nStatus: install ok installed\nVersion: 2\nDescription: x\n Version: 9\n\n\
            Package: gone\nStatus: deinstall ok config-files\nVersion: 1\n\nPackage: a\nStatus: install ok installed\nVersion: 1:1-1\n";
        assert_eq!(installed(status), [package("a", "1:1-1"), package("b", "2")]);
    }

    #[test]
    fn a_kernel_of_its_own_is_a_package_more() {
        let plain = DebianImage { packages: vec!["udev".into(), "jq".into()], ..DebianImage::of("bookworm") };
        assert_eq!(wanted(&plain), ["jq", "kmod", "openssh-server", "systemd", "systemd-sysv", "udev"]);
        let own = DebianImage { kernel: ImageKernel::Own, ..plain };
        assert!(wanted(&own).contains(&"linux-image-amd64".to_owned()));
        assert_eq!(question(&["x".into()]), ["?essential", "?priority(required)", "apt", "x"]);
    }
}
