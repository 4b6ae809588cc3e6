//! From what a scenario says to a kernel that is here.
//! Lives here: names, the choice between sources.
//! May not live here: the sources themselves.

use super::Kernel;
use super::cache::{Cache, path_safe};
use super::error::Error;
use super::job::{Job, Progress, blocking};
use super::names::{Named, Names};
use super::source::{self, Follow, History, Tool};
use super::{debian, file};
use crate::scenario::{KernelSource, KernelSpec, SourceBuild, SourceTree};
use std::path::{Path, PathBuf};

/// The kernel that `spec` means, fetched if need be. Dropping the future calls the work off.
///
/// `progress` gets a line whenever something takes a while, or is not as it should be but can be gone on with.
pub async fn resolve(spec: &KernelSpec, names: &Names, cache: &Cache, progress: Progress<'_>) -> Result<Kernel, Error> {
    let (name, source, tags) = meaning(spec, names)?;
    let cache = cache.clone();
    let kernel = blocking(progress, move |job| from_source(name, &source, &cache, job)).await?;
    Ok(with_tags(kernel, tags))
}

/// Whether `spec` means a kernel: a name that is known, and nothing that it names is missing.
///
/// # Errors
/// Where it does not.
pub fn known(spec: &KernelSpec, names: &Names) -> Result<(), Error> {
    meaning(spec, names).map(|_| ())
}

/// As [`resolve`], for a kernel that is built from source and no other.
pub async fn build(spec: &KernelSpec, names: &Names, cache: &Cache, progress: Progress<'_>) -> Result<Kernel, Error> {
    match meaning(spec, names)? {
        (_, KernelSource::Source(_), _) => resolve(spec, names, cache, progress).await,
        (name, ..) => Err(Error::NotBuilt { name }),
    }
}

/// What building the kernel that `spec` means needs of this host, or one of our base configuration; present or not. Blocks
/// for as long as a dozen programs take to say their versions.
pub fn check(spec: Option<&KernelSpec>, names: &Names) -> Result<Vec<Tool>, Error> {
    let source = match spec {
        Some(spec) => meaning(spec, names)?,
        None => {
            let any = SourceBuild::of(SourceTree::Path(PathBuf::new()));
            (String::new(), KernelSource::Source(Box::new(any)), Vec::new())
        }
    };
    match source {
        (_, KernelSource::Source(spec), _) => source::check(&spec, &Job::silent()),
        (name, ..) => Err(Error::NotBuilt { name }),
    }
}

/// What lies between two ends of a git repository on this machine.
///
/// # Errors
/// Where it is no repository, has no such references, or the good end is no ancestor of the bad one.
pub async fn history(
    directory: &Path,
    ends: (&str, &str),
    follow: &Follow,
    cache: &Cache,
    progress: Progress<'_>,
) -> Result<History, Error> {
    let (directory, follow, cache) = (directory.to_owned(), follow.clone(), cache.clone());
    let (good, bad) = (ends.0.to_owned(), ends.1.to_owned());
    blocking(progress, move |job| source::history(&directory, (&good, &bad), &follow, &cache, job)).await
}

/// The kernel that `spec` means, if it is here: no network is asked and nothing is built. Blocks for some milliseconds.
pub fn find(spec: &KernelSpec, names: &Names, cache: &Cache) -> Result<Option<Kernel>, Error> {
    let (name, source, tags) = meaning(spec, names)?;
    let found = match &source {
        KernelSource::Debian(spec) => debian::find(name, spec, cache)?,
        KernelSource::Source(spec) => source::find(name, spec, cache, &Job::silent())?,
        KernelSource::Image { image, modules } => {
            Some(file::kernel(name, image, modules.as_deref(), image.display().to_string())?)
        }
    };
    Ok(found.map(|kernel| with_tags(kernel, tags)))
}

/// A kernel with the tags of its name, before those that it has itself.
fn with_tags(kernel: Kernel, mut tags: Vec<String>) -> Kernel {
    for tag in &kernel.tags {
        if !tags.contains(tag) {
            tags.push(tag.clone());
        }
    }
    Kernel { tags, ..kernel }
}

