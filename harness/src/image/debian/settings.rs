//! What is changed in a system after its packages are installed.
//! Lives here: its configuration, the units that are off, each with its reason.
//! May not live here: packages, filesystems, or the key of a run (it is on the kernel's command line).

use super::tree::Tree;
use crate::image::error::Error;
use std::path::Path;

/// The filesystem's label.
pub const LABEL: &str = "oomph-root";
/// The guest's address in QEMU's user network, and its way out (QEMU's documentation, "Using the user mode network stack").
const NETWORK: &str = "[Match]\nType=ether\n\n[Network]\nAddress=10.0.2.15/24\nGateway=10.0.2.2\nLinkLocalAddressing=no\nIPv6AcceptRA=no\n";
/// Status lines would come between the kernel's on the console.
const MANAGER: &str = "[Manager]\nShowStatus=no\n";
/// Only keys, no name server; the key comes with each boot.
const SSHD: &str = "PermitRootLogin prohibit-password\nPasswordAuthentication no\nUseDNS no\n";

/// Units that are masked where they are there.
const OFF: [&str; 41] = [
    // The serial ports are the harness's: console, beat and agent.
    "getty@.service",
    "getty-static.service",
    "serial-getty@.service",
    "console-getty.service",
    "container-getty@.service",
    "getty.target",
    "systemd-ask-password-console.path",
    "systemd-ask-password-wall.path",
    // What would begin in the middle of a run, by the clock.
    "apt-daily.timer",
    "apt-daily-upgrade.timer",
    "dpkg-db-backup.timer",
    "e2scrub_all.timer",
    "e2scrub_reap.service",
    "fstrim.timer",
    "logrotate.timer",
    "man-db.timer",
    "systemd-tmpfiles-clean.timer",
    // A clock that jumps would void the guest's times.
    "systemd-timesyncd.service",
    // What is done once in a system's life, and was done when it was made; under emulation each takes seconds.
    "systemd-firstboot.service",
    "systemd-hwdb-update.service",
    "systemd-journal-catalog-update.service",
    "systemd-machine-id-commit.service",
    "systemd-sysusers.service",
    "systemd-update-done.service",
    "systemd-repart.service",
    "ldconfig.service",
    // What a virtual machine that is thrown away has no use for.
    "systemd-binfmt.service",
    "systemd-boot-system-token.service",
    "systemd-networkd-wait-online.service",
    "systemd-pcrphase-sysinit.service",
    "systemd-pcrphase.service",
    "systemd-pstore.service",
    "systemd-random-seed.service",
    "systemd-update-utmp.service",
    "systemd-update-utmp-runlevel.service",
    "proc-sys-fs-binfmt_misc.automount",
    "sys-fs-fuse-connections.mount",
    "sys-kernel-config.mount",
    "dev-hugepages.mount",
    "dev-mqueue.mount",
    "kmod-static-nodes.service",
];
/// What cannot work without dbus.
const NEEDS_DBUS: [&str; 1] = ["systemd-logind.service"];
/// Where units lie.
const UNITS: [&str; 2] = ["usr/lib/systemd/system", "lib/systemd/system"];

/// Whether a place is left out of a system: package lists and caches, what mmdebstrap leaves, the way to the mirrors, logs.
pub fn is_left_out(path: &Path) -> bool {
    const INSIDE: [&str; 6] =
        ["var/lib/apt/lists", "var/cache/apt", "var/lib/ucf/cache", "var/log/apt", "run", "etc/apt/sources.list.d"];
    const FILES: [&str; 6] = [
        "etc/apt/sources.list",
        "etc/apt/apt.conf.d/99mmdebstrap",
        "etc/dpkg/dpkg.cfg.d/99mmdebstrap",
        "var/log/dpkg.log",
        "var/log/bootstrap.log",
        "var/log/alternatives.log",
    ];
    let inside = |directory: &&str| path.starts_with(directory) && path != Path::new(*directory);
    INSIDE.iter().any(inside) || FILES.iter().any(|file| path == Path::new(*file))
}

