//! A system's files as a tar: mmdebstrap, on the package lists of a private apt root.
//! Lives here: what would be installed, the call of mmdebstrap, the tar's place in the cache.
//! May not live here: apt's files and commands (`kernel::debian`), or what is changed in the system (`settings`).
//!
//! mmdebstrap is given the versions and the lists that they were read from, so what is installed is what the key says. It works as root, and for
//! an ordinary user where user namespaces are allowed.

use super::packages::{self, Package};
use super::unprivileged;
use crate::image::error::Error;
use crate::kernel::child::{Call, Given, words};
use crate::kernel::job::Job;
use crate::kernel::{AptRoot, At, Cache, FRESH, Kind, MirrorLists};
use crate::scenario::DebianImage;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// For some 60 MB, or 200 with a kernel, to be fetched, unpacked and configured.
const DEADLINE: Duration = Duration::from_secs(45 * 60);
/// What of each package is not unpacked: nobody reads it in a guest.
const EXCLUDED: [&str; 6] = ["doc", "man", "locale", "info", "lintian", "bug"];
/// Of what this makes, besides what a key says; counts up when that changes.
const FORM: u32 = 1;
/// The tar's file in its entry.
pub const TAR: &str = "root.tar";

/// A system's files.
#[derive(Clone, Debug)]
pub struct Bootstrapped {
    /// The tar.
    pub tar: PathBuf,
    /// Its key in the cache.
    pub key: String,
    /// The version of the release's own kernel: major, minor.
    pub kernel: Option<(u32, u32)>,
    /// Whether the package lists could be refreshed or were fresh.
    pub fresh: bool,
}

/// The files of a system, from the cache or made now; the newest that the mirrors have.
///
/// # Errors
/// Where the lists cannot be had, a package is not in them, or mmdebstrap fails.
pub fn bootstrap(image: &DebianImage, cache: &Cache, job: &Job) -> Result<Bootstrapped, Error> {
    let what = format!("Debian {}'s package lists", image.release);
    let _lock = cache.lock(&format!("apt-{}", image.release), &what, job)?;
    let root = AptRoot::open(cache.root(), &image.release, job)?;
    let lists = root.refresh(FRESH, job)?;
    match from_lists(image, &root, cache, job) {
        // Lists that are not new may name packages that the mirror no longer has.
        Err(Error::Host(crate::kernel::Error::Child(_))) if lists == MirrorLists::Kept && job.check().is_ok() => {
            root.refresh(Duration::ZERO, job)?;
            from_lists(image, &root, cache, job)
        }
        made => Ok(Bootstrapped { fresh: lists != MirrorLists::Old, ..made? }),
    }
}

fn from_lists(image: &DebianImage, root: &AptRoot, cache: &Cache, job: &Job) -> Result<Bootstrapped, Error> {
    let mut wanted = packages::wanted(image);
    let mut found = packages::read(&root.simulate(&packages::question(&wanted), job)?);
    if let Some(more) = packages::instead(&found) {
        wanted.push(more.to_owned());
        found = packages::read(&root.simulate(&packages::question(&wanted), job)?);
    }
    let kernel =
        root.find(packages::KERNEL, job)?.and_then(|found| packages::kernel_version(found.first()?.version.as_str()));
    let key = key(&image.release, &wanted, &found);
    let what = format!("a Debian {} of {} packages", image.release, found.len());
    let entry = cache.entry(Kind::Roots, &key, &what, job, |entry| {
        unprivileged::check()?;
        job.say(format!("making {what} (mmdebstrap; takes minutes)"));
        run(&image.release, &found, root, &entry.join(TAR), job)?;
        Ok::<_, Error>(Vec::new())
    })?;
    Ok(Bootstrapped { tar: entry.join(TAR), key, kernel, fresh: true })
}

/// Readable, and different for everything that is asked for and every version that comes of it.
fn key(release: &str, wanted: &[String], found: &[Package]) -> String {
    let versions: Vec<String> = found.iter().map(Package::exactly).collect();
    let text = format!("{FORM}\n{EXCLUDED:?}\n{}\n{}", wanted.join(" "), versions.join("\n"));
    format!("{release}_{}", &blake3::hash(text.as_bytes()).to_hex()[..16])
}

fn run(release: &str, packages: &[Package], root: &AptRoot, tar: &Path, job: &Job) -> Result<(), Error> {
    // Of its variants the one that adds nothing of its own, so that what is installed is what apt said.
    let mut args = words(["--variant=custom", "--format=tar", "--skip=update"]);
    let versions: Vec<String> = packages.iter().map(Package::exactly).collect();
    args.push(format!("--include={}", versions.join(",")).into());
    for place in EXCLUDED {
        args.push(format!("--dpkgopt=path-exclude=/usr/share/{place}/*").into());
    }
    args.extend(words(["--aptopt=APT::Install-Recommends \"false\"", "--aptopt=Acquire::Languages \"none\""]));
    args.extend(root.proxies(job)?.into_iter().map(|line| format!("--aptopt={line}").into()));
    // A release that ships these links has them already when they would be made; one that does not wants them before its files come.
    let links =
        r#"for d in bin sbin lib lib64; do mkdir -p "$1/usr/$d"; [ -e "$1/$d" ] || ln -s "usr/$d" "$1/$d"; done"#;
    // The guest gets our initramfs, so a kernel that is installed need make none: that takes longest of all.
    let no_initrd = r#"mkdir -p "$1/etc/initramfs-tools"; echo update_initramfs=no >"$1/etc/initramfs-tools/update-initramfs.conf""#;
    args.extend(words([
        format!("--setup-hook={links}"),
        format!("--setup-hook={no_initrd}"),
        format!("--setup-hook=copy-in \"{}\" /var/lib/apt", root.lists().display()),
    ]));
    args.extend(words([release, "-"]));
    args.push(root.sources().into());
    let stdout = File::create_new(tar).at("write", tar)?;
    let call = Call { program: "mmdebstrap", package: "mmdebstrap", args, directory: None, deadline: DEADLINE };
    // In an ordinary user's namespace the system is another user's, to whom /tmp and /var/tmp are open; the first may be memory.
    let env = [("TMPDIR", Some("/var/tmp")), ("DEBIAN_FRONTEND", Some("noninteractive"))];
    call.run_with(Given { stdin: None, stdout: Some(stdout), env: &env }, job)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_version_makes_another_key() {
        let found = |version: &str| vec![Package { name: "a".into(), version: version.into() }];
        let wanted = ["a".to_owned()];
        let first = key("bookworm", &wanted, &found("1"));
        assert!(first.starts_with("bookworm_") && first == key("bookworm", &wanted, &found("1")));
        assert_ne!(first, key("bookworm", &wanted, &found("2")));
        assert_ne!(first, key("bookworm", &["a".to_owned(), "b".to_owned()], &found("1")));
    }
}
