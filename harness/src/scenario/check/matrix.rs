//! Rules for a matrix: files that are there, picks that fit something, nothing twice.
//! Lives here: what the file says of itself.
//! May not live here: its scenarios' own rules (loading them tells), or whether its kernels have a name.

use super::{Checker, MAX_ITEMS};
use crate::scenario::matrix::{Include, Matrix, Pick, Values};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawCellExpectation, RawInclude, RawMatrix, RawPick};
use crate::scenario::scalars::{ArgText, FilePath, KeyPath};
use crate::scenario::text::Text;
use crate::scenario::value::{At, Entries, Val};
use crate::scenario::{Expectation, Places, nearest, one_of};
use std::path::{Path, PathBuf};

/// Most cells of a matrix.
const MAX_CELLS: usize = 10_000;

/// Checks a matrix; `folder` is the absolute one that paths in it start from.
///
/// # Errors
/// All rules that it breaks; never an empty list.
pub fn check_matrix(raw: &RawMatrix, text: &Text, file: &Path, folder: &Path) -> Result<Matrix, Vec<Problem>> {
    let mut checker = Checker::new(text, folder);
    let matrix = checker.matrix(raw);
    checker.problems.append(&mut checker.missing);
    match matrix {
        Some(matrix) if checker.problems.is_empty() => Ok(Matrix { places: Places::of(raw, file, text), ..matrix }),
        _ => Err(checker.problems),
    }
}