/// Changes a system: network, sshd, units that are off.
///
/// # Errors
/// Where its files cannot be written, or it has no systemd or no sshd.
pub fn apply(tree: &mut Tree, filesystem: &str) -> Result<(), Error> {
    let units = UNITS.into_iter().find(|units| tree.has(&format!("{units}/basic.target")));
    let (Some(units), true) = (units, tree.has("usr/sbin/sshd")) else {
        return Err(Error::NotMade { program: "mmdebstrap", why: "the system has no systemd or no sshd".into() });
    };
    tree.write("etc/fstab", &format!("LABEL={LABEL} / {filesystem} defaults 0 0\n"))?;
    tree.write("etc/hostname", "oomph\n")?;
    tree.write("etc/hosts", "127.0.0.1 localhost\n127.0.1.1 oomph\n")?;
    // A system that has none is in its first boot, and does all that is done then.
    tree.write("etc/machine-id", &format!("{}\n", &blake3::hash(LABEL.as_bytes()).to_hex()[..32]))?;
    tree.write("etc/systemd/network/10-oomph.network", NETWORK)?;
    tree.write("etc/systemd/system.conf.d/oomph.conf", MANAGER)?;
    tree.write("etc/ssh/sshd_config.d/oomph.conf", SSHD)?;
    let system = "etc/systemd/system";
    tree.link(
        &format!("{system}/multi-user.target.wants/systemd-networkd.service"),
        &format!("/{units}/systemd-networkd.service"),
    );
    tree.link(
        &format!("{system}/sockets.target.wants/systemd-networkd.socket"),
        &format!("/{units}/systemd-networkd.socket"),
    );
    tree.link(&format!("{system}/default.target"), &format!("/{units}/multi-user.target"));
    let without_dbus = !tree.has("usr/bin/dbus-daemon") && !tree.has("usr/bin/dbus-broker");
    let off = OFF.iter().chain(NEEDS_DBUS.iter().filter(|_| without_dbus));
    for unit in off.filter(|unit| tree.has(&format!("{units}/{unit}"))).collect::<Vec<_>>() {
        tree.link(&format!("{system}/{unit}"), "/dev/null");
    }
    Ok(())
}

/// The public keys by which the system's sshd proves itself, each `TYPE BASE64`.
pub fn host_keys(tree: &Tree) -> Vec<String> {
    let names = tree.names("etc/ssh").filter(|name| name.starts_with("ssh_host_") && name.ends_with("_key.pub"));
    let key = |name: String| {
        let text = tree.text(&format!("etc/ssh/{name}"));
        // Without the comment, which names the machine that made it.
        text.split_whitespace().take(2).collect::<Vec<_>>().join(" ")
    };
    names.map(key).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::tree::tests::tree;
    use super::*;
    use crate::image::debian::tree::What;

    const SYSTEM: [&str; 6] = [
        "./usr/lib/systemd/system/basic.target",
        "./usr/lib/systemd/system/serial-getty@.service",
        "./usr/lib/systemd/system/systemd-logind.service",
        "./usr/lib/systemd/system/apt-daily.timer",
        "./usr/sbin/sshd",
        "./etc/ssh/ssh_host_ed25519_key.pub",
    ];

    fn masked(tree: &Tree, unit: &str) -> bool {
        let path = format!("etc/systemd/system/{unit}");
        tree.nodes.get(Path::new(&path)).is_some_and(|node| node.what == What::Link("/dev/null".into()))
    }

    #[test]
    fn a_system_is_quiet_and_can_be_reached() {
        let place = tempfile::tempdir().unwrap();
        let mut tree = tree(place.path(), &SYSTEM);
        apply(&mut tree, "xfs").unwrap();
        assert_eq!(tree.text("etc/fstab"), "LABEL=oomph-root / xfs defaults 0 0\n");
        assert!(tree.text("etc/systemd/network/10-oomph.network").contains("Address=10.0.2.15/24"));
        assert!(
            ["serial-getty@.service", "systemd-logind.service", "apt-daily.timer"]
                .iter()
                .all(|unit| masked(&tree, unit))
        );
        assert!(!masked(&tree, "fstrim.timer"), "what is not there needs no mask");
        assert_eq!(host_keys(&tree), ["extra"]);
    }

    #[test]
    fn with_dbus_there_are_sessions() {
        let place = tempfile::tempdir().unwrap();
        let mut tree = tree(place.path(), &[&SYSTEM[..], &["./usr/bin/dbus-daemon"]].concat());
        apply(&mut tree, "ext4").unwrap();
        assert!(!masked(&tree, "systemd-logind.service") && masked(&tree, "serial-getty@.service"));
    }

    #[test]
    fn what_is_no_system_is_refused() {
        let place = tempfile::tempdir().unwrap();
        let error = apply(&mut tree(place.path(), &SYSTEM[..2]), "xfs").unwrap_err().to_string();
        assert!(error.contains("no systemd or no sshd"), "{error}");
    }

    #[test]
    fn caches_and_mirrors_are_left_out() {
        for path in ["var/lib/apt/lists/x", "etc/apt/sources.list", "var/lib/ucf/cache/:etc:x", "run/lock"] {
            assert!(is_left_out(Path::new(path)), "{path}");
        }
        for path in ["var/lib/apt/lists", "run", "etc/apt", "usr/bin/apt"] {
            assert!(!is_left_out(Path::new(path)), "{path}");
        }
    }
}
