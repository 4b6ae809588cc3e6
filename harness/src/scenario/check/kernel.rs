//! Rules for where a kernel comes from, in a scenario and under a name.
//! Lives here: which keys go together, kernels.yaml's own keys, paths.
//! May not live here: what a build from source may say (`source`), or getting a kernel.

use super::Checker;
use crate::scenario::kernel::{KernelSource, KernelSpec};
use crate::scenario::problem::{Problem, ScenarioError};
use crate::scenario::raw::{RawKernel, RawKernels, RawSource};
use crate::scenario::scalars::KernelName;
use crate::scenario::text::{Origin, Text};
use crate::scenario::value::{At, Scalar, Val};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most named kernels.
const MAX_KERNELS: usize = 500;

/// A kernel of kernels.yaml.
#[derive(Clone, Debug)]
pub struct NamedSource {
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub source: KernelSource,
    /// What expectations can match on: the tags that are written and the names of its patches.
    pub tags: Vec<String>,
    /// For people.
    pub note: Option<String>,
    /// Files that it names and that are not there. The other kernels are none the worse for it.
    pub problem: Option<ScenarioError>,
}

/// Checks kernels.yaml; `folder` is the absolute one that paths in it start from.
///
/// # Errors
/// All rules that it breaks; never an empty list.
pub fn check_kernels(
    raw: &RawKernels,
    text: &Text,
    file: &Path,
    folder: &Path,
) -> Result<Vec<NamedSource>, Vec<Problem>> {
    let mut checker = Checker::new(text, folder);
    checker.few(raw.0.get(MAX_KERNELS).map(|(name, _)| &name.at), MAX_KERNELS, "kernels");
    let mut kernels = Vec::new();
    for (name, entry) in raw.0.iter().take(MAX_KERNELS) {
        let kernel = checker.named(name, entry);
        let problem = checker.take_missing(file);
        kernels.extend(kernel.map(|kernel| NamedSource { problem, ..kernel }));
    }
    if checker.problems.is_empty() { Ok(kernels) } else { Err(checker.problems) }
}

