//! Kernel versions: comparisons as an expectation writes them.
//! Lives here: reading, writing and matching `>=4.6 <5.10`, and which of two ranges holds the other.
//! May not live here: where a kernel's version comes from.

use super::model::{VersionBound, VersionOp};
use super::value::Wrong;

/// A kernel's version: major, minor, patch.
pub type Version = (u32, u32, u32);

/// What a range looks like, for JSON Schema: as [`read`].
pub const PATTERN: &str = r"^ *(<=|>=|<|>|=) *[0-9]{1,9}\.[0-9]{1,9}(\.[0-9]{1,9})?( +(<=|>=|<|>|=) *[0-9]{1,9}\.[0-9]{1,9}(\.[0-9]{1,9})?)* *$";

const RIGHT: &str = "a range is comparisons that all must hold: `<4.6`, `>=4.6`, `>=4.6 <5.10`, `=6.1`, `>6.1.20`";
const OPERATORS: [(&str, VersionOp); 5] = [
    ("<=", VersionOp::LessEqual),
    (">=", VersionOp::GreaterEqual),
    ("<", VersionOp::Less),
    (">", VersionOp::Greater),
    ("=", VersionOp::Equal),
];

/// Reads a range.
///
/// # Errors
/// Where the text is none, or no version is in it.
pub fn read(text: &str) -> Result<Vec<VersionBound>, Wrong> {
    let mut bounds = Vec::new();
    let mut rest = text.trim_matches(' ');
    while !rest.is_empty() {
        let Some((name, op)) = OPERATORS.iter().find(|(name, _)| rest.starts_with(name)) else {
            let wrong = Wrong::new(format!("`{rest}` does not begin with a comparison"), RIGHT);
            let number = rest.starts_with(|c: char| c.is_ascii_digit());
            return Err(if number { wrong.help(format!("did you mean `={rest}`?")) } else { wrong });
        };
        let after = rest[name.len()..].trim_start_matches(' ');
        let (number, after) = after.split_once(' ').unwrap_or((after, ""));
        bounds.push(VersionBound { op: *op, version: version(number)? });
        rest = after.trim_start_matches(' ');
    }
    if bounds.is_empty() {
        return Err(Wrong::new("the range of versions is empty", RIGHT));
    }
    if Range::of(&bounds).is_none() {
        return Err(Wrong::new(format!("no version is in `{text}`"), "all comparisons must be able to hold at once"));
    }
    Ok(bounds)
}

fn version(text: &str) -> Result<(u32, u32, Option<u32>), Wrong> {
    let wrong = || {
        Wrong::new(format!("`{text}` is not a kernel's version"), "a version is `MAJOR.MINOR` or `MAJOR.MINOR.PATCH`")
    };
    let number = |text: &str| {
        let sound = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        sound.then(|| text.parse().ok()).flatten().ok_or_else(wrong)
    };
    let parts: Vec<&str> = text.split('.').collect();
    match parts[..] {
        [major] if number(major).is_ok() => Err(wrong().help(format!("did you mean `{major}.0`?"))),
        [major, minor] => Ok((number(major)?, number(minor)?, None)),
        [major, minor, patch] => Ok((number(major)?, number(minor)?, Some(number(patch)?))),
        _ => Err(wrong()),
    }
}

/// Writes a range; [`read`] reads it back.
pub fn write(bounds: &[VersionBound]) -> String {
    let bounds: Vec<String> = bounds.iter().map(ToString::to_string).collect();
    bounds.join(" ")
}

impl std::fmt::Display for VersionBound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = OPERATORS.iter().find(|(_, op)| *op == self.op).map_or("=", |(name, _)| name);
        let (major, minor, patch) = self.version;
        write!(f, "{name}{major}.{minor}")?;
        patch.map_or(Ok(()), |patch| write!(f, ".{patch}"))
    }
}

impl VersionBound {
    /// The versions for which the comparison holds: from the first to before the second.
    fn range(&self) -> (Version, Version) {
        let (major, minor, patch) = self.version;
        let first = (major, minor, patch.unwrap_or(0));
        let after = patch.map_or((major, minor.saturating_add(1), 0), |patch| (major, minor, patch.saturating_add(1)));
        match self.op {
            VersionOp::Less => (LOWEST, first),
            VersionOp::LessEqual => (LOWEST, after),
            VersionOp::GreaterEqual => (first, HIGHEST),
            VersionOp::Greater => (after, HIGHEST),
            VersionOp::Equal => (first, after),
        }
    }
}

const LOWEST: Version = (0, 0, 0);
const HIGHEST: Version = (u32::MAX, u32::MAX, u32::MAX);

/// The versions for which all of some comparisons hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    first: Version,
    after: Version,
}

impl Range {
    /// Where all of these hold; `None` where they never do.
    pub fn of(bounds: &[VersionBound]) -> Option<Self> {
        let (first, after) = bounds
            .iter()
            .map(VersionBound::range)
            .fold((LOWEST, HIGHEST), |all, one| (all.0.max(one.0), all.1.min(one.1)));
        (first < after).then_some(Self { first, after })
    }

    /// Whether a version is in it.
    pub fn holds(&self, version: Version) -> bool {
        self.first <= version && version < self.after
    }

    /// Whether all versions of the other are in it.
    pub fn covers(&self, other: &Self) -> bool {
        self.first <= other.first && other.after <= self.after
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn holds(range: &str, version: Version) -> bool {
        Range::of(&read(range).unwrap()).unwrap().holds(version)
    }

    #[test]
    fn a_bound_without_a_patch_level_compares_major_and_minor_only() {
        assert!(holds("<=4.6", (4, 6, 7)) && !holds("<=4.6.0", (4, 6, 7)));
        assert!(!holds(">4.6", (4, 6, 7)) && holds(">4.6.0", (4, 6, 7)));
        assert!(holds("=6.1", (6, 1, 192)) && !holds("=6.1.0", (6, 1, 192)));
        assert!(holds(">=4.6", (4, 6, 0)) && !holds("<4.6", (4, 6, 0)));
        assert!(holds(">=4.6 <5.10", (5, 9, 16)) && !holds(">=4.6 <5.10", (5, 10, 0)));
        assert!(holds("> 4.6 < 5.10", (4, 7, 0)));
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in ["", " ", "4.6", "<", "<4", "<4.6.1.2", "<4.x", "==4.6", "<4.6<5", ">5.0 <4.0", "<4.6, >3", "<0.0"]
        {
            assert!(read(text).is_err(), "{text}");
        }
        assert_eq!(read("4.6").unwrap_err().help.unwrap(), "did you mean `=4.6`?");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(bounds in prop::collection::vec((0usize..5, 0u32..30, 0u32..30, prop::option::of(0u32..400)), 1..4)) {
            let bounds: Vec<VersionBound> = bounds.into_iter()
                .map(|(op, major, minor, patch)| VersionBound { op: OPERATORS[op].1, version: (major, minor, patch) })
                .collect();
            match Range::of(&bounds) {
                Some(_) => prop_assert_eq!(read(&write(&bounds)).unwrap(), bounds),
                None => prop_assert!(read(&write(&bounds)).is_err()),
            }
        }

        #[test]
        fn no_text_panics(text in "[<>=0-9. x]{0,20}") {
            let _ = read(&text);
        }
    }
}
