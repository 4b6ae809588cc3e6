//! Sources of kernels in Debian's packages: `linux-source-6.1`.
//! Lives here: which release and version a name leads to, getting the archive in the package.
//! May not live here: unpacking that archive.

use super::apt::{Lists, Root};
use super::package::Package;
use super::{FRESH, RETRY, deb, now, sources};
use crate::kernel::cache::{Cache, path_safe};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use crate::kernel::manifest;
use serde::{Deserialize, Serialize};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Releases that are looked at for a package whose release is not said, after this machine's own.
const RELEASES: [&str; 4] = ["bookworm", "trixie", "sid", "bullseye"];

/// A package of a kernel's source.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::kernel) struct SourcePackage {
    /// The release that it is of.
    pub release: String,
    /// `linux-source-6.1`.
    pub name: String,
    /// `6.1.192-2`.
    pub version: String,
    /// SHA-256 of the package, as the signed lists have it.
    pub sha256: String,
    /// Bytes of the package.
    pub size: u64,
    /// When it was looked for, in seconds since 1970.
    pub when: u64,
}

/// The newest package that `spec` means: `linux-source-6.1`, or `sid/linux-source` with its release. apt is asked once a day;
/// where it cannot answer, what it said the last time holds.
pub(in crate::kernel) fn source_package(spec: &str, cache: &Cache, job: &Job) -> Result<SourcePackage, Error> {
    if let Some(package) = recall_source(spec, cache) {
        return Ok(package);
    }
    let error = match look_up(spec, FRESH, cache, job) {
        Ok(package) => return remember(spec, package, cache),
        Err(error) => error,
    };
    job.check()?;
    let Some(last) = answer(spec, cache) else { return Err(error) };
    job.say(format!("{spec}: cannot look for a newer source ({error}); {} {} was the last", last.name, last.version));
    Ok(last)
}

/// What apt said less than a day ago.
pub(in crate::kernel) fn recall_source(spec: &str, cache: &Cache) -> Option<SourcePackage> {
    answer(spec, cache).filter(|package| now().saturating_sub(package.when) < FRESH.as_secs())
}

fn answer_path(spec: &str, cache: &Cache) -> PathBuf {
    cache.root().join("answers").join(format!("source-{}.json", path_safe(spec)))
}

fn answer(spec: &str, cache: &Cache) -> Option<SourcePackage> {
    serde_json::from_slice(&fs::read(answer_path(spec, cache)).ok()?).ok()
}

fn remember(spec: &str, package: SourcePackage, cache: &Cache) -> Result<SourcePackage, Error> {
    let path = answer_path(spec, cache);
    let draft = cache.temporary()?;
    let text = serde_json::to_vec(&package).map_err(std::io::Error::from).at("write", &path)?;
    fs::write(draft.path().join("answer"), text).at("write", &path)?;
    fs::create_dir_all(path.with_file_name("")).at("make the directory of", &path)?;
    fs::rename(draft.path().join("answer"), &path).at("write", &path)?;
    Ok(package)
}

/// Downloads the package of a specification and gives the archive in it, in `directory`. Where the mirror no longer has the
/// package that the lists name, the lists are refreshed; so the package that came is told too.
pub(in crate::kernel) fn fetch_source(
    spec: &str,
    package: SourcePackage,
    directory: &Path,
    cache: &Cache,
    job: &Job,
) -> Result<(PathBuf, SourcePackage), Error> {
    match download(&package, directory, cache, job) {
        Ok(archive) => Ok((archive, package)),
        Err(Error::Child(_)) => {
            let package = remember(spec, look_up(spec, Duration::ZERO, cache, job)?, cache)?;
            Ok((download(&package, directory, cache, job)?, package))
        }
        Err(error) => Err(error),
    }
}

fn download(package: &SourcePackage, directory: &Path, cache: &Cache, job: &Job) -> Result<PathBuf, Error> {
    let _lock = lock(&package.release, cache, job)?;
    let root = Root::open(cache.root(), &package.release, job)?;
    job.say(format!("fetching {} {} ({} MB)", package.name, package.version, package.size.div_ceil(1_000_000)));
    let wanted = Package::named(&package.name, &package.version);
    let files = root.download(&[wanted], directory, job)?;
    for file in &files {
        deb::unpack_source(file, directory, job)?;
        fs::remove_file(file).at("remove", file)?;
    }
    let is_archive =
        |path: &PathBuf| path.to_string_lossy().contains("linux-source-") && path.to_string_lossy().contains(".tar");
    let archive = manifest::files_below(directory)?.into_iter().find(is_archive);
    archive.map(|path| directory.join(path)).ok_or_else(|| Error::Package {
        package: files.first().map_or_else(|| PathBuf::from(&package.name), PathBuf::from),
        why: "holds no archive of a kernel's source (usr/src/linux-source-*.tar.*)".into(),
    })
}

