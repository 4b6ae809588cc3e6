//! Rules for expectations: what an outcome leaves room for, and which entries can ever count.
//! Lives here: contradictions inside an expectation and between them.
//! May not live here: comparing one with a run (`expect`).

use super::{Checker, MAX_ITEMS};
use crate::scenario::model::{Expectation, Outcome, ProbeKind};
use crate::scenario::problem::Problem;
use crate::scenario::raw::RawExpectation;
use crate::scenario::value::{At, Val};
use crate::scenario::version::Range;

impl Checker<'_> {
    pub(super) fn expectations(&mut self, raw: &[At<RawExpectation>]) -> Option<Vec<Expectation>> {
        self.few(raw.get(MAX_ITEMS).map(|one| &one.at), MAX_ITEMS, "expectations");
        let read: Vec<Option<Expectation>> =
            raw.iter().take(MAX_ITEMS).map(|one| self.expectation(&one.value)).collect();
        for (n, one) in read.iter().enumerate() {
            let Some(one) = one else { continue };
            let covers = |earlier: &Option<Expectation>| earlier.as_ref().is_some_and(|earlier| covers(earlier, one));
            if let Some(earlier) = read[..n].iter().position(covers) {
                let problem =
                    Problem::new(&place(&raw[n]), "this expectation can never count", "expected before the other one");
                let other = place(&raw[earlier]);
                self.report(
                    problem
                        .other(&other, "this one matches every kernel that it does")
                        .help("the first that matches counts"),
                );
            }
        }
        read.into_iter().collect()
    }

    /// What is expected of logins needs logins.
    pub(super) fn logins_are_tried(&mut self, raw: &[At<RawExpectation>], probes: &[ProbeKind]) {
        if probes.contains(&ProbeKind::Login) {
            return;
        }
        for login in raw.iter().filter_map(|one| one.value.login.as_ref()) {
            let problem = Problem::new(&login.at, "nobody logs in", "needs the probe `login` in `probes`");
            self.report(problem.help("for example `probes: [beat, counters, fault, spawn, file, login]`"));
        }
    }

    pub(super) fn expectation(&mut self, raw: &RawExpectation) -> Option<Expectation> {
        let kernel = self.read_optional(raw.kernel.as_ref());
        let tag = self.read_optional(raw.tag.as_ref());
        let version = self.read_optional(raw.version.as_ref());
        let outcome = self.read(&raw.outcome);
        let mechanism = self.read_optional(raw.mechanism.as_ref());
        let max_stall = self.read_optional(raw.max_stall.as_ref());
        let max_kills = self.read_optional(raw.max_kills.as_ref());
        let victims = match &raw.victims {
            None => Some(None),
            Some(list) => {
                if list.value.is_empty() {
                    let right = "expected names of processes; for no kills at all: `max_kills: 0`";
                    self.report(Problem::new(&list.at, "the list of victims is empty", right));
                }
                self.all(&list.value).map(Some)
            }
        };
        let login = match &raw.login {
            None => Some(None),
            Some(login) => self.read(&login.value.max).map(Some),
        };
        if let Some(outcome) = outcome {
            self.leaves_room(raw, outcome, max_kills.flatten().map(|kills| kills.0));
        }
        Some(Expectation {
            kernel: kernel?.map(|kernel| kernel.0),
            tag: tag?.map(|tag| tag.0),
            version: version?.unwrap_or_default(),
            outcome: outcome?,
            mechanism: mechanism?,
            max_stall_ms: max_stall?.map(|stall| stall.0),
            max_kills: max_kills?.map(|kills| kills.0),
            victims: victims?.map(|names| names.into_iter().map(|name| name.0).collect()),
            login_max_ms: login?.map(|max| max.0),
        })
    }

    /// What the outcome says already, or rules out.
    fn leaves_room(&mut self, raw: &RawExpectation, outcome: Outcome, max_kills: Option<u64>) {
        let mut contradiction = |at: &std::ops::Range<usize>, key: &str, why: &str| {
            let message = format!("`{key}` does not go with `outcome: {}`", outcome.name());
            self.report(Problem::new(at, message, why).other(&raw.outcome.at, "the outcome"));
        };
        if let (Some(val), true) = (&raw.mechanism, outcome != Outcome::Hung) {
            contradiction(&val.at, "mechanism", "only a hang has a mechanism: expected `outcome: hung`");
        }
        if let (Some(val), true) = (&raw.max_stall, outcome == Outcome::Hung) {
            contradiction(&val.at, "max_stall", "the stall of a hung guest has no end");
        }
        if outcome == Outcome::Recovered {
            let why = "recovered says that nothing was killed";
            raw.max_kills.iter().for_each(|val| contradiction(&val.at, "max_kills", why));
            raw.victims.iter().for_each(|list| contradiction(&list.at, "victims", why));
        }
        if let (Some(val), true) = (&raw.max_kills, outcome == Outcome::OomKilled && max_kills == Some(0)) {
            contradiction(&val.at, "max_kills: 0", "oom-killed says that something was killed");
        }
    }
}

/// An expectation's place: its first word.
fn place(raw: &At<RawExpectation>) -> std::ops::Range<usize> {
    fn at<T>(val: Option<&Val<T>>) -> Option<std::ops::Range<usize>> {
        val.map(|val| val.at.clone())
    }
    let selectors = [at(raw.value.kernel.as_ref()), at(raw.value.tag.as_ref()), at(raw.value.version.as_ref())];
    selectors.into_iter().flatten().next().unwrap_or_else(|| raw.value.outcome.at.clone())
}

/// Whether every kernel that `other` matches is matched by `one` too.
fn covers(one: &Expectation, other: &Expectation) -> bool {
    let same = |one: &Option<String>, other: &Option<String>| one.is_none() || one == other;
    let versions = match (Range::of(&one.version), Range::of(&other.version)) {
        (Some(one), Some(other)) => one.covers(&other),
        _ => false,
    };
    same(&one.kernel, &other.kernel) && same(&one.tag, &other.tag) && versions
}
