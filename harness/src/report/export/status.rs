//! How a run counts where others count passes and failures.
//! Lives here: the one place that decides it, for all formats.
//! May not live here: how a format writes it.

use crate::event::Reason;
use crate::results::RunJson;
use crate::scenario::Outcome;

/// How a run counts. What a scenario expects decides between pass and failure, as it does for the exit code of `oomph run`, with one
/// exception: a guest that hung or panicked where the scenario expects nothing of the kernel is a failure, because nobody has said
/// that this is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Standing {
    /// Not as expected, or lost without anyone having expected it.
    Failed,
    /// No outcome: says nothing about the kernel, and is never a pass.
    Inconclusive,
    /// No outcome because the user ended the run.
    Skipped,
    /// Hung or panicked, just as the scenario says of this kernel. It passes, and each format says that it is a failure that is known.
    ExpectedFailure,
    /// An outcome with a guest that lives, and as expected.
    Passed,
}

impl Standing {
    /// That of a run.
    pub fn of(run: &RunJson) -> Self {
        let Some(outcome) = run.outcome else {
            return if run.inconclusive == Some(Reason::Cancelled) { Self::Skipped } else { Self::Inconclusive };
        };
        let lost = matches!(outcome, Outcome::Hung | Outcome::Panicked);
        match (run.expected, lost) {
            (false, _) => Self::Failed,
            (true, true) if run.expectation.is_none() => Self::Failed,
            (true, true) => Self::ExpectedFailure,
            (true, false) => Self::Passed,
        }
    }

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Inconclusive => "inconclusive",
            Self::Skipped => "skipped",
            Self::ExpectedFailure => "expected-failure",
            Self::Passed => "passed",
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::case::tests::expecting;
    use super::*;
    use crate::results::sample;

    #[test]
    fn what_is_expected_decides_and_a_hang_that_nobody_expects_fails() {
        let hung = sample();
        assert_eq!((hung.outcome, &hung.expectation, hung.expected), (Some(Outcome::Hung), &None, true));
        let of = |run: &RunJson| Standing::of(run);
        assert_eq!(of(&hung), Standing::Failed);
        assert_eq!(
            of(&RunJson { expectation: Some(expecting(Outcome::Hung)), ..hung.clone() }),
            Standing::ExpectedFailure
        );
        let wrong = RunJson { expectation: Some(expecting(Outcome::OomKilled)), expected: false, ..hung.clone() };
        assert_eq!(of(&wrong), Standing::Failed);
        let killed = RunJson { outcome: Some(Outcome::OomKilled), mechanism: None, ..hung.clone() };
        assert_eq!(of(&killed), Standing::Passed);
        let too_well = RunJson { expectation: Some(expecting(Outcome::Hung)), expected: false, ..killed };
        assert_eq!(of(&too_well), Standing::Failed);
        let panicked = RunJson { outcome: Some(Outcome::Panicked), mechanism: None, ..hung };
        assert_eq!(of(&panicked), Standing::Failed);
    }

    #[test]
    fn a_run_without_an_outcome_never_passes_whatever_its_record_says() {
        for reason in [None, Some(Reason::NoBoot), Some(Reason::HostStarved), Some(Reason::Truncated)] {
            for expected in [false, true] {
                let run = RunJson { outcome: None, mechanism: None, inconclusive: reason, expected, ..sample() };
                assert_eq!(Standing::of(&run), Standing::Inconclusive);
            }
        }
        let run = RunJson { outcome: None, mechanism: None, inconclusive: Some(Reason::Cancelled), ..sample() };
        assert_eq!(Standing::of(&run), Standing::Skipped);
    }
}
