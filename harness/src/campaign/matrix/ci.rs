//! A matrix in the words of a CI system, so that its machines are the cluster.
//! Lives here: the forms, and what each takes at most.
//! May not live here: cells (`cell`), or printing.

use super::Cell;
use serde_json::{Value, json};

/// A form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// All that is known of each cell.
    Json,
    /// `strategy.matrix` of GitHub Actions, for `fromJSON`.
    Github,
    /// A child pipeline of GitLab (JSON is YAML, too).
    Gitlab,
}

/// Jobs that a matrix makes at most: GitHub's usage limits say 256 a workflow run, GitLab's reference of `parallel` says 200.
const GITHUB_MAX: usize = 256;
const GITLAB_MAX: usize = 200;

/// The matrix in `file` in a CI system's form. A job gets a cell by its name (`oomph matrix FILE --cell NAME`); where there are more cells
/// than jobs, a shard (`oomph matrix FILE --shard I/N`).
pub fn plan(file: &str, name: &str, cells: &[Cell], form: Form) -> Value {
    let shards = |most: usize| (1..=most).map(move |index| format!("{index}/{most}"));
    match form {
        Form::Json => {
            let cell = |cell: &Cell| {
                let set: serde_json::Map<String, Value> =
                    cell.set.iter().map(|(key, value)| (key.clone(), json!(value))).collect();
                json!({"cell": cell.id, "scenario": cell.scenario, "kernel": cell.kernel, "set": set, "repeats": cell.repeats})
            };
            json!({"name": name, "cells": cells.iter().map(cell).collect::<Vec<_>>()})
        }
        Form::Github if cells.len() > GITHUB_MAX => {
            json!({"include": shards(GITHUB_MAX).map(|shard| json!({"shard": shard})).collect::<Vec<_>>()})
        }
        Form::Github => {
            json!({"include": cells.iter().map(|cell| json!({"cell": cell.id})).collect::<Vec<_>>()})
        }
        Form::Gitlab => {
            let (variable, option, values): (_, _, Vec<String>) = match cells.len() > GITLAB_MAX {
                true => ("OOMPH_SHARD", "--shard", shards(GITLAB_MAX).collect()),
                // A dollar sign would begin a variable.
                false => ("OOMPH_CELL", "--cell", cells.iter().map(|cell| cell.id.replace('$', "$$")).collect()),
            };
            let script = format!("oomph matrix \"$OOMPH_MATRIX\" {option} \"${variable}\"");
            json!({"oomph": {
                "variables": {"OOMPH_MATRIX": file},
                "parallel": {"matrix": [{variable: values}]},
                "script": [script],
                "artifacts": {"when": "always", "paths": ["results/"]},
            }})
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::cell::{cells, tests::matrix};
    use super::*;

    #[test]
    fn each_system_gets_its_form() {
        let matrix = crate::scenario::Matrix { parameters: Vec::new(), ..matrix() };
        let cells = cells(&matrix);
        let of = |form| plan("m.yaml", "m", &cells, form);
        assert_eq!(
            of(Form::Github),
            json!({"include": [{"cell": "a k1"}, {"cell": "a k2"}, {"cell": "b k1"}, {"cell": "b k2"}]})
        );
        let gitlab = of(Form::Gitlab);
        assert_eq!(gitlab["oomph"]["parallel"]["matrix"], json!([{"OOMPH_CELL": ["a k1", "a k2", "b k1", "b k2"]}]));
        assert_eq!(gitlab["oomph"]["script"], json!(["oomph matrix \"$OOMPH_MATRIX\" --cell \"$OOMPH_CELL\""]));
        assert_eq!(
            of(Form::Json)["cells"][1],
            json!({"cell": "a k2", "scenario": "/s/a.yaml", "kernel": "k2", "set": {}, "repeats": 3})
        );
    }

    #[test]
    fn more_cells_than_jobs_become_shards() {
        let values = (0..100).map(|value| value.to_string()).collect();
        let matrix = crate::scenario::Matrix { parameters: vec![("x".into(), values)], ..matrix() };
        let github = plan("m.yaml", "m", &cells(&matrix), Form::Github);
        assert_eq!(github["include"][255], json!({"shard": "256/256"}));
        let gitlab = plan("m.yaml", "m", &cells(&matrix), Form::Gitlab);
        assert_eq!(gitlab["oomph"]["parallel"]["matrix"][0]["OOMPH_SHARD"][0], "1/200");
    }
}
