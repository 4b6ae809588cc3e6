//! Kernels from Debian's packages, by way of the mirrors that apt is set up for.
//! Lives here: from a release or a package to an unpacked kernel in the cache; what to do without a network.
//! May not live here: apt's files and commands (`apt`, `sources`), package fields (`package`), unpacking (`deb`).

mod apt;
mod deb;
mod package;
mod programs;
mod source;
mod sources;

pub(super) use deb::xz as read_xz;
pub(crate) use programs::programs;
pub(super) use source::{fetch_source, recall_source, source_package};

use super::Kernel;
use super::cache::{Cache, Kind, path_safe};
use super::error::Error;
use super::job::{self, Job};
use super::{file, manifest};
pub(crate) use apt::{Lists, Root};
use package::Package;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long the answer to "which is the newest?" is good for.
pub(crate) const FRESH: Duration = Duration::from_secs(24 * 3600);
/// How long an answer from old lists is good for.
pub(crate) const RETRY: Duration = Duration::from_secs(3600);
/// Debian's default kernel for 64-bit PCs.
const DEFAULT: &str = "linux-image-amd64";

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Wanted {
    /// The release whose packages are looked at.
    release: String,
    /// The package: the release's default kernel, or one by name.
    package: String,
}

/// What a release or package led to the last time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// Key of the entry in the cache.
    pub key: String,
    /// `linux-image-6.1.0-31-amd64 6.1.128-1 (Debian bookworm)`.
    pub origin: String,
    /// When, in seconds since 1970.
    pub when: u64,
}

/// Something that is fetched from a release, and kept in the cache.
struct Wish<'a> {
    /// What it is, for people: `a newer kernel`.
    what: &'static str,
    /// What kind of entry it is in the cache.
    kind: Kind,
    /// What was asked for, in words that are the same whenever the same is asked for.
    spec: &'a str,
    /// The release.
    release: &'a str,
}

/// The kernel of `{debian: SPEC}`, fetched if need be. Where that fails and an earlier answer is in the cache, that one.
pub(super) fn kernel(name: String, spec: &str, cache: &Cache, job: &Job) -> Result<Kernel, Error> {
    let wanted = wanted(spec, || fs::read_to_string("/etc/os-release").unwrap_or_default())?;
    let wish = Wish { what: "a newer kernel", kind: Kind::Kernels, spec, release: &wanted.release };
    let (entry, answer) = wish.come_true(cache, job, |root| fetch(root, &wanted, cache, job))?;
    from_entry(name, &entry, &answer)
}

/// The kernel of an earlier answer, whatever its age, if it is still in the cache.
pub(super) fn find(name: String, spec: &str, cache: &Cache) -> Result<Option<Kernel>, Error> {
    let Some(answer) = recall(cache, spec) else { return Ok(None) };
    let Ok(Some((entry, _))) = cache.find(Kind::Kernels, &answer.key) else { return Ok(None) };
    from_entry(name, &entry, &answer).map(Some)
}

/// Whether apt on this machine is set up for a mirror of Debian, of any release.
///
/// # Errors
/// Where apt's configuration cannot be read.
pub async fn has_debian_mirror() -> Result<bool, Error> {
    job::blocking(&|_| {}, |job| {
        let host = sources::host_release(&fs::read_to_string("/etc/os-release").unwrap_or_default());
        Ok(sources::for_release(&apt::host_sources(job)?, host.as_deref(), "sid").is_some())
    })
    .await
}

/// The earlier answer for a release or package, whatever its age.
pub(super) fn recall(cache: &Cache, spec: &str) -> Option<Answer> {
    cache.answer(&answer_name(spec))
}

fn answer_name(spec: &str) -> String {
    format!("debian-{}", path_safe(spec))
}

