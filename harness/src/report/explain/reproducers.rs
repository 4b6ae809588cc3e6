//! The reproducers: what each does and can be told.
//! Lives here: their entries.
//! May not live here: what they are and can be told (`oomph_catalog`).

use super::{Entry, Text, Told, entry, next};
use oomph_catalog::{Parameter, Program};

/// All of them.
pub(super) fn entries() -> Vec<Entry> {
    oomph_catalog::PROGRAMS.iter().map(reproducer).collect()
}

fn reproducer(program: &Program) -> Entry {
    let told = |one: &Parameter| Told {
        name: one.name,
        meaning: one.meaning,
        values: one.kind.range(),
        default: one.kind.default().to_string(),
    };
    let mut advice = vec![next(
        "oomph run SCENARIO --explain",
        "the dependency that a scenario of it provokes, with the kernel's source",
    )];
    if !program.parameters.is_empty() {
        let why = "a value for one run; in a scenario: `workload: {args: {NAME: VALUE}}`";
        advice.push(next("oomph run SCENARIO --set workload.args.NAME=VALUE", why));
    }
    let text =
        Text { meaning: program.summary.to_owned(), decided: String::new(), kernels: String::new(), next: advice };
    Entry { parameters: program.parameters.iter().map(told).collect(), ..entry(program.name, "reproducer", text) }
}
