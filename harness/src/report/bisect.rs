//! A bisection, for people and as JSON.
//! Lives here: the account of it, a line for each step, the log as git writes it.
//! May not live here: what is believed, and why (`campaign::bisect`).

use crate::campaign::BadWhen;
use crate::campaign::bisect::{At, Count, End, Estimate, Report, Search, Suspect};
use crate::kernel::{Commit, History};
use crate::results::RunJson;
use crate::run::bisect::Bisected;
use serde::Serialize;
use std::fmt::Write;

/// What a bisection came to. Fields may be added, never renamed or given another meaning.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Account {
    /// `found`, `among`, `alike`, `never-bad`, `broken-end`, `max-runs`, `time`, `interrupted`.
    pub end: &'static str,
    /// The commit that is named: the full id.
    pub culprit: Option<String>,
    /// The likeliest suspects, likeliest first.
    pub suspects: Vec<SuspectJson>,
    /// The probability that the good end is bad too.
    pub alike: f64,
    /// The share of runs that are bad with the culprit in.
    pub hit_rate: Estimate,
    /// The share that are without it.
    pub slip_rate: Estimate,
    /// Which runs are bad.
    pub bad_when: String,
    /// Commits between the ends, the bad one among them.
    pub commits: usize,
    /// Runs that count.
    pub runs: u32,
    /// Runs without an outcome.
    pub inconclusive: u32,
    /// Kernels that were built.
    pub builds: u32,
    /// Seconds of wall time for them.
    pub build_s: f64,
    /// Seconds of wall time in all, from when the ends were known.
    pub duration_s: f64,
    /// Runs by commit, in the order of the first of each.
    pub counts: Vec<CountJson>,
    /// Commits that could not be run.
    pub skipped: Vec<SkippedJson>,
    /// As `git bisect log` writes it; `git bisect replay` reads it.
    pub log: String,
}

/// A suspect.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SuspectJson {
    /// Its full id.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// The probability that it is the culprit.
    pub probability: f64,
}

/// Runs of a commit.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct CountJson {
    /// Its full id.
    pub commit: String,
    /// The first line of its message.
    pub subject: String,
    /// Bad ones.
    pub bad: u32,
    /// Good ones.
    pub good: u32,
    /// Those without an outcome.
    pub inconclusive: u32,
}

/// A commit that could not be run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SkippedJson {
    /// Its full id.
    pub commit: String,
    /// Why.
    pub why: String,
}

fn commit(history: &History, at: At) -> &Commit {
    match at {
        At::Good => &history.good,
        At::Commit(commit) => &history.commits[commit],
    }
}

impl Account {
    /// Of a search that has ended, or was ended.
    pub fn new(history: &History, search: &Search, done: &Bisected, bad_when: &BadWhen, duration_s: f64) -> Self {
        let report = search.report();
        let id = |at: At| commit(history, at).id.clone();
        let subject = |at: At| commit(history, at).subject.clone();
        let culprit = match done.end {
            Some(End::Found(culprit)) => Some(id(At::Commit(culprit))),
            _ => None,
        };
        let suspect = |one: &Suspect| SuspectJson {
            commit: id(At::Commit(one.commit)),
            subject: subject(At::Commit(one.commit)),
            probability: one.likely,
        };
        let count = |count: &Count| CountJson {
            commit: id(count.at),
            subject: subject(count.at),
            bad: count.bad,
            good: count.good,
            inconclusive: done.inconclusive.get(&count.at).copied().unwrap_or(0),
        };
        Self {
            end: match done.end {
                Some(End::Found(_)) => "found",
                Some(End::Among) => "among",
                Some(End::Alike) => "alike",
                Some(End::NeverBad) => "never-bad",
                Some(End::Broken(_)) => "broken-end",
                Some(End::MaxRuns) => "max-runs",
                None if done.interrupted => "interrupted",
                None => "time",
            },
            culprit,
            suspects: report.suspects.iter().map(suspect).collect(),
            alike: report.alike,
            hit_rate: report.hit,
            slip_rate: report.slip,
            bad_when: bad_when.to_string(),
            commits: history.commits.len(),
            runs: search.runs(),
            inconclusive: done.inconclusive.values().sum(),
            builds: done.builds.0,
            build_s: done.builds.1,
            duration_s,
            counts: report.counts.iter().map(count).collect(),
            skipped: done.skipped.iter().map(|(at, why)| SkippedJson { commit: id(*at), why: why.clone() }).collect(),
            log: log(history, &report, done),
        }
    }
}