impl Wish<'_> {
    /// The entry in the cache, and what led to it. `fetch` has it made from a release's packages and gives its key and origin.
    fn come_true(
        &self,
        cache: &Cache,
        job: &Job,
        fetch: impl Fn(&Root) -> Result<(String, String), Error>,
    ) -> Result<(PathBuf, Answer), Error> {
        if let Some(found) = self.fresh(cache) {
            return Ok(found);
        }
        let error = match self.newest(cache, job, fetch) {
            Ok(found) => return Ok(found),
            Err(error) => error,
        };
        job.check()?;
        let Some(answer) = recall(cache, self.spec) else { return Err(error) };
        let Ok(Some((entry, _))) = cache.find(self.kind, &answer.key) else { return Err(error) };
        let (spec, what) = (self.spec, self.what);
        job.say(format!("{spec}: cannot look for {what} ({error}); using {} from the cache", answer.origin));
        manifest::touch(&entry);
        Ok((entry, answer))
    }

    /// An answer that is still good, and its intact entry.
    fn fresh(&self, cache: &Cache) -> Option<(PathBuf, Answer)> {
        let answer = recall(cache, self.spec);
        let answer = answer.filter(|answer| now().saturating_sub(answer.when) < FRESH.as_secs())?;
        let (entry, _) = cache.find(self.kind, &answer.key).ok()??;
        manifest::touch(&entry);
        Some((entry, answer))
    }

    /// Asks apt for the newest packages and has them in the cache.
    fn newest(
        &self,
        cache: &Cache,
        job: &Job,
        fetch: impl Fn(&Root) -> Result<(String, String), Error>,
    ) -> Result<(PathBuf, Answer), Error> {
        let what = format!("Debian {}", self.release);
        let _lock = cache.lock(&format!("apt-{}", path_safe(self.release)), &format!("{what}'s package lists"), job)?;
        if let Some(found) = self.fresh(cache) {
            // Another process found it meanwhile.
            return Ok(found);
        }
        let root = Root::open(cache.root(), self.release, job)?;
        let lists = root.refresh(FRESH, job)?;
        let (key, origin) = match fetch(&root) {
            // Lists that are not new may name packages that the mirror no longer has.
            Err(Error::Child(_)) if lists == Lists::Kept => {
                root.refresh(Duration::ZERO, job)?;
                fetch(&root)?
            }
            result => result?,
        };
        let age = if lists == Lists::Old { FRESH.saturating_sub(RETRY) } else { Duration::ZERO };
        let answer = Answer { key, origin, when: now().saturating_sub(age.as_secs()) };
        cache.set_answer(&answer_name(self.spec), &answer)?;
        Ok((cache.path(self.kind, &answer.key), answer))
    }
}

/// The key and origin of the entry that is now in the cache.
fn fetch(root: &Root, wanted: &Wanted, cache: &Cache, job: &Job) -> Result<(String, String), Error> {
    let packages = root.closure(&wanted.package, job)?;
    let image = package::image(&packages).ok_or_else(|| {
        Error::Debian(format!("the package {} leads to no kernel image (linux-image-VERSION)", wanted.package))
    })?;
    let origin = format!("{} {} (Debian {})", image.name, image.version, wanted.release);
    let key = key_of(image, &packages);
    let size: u64 = packages.iter().map(|package| package.size).sum();
    cache.entry(Kind::Kernels, &key, &origin, job, |directory| {
        job.say(format!("fetching {} {} ({} MB)", image.name, image.version, size.div_ceil(1_000_000)));
        let downloads = cache.temporary()?;
        let files = root.download(&packages, downloads.path(), job)?;
        job.say(format!("unpacking {}", image.name));
        for file in files {
            deb::unpack(&file, directory, job)?;
        }
        let image = find_image(directory)?;
        file::identify(&image)?;
        Ok::<_, Error>(vec![image.strip_prefix(directory).unwrap_or(&image).to_owned()])
    })?;
    Ok((key, origin))
}

/// Readable, and different for every content: it holds the hashes that apt verified.
fn key_of(first: &Package, packages: &[Package]) -> String {
    let hashes: Vec<&str> = packages.iter().map(|package| package.sha256.as_str()).collect();
    let hash = blake3::hash(hashes.join("\n").as_bytes()).to_hex();
    format!("{}_{}", path_safe(&format!("{}_{}", first.name, first.version)), &hash[..12])
}

