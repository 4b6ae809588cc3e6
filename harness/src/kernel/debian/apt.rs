//! A private apt root: another release's package lists, beside the system's own and without its privileges.
//! Lives here: apt's configuration for it, and apt's commands in it.
//! May not live here: which mirrors (`sources`), or what is done with the packages.

use super::package::{self, Package};
use super::sources;
use crate::kernel::child::{Call, ChildError, words};
use crate::kernel::error::{At, Error};
use crate::kernel::job::Job;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// For lists of some 10 MB, apt's own retries included.
const UPDATE_DEADLINE: Duration = Duration::from_secs(180);
/// For lists that are only old: a network that swallows everything shall not hold up a run for long.
const REFRESH_DEADLINE: Duration = Duration::from_secs(60);
/// For a question to lists that are here; reading them in the first time takes seconds.
const QUERY_DEADLINE: Duration = Duration::from_secs(120);
/// For some 130 MB.
const DOWNLOAD_DEADLINE: Duration = Duration::from_secs(30 * 60);
/// A kernel's packages depend on each other less deeply than this.
const MAX_DEPTH: usize = 8;
/// Most bytes of a file of sources.
const MAX_SOURCES: u64 = 1 << 20;

/// How old the lists are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lists {
    /// Young enough as they were.
    Kept,
    /// Refreshed just now.
    New,
    /// Not all of them could be refreshed.
    Old,
}

/// The root for one release; whoever has one holds its lock.
#[derive(Debug)]
pub struct Root {
    directory: PathBuf,
    release: String,
}

impl Root {
    /// Makes or renews the root below `cache`: sources from apt's own configuration, everything else in it. Lists that
    /// came from other sources are dropped.
    pub fn open(cache: &Path, release: &str, job: &Job) -> Result<Self, Error> {
        let directory = cache.join("apt").join(release);
        if directory.to_string_lossy().contains(['"', '\\']) {
            // apt.conf(5) has no escape for them.
            return Err(Error::Debian(format!(
                "apt cannot work in {}: quotes or backslashes in its name",
                directory.display()
            )));
        }
        let root = Self { directory, release: release.to_owned() };
        for name in ["state/lists/partial", "cache/archives/partial", "sources.d", "empty"] {
            let directory = root.directory.join(name);
            fs::create_dir_all(&directory).at("make the directory", &directory)?;
        }
        let host = sources::host_release(&fs::read_to_string("/etc/os-release").unwrap_or_default());
        let sources = sources::for_release(&host_sources(job)?, host.as_deref(), release).ok_or_else(|| {
            Error::Debian(format!(
                "apt on this machine has no Debian mirror set up, so there is no way to Debian {release}; add one, or give \
                 the kernel as {{image: PATH, modules: DIR}}"
            ))
        })?;
        let config = config(&root.directory.to_string_lossy());
        let path = root.directory.join("sources.d/debian.sources");
        if fs::read_to_string(&path).ok().as_ref() != Some(&sources) {
            fs::write(&path, sources).at("write", &path)?;
            root.forget()?;
        }
        for (name, text) in [("apt.conf", config.as_str()), ("state/status", "")] {
            let path = root.directory.join(name);
            fs::write(&path, text).at("write", &path)?;
        }
        Ok(root)
    }

    /// The file whose age is the lists'.
    fn stamp(&self) -> PathBuf {
        self.directory.join("updated")
    }

    fn forget(&self) -> Result<(), Error> {
        let stamp = self.stamp();
        if stamp.exists() {
            fs::remove_file(&stamp).at("remove", &stamp)?;
        }
        Ok(())
    }

    /// Refreshes lists older than `age`. Where some of them cannot be had it says so and goes on with
    /// those that are here: a release may have no such suite, and old lists are better than none.
    pub fn refresh(&self, age: Duration, job: &Job) -> Result<Lists, Error> {
        let stamp = self.stamp();
        let updated = stamp.metadata().and_then(|file| file.modified()).ok();
        let now = SystemTime::now();
        if updated.is_some_and(|updated| now.duration_since(updated).unwrap_or_default() < age) {
            return Ok(Lists::Kept);
        }
        let deadline = if self.has_lists() { REFRESH_DEADLINE } else { UPDATE_DEADLINE };
        job.say(format!("refreshing the package lists of Debian {}", self.release));
        match self.call("apt-get", "apt", deadline, None, ["update"]).run(job) {
            Ok(_) => {
                File::create(&stamp).at("write", &stamp)?;
            }
            Err(ChildError::Failed { stderr, .. } | ChildError::Deadline { stderr, .. }) if self.has_lists() => {
                let reason = stderr.lines().find(|line| line.starts_with("E:")).unwrap_or("it took too long");
                let lists = format!("package lists of Debian {}", self.release);
                job.say(format!("not all {lists} could be refreshed ({reason}); using those that are here"));
                return Ok(Lists::Old);
            }
            Err(ChildError::Failed { stderr, .. }) if stderr.contains("does not have a Release file") => {
                let release = &self.release;
                return Err(Error::Debian(format!(
                    "the mirrors that apt is set up for have no release `{release}`; releases are bullseye, bookworm, \
                     trixie, sid and the like"
                )));
            }
            Err(error) => return Err(error.into()),
        }
        Ok(Lists::New)
    }

