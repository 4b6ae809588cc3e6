//! Expectations against what was seen.
//! Lives here: which expectation counts for a kernel, and how a run differs from it.
//! May not live here: judging a run (`verdict`), or what a difference leads to.

use super::model::{Expectation, Mechanism, Outcome};
use super::units::format_duration;
use super::version::{Range, Version};
use std::fmt;

/// What was seen of a run, as far as an expectation can bound it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    /// The outcome; `None` where the run was inconclusive.
    pub outcome: Option<Outcome>,
    /// Why it hung, where it did.
    pub mechanism: Option<Mechanism>,
    /// The longest time that a required probe was outstanding, in milliseconds of fair time.
    pub max_stall_ms: u64,
    /// The names of the victims of the kills that count, one a kill.
    pub victims: Vec<String>,
    /// The longest that a login took from pressure on, in milliseconds of fair time; `None` where none was tried.
    pub login_max_ms: Option<u64>,
    /// Why the first of them that failed did.
    pub login_failed: Option<String>,
}

/// One way in which a run is not as expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The expectation's key: `outcome`, `mechanism`, `max_stall`, `max_kills`, `victims` or `login`.
    pub key: &'static str,
    /// What was expected, in words.
    pub expected: String,
    /// What was seen, in words.
    pub seen: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: expected {}, saw {}", self.key, self.expected, self.seen)
    }
}

/// The expectation that counts for a kernel: the first of which kernel name, tag and version all match. Where the version is not known, none
/// that depends on it does.
pub fn matching<'a>(
    expect: &'a [Expectation],
    kernel: &str,
    tags: &[String],
    version: Option<Version>,
) -> Option<&'a Expectation> {
    expect.iter().find(|one| {
        one.kernel.as_ref().is_none_or(|name| name == kernel)
            && one.tag.as_ref().is_none_or(|tag| tags.contains(tag))
            && match version {
                Some(version) => Range::of(&one.version).is_some_and(|range| range.holds(version)),
                None => one.version.is_empty(),
            }
    })
}

/// How a run differs from an expectation; nothing where it is as expected. An inconclusive run always differs.
pub fn check(expectation: &Expectation, seen: &Observed) -> Vec<Difference> {
    let mut differences = Vec::new();
    let mut differs = |key, expected: String, seen: String| differences.push(Difference { key, expected, seen });
    if seen.outcome != Some(expectation.outcome) {
        let outcome = seen.outcome.map_or("no outcome (inconclusive)", Outcome::name);
        differs("outcome", expectation.outcome.name().into(), outcome.into());
    }
    if let Some(expected) = expectation.mechanism.filter(|mechanism| seen.mechanism != Some(*mechanism)) {
        differs("mechanism", expected.name().into(), seen.mechanism.map_or("none", Mechanism::name).into());
    }
    if let Some(bound) = expectation.max_stall_ms.filter(|bound| seen.max_stall_ms > *bound) {
        let stall = format!("a stall of {}", format_duration(seen.max_stall_ms));
        differs("max_stall", format!("at most {}", format_duration(bound)), stall);
    }
    let kills = u64::try_from(seen.victims.len()).unwrap_or(u64::MAX);
    if let Some(bound) = expectation.max_kills.filter(|bound| kills > *bound) {
        differs("max_kills", format!("at most {bound}"), format!("{kills} kills"));
    }
    if let Some(names) = &expectation.victims {
        let mut others: Vec<&str> =
            seen.victims.iter().filter(|name| !names.contains(name)).map(String::as_str).collect();
        others.sort_unstable();
        others.dedup();
        if !others.is_empty() {
            differs("victims", format!("only {}", names.join(", ")), others.join(", "));
        }
    }
    if let Some(bound) = expectation.login_max_ms {
        let expected = format!("each within {}", format_duration(bound));
        match (&seen.login_failed, seen.login_max_ms) {
            (Some(why), _) => differs("login", expected, format!("one that failed ({why})")),
            (None, None) => differs("login", expected, "none".into()),
            (None, Some(longest)) if longest > bound => {
                differs("login", expected, format!("one of {}", format_duration(longest)));
            }
            (None, Some(_)) => {}
        }
    }
    differences
}

