//! Exit codes: one meaning each.
//! Lives here: the codes and how several runs make one.
//! May not live here: what is printed.

use crate::campaign::BadWhen;
use crate::results::RunJson;
use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// All as expected.
    #[default]
    AsExpected,
    /// An outcome was not as expected.
    Unexpected,
    /// The command line, a scenario or the host is wrong.
    Usage,
    /// A run was inconclusive.
    Inconclusive,
    /// The user ended it.
    Interrupted,
    /// To git bisect: this commit says nothing.
    Skip,
    /// To git bisect: do not go on.
    Abort,
}

impl Status {
    /// That of one run, by itself. That the user ended it is another matter ([`RunJson::is_cancelled`]).
    pub fn of(run: &RunJson) -> Self {
        match (run.outcome, run.expected) {
            (None, _) => Self::Inconclusive,
            (Some(_), true) => Self::AsExpected,
            (Some(_), false) => Self::Unexpected,
        }
    }

    /// The status of two runs together: an interruption outweighs all, then what could not be run, then a wrong outcome (it was seen),
    /// then an inconclusive run (it was not).
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let weight = |status| match status {
            Self::AsExpected => 0,
            Self::Inconclusive => 1,
            Self::Unexpected => 2,
            Self::Usage => 3,
            Self::Interrupted => 4,
            Self::Skip | Self::Abort => 5,
        };
        if weight(other) > weight(self) { other } else { self }
    }

    /// The same for `git bisect run` (git-bisect(1)): 0 is good, 125 is neither, 128 and more end it, all else is bad.
    #[must_use]
    pub fn for_git_bisect(self) -> Self {
        match self {
            Self::Inconclusive => Self::Skip,
            Self::Usage => Self::Abort,
            other => other,
        }
    }
}

/// What the runs of a series come to, one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Which runs are bad, where the answer is for git bisect.
    bad_when: Option<&'a BadWhen>,
    status: Status,
    /// Runs with an outcome that is not bad.
    good: u32,
}

impl<'a> Series<'a> {
    /// One without runs; `bad_when` where the answer is for git bisect.
    pub fn new(bad_when: Option<&'a BadWhen>) -> Self {
        Self { bad_when, status: Status::AsExpected, good: 0 }
    }

    /// Takes a run in that is stored already; the series' end, where this one ends it.
    pub fn past(&mut self, run: &RunJson) -> Option<Status> {
        let Some(bad_when) = self.bad_when else {
            self.status = self.status.and(Status::of(run));
            return None;
        };
        let bad = bad_when.judge(run);
        self.good += u32::from(bad == Some(false));
        bad.filter(|bad| *bad).map(|_| Status::Unexpected)
    }

    /// Takes a run in that was just made: the user may have ended the series with it, whatever its outcome.
    pub fn add(&mut self, run: &RunJson) -> Option<Status> {
        let end = self.past(run);
        if run.is_cancelled() { Some(Status::Interrupted) } else { end }
    }

    /// What all of them come to.
    pub fn status(&self) -> Status {
        let no_outcome = self.bad_when.is_some() && self.good == 0;
        if no_outcome { Status::Inconclusive } else { self.status }
    }
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(match status {
            Status::AsExpected => 0,
            Status::Unexpected => 1,
            Status::Usage => 2,
            Status::Inconclusive => 3,
            Status::Interrupted => 130,
            Status::Skip => 125,
            Status::Abort => 129,
        })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::Status::*;
    use super::*;
    use crate::campaign::HUNG;
    use crate::event::Reason;
    use crate::results::sample;
    use crate::scenario::Outcome;

    fn lost(reason: Reason) -> RunJson {
        RunJson { outcome: None, mechanism: None, inconclusive: Some(reason), expected: false, ..sample() }
    }

    fn killed() -> RunJson {
        RunJson { outcome: Some(Outcome::OomKilled), mechanism: None, ..sample() }
    }

    #[test]
    fn the_users_end_ends_a_series_whatever_is_known_of_the_run() {
        let ended = RunJson { cancelled: true, ..sample() };
        let bad_when: BadWhen = HUNG.parse().unwrap();
        for bad_when in [None, Some(&bad_when)] {
            assert_eq!(Series::new(bad_when).add(&ended), Some(Interrupted), "a hang that was seen");
            assert_eq!(Series::new(bad_when).add(&RunJson { cancelled: true, ..killed() }), Some(Interrupted));
            assert_eq!(Series::new(bad_when).add(&lost(Reason::Cancelled)), Some(Interrupted), "an old record");
            let starved = RunJson { cancelled: true, ..lost(Reason::HostStarved) };
            assert_eq!(Series::new(bad_when).add(&starved), Some(Interrupted));
            assert_eq!(Series::new(bad_when).add(&killed()), None);
        }
    }

    #[test]
    fn stored_runs_count_as_those_that_are_made() {
        let wrong = RunJson { expected: false, ..killed() };
        let mut plain = Series::new(None);
        assert_eq!((plain.past(&killed()), plain.status()), (None, AsExpected));
        assert_eq!((plain.past(&lost(Reason::NoBoot)), plain.status()), (None, Inconclusive));
        assert_eq!((plain.past(&wrong), plain.status()), (None, Unexpected));

        let bad_when: BadWhen = HUNG.parse().unwrap();
        let mut bisect = Series::new(Some(&bad_when));
        assert_eq!((bisect.past(&lost(Reason::NoBoot)), bisect.status()), (None, Inconclusive));
        assert_eq!((bisect.past(&wrong), bisect.status()), (None, AsExpected), "what is expected does not matter");
        let ended = RunJson { cancelled: true, ..sample() };
        assert_eq!(bisect.past(&ended), Some(Unexpected), "a hang is one, whoever ended what was tried against it");
    }

    #[test]
    fn what_was_seen_outweighs_what_was_not() {
        assert_eq!(AsExpected.and(Inconclusive).and(Unexpected).and(Inconclusive), Unexpected);
        assert_eq!(Unexpected.and(Interrupted), Interrupted);
    }

    #[test]
    fn a_mistake_is_no_bad_kernel_to_git() {
        let code = |status: Status| std::process::ExitCode::from(status.for_git_bisect());
        let codes =
            [AsExpected, Unexpected, Inconclusive, Usage, Interrupted].map(|status| format!("{:?}", code(status)));
        assert_eq!(codes, [0, 1, 125, 129, 130].map(|code| format!("{:?}", std::process::ExitCode::from(code))));
    }
}
