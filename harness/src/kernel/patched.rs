//! A kernel with more patches than its own.
//! Lives here: the named kernel that a kernel and patches make; a range of its source's commits as patches.
//! May not live here: reading patches, or building (`source`).

use super::cache::{Cache, path_safe};
use super::error::{At, Error};
use super::job::{Progress, blocking};
use super::names::{Named, Names};
use super::resolve::meaning;
use super::source;
use crate::scenario::{KernelSource, KernelSpec, patch_name};
use std::fs::File;
use std::path::{Path, PathBuf};

/// Longest name of a kernel, in characters (`KernelName` of scenarios).
const MAX_NAME: usize = 100;

/// Adds the kernel that `spec` means, with these patches after its own, to the names, and says how it is named there: `KERNEL+PATCH`, with
/// more than one patch `KERNEL+FIRST+N`. It has the tags of the kernel, and the patches' names.
///
/// # Errors
/// Where there is no such kernel, it is not built from source, or a patch cannot be read.
pub fn patched(spec: &KernelSpec, names: &mut Names, patches: &[PathBuf]) -> Result<String, Error> {
    let (kernel, source, mut tags) = meaning(spec, names)?;
    let KernelSource::Source(mut build) = source else { return Err(not_patched(kernel, names)) };
    for patch in patches {
        File::open(patch).at("open the patch", patch)?;
        build.patches.push(std::path::absolute(patch).at("find the patch", patch)?);
        tags.push(patch_name(patch));
    }
    let more = match (patches.first(), patches.len()) {
        (None, _) => String::new(),
        (Some(only), 1) => format!("+{}", patch_name(only)),
        (Some(first), count) => format!("+{}+{}", patch_name(first), count - 1),
    };
    // Room for a number, where that name is taken.
    let short: String = path_safe(&format!("{kernel}{more}")).chars().take(MAX_NAME - 8).collect();
    let mut name = short.clone();
    let mut number = 1;
    while names.kernels.contains_key(&name) {
        number += 1;
        name = format!("{short}.{number}");
    }
    let named = Named { source: KernelSource::Source(build), tags, note: None, problem: None };
    names.kernels.insert(name.clone(), named);
    Ok(name)
}

/// Writes the commits of a range, of the repository that the kernel's source is, into a mailbox (`git format-patch`).
///
/// # Errors
/// Where the source is no repository on this machine, or the range has no commits.
pub async fn range(
    spec: &KernelSpec,
    names: &Names,
    commits: &str,
    mailbox: &Path,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<(), Error> {
    let (kernel, source, _) = meaning(spec, names)?;
    let KernelSource::Source(build) = source else { return Err(not_patched(kernel, names)) };
    let (commits, mailbox, cache) = (commits.to_owned(), mailbox.to_owned(), cache.clone());
    blocking(progress, move |job| source::range(&build.tree, &commits, &mailbox, &cache, job)).await
}

fn not_patched(name: String, names: &Names) -> Error {
    let built =
        |(name, named): (&String, &Named)| matches!(named.source, KernelSource::Source(_)).then(|| name.clone());
    Error::NotPatched { name, known: names.kernels.iter().filter_map(built).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_kernel_and_patches_make_a_named_kernel() {
        let place = tempfile::tempdir().unwrap();
        let file = |name: &str| {
            let path = place.path().join(name);
            std::fs::write(&path, "").unwrap();
            path
        };
        let (own, fix, more) = (file("own.patch"), file("my fix.diff"), file("series.mbx"));
        let text = "k: {source: {debian: linux-source-6.1}, patches: [own.patch], tags: [t]}\nd: {debian: bookworm}\n";
        let mut names = Names::parse(text, "k.yaml", place.path()).unwrap();
        let k = KernelSpec::Named("k".into());
        let name = patched(&k, &mut names, std::slice::from_ref(&fix)).unwrap();
        assert_eq!(
            (name.as_str(), names.kernels[&name].tags.clone()),
            ("k+my_fix", vec!["t".into(), "own".into(), "my fix".into()])
        );
        let KernelSource::Source(build) = &names.kernels[&name].source else { panic!("from source") };
        assert_eq!(build.patches, [own, fix.clone()]);
        assert_eq!(patched(&k, &mut names, &[fix.clone(), more]).unwrap(), "k+my_fix+1");
        assert_eq!(patched(&k, &mut names, std::slice::from_ref(&fix)).unwrap(), "k+my_fix.2");
        assert!(names.kernels.len() == 5 && names.kernels["k"].tags == ["t", "own"]);
    }

    #[test]
    fn what_cannot_be_patched_is_said_with_what_can() {
        let place = tempfile::tempdir().unwrap();
        let text = "k: {source: {debian: linux-source-6.1}}\nd: {debian: bookworm}\n";
        let mut names = Names::parse(text, "k.yaml", place.path()).unwrap();
        let gone = place.path().join("gone.patch");
        let error = patched(&KernelSpec::Named("d".into()), &mut names, &[]).unwrap_err().to_string();
        assert!(error.contains("`d` is not built from source") && error.contains("are: k;"), "{error}");
        let error = patched(&KernelSpec::Named("k".into()), &mut names, &[gone]).unwrap_err().to_string();
        assert!(error.contains("cannot open the patch") && error.contains("gone.patch"), "{error}");
    }
}