#[cfg(test)]
pub(crate) mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::scenario::version;

    /// An expectation of an outcome and no more.
    pub(crate) fn expecting(outcome: Outcome) -> Expectation {
        Expectation {
            kernel: None,
            tag: None,
            version: vec![],
            outcome,
            mechanism: None,
            max_stall_ms: None,
            max_kills: None,
            victims: None,
            login_max_ms: None,
        }
    }

    #[test]
    fn logins_have_to_succeed_in_time() {
        let expected = Expectation { login_max_ms: Some(5_000), ..expecting(Outcome::OomKilled) };
        let words = |login_max_ms, login_failed: Option<&str>| {
            let outcome = Some(Outcome::OomKilled);
            let login_failed = login_failed.map(str::to_owned);
            let seen = Observed { outcome, login_max_ms, login_failed, ..Observed::default() };
            check(&expected, &seen).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert!(words(Some(5_000), None).is_empty());
        assert_eq!(words(Some(5_250), None), ["login: expected each within 5s, saw one of 5s250ms"]);
        assert_eq!(words(None, None), ["login: expected each within 5s, saw none"]);
        let failed = words(Some(60_000), Some("banner: no answer in 60 s"));
        assert_eq!(failed, ["login: expected each within 5s, saw one that failed (banner: no answer in 60 s)"]);
    }

    #[test]
    fn the_first_that_matches_counts() {
        let tagged = Expectation { tag: Some("no-oom-reaper".into()), ..expecting(Outcome::Hung) };
        let old = Expectation { version: version::read("<4.6").unwrap(), ..expecting(Outcome::Hung) };
        let mine = Expectation { kernel: Some("mine".into()), ..expecting(Outcome::Panicked) };
        let new = Expectation { version: version::read(">=4.6").unwrap(), ..expecting(Outcome::OomKilled) };
        let all = [tagged, old, mine, new];
        let index = |kernel: &str, tags: &[&str], version| {
            let tags: Vec<String> = tags.iter().map(|tag| (*tag).to_owned()).collect();
            let found = matching(&all, kernel, &tags, Some(version))?;
            all.iter().position(|one| std::ptr::eq(one, found))
        };
        assert_eq!(index("debian-6.1", &[], (6, 1, 192)), Some(3));
        assert_eq!(index("debian-6.1", &["x", "no-oom-reaper"], (6, 1, 192)), Some(0));
        assert_eq!(index("old", &[], (4, 5, 7)), Some(1));
        assert_eq!(index("mine", &[], (6, 1, 0)), Some(2));
        assert_eq!(matching(&all[..3], "debian-6.1", &[], Some((6, 1, 0))), None);
    }

    #[test]
    fn a_run_as_expected_has_no_difference() {
        let expected = Expectation {
            max_stall_ms: Some(20_000),
            max_kills: Some(2),
            victims: Some(vec!["hog".into()]),
            ..expecting(Outcome::OomKilled)
        };
        let seen = Observed {
            outcome: Some(Outcome::OomKilled),
            max_stall_ms: 20_000,
            victims: vec!["hog".into(), "hog".into()],
            ..Observed::default()
        };
        assert_eq!(check(&expected, &seen), []);
    }

    #[test]
    fn every_difference_is_told_in_words() {
        let expected = Expectation {
            mechanism: Some(Mechanism::OomDeadlock),
            max_kills: Some(1),
            victims: Some(vec!["hog".into()]),
            ..expecting(Outcome::Hung)
        };
        let victims = ["sshd", "hog", "cron", "sshd"].map(String::from).to_vec();
        let outcome = Some(Outcome::OomKilled);
        let seen = Observed { outcome, max_stall_ms: 1, victims, ..Observed::default() };
        let words: Vec<String> = check(&expected, &seen).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "outcome: expected hung, saw oom-killed",
                "mechanism: expected oom-deadlock, saw none",
                "max_kills: expected at most 1, saw 4 kills",
                "victims: expected only hog, saw cron, sshd",
            ]
        );
        let stall = Expectation { max_stall_ms: Some(20_000), ..expecting(Outcome::Recovered) };
        let seen = Observed { outcome: None, max_stall_ms: 90_500, ..Observed::default() };
        let words: Vec<String> = check(&stall, &seen).iter().map(ToString::to_string).collect();
        assert_eq!(
            words,
            [
                "outcome: expected recovered, saw no outcome (inconclusive)",
                "max_stall: expected at most 20s, saw a stall of 1m30s500ms",
            ]
        );
    }
}
