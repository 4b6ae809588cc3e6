//! Programs in Debian's packages, with the libraries that are packages of their own.
//! Lives here: from names of packages to a directory in the cache that could be their root.
//! May not live here: what is done with them.

use super::apt::Root;
use super::package::Package;
use super::{Wish, deb, key_of};
use crate::kernel::cache::{Cache, Kind};
use crate::kernel::error::Error;
use crate::kernel::job::Job;
use std::path::PathBuf;

/// The directory into which the packages of a release are unpacked, in the cache; which they are, with versions. The newest are
/// looked for once a day; without a network those of the last time do. What the packages depend on is not taken along.
pub(crate) fn programs(release: &str, packages: &[&str], cache: &Cache, job: &Job) -> Result<(PathBuf, String), Error> {
    let spec = format!("{release} {}", packages.join(" "));
    let wish = Wish { what: "newer packages", kind: Kind::Programs, spec: &spec, release };
    let (entry, answer) = wish.come_true(cache, job, |root| fetch(root, packages, cache, job))?;
    Ok((entry, answer.origin))
}

fn fetch(root: &Root, names: &[&str], cache: &Cache, job: &Job) -> Result<(String, String), Error> {
    let packages = root.newest(names, job)?;
    let first = packages.first().ok_or_else(|| Error::Debian("no package was asked for".into()))?;
    let key = key_of(first, &packages);
    let named = |package: &Package| format!("{} {}", package.name, package.version);
    let origin = packages.iter().map(named).collect::<Vec<_>>().join(", ");
    cache.entry(Kind::Programs, &key, &origin, job, |directory| {
        let size: u64 = packages.iter().map(|package| package.size).sum();
        let names = names.join(", ");
        job.say(format!("fetching {names} ({} MB)", size.div_ceil(1_000_000)));
        let downloads = cache.temporary()?;
        for file in root.download(&packages, downloads.path(), job)? {
            deb::unpack_programs(&file, directory, job)?;
        }
        Ok::<_, Error>(Vec::new())
    })?;
    Ok((key, origin))
}