impl Checker<'_> {
    fn matrix(&mut self, raw: &RawMatrix) -> Option<Matrix> {
        let name = self.read(&raw.name);
        let summary = self.read(&raw.summary);
        let scenarios = self.distinct(&raw.scenarios, "scenario", |checker, val| checker.scenario_file(val));
        let kernels = match &raw.kernels {
            None => Some(Vec::new()),
            Some(list) => self.distinct(list, "kernel", |checker, val| Some(checker.read(val)?.0)),
        };
        let parameters = self.parameters(raw.parameters.as_ref());
        let repeats = self.read_optional(raw.repeats.as_ref());
        let settle = self.read_optional(raw.settle.as_ref());
        let repeats = u32::try_from(repeats?.map_or(1, |repeats| repeats.0)).ok()?;
        let include = self.included(&raw.include, repeats);
        let (scenarios, kernels, parameters) = (scenarios?, kernels?, parameters?);
        let of_lists = parameters.iter().map(|(_, values)| values.len()).product::<usize>();
        let cells = scenarios.len().saturating_mul(kernels.len().max(1)).saturating_mul(of_lists);
        if cells > MAX_CELLS {
            let right = format!("a matrix has at most {MAX_CELLS}");
            self.report(Problem::new(&raw.scenarios.at, format!("the matrix has {cells} cells"), right));
        }
        let mut matrix = Matrix {
            name: name?.0,
            summary: summary?.0,
            scenarios,
            kernels,
            parameters,
            repeats,
            settle: settle?.map(|share| share.0),
            exclude: Vec::new(),
            include: include?,
            expect: Vec::new(),
            places: Places::default(),
        };
        let exclude: Vec<Option<Pick>> = raw.exclude.iter().map(|pick| self.pick(pick, &matrix)).collect();
        let expect: Vec<_> = raw.expect.iter().map(|one| self.cell_expectation(&one.value, &matrix)).collect();
        matrix.exclude = exclude.into_iter().collect::<Option<_>>()?;
        matrix.expect = expect.into_iter().collect::<Option<_>>()?;
        Some(matrix)
    }

    fn scenario_file(&mut self, val: &Val<FilePath>) -> Option<PathBuf> {
        self.path(val, Path::is_file, "scenario file")
    }

    /// A list of things of which none is there twice, and at least one once.
    fn distinct<T, R: PartialEq>(
        &mut self,
        list: &At<Vec<Val<T>>>,
        what: &str,
        mut read: impl FnMut(&mut Self, &Val<T>) -> Option<R>,
    ) -> Option<Vec<R>> {
        if list.value.is_empty() {
            self.report(Problem::new(&list.at, "the list is empty", format!("expected at least one {what}")));
        }
        self.few(list.value.get(MAX_ITEMS).map(|val| &val.at), MAX_ITEMS, "items");
        let items: Vec<Option<R>> = list.value.iter().take(MAX_ITEMS).map(|val| read(self, val)).collect();
        for (n, item) in items.iter().enumerate().filter(|(_, item)| item.is_some()) {
            if let Some(first) = items[..n].iter().position(|first| first == item) {
                let problem = Problem::new(&list.value[n].at, format!("this {what} is there twice"), "once is enough");
                self.report(problem.other(&list.value[first].at, "first here"));
            }
        }
        items.into_iter().collect()
    }

    fn parameters(
        &mut self,
        raw: Option<&Entries<KeyPath, At<Vec<Val<ArgText>>>>>,
    ) -> Option<Vec<(String, Vec<String>)>> {
        let entries = raw.map_or(&[][..], |entries| &entries.0);
        self.few(entries.get(MAX_ITEMS).map(|(key, _)| &key.at), MAX_ITEMS, "parameters");
        let read: Vec<Option<_>> = entries
            .iter()
            .map(|(key, values)| {
                let key = self.read(key);
                let values = self.distinct(values, "value", |checker, val| Some(checker.read(val)?.0));
                Some((key?.0, values?))
            })
            .collect();
        read.into_iter().collect()
    }

    fn values(&mut self, raw: Option<&Entries<KeyPath, Val<ArgText>>>) -> Option<Values> {
        let entries = raw.map_or(&[][..], |entries| &entries.0);
        let read: Vec<Option<(String, String)>> = entries
            .iter()
            .map(|(key, value)| {
                let (key, value) = (self.read(key), self.read(value));
                Some((key?.0, value?.0))
            })
            .collect();
        read.into_iter().collect()
    }

    fn included(&mut self, raw: &[At<RawInclude>], repeats: u32) -> Option<Vec<Include>> {
        self.few(raw.get(MAX_ITEMS).map(|one| &one.at), MAX_ITEMS, "cells");
        let read: Vec<Option<Include>> = raw
            .iter()
            .map(|one| {
                let scenario = self.scenario_file(&one.value.scenario);
                let kernel = self.read_optional(one.value.kernel.as_ref());
                let set = self.values(one.value.set.as_ref());
                let own = self.read_optional(one.value.repeats.as_ref());
                let own = own?.map(|own| u32::try_from(own.0).unwrap_or(u32::MAX));
                let kernel = kernel?.map(|name| name.0);
                Some(Include { scenario: scenario?, kernel, set: set?, repeats: own.unwrap_or(repeats) })
            })
            .collect();
        read.into_iter().collect()
    }

    fn cell_expectation(&mut self, raw: &RawCellExpectation, matrix: &Matrix) -> Option<(Pick, Expectation)> {
        let pick = match &raw.cells {
            None => Some(Pick::default()),
            Some(pick) => self.pick(pick, matrix),
        };
        let be = self.expectation(&raw.be.value);
        Some((pick?, be?))
    }

    /// A pick that fits some cell, as far as each of its parts can tell.
    fn pick(&mut self, raw: &At<RawPick>, matrix: &Matrix) -> Option<Pick> {
        let scenario = match &raw.value.scenario {
            None => Some(None),
            Some(val) => self.scenario_file(val).map(|file| Some((file, val))),
        };
        let kernel = match &raw.value.kernel {
            None => Some(None),
            Some(val) => self.read(val).map(|name| Some((name.0, val))),
        };
        let set = self.values(raw.value.set.as_ref());
        let (scenario, kernel, set) = (scenario?, kernel?, set?);
        if let Some((file, val)) = &scenario
            && file.is_file()
            && !matrix.scenarios.contains(file)
            && !matrix.include.iter().any(|one| one.scenario == *file)
        {
            let message = format!("`{}` is no scenario of this matrix", val.text);
            self.report(Problem::new(&val.at, message, "expected one of `scenarios`, or of `include`"));
        }
        if let Some((name, val)) = &kernel {
            let included = matrix.include.iter().filter_map(|one| one.kernel.as_deref());
            let known: Vec<&str> = matrix.kernels.iter().map(String::as_str).chain(included).collect();
            if !known.contains(&name.as_str()) && !known.is_empty() {
                let problem = Problem::new(&val.at, format!("`{name}` is no kernel of this matrix"), "");
                let problem = Problem { right: format!("expected {}", one_of(&known)), ..problem };
                self.report(match nearest(name, &known) {
                    Some(near) => problem.help(format!("did you mean `{near}`?")),
                    None => problem,
                });
            }
        }
        for ((key, value), (key_val, value_val)) in set.iter().zip(raw.value.set.as_ref().map_or(&[][..], |set| &set.0))
        {
            let in_lists = matrix.parameters.iter().find(|(name, _)| name == key);
            let included = matrix.include.iter().any(|one| one.set.iter().any(|(name, _)| name == key));
            match in_lists {
                None if !included => self.report(Problem::new(
                    &key_val.at,
                    format!("`{key}` is no parameter of this matrix"),
                    "expected a key of `parameters`",
                )),
                Some((_, values)) if !values.contains(value) && !included => self.report(Problem::new(
                    &value_val.at,
                    format!("`{key}` never is `{value}` here"),
                    format!("expected {}", one_of(&values.iter().map(String::as_str).collect::<Vec<_>>())),
                )),
                _ => {}
            }
        }
        Some(Pick { scenario: scenario.map(|(file, _)| file), kernel: kernel.map(|(name, _)| name), set })
    }
}
