//! Rules for the workload: program, arguments, environment.
//! Lives here: which reproducers there are, how arguments are written out; those of a reproducer are held against what it can be told.
//! May not live here: what the reproducers can be told (`oomph_catalog`), or what they do with it.

use super::Checker;
use crate::scenario::model::{Program, Workload};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawArgs, RawWorkload};
use crate::scenario::scalars::{ArgText, VariableName};
use crate::scenario::suggest::{nearest, one_of};
use crate::scenario::value::{Entries, Val};
use oomph_catalog::Kind;
use std::collections::BTreeMap;
use std::ops::Range;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The reproducers that the harness carries. All but the first three are for tests of the harness itself.
pub const REPRODUCERS: [&str; oomph_catalog::NAMES.len()] = oomph_catalog::NAMES;

/// Most arguments, and most variables.
const MAX_WORDS: usize = 256;
/// How the harness's own variables begin (`oomph_wire::page`).
const OWN_VARIABLES: &str = "OOMPH_";

impl Checker<'_> {
    pub(super) fn workload(&mut self, raw: &RawWorkload) -> Option<Workload> {
        let program = self.program(raw);
        let args = raw.args.as_ref().map_or(Some(Vec::new()), |args| self.args(args));
        if let (Some(Program::Reproducer(name)), Some(args)) = (&program, &raw.args)
            && let Some(known) = oomph_catalog::program(name)
        {
            self.takes(known, args);
        }
        let env = raw.env.as_ref().map_or(Some(BTreeMap::new()), |env| self.env(env));
        Some(Workload { program: program?, args: args?, env: env? })
    }

    fn program(&mut self, raw: &RawWorkload) -> Option<Program> {
        let val = &raw.program;
        let name = self.read(val)?.0;
        if REPRODUCERS.contains(&name.as_str()) {
            return Some(Program::Reproducer(name));
        }
        if !name.contains('/') {
            let right = format!("expected {}, or a path with a `/` in it", one_of(&REPRODUCERS));
            let problem = Problem::new(&val.at, format!("there is no reproducer `{name}`"), right);
            self.report(match nearest(&name, &REPRODUCERS) {
                Some(known) => {
                    problem.help(format!("did you mean `{known}`? A file in the scenario's folder is `./{name}`"))
                }
                None => problem.help(format!("a file in the scenario's folder is `./{name}`")),
            });
            return None;
        }
        let path = self.path(val, Path::is_file, "file")?;
        if path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 == 0) {
            self.report(Problem::new(&val.at, format!("`{name}` is not executable"), "chmod +x makes it so"));
        }
        Some(Program::Path(path))
    }

    fn args(&mut self, raw: &RawArgs) -> Option<Vec<String>> {
        match raw {
            RawArgs::List(list) => {
                self.few(list.get(MAX_WORDS).map(|val| &val.at), MAX_WORDS, "arguments");
                Some(self.all(list)?.into_iter().map(|arg| arg.0).collect())
            }
            RawArgs::Options(options) => {
                self.few(options.0.get(MAX_WORDS).map(|(key, _)| &key.at), MAX_WORDS, "arguments");
                let read = |(key, value): &(Val<_>, Val<ArgText>)| Some((self.read(key), self.read(value)));
                let pairs: Vec<_> = options.0.iter().filter_map(read).collect();
                pairs.into_iter().map(|(key, value)| Some(format!("--{}={}", key?.0, value?.0))).collect()
            }
        }
    }

    /// That a reproducer takes its arguments: in the guest it would refuse them, after a kernel and a boot. A user's own program is asked nothing.
    fn takes(&mut self, program: &oomph_catalog::Program, raw: &RawArgs) {
        match raw {
            RawArgs::Options(options) => {
                for (key, value) in &options.0 {
                    self.parameter(program, (&key.text, &key.at), (&value.text, &value.at));
                }
            }
            RawArgs::List(list) => {
                let mut given: Vec<(&str, &Range<usize>)> = Vec::new();
                for val in list {
                    let Some((name, value)) = val.text.strip_prefix("--").and_then(|rest| rest.split_once('=')) else {
                        let message = format!("`{}` is no argument of `{}`", val.text, program.name);
                        self.report(Problem::new(&val.at, message, "expected `--NAME=VALUE`"));
                        continue;
                    };
                    self.parameter(program, (name, &val.at), (value, &val.at));
                    match given.iter().find(|(other, _)| *other == name) {
                        None => given.push((name, &val.at)),
                        Some((_, first)) => {
                            let problem = Problem::new(&val.at, format!("`--{name}` is given twice"), "once is enough");
                            self.report(problem.other(first, "first here"));
                        }
                    }
                }
            }
        }
    }

    fn parameter(
        &mut self,
        program: &oomph_catalog::Program,
        (name, name_at): (&str, &Range<usize>),
        (value, value_at): (&str, &Range<usize>),
    ) {
        let Some(known) = program.parameter(name) else {
            let names: Vec<&str> = program.parameters.iter().map(|parameter| parameter.name).collect();
            let right = match names[..] {
                [] => "it has none".to_owned(),
                _ => format!("expected {}", one_of(&names)),
            };
            let problem = Problem::new(name_at, format!("`{}` has no parameter `{name}`", program.name), right);
            let more = format!("`oomph explain {}` says what each is", program.name);
            self.report(match nearest(name, &names) {
                Some(near) => problem.help(format!("did you mean `{near}`? {more}")),
                None => problem.help(more),
            });
            return;
        };
        if known.kind.read(value).is_none() {
            let problem = Problem::new(
                value_at,
                format!("`{value}` is no value of `{name}`"),
                format!("expected {}", known.kind.wanted()),
            );
            let word = match known.kind {
                Kind::Choice(words) => nearest(value, words),
                Kind::Number { .. } => None,
            };
            self.report(match word {
                Some(near) => problem.help(format!("did you mean `{near}`?")),
                None => problem.help(format!("{name}: {}", known.meaning)),
            });
        }
    }

    fn env(&mut self, raw: &Entries<VariableName, Val<ArgText>>) -> Option<BTreeMap<String, String>> {
        self.few(raw.0.get(MAX_WORDS).map(|(key, _)| &key.at), MAX_WORDS, "variables");
        let mut env = BTreeMap::new();
        for (name_val, value_val) in &raw.0 {
            let (name, value) = (self.read(name_val), self.read(value_val));
            if name_val.text.starts_with(OWN_VARIABLES) {
                let message = format!("the variable `{}` belongs to the harness", name_val.text);
                self.report(Problem::new(&name_val.at, message, format!("expected a name without `{OWN_VARIABLES}`")));
            }
            if let (Some(name), Some(value)) = (name, value) {
                env.insert(name.0, value.0);
            }
        }
        (env.len() == raw.0.len()).then_some(env)
    }
}