    fn has_lists(&self) -> bool {
        let names = fs::read_dir(self.directory.join("state/lists")).into_iter().flatten().flatten();
        names.into_iter().any(|entry| entry.file_name().to_string_lossy().contains("_Packages"))
    }

    /// The newest version of a package and all packages of the same kernel that it depends on, what was asked for first.
    pub fn closure(&self, package: &str, job: &Job) -> Result<Vec<Package>, Error> {
        self.find(package, job)?.ok_or_else(|| self.no_package(package, job))
    }

    /// As [`Root::closure`], for a package that may not be there.
    pub fn find(&self, package: &str, job: &Job) -> Result<Option<Vec<Package>>, Error> {
        let mut found: Vec<Package> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut wanted = vec![package.to_owned()];
        for _ in 0..MAX_DEPTH {
            if wanted.is_empty() {
                return Ok(Some(found));
            }
            let args = ["show", "--no-all-versions", "--"].into_iter().chain(wanted.iter().map(String::as_str));
            let output = match self.call("apt-cache", "apt", QUERY_DEADLINE, None, args).run(job) {
                Err(ChildError::Failed { stderr, .. }) if stderr.contains("No packages found") => {
                    return if found.is_empty() { Ok(None) } else { Err(self.no_package(&wanted.join(", "), job)) };
                }
                output => output?,
            };
            let packages = package::read(&output.stdout);
            wanted = packages.iter().flat_map(Package::same_kernel).filter(|name| seen.insert(name.clone())).collect();
            found.extend(packages);
        }
        Err(Error::Debian(format!("the dependencies of {package} go round in a circle")))
    }

    /// The newest version of each of these packages, in their order.
    pub fn newest(&self, names: &[&str], job: &Job) -> Result<Vec<Package>, Error> {
        let args = ["show", "--no-all-versions", "--"].into_iter().chain(names.iter().copied());
        let output = self.call("apt-cache", "apt", QUERY_DEADLINE, None, args).run(job)?;
        let mut found = package::read(&output.stdout);
        let place = |package: &Package| names.iter().position(|name| *name == package.name);
        found.retain(|package| place(package).is_some());
        found.sort_by_key(place);
        match names.iter().find(|name| !found.iter().any(|package| package.name == **name)) {
            Some(name) => Err(Error::Debian(format!("Debian {} has no package {name}", self.release))),
            None => Ok(found),
        }
    }

    /// The names of packages that begin so, as far as they can be told.
    pub fn names(&self, begin: &str, job: &Job) -> Vec<String> {
        let names = self.call("apt-cache", "apt", QUERY_DEADLINE, None, ["pkgnames", begin]).run(job);
        let mut names: Vec<String> =
            names.map(|output| output.stdout.lines().map(str::to_owned).collect()).unwrap_or_default();
        names.sort();
        names
    }

    fn no_package(&self, name: &str, job: &Job) -> Error {
        let mut known = self.names("linux-image-", job);
        known.retain(|name| !name.contains("dbg") && !name.contains("unsigned"));
        known.sort_by_cached_key(|known| (strsim::levenshtein(known, name), known.clone()));
        known.truncate(6);
        let release = &self.release;
        Error::Debian(format!("Debian {release} has no package {name}; it has {}", known.join(", ")))
    }

    /// What apt would install of these packages and patterns in a system of nothing, as `apt-get --simulate install` says it.
    pub fn simulate(&self, packages: &[String], job: &Job) -> Result<String, Error> {
        let options = ["--simulate", "-o", "APT::Install-Recommends=false", "install", "--"];
        let args = options.into_iter().chain(packages.iter().map(String::as_str));
        match self.call("apt-get", "apt", QUERY_DEADLINE, None, args).run(job) {
            Err(ChildError::Failed { stderr, .. }) if stderr.contains("Unable to locate package ") => {
                let name = stderr.lines().find_map(|line| line.strip_prefix("E: Unable to locate package "));
                let (release, name) = (&self.release, name.unwrap_or_default());
                Err(Error::Debian(format!("Debian {release} has no package {name}")))
            }
            output => Ok(output?.stdout),
        }
    }