/// The image in an unpacked package: `boot/vmlinuz-RELEASE`, or since 7.x `lib/modules/RELEASE/vmlinuz`.
pub(crate) fn find_image(entry: &Path) -> Result<PathBuf, Error> {
    let is_image = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let parent = path.parent().and_then(Path::to_str).unwrap_or_default();
        (parent == "boot" && name.starts_with("vmlinuz-"))
            || (parent.starts_with("lib/modules/") && name == "vmlinuz" && parent.matches('/').count() == 2)
    };
    let path = manifest::files_below(entry)?.into_iter().find(is_image);
    path.map(|path| entry.join(path))
        .ok_or_else(|| Error::Package { package: entry.to_owned(), why: "holds no kernel (boot/vmlinuz-*)".into() })
}

fn from_entry(name: String, entry: &Path, answer: &Answer) -> Result<Kernel, Error> {
    unpacked(name, entry, answer.origin.clone())
}

/// The kernel in a directory where packages were unpacked.
pub(crate) fn unpacked(name: String, entry: &Path, origin: String) -> Result<Kernel, Error> {
    file::kernel(name, &find_image(entry)?, None, origin)
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Release and package of a specification; `os_release` gives the host's /etc/os-release.
fn wanted(spec: &str, os_release: impl Fn() -> String) -> Result<Wanted, Error> {
    let host = || {
        sources::host_release(&os_release()).ok_or_else(|| {
            let problem = "this machine does not run Debian, so it has no release of its own";
            Error::Debian(format!("`{spec}`: {problem}; name one (`debian: bookworm`)"))
        })
    };
    if spec.starts_with("linux-") {
        return Ok(Wanted { release: host()?, package: spec.to_owned() });
    }
    let release = if spec == "host" { host()? } else { spec.to_owned() };
    let plain = release.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c));
    if !plain || !release.starts_with(|c: char| c.is_ascii_lowercase()) {
        let right = "`host`, a release such as `bookworm`, or a package such as `linux-image-6.1.0-31-amd64`";
        return Err(Error::Debian(format!("`{spec}` is no Debian release or package; what is wanted is {right}")));
    }
    Ok(Wanted { release, package: DEFAULT.to_owned() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_release_a_package_or_the_hosts_own() {
        let bookworm = || "ID=debian\nVERSION_CODENAME=bookworm\n".to_owned();
        let other = || "ID=fedora\n".to_owned();
        let pair = |release: &str, package: &str| Wanted { release: release.into(), package: package.into() };
        assert_eq!(wanted("bullseye", other).unwrap(), pair("bullseye", DEFAULT));
        assert_eq!(wanted("bookworm-backports", other).unwrap(), pair("bookworm-backports", DEFAULT));
        assert_eq!(wanted("host", bookworm).unwrap(), pair("bookworm", DEFAULT));
        assert_eq!(wanted("linux-image-rt-amd64", bookworm).unwrap(), pair("bookworm", "linux-image-rt-amd64"));
        assert!(wanted("host", other).unwrap_err().to_string().contains("does not run Debian"));
        for wrong in ["", "../x", "Bookworm", "a b", "1"] {
            assert!(wanted(wrong, bookworm).unwrap_err().to_string().contains("is no Debian release or package"));
        }
    }

    #[test]
    fn the_image_is_found_in_either_layout() {
        for path in ["boot/vmlinuz-6.1.0-31-amd64", "lib/modules/7.2.13+deb14-amd64/vmlinuz"] {
            let place = tempfile::tempdir().unwrap();
            fs::create_dir_all(place.path().join(path).parent().unwrap()).unwrap();
            fs::create_dir_all(place.path().join("lib/modules/x/kernel")).unwrap();
            fs::write(place.path().join("lib/modules/x/kernel/vmlinuz"), "").unwrap();
            assert!(find_image(place.path()).is_err());
            fs::write(place.path().join(path), "").unwrap();
            assert_eq!(find_image(place.path()).unwrap(), place.path().join(path));
        }
    }
}
