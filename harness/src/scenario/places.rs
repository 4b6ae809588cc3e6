//! Where the words of a matrix stand: its values are judged when a scenario is loaded with them, its kernels when their names are looked up.
//! Lives here: those places, and errors that name them.
//! May not live here: judging.

use super::load::load;
use super::matrix::Values;
use super::model::Scenario;
use super::problem::{Problem, ScenarioError};
use super::raw::RawMatrix;
use super::scalars::{ArgText, KeyPath};
use super::text::Text;
use super::value::{Entries, Val};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Places in a matrix file. Those of the cells that its lists make are told from those of each cell of `include`, by its index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Places {
    file: PathBuf,
    text: String,
    kernels: Vec<(Option<usize>, String, Range<usize>)>,
    values: Vec<(Option<usize>, Pair)>,
}

/// A key with a value, and where both stand.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pair {
    key: String,
    value: String,
    key_at: Range<usize>,
    value_at: Range<usize>,
}

impl Pair {
    fn of(key: &Val<KeyPath>, value: &Val<ArgText>) -> Self {
        Self { key: key.text.clone(), value: value.text.clone(), key_at: key.at.clone(), value_at: value.at.clone() }
    }
}

/// Where an override stands that is not of the command line: places of its key and of its value.
#[derive(Clone, Debug)]
pub(super) struct Written {
    /// The override, `KEY=VALUE`.
    pub argument: String,
    /// The key's bytes in the file.
    pub key_at: Range<usize>,
    /// The value's.
    pub value_at: Range<usize>,
}

impl Written {
    /// The bytes of the file for some of the override.
    pub fn place(&self, text: &str, of: &Range<usize>) -> Range<usize> {
        let equals = self.argument.find('=').unwrap_or(self.argument.len());
        let (part, whole) = match of.start < equals {
            true => (0..equals, &self.key_at),
            false => ((equals + 1).min(self.argument.len())..self.argument.len(), &self.value_at),
        };
        // Of one that is quoted in the file, or folded, no part can be told from another.
        if text.get(whole.clone()) != self.argument.get(part.clone()) {
            return whole.clone();
        }
        let shift = |at: usize| whole.start + at.clamp(part.start, part.end) - part.start;
        shift(of.start)..shift(of.end)
    }
}

impl Places {
    /// Those of a matrix in a file.
    pub(super) fn of(raw: &RawMatrix, file: &Path, text: &Text) -> Self {
        let mut places = Self { file: file.to_owned(), text: text.as_str().to_owned(), ..Self::default() };
        let kernel = |of: Option<usize>, val: &Val<_>| (of, val.text.clone(), val.at.clone());
        places.kernels.extend(raw.kernels.iter().flat_map(|list| &list.value).map(|val| kernel(None, val)));
        for (key, values) in raw.parameters.iter().flat_map(|entries| &entries.0) {
            places.values.extend(values.value.iter().map(|value| (None, Pair::of(key, value))));
        }
        for (index, one) in raw.include.iter().enumerate() {
            places.kernels.extend(one.value.kernel.iter().map(|val| kernel(Some(index), val)));
            let set: Option<&Entries<_, _>> = one.value.set.as_ref();
            let pairs = set.iter().flat_map(|set| &set.0).map(|(key, value)| (Some(index), Pair::of(key, value)));
            places.values.extend(pairs);
        }
        places
    }

    /// Loads a cell's scenario with its values; `include` is its place among the cells that are put in, if it is one of those.
    ///
    /// # Errors
    /// As [`load`]; what is wrong with a value names its place in the matrix.
    pub fn load(&self, scenario: &Path, include: Option<usize>, set: &Values) -> Result<Scenario, ScenarioError> {
        let overrides: Vec<String> = set.iter().map(|(key, value)| format!("{key}={value}")).collect();
        load(scenario, &overrides).map_err(|error| {
            let written = set.iter().zip(&overrides).map(|((key, value), argument)| {
                let mut pairs = self.values.iter().filter(|(of, _)| *of == include).map(|(_, pair)| pair);
                let pair = pairs.find(|pair| pair.key == *key && pair.value == *value)?;
                let (key_at, value_at) = (pair.key_at.clone(), pair.value_at.clone());
                Some(Written { argument: argument.clone(), key_at, value_at })
            });
            error.written_in(&self.file, &self.text, written.collect())
        })
    }

    /// That a kernel cannot be had, at its place; `None` where the matrix does not name it.
    pub fn kernel(&self, name: &str, include: Option<usize>, message: &str, right: &str) -> Option<ScenarioError> {
        let (.., at) = self.kernels.iter().find(|(of, known, _)| *of == include && known == name)?;
        Some(ScenarioError::new(&self.file, Text::new(&self.text, &[]), vec![Problem::new(at, message, right)]))
    }
}
