//! Debian packages as apt describes them (pure).
//! Lives here: reading `apt-cache show`, and which dependencies belong to a kernel.
//! May not live here: calling apt.
//!
//! Up to trixie a kernel is one package, `linux-image-VERSION`; since 7.x `linux-image-VERSION` depends on `linux-binary-…`,
//! `linux-modules-…` and `linux-base-…` of exactly its own version. `linux-image-amd64` depends on the newest of them.

use std::collections::BTreeMap;

/// One version of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its size in bytes.
    pub size: u64,
    /// SHA-256 of the .deb in hex, as the signed lists have it.
    pub sha256: String,
    /// What it depends on, as it is written.
    depends: String,
}

/// The packages in the output of `apt-cache show`.
pub fn read(output: &str) -> Vec<Package> {
    output.split("\n\n").filter_map(stanza).collect()
}

fn stanza(text: &str) -> Option<Package> {
    let lines = text.lines().filter(|line| !line.starts_with([' ', '\t']));
    let fields: BTreeMap<&str, &str> =
        lines.filter_map(|line| line.split_once(':')).map(|(key, value)| (key, value.trim())).collect();
    let text = |key| fields.get(key).map(|value| (*value).to_owned());
    Some(Package {
        name: text("Package")?,
        version: text("Version")?,
        size: fields.get("Size")?.parse().ok()?,
        sha256: text("SHA256").filter(|hash| !hash.is_empty())?,
        depends: text("Depends").unwrap_or_default(),
    })
}

impl Package {
    /// One version of a package, to be downloaded.
    pub fn named(name: &str, version: &str) -> Self {
        let none = String::new;
        Self { name: name.to_owned(), version: version.to_owned(), size: 0, sha256: none(), depends: none() }
    }

    /// The dependencies that belong to the same kernel: those that start with `linux-` and are bound to one version, and a
    /// `linux-image-…` of any. As arguments for apt: `NAME=VERSION` or `NAME`.
    pub fn same_kernel(&self) -> Vec<String> {
        self.depends.split(',').filter_map(|dependency| same_kernel(dependency.trim())).collect()
    }
}

fn same_kernel(dependency: &str) -> Option<String> {
    let (name, rest) = dependency.split_once(char::is_whitespace).unwrap_or((dependency, ""));
    let name = name.split(':').next()?;
    let version = rest.trim().strip_prefix("(=").and_then(|rest| rest.strip_suffix(')'));
    match version {
        Some(version) if name.starts_with("linux-") => Some(format!("{name}={}", version.trim())),
        None if name.starts_with("linux-image-") && rest.is_empty() => Some(name.to_owned()),
        _ => None,
    }
}

/// The package that the kernel is named after: the last `linux-image-…` on the way from what was asked for.
pub fn image(packages: &[Package]) -> Option<&Package> {
    packages.iter().rfind(|package| package.name.starts_with("linux-image-"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const SHOW: &str = "Package: linux-image-amd64\nVersion: 6.1.128-1\nDepends: linux-image-6.1.0-31-amd64 (= 6.1.128-1)\n\
        Description: Linux for 64-bit PCs\n Size: 7 in a description\nSize: 1480\nSHA256: aa\n\n\
        Package: linux-image-6.1.0-31-amd64\nVersion: 6.1.128-1\nDepends: kmod, linux-base (>= 4.3~), \
        initramfs-tools (>= 0.120+deb8u2) | linux-initramfs-tool\nSize: 69000000\nSHA256: bb\n\n\
        Package: without-hash\nVersion: 1\nSize: 1\n\n";

    #[test]
    fn fields_are_read_and_dependencies_followed() {
        let packages = read(SHOW);
        assert_eq!(packages.len(), 2);
        assert_eq!((packages[0].size, packages[1].sha256.as_str()), (1480, "bb"));
        assert_eq!(packages[0].same_kernel(), ["linux-image-6.1.0-31-amd64=6.1.128-1"]);
        assert!(packages[1].same_kernel().is_empty(), "kmod and linux-base are no part of the kernel");
        assert_eq!(image(&packages).unwrap().name, "linux-image-6.1.0-31-amd64");
    }

    #[test]
    fn a_kernel_in_parts_is_followed_to_all_of_them() {
        let depends = "dracut | initramfs-tools, linux-base-7.2.13+deb14-amd64 (= 7.2.13-1), \
            linux-modules-7.2.13+deb14-amd64:amd64 (= 7.2.13-1)";
        let package = read(&format!("Package: linux-image-x\nVersion: 1\nDepends: {depends}\nSize: 1\nSHA256: a\n"));
        assert_eq!(
            package[0].same_kernel(),
            ["linux-base-7.2.13+deb14-amd64=7.2.13-1", "linux-modules-7.2.13+deb14-amd64=7.2.13-1"]
        );
        assert_eq!(same_kernel("linux-image-4.9.0-19-amd64"), Some("linux-image-4.9.0-19-amd64".into()));
        assert_eq!(same_kernel("linux-image-a | linux-image-b"), None);
    }
}
