//! Kernels by name: kernels.yaml.
//! Lives here: its format, its checks, where it is found.
//! May not live here: getting a kernel.

use crate::scenario::{
    KernelSource, KernelSpec, NamedSource, ScenarioError, SourceBuild, SourceTree, load_kernels, parse_kernels,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Where it lies in a source tree.
const PLACE: &str = "kernel-configs/kernels.yaml";
/// Where `make install` puts it, from the folder of the program.
const INSTALLED: &str = "../share/oomph/kernel-configs/kernels.yaml";
/// The copy for a program that is alone.
const EMBEDDED: &str = include_str!("../../../kernel-configs/kernels.yaml");
/// What helps where a kernel of that copy names a file.
const ALONE: &str =
    "the program has this list within it, but no patches: give `--kernels` oomph's kernel-configs/kernels.yaml";

/// A named kernel.
#[derive(Clone, Debug)]
pub struct Named {
    /// Where it comes from; paths are absolute.
    pub source: KernelSource,
    /// What expectations can match on: the tags in the list and the names of its patches.
    pub tags: Vec<String>,
    /// For people.
    pub note: Option<String>,
    /// Why it cannot be had: files that it names and that are not there.
    pub problem: Option<ScenarioError>,
}

/// All named kernels.
#[derive(Clone, Debug)]
pub struct Names {
    /// The file, or "the built-in list".
    pub file: String,
    /// By name.
    pub kernels: BTreeMap<String, Named>,
}

impl Names {
    /// The list in `file` where one is given (`--kernels`); else the nearest `kernel-configs/kernels.yaml` upward from the
    /// first of `places` that has one (the scenario's directory, the working directory); else the one that was installed with the
    /// program, whose patches lie beside it; else the built-in one.
    ///
    /// # Errors
    /// Where the list cannot be read, or something in it is wrong.
    pub fn find(file: Option<&Path>, places: &[&Path]) -> Result<Self, ScenarioError> {
        let near = |place: &&Path| {
            let place = std::path::absolute(place).ok()?;
            place.ancestors().map(|up| up.join(PLACE)).find(|path| path.is_file())
        };
        let upward = || places.iter().find_map(near);
        let installed = || std::env::current_exe().ok().and_then(|program| installed(&program));
        match file.map(Path::to_owned).or_else(upward).or_else(installed) {
            Some(path) => Self::read(&path),
            None => Self::built_in(),
        }
    }

    /// The list that is part of the program. Paths in it are relative to the working directory; it has none.
    pub fn built_in() -> Result<Self, ScenarioError> {
        let mut list = Self::parse(EMBEDDED, "the built-in list", Path::new(""))?;
        for named in list.kernels.values_mut() {
            named.problem = named.problem.take().map(|problem| problem.with_help(ALONE));
        }
        Ok(list)
    }

    fn read(path: &Path) -> Result<Self, ScenarioError> {
        load_kernels(path).map(|kernels| Self::of(path.display().to_string(), kernels))
    }

    /// Reads a list; relative paths in it start at `directory`.
    pub fn parse(text: &str, file: &str, directory: &Path) -> Result<Self, ScenarioError> {
        parse_kernels(text, Path::new(file), directory).map(|kernels| Self::of(file.to_owned(), kernels))
    }

    fn of(file: String, kernels: Vec<NamedSource>) -> Self {
        let named = |NamedSource { name, source, tags, note, problem }| (name, Named { source, tags, note, problem });
        Self { file, kernels: kernels.into_iter().map(named).collect() }
    }

    /// The known name that `name` was probably meant to be.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let distance = |known: &String| strsim::damerau_levenshtein(name, known);
        let known = self.kernels.keys().min_by_key(|known| distance(known))?;
        (distance(known) <= (known.len() / 3).max(1)).then(|| known.clone())
    }

    /// What `--kernel TEXT` means: a name in this list, else a path if it looks like one or is there: of a kernel's source,
    /// which is then built with the defaults of a scenario, or of a bootable image.
    pub fn from_argument(&self, text: &str) -> KernelSpec {
        let path = Path::new(text);
        let is_source = ["Makefile", "Kconfig"].iter().all(|file| path.join(file).is_file());
        let is_path = text.contains('/') || path.is_file() || is_source;
        if !is_path || self.kernels.contains_key(text) {
            return KernelSpec::Named(text.to_owned());
        }
        KernelSpec::Inline(match std::path::absolute(path) {
            Ok(tree) if is_source => KernelSource::Source(Box::new(SourceBuild::of(SourceTree::Path(tree)))),
            _ => KernelSource::Image { image: PathBuf::from(text), modules: None },
        })
    }
}

