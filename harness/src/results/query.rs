//! Which runs a list shows, and in which order.
//! Lives here: filters, patterns of names, sorting (pure).
//! May not live here: reading results, or a command line's words.

use super::index::Listed;
use crate::scenario::{Mechanism, Outcome};
use jiff::Timestamp;
use std::cmp::Ordering;

/// What is wanted of all runs. The default is all of them, newest first.
#[derive(Clone, Debug, Default)]
pub struct Query {
    /// One of these outcomes, `None` for runs without one; all where empty.
    pub outcomes: Vec<Option<Outcome>>,
    /// One of these mechanisms; all where empty.
    pub mechanisms: Vec<Mechanism>,
    /// A kernel whose name or release one of these fits; all where empty.
    pub kernels: Vec<Pattern>,
    /// A scenario whose name one of these fits; all where empty.
    pub scenarios: Vec<Pattern>,
    /// Begun at this time or later.
    pub since: Option<Timestamp>,
    /// Begun before this time.
    pub until: Option<Timestamp>,
    /// Only runs that were not as expected, inconclusive ones too.
    pub unexpected: bool,
    /// The order.
    pub sort: Sort,
    /// The order turned round.
    pub reverse: bool,
    /// Only the first so many.
    pub limit: Option<usize>,
}

/// The order of a list. What is large comes first, names by the alphabet with numbers in them as numbers; what is alike, the newest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Sort {
    /// When they began.
    #[default]
    Start,
    /// The longest stall.
    Stall,
    /// Kills that count.
    Kills,
    /// Wall time.
    Duration,
    /// The kernel's name.
    Kernel,
    /// The scenario's name.
    Scenario,
}

impl Query {
    /// The runs that are wanted, in order.
    pub fn select(&self, mut runs: Vec<Listed>) -> Vec<Listed> {
        runs.retain(|run| self.wants(run));
        runs.sort_by(|a, b| {
            let newest = (b.started, &b.folder).cmp(&(a.started, &a.folder));
            let order = match self.sort {
                Sort::Start => Ordering::Equal,
                Sort::Stall => b.max_stall_s.total_cmp(&a.max_stall_s),
                Sort::Kills => b.kills.cmp(&a.kills),
                Sort::Duration => b.duration_s.total_cmp(&a.duration_s),
                Sort::Kernel => by_name(&a.kernel, &b.kernel),
                Sort::Scenario => by_name(&a.scenario, &b.scenario),
            };
            order.then(newest)
        });
        if self.reverse {
            runs.reverse();
        }
        runs.truncate(self.limit.unwrap_or(usize::MAX));
        runs
    }

    fn wants(&self, run: &Listed) -> bool {
        let any = |patterns: &[Pattern], names: &[&str]| {
            patterns.is_empty() || patterns.iter().any(|pattern| names.iter().any(|name| pattern.fits(name)))
        };
        (self.outcomes.is_empty() || self.outcomes.contains(&run.outcome))
            && (self.mechanisms.is_empty() || run.mechanism.is_some_and(|one| self.mechanisms.contains(&one)))
            && any(&self.kernels, &[&run.kernel, &run.release])
            && any(&self.scenarios, &[&run.scenario])
            && self.since.is_none_or(|since| run.started >= since)
            && self.until.is_none_or(|until| run.started < until)
            && !(self.unexpected && run.expected)
    }
}

/// What a name has to look like: with `*` (anything) or `?` (one character) all of it, else a stretch of whole words of it. `6.1` fits
/// `debian-6.1-source` and `6.1.0-56-amd64`, not `debian-6.12`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that a text is.
    pub fn new(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// Whether a name fits.
    pub fn fits(&self, name: &str) -> bool {
        if self.0.contains(['*', '?']) {
            return globs(self.0.as_bytes(), name.as_bytes());
        }
        // A letter that follows a letter goes on with a word, and a digit with a number.
        let goes_on = |a: Option<char>, b: Option<char>| {
            a.zip(b).is_some_and(|(a, b)| {
                (a.is_alphabetic() && b.is_alphabetic()) || (a.is_ascii_digit() && b.is_ascii_digit())
            })
        };
        name.match_indices(&self.0).any(|(at, found)| {
            let (before, after) = (&name[..at], &name[at + found.len()..]);
            !goes_on(before.chars().next_back(), found.chars().next())
                && !goes_on(found.chars().next_back(), after.chars().next())
        })
    }
}

/// Matches `*` and `?`; goes back only to the last star, so it takes at most the product of both lengths.
fn globs(pattern: &[u8], name: &[u8]) -> bool {
    let (mut p, mut n, mut star) = (0, 0, None);
    while n < name.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&byte) if byte == b'?' || byte == name[n] => (p, n) = (p + 1, n + 1),
            _ => match star {
                Some((at, from)) => {
                    (p, n) = (at + 1, from + 1);
                    star = Some((at, from + 1));
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&byte| byte == b'*')
}

