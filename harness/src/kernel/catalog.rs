//! What `oomph kernel list` and `fetch` tell.
//! Lives here: the state of each named kernel, without a network; fetching some.
//! May not live here: printing.

use super::Kernel;
use super::cache::{Cache, Kind};
use super::error::Error;
use super::job::{Job, Progress};
use super::names::Names;
use super::{debian, file, resolve, source};
use crate::scenario::{KernelSource, KernelSpec, SourceBuild};
use serde::Serialize;
use std::path::PathBuf;

/// How a kernel comes to be here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// From a Debian package.
    Debian,
    /// It is a file on this machine.
    Image,
    /// Built from source.
    Source,
}

impl Origin {
    /// What to say of a kernel that is not here.
    pub fn absent(self) -> &'static str {
        match self {
            Self::Debian => "not fetched",
            Self::Image => "not there",
            Self::Source => "not built",
        }
    }
}

/// A named kernel and whether it is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Its name in kernels.yaml.
    pub name: String,
    /// How it comes to be here.
    pub kind: Origin,
    /// Where it comes from: `Debian bookworm`, a path, or a source with its patches.
    pub source: String,
    /// Its tags.
    pub tags: Vec<String>,
    /// Its note.
    pub note: Option<String>,
    /// What is here; `None` for what would have to be fetched or built.
    pub cached: Option<Cached>,
    /// Why what is here cannot be used, where it cannot.
    pub problem: Option<String>,
}

/// A kernel that is here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Cached {
    /// The bootable image.
    pub image: PathBuf,
    /// `uname -r`.
    pub release: String,
    /// Where it came from, with the exact version.
    pub origin: String,
    /// Image and, where they are in the cache, modules, in bytes.
    pub size: u64,
    /// When it was looked for last or built, in seconds since 1970; `None` for a file that is not in the cache.
    pub checked: Option<u64>,
}

/// All named kernels, by name. Blocks for as long as it takes to look at the cached ones: a few milliseconds each.
pub fn list(names: &Names, cache: &Cache) -> Vec<Listed> {
    let listed = |(name, named): (&String, &super::Named)| {
        let (kind, source, found) = match &named.source {
            KernelSource::Debian(spec) => (Origin::Debian, format!("Debian {spec}"), debian_entry(spec, cache)),
            KernelSource::Source(spec) => (Origin::Source, source::describe(spec), built_entry(spec, cache)),
            KernelSource::Image { image, .. } => (Origin::Image, image.display().to_string(), image_file(image)),
        };
        let found = named.problem.as_ref().map_or(found, |problem| Err(problem.to_string()));
        let (cached, problem) = found.map_or_else(|problem| (None, Some(problem)), |cached| (cached, None));
        Listed { name: name.clone(), kind, source, tags: named.tags.clone(), note: named.note.clone(), cached, problem }
    };
    names.kernels.iter().map(listed).collect()
}

fn debian_entry(spec: &str, cache: &Cache) -> Result<Option<Cached>, String> {
    let Some(answer) = debian::recall(cache, spec) else { return Ok(None) };
    let Some((entry, manifest)) = cache.find(Kind::Kernels, &answer.key)? else { return Ok(None) };
    let image = debian::find_image(&entry).map_err(|error| error.to_string())?;
    let release = file::identify(&image).map_err(|error| error.to_string())?.release;
    Ok(Some(Cached { image, release, origin: answer.origin, size: manifest.size(), checked: Some(answer.when) }))
}

fn built_entry(spec: &SourceBuild, cache: &Cache) -> Result<Option<Cached>, String> {
    let found = source::find(String::new(), spec, cache, &Job::silent()).map_err(|error| error.to_string())?;
    let Some(Kernel { image, release, origin, build: Some(build), .. }) = found else { return Ok(None) };
    let Some((_, manifest)) = cache.find(Kind::Builds, &build.key)? else { return Ok(None) };
    Ok(Some(Cached { image, release, origin, size: manifest.size(), checked: Some(manifest.made) }))
}

fn image_file(image: &std::path::Path) -> Result<Option<Cached>, String> {
    let identity = file::identify(image).map_err(|error| error.to_string())?;
    let size = image.metadata().map_or(0, |file| file.len());
    let origin = image.display().to_string();
    Ok(Some(Cached { image: image.to_owned(), release: identity.release, origin, size, checked: None }))
}

/// Has the named kernels here, all of them where `wanted` is empty, one after the other. A name that fails does not keep
/// the others from being fetched.
pub async fn fetch(
    wanted: &[String],
    names: &Names,
    cache: &Cache,
    progress: Progress<'_>,
) -> Vec<(String, Result<Kernel, Error>)> {
    let all: Vec<String> = if wanted.is_empty() { names.kernels.keys().cloned().collect() } else { wanted.to_vec() };
    let mut fetched = Vec::new();
    for name in all {
        let kernel = resolve(&KernelSpec::Named(name.clone()), names, cache, progress).await;
        fetched.push((name, kernel));
    }
    fetched
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::kernel::header::tests::bzimage;

    #[test]
    fn the_list_says_what_is_here() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(&place.path().join("cache"))).unwrap();
        std::fs::write(place.path().join("bz"), bzimage("4.0.9 (a@b) #1")).unwrap();
        let text = "d: {debian: sid}\ni: {image: bz, note: N}\nm: {image: missing}\n";
        let names = Names::parse(text, "k.yaml", place.path()).unwrap();
        let listed = list(&names, &cache);
        assert_eq!((listed[0].source.as_str(), &listed[0].cached, &listed[0].problem), ("Debian sid", &None, &None));
        let here = listed[1].cached.as_ref().unwrap();
        assert_eq!((here.release.as_str(), here.size, here.checked), ("4.0.9", 0x4000, None));
        assert!(listed[2].problem.as_ref().unwrap().contains("`missing` does not exist"));
    }

    #[test]
    fn an_answer_in_the_cache_is_listed_with_its_exact_version() {
        let place = tempfile::tempdir().unwrap();
        let cache = Cache::open(Some(place.path())).unwrap();
        let make = |directory: &std::path::Path| {
            std::fs::create_dir(directory.join("boot")).unwrap();
            std::fs::write(directory.join("boot/vmlinuz-6.1.0-31-amd64"), bzimage("6.1.0-31-amd64 (x) #1")).unwrap();
            Ok::<_, Error>(vec!["boot/vmlinuz-6.1.0-31-amd64".into()])
        };
        cache.entry(Kind::Kernels, "k", "a kernel", &crate::kernel::job::Job::silent(), make).unwrap();
        let answer = debian::Answer { key: "k".into(), origin: "linux-image 6.1.128-1".into(), when: 7 };
        std::fs::create_dir(place.path().join("answers")).unwrap();
        std::fs::write(place.path().join("answers/debian-sid.json"), serde_json::to_vec(&answer).unwrap()).unwrap();
        let names = Names::parse("d: {debian: sid}", "k.yaml", place.path()).unwrap();
        let cached = list(&names, &cache)[0].cached.clone().unwrap();
        assert_eq!((cached.release.as_str(), cached.origin.as_str()), ("6.1.0-31-amd64", "linux-image 6.1.128-1"));
    }
}
