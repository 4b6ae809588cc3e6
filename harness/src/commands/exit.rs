//! Exit codes: one meaning each.
//! Lives here: the codes and how several runs make one.
//! May not live here: what is printed.

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
    /// The status of two runs together: an interruption outweighs all, then a wrong outcome (it was seen), then an
    /// inconclusive run (it was not).
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
    use super::Status::*;

    #[test]
    fn what_was_seen_outweighs_what_was_not() {
        assert_eq!(AsExpected.and(Inconclusive).and(Unexpected).and(Inconclusive), Unexpected);
        assert_eq!(Unexpected.and(Interrupted), Interrupted);
    }

    #[test]
    fn a_mistake_is_no_bad_kernel_to_git() {
        let code = |status: super::Status| std::process::ExitCode::from(status.for_git_bisect());
        let codes =
            [AsExpected, Unexpected, Inconclusive, Usage, Interrupted].map(|status| format!("{:?}", code(status)));
        assert_eq!(codes, [0, 1, 125, 129, 130].map(|code| format!("{:?}", std::process::ExitCode::from(code))));
    }
}
