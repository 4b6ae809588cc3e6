//! Rules for the workload: program, arguments, environment.
//! Lives here: which reproducers there are, how arguments are written out.
//! May not live here: what the reproducers do with their arguments.

use super::Checker;
use crate::scenario::model::{Program, Workload};
use crate::scenario::problem::Problem;
use crate::scenario::raw::{RawArgs, RawWorkload};
use crate::scenario::scalars::{ArgText, VariableName};
use crate::scenario::suggest::{nearest, one_of};
use crate::scenario::value::{Entries, Val};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// The reproducers that the harness carries. All but the first three are for tests of the harness itself.
pub const REPRODUCERS: [&str; 7] =
    ["xfs-inode-mutex", "kswapd-block", "isolation-storm", "freeze-forever", "spin-rt", "exit-with", "fill-disk"];

/// Most arguments, and most variables.
const MAX_WORDS: usize = 256;
/// How the harness's own variables begin (`oomph_wire::page`).
const OWN_VARIABLES: &str = "OOMPH_";

impl Checker<'_> {
    pub(super) fn workload(&mut self, raw: &RawWorkload) -> Option<Workload> {
        let program = self.program(raw);
        let args = raw.args.as_ref().map_or(Some(Vec::new()), |args| self.args(args));
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
