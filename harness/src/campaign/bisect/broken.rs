//! Commits that cannot be run.
//! Lives here: how likely a commit is broken when others are known to be, or not to be.
//! May not live here: why it is broken.

use std::collections::BTreeMap;

/// What is known of which commits can be run.
#[derive(Clone, Debug, Default)]
pub struct Broken {
    /// By commit: whether it is broken.
    known: BTreeMap<usize, bool>,
}

impl Broken {
    /// Notes whether a commit is broken. One that once ran is never broken.
    pub fn note(&mut self, commit: usize, broken: bool) {
        *self.known.entry(commit).or_insert(broken) &= broken;
    }

    /// The commits that are broken, ascending.
    pub fn all(&self) -> impl Iterator<Item = usize> {
        self.known.iter().filter(|(_, broken)| **broken).map(|(commit, _)| *commit)
    }

    /// How likely a commit can be run, in 0..=1. What breaks a kernel stays until it is mended: a stretch of commits, which ends
    /// between one that is broken and the nearest one that is not, and as likely at one place there as at another.
    pub fn runs(&self, commit: usize) -> f64 {
        if let Some(broken) = self.known.get(&commit) {
            return if *broken { 0.0 } else { 1.0 };
        }
        let before = self.known.range(..commit).next_back();
        let after = self.known.range(commit..).next();
        let share = |broken: usize, sound: usize| commit.abs_diff(broken) as f64 / sound.abs_diff(broken) as f64;
        match (before, after) {
            (Some((_, true)), Some((_, true))) | (Some((_, true)), None) | (None, Some((_, true))) => UNSURE,
            (Some((at, true)), Some((other, false))) => share(*at, *other),
            (Some((other, false)), Some((at, true))) => share(*at, *other),
            _ => 1.0,
        }
    }
}

/// Between two that are broken, or beyond one: either is possible.
const UNSURE: f64 = 0.25;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_stretch_is_believed_in_between() {
        let mut broken = Broken::default();
        assert_eq!(broken.runs(7), 1.0);
        broken.note(0, false);
        broken.note(100, false);
        assert_eq!(broken.runs(50), 1.0);
        broken.note(50, true);
        assert_eq!([broken.runs(50), broken.runs(51), broken.runs(75), broken.runs(100)], [0.0, 0.02, 0.5, 1.0]);
        broken.note(60, true);
        assert_eq!(broken.runs(55), UNSURE);
        assert_eq!(broken.all().collect::<Vec<_>>(), [50, 60]);
    }

    #[test]
    fn what_once_ran_is_not_broken() {
        let mut broken = Broken::default();
        broken.note(3, false);
        broken.note(3, true);
        assert_eq!(broken.runs(3), 1.0);
    }
}