/// By the alphabet, but numbers by their value: 6.9 before 6.12.
fn by_name(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    loop {
        let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
        let (l, r) = (digits(left), digits(right));
        let order = if l > 0 && r > 0 {
            let value = |text: &str| text.trim_start_matches('0').to_owned();
            let (x, y) = (value(&left[..l]), value(&right[..r]));
            (left, right) = (&left[l..], &right[r..]);
            x.len().cmp(&y.len()).then(x.cmp(&y))
        } else {
            let (x, y) = (left.chars().next(), right.chars().next());
            if x.is_none() && y.is_none() {
                return a.cmp(b);
            }
            let rest = |text: &mut &str, c: Option<char>| *text = &text[c.map_or(0, char::len_utf8)..];
            rest(&mut left, x);
            rest(&mut right, y);
            x.cmp(&y)
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Reason;
    use crate::results::sample_listed;

    /// Runs that differ in what is asked for, by their kernels' names.
    fn runs() -> Vec<Listed> {
        let run = |kernel: &str, started: &str, kills, stall: f64| Listed {
            kernel: kernel.into(),
            started: started.parse().unwrap_or_default(),
            kills,
            max_stall_s: stall,
            duration_s: 100.0 - stall,
            ..sample_listed()
        };
        vec![
            Listed { release: "6.1.0-56-amd64".into(), ..run("debian-host", "2026-01-01T00:00:00Z", 1, 50.0) },
            Listed {
                scenario: "isolation-storm".into(),
                mechanism: Some(Mechanism::IsolationThrottle),
                expected: true,
                ..run("debian-6.9", "2026-01-03T00:00:00Z", 5, 20.0)
            },
            Listed {
                outcome: None,
                mechanism: None,
                inconclusive: Some(Reason::NoBoot),
                ..run("debian-6.12", "2026-01-02T00:00:00Z", 3, 90.0)
            },
        ]
    }

    fn kernels(query: &Query) -> Vec<String> {
        query.select(runs()).into_iter().map(|run| run.kernel).collect()
    }

    #[test]
    fn runs_are_filtered_by_what_they_are() {
        let patterns = |text: &str| vec![Pattern::new(text)];
        let time = |text: &str| text.parse::<Timestamp>().ok();
        for (query, wanted) in [
            (Query::default(), vec!["debian-6.9", "debian-6.12", "debian-host"]),
            (Query { outcomes: vec![None], ..Query::default() }, vec!["debian-6.12"]),
            (Query { outcomes: vec![Some(Outcome::Hung)], ..Query::default() }, vec!["debian-6.9", "debian-host"]),
            (Query { mechanisms: vec![Mechanism::IsolationThrottle], ..Query::default() }, vec!["debian-6.9"]),
            (Query { kernels: patterns("6.1"), ..Query::default() }, vec!["debian-host"]),
            (Query { kernels: patterns("debian-6.*"), ..Query::default() }, vec!["debian-6.9", "debian-6.12"]),
            (Query { scenarios: patterns("isolation"), ..Query::default() }, vec!["debian-6.9"]),
            (Query { since: time("2026-01-02T00:00:00Z"), ..Query::default() }, vec!["debian-6.9", "debian-6.12"]),
            (Query { until: time("2026-01-02T00:00:00Z"), ..Query::default() }, vec!["debian-host"]),
            (Query { unexpected: true, ..Query::default() }, vec!["debian-6.12", "debian-host"]),
        ] {
            assert_eq!(kernels(&query), wanted, "{query:?}");
        }
    }

    #[test]
    fn runs_are_sorted_and_the_first_are_kept() {
        for (sort, wanted) in [
            (Sort::Start, ["debian-6.9", "debian-6.12", "debian-host"]),
            (Sort::Stall, ["debian-6.12", "debian-host", "debian-6.9"]),
            (Sort::Kills, ["debian-6.9", "debian-6.12", "debian-host"]),
            (Sort::Duration, ["debian-6.9", "debian-host", "debian-6.12"]),
            (Sort::Kernel, ["debian-6.9", "debian-6.12", "debian-host"]),
            (Sort::Scenario, ["debian-6.9", "debian-6.12", "debian-host"]),
        ] {
            assert_eq!(kernels(&Query { sort, ..Query::default() }), wanted, "{sort:?}");
            let mut turned = wanted;
            turned.reverse();
            let query = Query { sort, reverse: true, limit: Some(2), ..Query::default() };
            assert_eq!(kernels(&query), turned[..2], "{sort:?}");
        }
    }

    #[test]
    fn a_pattern_is_whole_words_or_has_wild_cards() {
        for (pattern, name, fits) in [
            ("6.1", "debian-6.1", true),
            ("6.1", "debian-6.1-source", true),
            ("6.1", "6.1.192", true),
            ("6.1", "debian-6.12", false),
            ("6.1", "debian-16.1", false),
            ("debian-6.1", "debian-6.1-source", true),
            ("reaper", "debian-6.1-no-oom-reaper", true),
            ("oom", "room", false),
            ("debian-6.?", "debian-6.1", true),
            ("debian-6.?", "debian-6.12", false),
            ("*source", "debian-6.1-source", true),
            ("*6*1*e", "debian-6.1-source", true),
            ("debian*x", "debian-6.1-source", false),
            ("***", "", true),
            ("", "", true),
        ] {
            assert_eq!(Pattern::new(pattern).fits(name), fits, "{pattern} {name}");
        }
        assert!(!Pattern::new(&"*a".repeat(200)).fits(&"a".repeat(199)), "and ends soon");
    }

    #[test]
    fn names_sort_by_their_numbers() {
        let mut names = ["v6.12", "v6.9", "v06.9", "v6.9-rc1", "a", "v6.1234567890123456789012345", ""];
        names.sort_by(|a, b| by_name(a, b));
        assert_eq!(names, ["", "a", "v06.9", "v6.9", "v6.9-rc1", "v6.12", "v6.1234567890123456789012345"]);
    }
}