/// As git would have written it, had each commit been judged by what is believed of it now.
fn log(history: &History, report: &Report, done: &Bisected) -> String {
    let bad_end = At::Commit(history.commits.len() - 1);
    let mut text = String::from("git bisect start\n");
    let mut say = |word: &str, at: At| {
        let Commit { id, subject } = commit(history, at);
        let _ = writeln!(text, "# {word}: [{id}] {subject}\ngit bisect {word} {id}");
    };
    say("bad", bad_end);
    say("good", At::Good);
    for (count, likely_bad) in report.counts.iter().zip(&report.likely_bad) {
        if ![bad_end, At::Good].contains(&count.at) {
            say(if *likely_bad >= 0.5 { "bad" } else { "good" }, count.at);
        }
    }
    done.skipped.iter().for_each(|(at, _)| say("skip", *at));
    if let Some(End::Found(culprit)) = done.end {
        let Commit { id, subject } = commit(history, At::Commit(culprit));
        let _ = writeln!(text, "# first bad commit: [{id}] {subject}");
    }
    text
}

/// A line for a run.
pub fn step(history: &History, at: At, run: &RunJson, bad: Option<bool>, search: &Search) -> String {
    let place = match at {
        At::Good => "the good end".to_owned(),
        At::Commit(number) => format!("commit {} of {}", number + 1, history.commits.len()),
    };
    let end = match (run.outcome, run.inconclusive) {
        (Some(outcome), _) => outcome.name(),
        (None, reason) => reason.map_or("no outcome", crate::event::Reason::name),
    };
    let judged = match bad {
        Some(true) => "bad",
        Some(false) => "good",
        None => "counts neither way",
    };
    let report = search.report();
    let likeliest = report.suspects.first().map_or_else(String::new, |suspect| {
        let one = &history.commits[suspect.commit];
        format!("; likeliest {} with {:.0} %", one.short(), suspect.likely * 100.0)
    });
    format!("run {}: {} ({place}) {end}: {judged}{likeliest}", search.runs(), commit(history, at).short())
}

