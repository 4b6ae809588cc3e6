//! What is known of an image, for people.
//! Lives here: the block that `oomph image build` and `show` print.
//! May not live here: finding it out (`image`).

use crate::image::{ShownImage, System, taken};
use crate::scenario::{Credential, ImageKernel};
use indicatif::HumanBytes;
use std::fmt::Write;

/// An image's block; `name` is its own.
pub fn image_block(name: &str, image: &ShownImage) -> String {
    let mut out = String::new();
    // Writing to a String cannot fail.
    let _ = write(&mut out, name, image);
    out
}

fn write(out: &mut String, name: &str, image: &ShownImage) -> std::fmt::Result {
    match image {
        ShownImage::Minimal => writeln!(out, "{name}  an initramfs that is made for each scenario and kernel"),
        ShownImage::Debian(system) => debian(out, name, system),
        ShownImage::Disk { image, format } => {
            writeln!(out, "{name}  a disk of yours")?;
            writeln!(
                out,
                "  disk      {} ({}, takes {})",
                image.disk.display(),
                format.name(),
                HumanBytes(taken(&image.disk))
            )?;
            let with = match &image.ssh.with {
                Credential::Key(key) => format!("the key {}", key.display()),
                Credential::Password(_) => "a password".to_owned(),
            };
            writeln!(out, "  login     {} by {with}", image.ssh.user)?;
            writeln!(
                out,
                "  kernel    {}",
                if image.kernel == ImageKernel::Own { "its own, by its bootloader" } else { "the scenario's" }
            )
        }
    }
}

fn debian(out: &mut String, name: &str, system: &System) -> std::fmt::Result {
    writeln!(out, "{name}  Debian {} on {}", system.release, system.filesystem)?;
    let (size, taken) = (HumanBytes(system.size), HumanBytes(taken(&system.disk)));
    writeln!(out, "  disk      {} (raw, {size}, takes {taken})", system.disk.display())?;
    writeln!(out, "  key       {}", system.key)?;
    let kernel = system.kernel.as_deref().map_or("the scenario's".to_owned(), |key| format!("its own ({key})"));
    writeln!(out, "  kernel    {kernel}")?;
    writeln!(out, "  packages  {}", system.packages.len())?;
    for package in system.packages.iter().filter(|package| ["systemd", "openssh-server"].contains(&&*package.name)) {
        writeln!(out, "            {} {}", package.name, package.version)?;
    }
    system.host_keys.iter().try_for_each(|key| writeln!(out, "  host key  {key}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{DiskFormat, Package};
    use crate::scenario::{DiskImage, Ssh};

    #[test]
    fn a_system_in_a_block() {
        let package = |name: &str, version: &str| Package { name: name.into(), version: version.into() };
        let system = System {
            disk: "/c/disk.raw".into(),
            key: "k".into(),
            release: "bookworm".into(),
            filesystem: "xfs".into(),
            size: 2 << 30,
            packages: vec![package("libc6", "2"), package("systemd", "252")],
            host_keys: vec!["ssh-ed25519 AAAA".into()],
            kernel: None,
        };
        let text = image_block("debian", &ShownImage::Debian(Box::new(system)));
        assert!(
            text.starts_with("debian  Debian bookworm on xfs\n  disk      /c/disk.raw (raw, 2.00 GiB, takes "),
            "{text}"
        );
        assert!(text.contains("  packages  2\n            systemd 252\n  host key  ssh-ed25519 AAAA"), "{text}");
    }

    #[test]
    fn a_password_is_not_shown() {
        let ssh = Ssh { user: "root".into(), with: Credential::Password("secret".into()) };
        let image = DiskImage { disk: "/d.qcow2".into(), ssh, root: None, kernel: ImageKernel::Own };
        let text = image_block("mine", &ShownImage::Disk { image, format: DiskFormat::Qcow2 });
        assert!(text.contains("root by a password") && !text.contains("secret"), "{text}");
    }
}