fn lock(release: &str, cache: &Cache, job: &Job) -> Result<fs::File, Error> {
    cache.lock(&format!("apt-{}", path_safe(release)), &format!("Debian {release}'s package lists"), job)
}

/// Asks apt, with lists no older than `age`.
fn look_up(spec: &str, age: Duration, cache: &Cache, job: &Job) -> Result<SourcePackage, Error> {
    let os_release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let (releases, name) = wanted(spec, sources::host_release(&os_release).as_deref());
    let mut problem = None;
    for release in &releases {
        match look_up_in(release, &name, age, cache, job) {
            Ok(Some(package)) => return Ok(package),
            Ok(None) => {}
            Err(error) => {
                job.check()?;
                problem.get_or_insert(error);
            }
        }
    }
    if let Some(problem) = problem {
        return Err(problem);
    }
    let mut known = Vec::new();
    for release in &releases {
        let names = Root::open(cache.root(), release, job)?.names("linux-source-", job);
        known.extend(names.into_iter().map(|name| format!("{release}/{name}")));
    }
    let known = if known.is_empty() { String::new() } else { format!("; there are {}", known.join(", ")) };
    Err(Error::Debian(format!("there is no package {name} in Debian {}{known}", releases.join(", "))))
}

fn look_up_in(
    release: &str,
    name: &str,
    age: Duration,
    cache: &Cache,
    job: &Job,
) -> Result<Option<SourcePackage>, Error> {
    let _lock = lock(release, cache, job)?;
    let root = Root::open(cache.root(), release, job)?;
    let lists = root.refresh(age, job)?;
    let Some(packages) = root.find(name, job)? else { return Ok(None) };
    // `linux-source` depends on the package that has it.
    let Some(package) = packages.last() else { return Ok(None) };
    let age = if lists == Lists::Old { FRESH.saturating_sub(RETRY) } else { Duration::ZERO };
    Ok(Some(SourcePackage {
        release: release.to_owned(),
        name: package.name.clone(),
        version: package.version.clone(),
        sha256: package.sha256.clone(),
        size: package.size,
        when: now().saturating_sub(age.as_secs()),
    }))
}

/// The releases to look at, and the package's name.
fn wanted(spec: &str, host: Option<&str>) -> (Vec<String>, String) {
    if let Some((release, name)) = spec.split_once('/') {
        let release = host.filter(|_| release == "host").unwrap_or(release);
        return (vec![release.to_owned()], name.to_owned());
    }
    let mut releases: Vec<String> = host.map(str::to_owned).into_iter().collect();
    releases.extend(RELEASES.iter().filter(|release| host != Some(**release)).map(|release| (*release).to_owned()));
    (releases, spec.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machines_release_comes_first() {
        let releases = |spec: &str, host| wanted(spec, host).0;
        assert_eq!(releases("linux-source-6.12", Some("trixie")), ["trixie", "bookworm", "sid", "bullseye"]);
        assert_eq!(releases("linux-source-6.12", None), RELEASES);
        assert_eq!(wanted("sid/linux-source", Some("trixie")), (vec!["sid".into()], "linux-source".into()));
        assert_eq!(releases("host/linux-source", Some("trixie")), ["trixie"]);
    }

    #[test]
    fn an_answer_of_today_needs_no_apt() {
        let place = tempfile::tempdir().unwrap_or_else(|error| panic!("{error}"));
        let cache = Cache::open(Some(place.path())).unwrap_or_else(|error| panic!("{error}"));
        let package = SourcePackage {
            release: "sid".into(),
            name: "linux-source-7.2".into(),
            version: "7.2.1-1".into(),
            sha256: "ab".into(),
            size: 7,
            when: now(),
        };
        remember("sid/linux-source", package.clone(), &cache).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(source_package("sid/linux-source", &cache, &Job::silent()).ok(), Some(package.clone()));
        let old = SourcePackage { when: now() - FRESH.as_secs() - 1, ..package };
        remember("sid/linux-source", old, &cache).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(recall_source("sid/linux-source", &cache), None);
    }
}