fn from_source(name: String, source: &KernelSource, cache: &Cache, job: &Job) -> Result<Kernel, Error> {
    match source {
        KernelSource::Debian(spec) => debian::kernel(name, spec, cache, job),
        KernelSource::Source(spec) => source::kernel(name, spec, cache, job),
        KernelSource::Image { image, modules } => {
            file::kernel(name, image, modules.as_deref(), image.display().to_string())
        }
    }
}

/// A specification's name, source and tags.
///
/// # Errors
/// Where no kernel has that name, or it names files that are not there.
pub fn meaning(spec: &KernelSpec, names: &Names) -> Result<(String, KernelSource, Vec<String>), Error> {
    match spec {
        KernelSpec::Named(name) => match names.kernels.get(name) {
            Some(Named { problem: Some(problem), .. }) => {
                Err(Error::Unusable { name: name.clone(), problem: problem.clone() })
            }
            Some(named) => Ok((name.clone(), named.source.clone(), named.tags.clone())),
            None => Err(Error::UnknownName {
                name: name.clone(),
                source_file: names.file.clone(),
                suggestion: names.nearest(name),
                known: names.kernels.keys().cloned().collect(),
            }),
        },
        KernelSpec::Inline(source) => Ok((short_name(source), source.clone(), source.tags())),
    }
}

fn short_name(source: &KernelSource) -> String {
    match source {
        KernelSource::Debian(spec) if spec.starts_with("linux-") => path_safe(spec),
        KernelSource::Debian(release) => path_safe(&format!("debian-{release}")),
        KernelSource::Source(build) => path_safe(&match &build.tree {
            SourceTree::Path(path) => path.file_name().unwrap_or_default().to_string_lossy().into_owned(),
            SourceTree::Git { reference, .. } => reference.clone(),
            SourceTree::Tarball { tarball, .. } => tarball.rsplit('/').next().unwrap_or_default().to_owned(),
            SourceTree::Debian(package) => package.clone(),
        }),
        KernelSource::Image { image, .. } => path_safe(&image.file_name().unwrap_or_default().to_string_lossy()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::header::tests::bzimage;

    #[tokio::test]
    async fn a_named_image_brings_its_tags() {
        let place = tempfile::tempdir().unwrap();
        std::fs::write(place.path().join("bzImage"), bzimage("4.0.9 (a@b) #1")).unwrap();
        let text = "old: {image: bzImage, tags: [no-oom-reaper]}";
        let names = Names::parse(text, "k.yaml", place.path()).unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        let kernel = resolve(&KernelSpec::Named("old".into()), &names, &cache, &|_| ()).await.unwrap();
        assert_eq!((kernel.name.as_str(), kernel.version), ("old", (4, 0, 9)));
        assert_eq!(kernel.tags, ["no-oom-reaper"]);
        let inline = names.from_argument(&place.path().join("bzImage").display().to_string());
        assert_eq!(resolve(&inline, &names, &cache, &|_| ()).await.unwrap().name, "bzImage");
    }

    #[test]
    fn an_unknown_name_suggests_the_near_one() {
        let names = Names::parse("debian-6.1: {debian: bookworm}", "k.yaml", Path::new("")).unwrap();
        let error = meaning(&KernelSpec::Named("debian-6.l".into()), &names).unwrap_err().to_string();
        assert_eq!(
            error,
            "no kernel is named `debian-6.l` in k.yaml (did you mean `debian-6.1`?); there are: debian-6.1"
        );
    }

    #[test]
    fn inline_kernels_get_short_names() {
        assert_eq!(short_name(&KernelSource::Debian("sid".into())), "debian-sid");
        assert_eq!(
            short_name(&KernelSource::Debian("linux-image-6.1.0-31-amd64".into())),
            "linux-image-6.1.0-31-amd64"
        );
        assert_eq!(short_name(&KernelSource::Image { image: "/a/bz Image".into(), modules: None }), "bz_Image");
    }
}