/// The account in words.
pub fn bisection(account: &Account) -> String {
    let short = |id: &str| id.get(..12).unwrap_or(id).to_owned();
    let percent = |share: f64| share * 100.0;
    let mut text = match account.end {
        "found" => String::new(),
        "among" => "no commit that can be run tells these apart; one of them is the culprit\n".into(),
        "alike" => format!(
            "the good end is bad too ({:.1} %): the ends do not differ, and what made it bad is older\n",
            percent(account.alike)
        ),
        "never-bad" => {
            "the bad end was never bad, so there is nothing to search for; is the scenario the right one?\n".into()
        }
        "broken-end" => "one of the ends cannot be run, so nothing can be compared\n".into(),
        "max-runs" => "not decided in the runs that were allowed; --resume with more goes on\n".into(),
        "time" => "not decided in the time that was allowed; --resume goes on\n".into(),
        _ => "interrupted; --resume goes on\n".into(),
    };
    if let (Some(culprit), Some(first)) = (&account.culprit, account.suspects.first()) {
        let _ = writeln!(text, "first bad commit: [{culprit}] {}", first.subject);
        let _ = writeln!(text, "  probability {:.1} %", percent(first.probability));
    }
    if account.runs > 0 {
        let others = usize::from(account.culprit.is_some());
        for suspect in account.suspects.iter().skip(others) {
            let _ = writeln!(
                text,
                "  {:5.1} %  {} {}",
                percent(suspect.probability),
                short(&suspect.commit),
                suspect.subject
            );
        }
        let estimate =
            |one: &Estimate| format!("{:.1} % ({:.1}–{:.1} %)", percent(one.mean), percent(one.low), percent(one.high));
        let _ = writeln!(
            text,
            "bad when {}: {} of runs with it, {} without",
            account.bad_when,
            estimate(&account.hit_rate),
            estimate(&account.slip_rate)
        );
    }
    let _ = writeln!(
        text,
        "{} runs and {} without an outcome, {} builds in {:.1} min, {:.1} min in all, {} commits\n",
        account.runs,
        account.inconclusive,
        account.builds,
        account.build_s / 60.0,
        account.duration_s / 60.0,
        account.commits
    );
    let _ = writeln!(text, "   bad  good  none");
    for count in &account.counts {
        let _ = writeln!(
            text,
            "  {:4}  {:4}  {:4}  {} {}",
            count.bad,
            count.good,
            count.inconclusive,
            short(&count.commit),
            count.subject
        );
    }
    for skipped in &account.skipped {
        let why = skipped.why.lines().next().unwrap_or_default();
        let _ = writeln!(text, "  skipped           {} {why}", short(&skipped.commit));
    }
    let _ = write!(text, "\n{}", account.log);
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::campaign::HUNG;
    use crate::campaign::bisect::{Costs, Graph, Options, Step};

    fn id(number: usize) -> String {
        format!("{number}{}", "a".repeat(39))
    }

    fn history() -> History {
        let commit = |number: usize| Commit { id: id(number), subject: format!("mm: change {number}") };
        History {
            good: Commit { id: "f".repeat(40), subject: "Linux 6.1".into() },
            commits: (0..8).map(commit).collect(),
            parents: (0..8_usize).map(|at| at.checked_sub(1).into_iter().collect()).collect(),
            suspects: vec![true; 8],
        }
    }

    /// The search in it, where the commit 5 always hits and 3 does not build.
    fn search() -> (Search, Bisected) {
        let costs = Costs { run: 100.0, build: 0.0 };
        let mut search = Search::new(Graph::line(8).unwrap(), &[true; 8], costs, Options::default());
        let mut done = Bisected { builds: (5, 150.0), ..Bisected::default() };
        loop {
            match search.next() {
                Step::Done(end) => return (search, Bisected { end: Some(end), ..done }),
                Step::Run(at @ At::Commit(3)) => {
                    search.skip(at);
                    done.skipped.push((at, "make vmlinux failed (exit status: 2)\n  mm/a.c:1: error".into()));
                }
                Step::Run(at) => search.record(at, matches!(at, At::Commit(5..))),
            }
        }
    }

    #[test]
    fn the_account_has_what_a_patch_mail_needs() {
        let (search, done) = search();
        let account = Account::new(&history(), &search, &done, &HUNG.parse().unwrap(), 600.0);
        assert_eq!((account.end, account.culprit.as_deref()), ("found", Some(id(5).as_str())));
        insta::assert_snapshot!(bisection(&account));
    }

    #[test]
    fn git_can_replay_the_log() {
        let (search, done) = search();
        let log = log(&history(), &search.report(), &done);
        let mut lines = log.lines();
        assert_eq!(lines.next(), Some("git bisect start"));
        let judged = |number: usize| {
            let id = id(number);
            log.lines()
                .find(|line| line.starts_with("git") && line.ends_with(&id))
                .map(|line| line[11..].split(' ').next().unwrap())
        };
        assert_eq!((judged(7), judged(5), judged(4)), (Some("bad"), Some("bad"), Some("good")), "{log}");
        assert!(log.ends_with(&format!("# first bad commit: [{}] mm: change 5\n", id(5))));
    }
}
