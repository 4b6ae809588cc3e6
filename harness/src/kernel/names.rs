//! Kernels by name: kernels.yaml.
//! Lives here: its format, its checks, where it is found.
//! May not live here: getting a kernel.

use super::cache::path_safe;
use super::error::{At, FileError};
use crate::scenario::{KernelSource, KernelSpec};
use serde::Deserialize;
use serde_yaml::{Location, Spanned};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Where it lies in a source tree.
const PLACE: &str = "kernel-configs/kernels.yaml";
/// The copy for a harness that runs outside of its tree.
const EMBEDDED: &str = include_str!("../../../kernel-configs/kernels.yaml");
/// Most bytes of the file.
const MAX_SIZE: u64 = 1 << 20;
/// Longest name, in bytes; as for scenarios.
const MAX_NAME: usize = 64;

/// Why kernels.yaml cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NamesError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// Something in it is wrong.
    #[error("{source_file}:{line}:{column}: {message}{}", excerpt(text, *column))]
    Wrong {
        /// The file.
        source_file: String,
        /// Line, from 1; 0 where there is none.
        line: u64,
        /// Column in characters, from 1.
        column: u64,
        /// What is wrong, and what would be right.
        message: String,
        /// The line's text.
        text: String,
    },
}

fn excerpt(text: &str, column: u64) -> String {
    if text.is_empty() {
        return String::new();
    }
    let indent = usize::try_from(column.saturating_sub(1)).unwrap_or(0).min(text.len());
    format!("\n  | {text}\n  | {}^", " ".repeat(indent))
}

/// A named kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// Where it comes from; paths are absolute or relative to the working directory.
    pub source: KernelSource,
    /// What expectations can match on.
    pub tags: Vec<String>,
    /// For people.
    pub note: Option<String>,
}

/// All named kernels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Names {
    /// The file, or "the built-in list".
    pub file: String,
    /// By name.
    pub kernels: BTreeMap<String, Named>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    debian: Option<Spanned<String>>,
    image: Option<Spanned<String>>,
    modules: Option<Spanned<String>>,
    #[serde(default)]
    tags: Vec<String>,
    note: Option<String>,
}

/// The file's map in its order, with each key's place.
struct Entries(Vec<(Spanned<String>, Spanned<Raw>)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a map from names to kernels")
            }

            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

impl Names {
    /// The list in `file` where one is given (`--kernels`); else the nearest `kernel-configs/kernels.yaml` upward from the
    /// first of `places` that has one (the scenario's directory, the working directory); else the built-in one.
    ///
    /// # Errors
    /// Where the list cannot be read, or something in it is wrong.
    pub fn find(file: Option<&Path>, places: &[&Path]) -> Result<Self, NamesError> {
        let near = |place: &&Path| {
            let place = std::path::absolute(place).ok()?;
            place.ancestors().map(|up| up.join(PLACE)).find(|path| path.is_file())
        };
        let upward = || places.iter().find_map(near);
        match file.map(Path::to_owned).or_else(upward) {
            Some(path) => Self::read(&path),
            None => Self::built_in(),
        }
    }

    /// The list that is part of the program. Paths in it are relative to the working directory; it has none.
    pub fn built_in() -> Result<Self, NamesError> {
        Self::parse(EMBEDDED, "the built-in list", Path::new(""))
    }

    fn read(path: &Path) -> Result<Self, NamesError> {
        let found = path.metadata().at("read", path)?;
        let wrong = |message: String| NamesError::Wrong {
            source_file: path.display().to_string(),
            line: 0,
            column: 0,
            message,
            text: String::new(),
        };
        if !found.is_file() {
            return Err(wrong("is no file".into()));
        }
        let mut bytes = Vec::new();
        File::open(path).at("open", path)?.take(MAX_SIZE + 1).read_to_end(&mut bytes).at("read", path)?;
        if bytes.len() as u64 > MAX_SIZE {
            return Err(wrong(format!("is larger than {MAX_SIZE} bytes")));
        }
        let text = String::from_utf8(bytes).map_err(|_| wrong("is no UTF-8 text".into()))?;
        Self::parse(&text, &path.display().to_string(), path.parent().unwrap_or(Path::new("")))
    }