    /// The file that says where packages come from.
    pub fn sources(&self) -> PathBuf {
        self.directory.join("sources.d/debian.sources")
    }

    /// The directory of the package lists.
    pub fn lists(&self) -> PathBuf {
        self.directory.join("state/lists")
    }

    /// The proxies that apt on this machine is set up for, as lines of an apt.conf.
    pub fn proxies(&self, job: &Job) -> Result<Vec<String>, Error> {
        let output = self.call("apt-config", "apt", QUERY_DEADLINE, None, ["dump"]).run(job)?;
        let is_proxy = |line: &&str| line.starts_with("Acquire::") && line.contains("::Proxy");
        Ok(output.stdout.lines().filter(is_proxy).map(str::to_owned).collect())
    }

    /// Downloads packages, verified by apt, into an empty directory.
    pub fn download(&self, packages: &[Package], directory: &Path, job: &Job) -> Result<Vec<PathBuf>, Error> {
        let names = packages.iter().map(|package| format!("{}={}", package.name, package.version));
        let args = ["download".to_owned(), "--".to_owned()].into_iter().chain(names);
        self.call("apt-get", "apt", DOWNLOAD_DEADLINE, Some(directory), args).run(job)?;
        let mut files = Vec::new();
        for entry in fs::read_dir(directory).at("list", directory)? {
            let path = entry.at("list", directory)?.path();
            if path.extension() == Some(OsStr::new("deb")) {
                files.push(path);
            }
        }
        files.sort();
        Ok(files)
    }

    fn call<'a>(
        &self,
        program: &'a str,
        package: &'static str,
        deadline: Duration,
        directory: Option<&'a Path>,
        args: impl IntoIterator<Item = impl AsRef<OsStr>>,
    ) -> Call<'a> {
        let mut all: Vec<OsString> = vec!["-c".into(), self.directory.join("apt.conf").into()];
        all.extend(words(args));
        Call { program, package, args: all, directory, deadline }
    }
}

/// Read after the system's own configuration, so that proxies and credentials stay.
fn config(root: &str) -> String {
    format!(
        r#"// Made by oomph: a root for the lists of another release, used with `apt-get -c`.
#clear APT::Default-Release;
#clear APT::Architectures;
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "{root}/state/";
Dir::State::lists "{root}/state/lists/";
Dir::State::status "{root}/state/status";
Dir::Cache "{root}/cache/";
Dir::Cache::archives "{root}/cache/archives/";
Dir::Cache::pkgcache "pkgcache.bin";
Dir::Cache::srcpkgcache "srcpkgcache.bin";
Dir::Etc::sourcelist "/dev/null";
Dir::Etc::sourceparts "{root}/sources.d/";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "{root}/empty/";
APT::Architecture "amd64";
APT::Architectures {{ "amd64"; }};
APT::Sandbox::User "root";
APT::Update::Error-Mode "any";
Acquire::Languages "none";
Acquire::Retries "2";
Acquire::http::Timeout "20";
Acquire::https::Timeout "20";
"#
    )
}

/// All sources of the host's apt.
pub fn host_sources(job: &Job) -> Result<Vec<sources::Source>, Error> {
    let args = words(["shell", "LIST", "Dir::Etc::sourcelist/f", "PARTS", "Dir::Etc::sourceparts/d"]);
    let call = Call { program: "apt-config", package: "apt", args, directory: None, deadline: QUERY_DEADLINE };
    let output = call.run(job)?;
    let value = |name: &str| {
        let mut lines = output.stdout.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        lines.next().map(|value| PathBuf::from(value.trim_matches('\'')))
    };
    let mut files: Vec<PathBuf> = value("LIST").into_iter().collect();
    if let Some(parts) = value("PARTS").filter(|parts| parts.is_dir()) {
        for entry in fs::read_dir(&parts).at("list", &parts)? {
            files.push(entry.at("list", &parts)?.path());
        }
    }
    files.sort();
    let mut found = Vec::new();
    for file in files.iter().filter(|file| file.metadata().is_ok_and(|file| file.len() <= MAX_SOURCES)) {
        let read = match file.extension().and_then(OsStr::to_str) {
            Some("list") => sources::read_one_line,
            Some("sources") => sources::read_deb822,
            _ => continue,
        };
        found.extend(read(&fs::read_to_string(file).at("read", file)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_the_root_lies_in_the_systems_places() {
        let text = config("/c/apt/sid");
        for line in text.lines().filter(|line| line.starts_with("Dir::")) {
            let private = line.contains("\"/c/apt/sid/") || line.contains("/dev/null") || line.contains("cache.bin");
            assert!(private, "{line}");
        }
    }
}
