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
        };
        if weight(other) > weight(self) { other } else { self }
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
}