    /// Reads a list; relative paths in it start at `directory`.
    pub fn parse(text: &str, file: &str, directory: &Path) -> Result<Self, NamesError> {
        let wrong = |at: Option<Location>, message: String| {
            let (line, column) = at.map_or((0, 0), |at| (at.line(), at.column()));
            let text = usize::try_from(line).ok().and_then(|line| text.lines().nth(line.checked_sub(1)?));
            let text = text.unwrap_or_default().to_owned();
            NamesError::Wrong { source_file: file.to_owned(), line, column, message, text }
        };
        let Entries(raw) = serde_yaml::from_str(text).map_err(|error| {
            let message = error.without_snippet().to_string();
            wrong(error.location(), message)
        })?;
        let mut kernels = BTreeMap::new();
        for (name, Spanned { value: raw, referenced: at, .. }) in raw {
            if name.value.len() > MAX_NAME || name.value != path_safe(&name.value) || name.value.is_empty() {
                let right = format!("a name is letters, digits, `.`, `-`, `+` and `_`, at most {MAX_NAME} of them");
                return Err(wrong(Some(name.referenced), format!("`{}`: {right}", name.value)));
            }
            let path = |path: Spanned<String>| directory.join(path.value);
            let source = match (raw.debian, raw.image, raw.modules) {
                (Some(debian), None, None) => KernelSource::Debian(debian.value),
                (None, Some(image), modules) => KernelSource::Image { image: path(image), modules: modules.map(path) },
                (Some(_), Some(extra), _) | (Some(_), None, Some(extra)) => {
                    let message = "a kernel from Debian brings image and modules along; take out this or `debian`";
                    return Err(wrong(Some(extra.referenced), format!("`{}`: {message}", name.value)));
                }
                (None, None, _) => {
                    let message = "no source; give `debian: RELEASE`, or `image: PATH` with `modules: DIR` or without";
                    return Err(wrong(Some(at), format!("`{}`: {message}", name.value)));
                }
            };
            kernels.insert(name.value, Named { source, tags: raw.tags, note: raw.note });
        }
        Ok(Self { file: file.to_owned(), kernels })
    }

    /// The known name that `name` was probably meant to be.
    pub(super) fn nearest(&self, name: &str) -> Option<String> {
        let distance = |known: &String| strsim::damerau_levenshtein(name, known);
        let known = self.kernels.keys().min_by_key(|known| distance(known))?;
        (distance(known) <= (known.len() / 3).max(1)).then(|| known.clone())
    }

    /// What `--kernel TEXT` means: a name in this list, else a bzImage's path if it looks like one or is there.
    pub fn from_argument(&self, text: &str) -> KernelSpec {
        let is_path = text.contains('/') || Path::new(text).is_file();
        if is_path && !self.kernels.contains_key(text) {
            return KernelSpec::Inline(KernelSource::Image { image: PathBuf::from(text), modules: None });
        }
        KernelSpec::Named(text.to_owned())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn parse(text: &str) -> Result<Names, String> {
        Names::parse(text, "k.yaml", Path::new("/dir")).map_err(|error| error.to_string())
    }

    #[test]
    fn the_built_in_list_is_sound() {
        let names = Names::built_in().unwrap();
        let source = |name: &str| names.kernels[name].source.clone();
        assert_eq!(source("debian-6.1"), KernelSource::Debian("bookworm".into()));
        assert_eq!(source("debian-host"), KernelSource::Debian("host".into()));
        assert_eq!(names.kernels.len(), 5);
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
        let error = parse("a:\n  debian: sid\n  colour: red\n").unwrap_err();
        assert!(error.starts_with("k.yaml:3:3: "), "{error}");
        assert!(error.contains("colour") && error.ends_with("  |   colour: red\n  |   ^"), "{error}");
        let error = parse("a: {debian: sid}\nb:\n  debian: sid\n  image: x\n").unwrap_err();
        assert!(error.starts_with("k.yaml:4:10: `b`: a kernel from Debian brings image"), "{error}");
        let error = parse("a: {debian: sid}\nbad:\n  note: x\n").unwrap_err();
        assert!(error.starts_with("k.yaml:3:3: `bad`: no source; give `debian: RELEASE`"), "{error}");
        let error = parse("a: {debian: sid}\n\"x/y\": {debian: sid}\n").unwrap_err();
        assert!(error.starts_with("k.yaml:2:1: `x/y`: a name is letters"), "{error}");
        let error = parse("a: {debian: sid}\na: {debian: sid}\n").unwrap_err();
        assert!(error.starts_with("k.yaml:2:1: ") && error.contains("duplicate"), "{error}");
        let error = parse("a: [").unwrap_err();
        assert!(error.starts_with("k.yaml:1:"), "{error}");
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
    fn an_argument_is_a_name_or_a_file() {
        let names = parse("a: {debian: sid}").unwrap();
        assert_eq!(names.from_argument("a"), KernelSpec::Named("a".into()));
        assert_eq!(names.from_argument("typo"), KernelSpec::Named("typo".into()));
        let image = KernelSource::Image { image: "./bzImage".into(), modules: None };
        assert_eq!(names.from_argument("./bzImage"), KernelSpec::Inline(image));
        assert_eq!(names.nearest("debian-61"), None);
        assert_eq!(Names::built_in().unwrap().nearest("debian-61").as_deref(), Some("debian-6.1"));
    }
}