impl Checker<'_> {
    fn named(&mut self, name: &Val<KernelName>, entry: &At<RawSource>) -> Option<NamedSource> {
        let raw = &entry.value;
        let name = self.read(name);
        let source = self.source(raw, &entry.at);
        let tags = raw.tags.as_ref().map_or(Some(Vec::new()), |tags| self.all(&tags.value));
        let note = self.read_optional(raw.note.as_ref());
        let source = source?;
        let mut tags: Vec<String> = tags?.into_iter().map(|tag| tag.0).collect();
        for tag in source.tags() {
            if !tags.contains(&tag) {
                tags.push(tag);
            }
        }
        Some(NamedSource { name: name?.0, source, tags, note: note?.map(|note| note.0), problem: None })
    }

    pub(super) fn kernel(&mut self, kernel: &At<RawKernel>) -> Option<KernelSpec> {
        match &kernel.value {
            RawKernel::Name(name) => match KernelName::read(name) {
                Ok(name) => Some(KernelSpec::Named(name.0)),
                Err(wrong) => {
                    self.report(Problem::of(wrong, &kernel.at));
                    None
                }
            },
            RawKernel::Source(source) => {
                let tags = source.tags.as_ref().map(|tags| &tags.at);
                let own = [("tags", tags), ("note", source.note.as_ref().map(|note| &note.at))];
                for (key, at) in own.into_iter().filter_map(|(key, at)| Some((key, at?))) {
                    let problem = Problem::new(at, format!("`{key}` is for a kernel with a name"), "leave it out");
                    self.report(problem.help("named kernels are listed in kernel-configs/kernels.yaml"));
                }
                self.source(source, &kernel.at).map(KernelSpec::Inline)
            }
        }
    }

    /// Where a kernel comes from; `at` is where that is written.
    fn source(&mut self, raw: &RawSource, at: &Range<usize>) -> Option<KernelSource> {
        let debian = raw.debian.as_ref().map(|debian| ("debian", debian.at.clone()));
        let image = raw.image.as_ref().map(|image| ("image", image.at.clone()));
        let source = raw.source.as_ref().map(|source| ("source", source.at.clone()));
        let places: Vec<(&str, Range<usize>)> = [debian, image, source].into_iter().flatten().collect();
        if let [(first, first_at), (_, second_at), ..] = &places[..] {
            let right = format!("this cannot stand beside `{first}`");
            self.report(Problem::new(second_at, "the kernel comes from two places", right).other(first_at, *first));
            return None;
        }
        let (Some((kind, kind_at)), keys) = (places.first(), build_keys(raw)) else {
            let right = "expected `debian: RELEASE or PACKAGE`, `image: PATH`, or `source: {…}`";
            self.report(Problem::new(at, "it is not said where the kernel comes from", right));
            return None;
        };
        let modules = raw.modules.as_ref();
        let mut stray: Vec<(&str, &Range<usize>, &str)> = Vec::new();
        if *kind != "source" {
            stray.extend(
                keys.into_iter().map(|(key, at)| (key, at, "only a kernel that is built from `source` has this")),
            );
        }
        if let (Some(modules), "debian") = (modules, *kind) {
            stray.push(("modules", &modules.at, "a package brings its own image and modules"));
        }
        let is_stray = !stray.is_empty();
        for (key, at, why) in stray {
            let message = format!("`{key}` does not go with `{kind}`");
            self.report(Problem::new(at, message, "leave it out").other(kind_at, *kind).help(why));
        }
        let found = if let Some(debian) = &raw.debian {
            self.read(debian).map(|debian| KernelSource::Debian(debian.0))
        } else if let Some(image) = &raw.image {
            let image = self.path(image, Path::is_file, "file");
            let modules = match modules {
                None => Some(None),
                Some(modules) => self.path(modules, Path::is_dir, "folder").map(Some),
            };
            image.zip(modules).map(|(image, modules)| KernelSource::Image { image, modules })
        } else {
            let tree = raw.source.as_ref()?;
            self.build(raw, tree).map(|build| KernelSource::Source(Box::new(build)))
        };
        found.filter(|_| !is_stray)
    }

    /// An absolute path to what must be there. One that is not is reported apart, and stands.
    pub(super) fn path<T: Scalar>(&mut self, val: &Val<T>, is: fn(&Path) -> bool, kind: &str) -> Option<PathBuf> {
        let text = self.read(val)?.text();
        let set = matches!(self.text.origin(&val.at).0, Origin::Set(_));
        let path = if set { std::path::absolute(&text).ok()? } else { self.folder.join(&text) };
        if is(&path) && path.to_str().is_some() {
            return Some(path);
        }
        let message = match path.try_exists() {
            Ok(true) if path.to_str().is_none() => format!("`{text}` lies in a folder whose name is no UTF-8"),
            Ok(true) => format!("`{text}` is no {kind}"),
            Ok(false) => format!("`{text}` does not exist"),
            Err(error) => format!("`{text}` cannot be looked at: {error}"),
        };
        let from = if set { "the current folder" } else { "the folder of the file that names it" };
        let problem = Problem::new(&val.at, message, format!("expected a {kind}"));
        self.missing.push(match Path::new(&text).is_relative() {
            true => problem.help(format!("a relative path starts at {from}; here that makes {}", path.display())),
            false => problem,
        });
        Some(path)
    }
}

/// The keys that are there and belong to a build from source, with their places.
fn build_keys(raw: &RawSource) -> Vec<(&'static str, &Range<usize>)> {
    let keys = [
        ("base", raw.base.as_ref().map(|base| &base.at)),
        ("config", raw.config.as_ref().map(|config| &config.at)),
        ("required", raw.required.first().map(|required| &required.at)),
        ("patches", raw.patches.first().map(|patch| &patch.at)),
        ("fuzz", raw.fuzz.as_ref().map(|fuzz| &fuzz.at)),
        ("make", raw.make.as_ref().and_then(|make| make.0.first()).map(|(name, _)| &name.at)),
    ];
    keys.into_iter().filter_map(|(key, at)| Some((key, at?))).collect()
}