/// The list that belongs to an installed program.
fn installed(program: &Path) -> Option<PathBuf> {
    Some(program.parent()?.join(INSTALLED)).filter(|list| list.is_file())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Names, String> {
        Names::parse(text, "k.yaml", Path::new("/dir")).map_err(|error| error.to_string())
    }

    #[test]
    fn an_installed_program_finds_its_list() {
        let place = tempfile::tempdir().unwrap();
        let program = place.path().join("bin/oomph");
        assert_eq!(installed(&program), None);
        let list = place.path().join("share/oomph").join(PLACE);
        for folder in [program.parent().unwrap(), list.parent().unwrap()] {
            std::fs::create_dir_all(folder).unwrap();
        }
        std::fs::write(&list, "").unwrap();
        assert_eq!(installed(&program).unwrap().canonicalize().unwrap(), list.canonicalize().unwrap());
    }

    #[test]
    fn the_built_in_list_is_sound() {
        let names = Names::built_in().unwrap();
        let source = |name: &str| names.kernels[name].source.clone();
        assert_eq!(source("debian-6.1"), KernelSource::Debian("bookworm".into()));
        assert_eq!(source("debian-host"), KernelSource::Debian("host".into()));
        let built = [
            "debian-6.1-source",
            "debian-6.1-no-oom-reaper",
            "debian-6.1-unbounded-isolation",
            "debian-6.1-nofs-may-oom",
            "debian-6.12-source",
            "debian-sid-source",
            "debian-sid-no-oom-reaper",
            "debian-sid-unbounded-isolation",
            "debian-sid-nofs-may-oom",
            "debian-6.1-distribution",
            "debian-6.1-distribution-no-oom-reaper",
            "debian-6.1-btrfs",
            "debian-6.1-btrfs-no-oom-reaper",
        ];
        assert!(built.iter().all(|name| matches!(source(name), KernelSource::Source(_))));
        assert_eq!(names.kernels.len(), 5 + built.len());
    }

    #[test]
    fn both_kinds_are_read() {
        let names =
            parse("a: {debian: sid, tags: [x, y], note: N}\nb: {image: bz/Image, modules: /m}\nc: {image: i}\n")
                .unwrap();
        assert_eq!((names.kernels["a"].tags.len(), names.kernels["a"].note.as_deref()), (2, Some("N")));
        let image = KernelSource::Image { image: "/dir/bz/Image".into(), modules: Some("/m".into()) };
        assert_eq!(names.kernels["b"].source, image);
        assert_eq!(names.kernels["c"].source, KernelSource::Image { image: "/dir/i".into(), modules: None });
    }

    #[test]
    fn errors_point_at_line_and_column() {
        let has = |text: &str, parts: &[&str]| {
            let error = parse(text).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{error}");
        };
        has("a:\n  debian: sid\n  colour: red\n", &["k.yaml:3:3", "unknown key `colour`", "expected one of `debian`"]);
        has("a: {debian: sid}\nb:\n  debian: sid\n  image: x\n", &["k.yaml:4:10", "the kernel comes from two places"]);
        has("a: {debian: sid}\nbad:\n  note: x\n", &["k.yaml:3:3", "it is not said where the kernel comes from"]);
        has("a: {debian: sid}\n\"x/y\": {debian: sid}\n", &["k.yaml:2:1", "a name has letters"]);
        has("a: {debian: sid}\na: {debian: sid}\n", &["k.yaml:2:1", "`a` is there twice"]);
        has("a: [", &["k.yaml:1:4"]);
        has("# nothing\n", &["k.yaml", "the file is empty"]);
        has("a: {debian: sid, fuzz: 1}\nb: {debian: sid, tags: ['x y']}\n", &["k.yaml:1:24", "k.yaml:2:25"]);
    }

    #[test]
    fn a_build_is_read_with_its_defaults_and_its_patches_are_tags() {
        let place = tempfile::tempdir().unwrap();
        std::fs::create_dir(place.path().join("linux")).unwrap();
        std::fs::write(place.path().join("no-reaper.patch"), "").unwrap();
        let text = "plain: {source: {path: linux}}\npatched:\n  source: {debian: linux-source-6.1}\n  \
            patches: [no-reaper.patch]\n  tags: [mine, no-reaper]\ngone: {source: {path: linux}, patches: [gone.patch]}\n";
        let names = Names::parse(text, "k.yaml", place.path()).unwrap();
        let build = |name: &str| match &names.kernels[name].source {
            KernelSource::Source(build) => (**build).clone(),
            other => panic!("{other:?}"),
        };
        assert_eq!(build("plain"), SourceBuild::of(SourceTree::Path(place.path().join("linux"))));
        assert_eq!(build("patched").patches, [place.path().join("no-reaper.patch")]);
        assert_eq!(names.kernels["patched"].tags, ["mine", "no-reaper"]);
        assert!(names.kernels["patched"].problem.is_none());
        let problem = names.kernels["gone"].problem.as_ref().unwrap().to_string();
        assert!(problem.contains("`gone.patch` does not exist") && problem.contains("k.yaml:6:41"), "{problem}");
        let spec = KernelSpec::Named("gone".into());
        let error = crate::kernel::meaning(&spec, &names).unwrap_err().to_string();
        assert!(error.contains("`gone` cannot be had") && error.contains("k.yaml:6:41"), "{error}");
    }

    #[test]
    fn the_nearest_list_upward_is_taken() {
        let place = tempfile::tempdir().unwrap();
        let deep = place.path().join("scenarios/deep");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::create_dir_all(place.path().join("kernel-configs")).unwrap();
        std::fs::write(place.path().join(PLACE), "mine: {debian: sid}\n").unwrap();
        let names = Names::find(None, &[Path::new("/nonexistent"), &deep]).unwrap();
        assert!(names.kernels.contains_key("mine") && names.file.ends_with(PLACE));
        let file = place.path().join("other.yaml");
        assert!(Names::find(Some(&file), &[&deep]).unwrap_err().to_string().contains("other.yaml"));
        std::fs::write(&file, "other: {debian: sid}\n").unwrap();
        assert!(Names::find(Some(&file), &[&deep]).unwrap().kernels.contains_key("other"));
        assert_eq!(Names::find(None, &[Path::new("/")]).unwrap().file, "the built-in list");
    }

    #[test]
    fn the_program_alone_says_where_the_patches_of_its_list_are_looked_for() {
        let names = Names::built_in().unwrap();
        let patched = names.kernels["debian-6.1-no-oom-reaper"].problem.as_ref().unwrap().to_string();
        assert!(patched.ends_with(&format!("\n\nhelp: {ALONE}")), "{patched}");
        assert!(names.kernels["debian-6.1"].problem.is_none());
    }

    #[test]
    fn an_argument_is_a_name_a_file_or_a_source_tree() {
        let names = parse("a: {debian: sid}").unwrap();
        let place = tempfile::tempdir().unwrap();
        let tree = place.path().to_str().unwrap();
        assert!(matches!(names.from_argument(tree), KernelSpec::Inline(KernelSource::Image { .. })));
        for file in ["Makefile", "Kconfig"] {
            std::fs::write(place.path().join(file), "").unwrap();
        }
        let build = SourceBuild::of(SourceTree::Path(place.path().to_owned()));
        assert_eq!(names.from_argument(tree), KernelSpec::Inline(KernelSource::Source(Box::new(build))));
        assert_eq!(names.from_argument("a"), KernelSpec::Named("a".into()));
        assert_eq!(names.from_argument("typo"), KernelSpec::Named("typo".into()));
        let image = KernelSource::Image { image: "./bzImage".into(), modules: None };
        assert_eq!(names.from_argument("./bzImage"), KernelSpec::Inline(image));
        assert_eq!(names.nearest("debian-61"), None);
        assert_eq!(Names::built_in().unwrap().nearest("debian-61").as_deref(), Some("debian-6.1"));
    }
}
