//! One check and its result.
//! Lives here: the value, its three states, sizes in words.
//! May not live here: what is checked.

use serde::Serialize;

/// How a check ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// As it should be.
    Ok,
    /// Runs work, but slower, or not all of them.
    Warn,
    /// Runs do not work, or cannot be believed.
    Fail,
}

impl Status {
    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Warn => "warn",
            Self::Fail => "fail",
        }
    }
}

/// A check and its result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// What was checked, in one word.
    pub name: String,
    /// How it ended.
    pub status: Status,
    /// What was found.
    pub found: String,
    /// How to mend it: an exact command where there is one. `None` where nothing need be mended.
    pub mend: Option<String>,
}

impl Check {
    /// All is well.
    pub(super) fn ok(name: &str, found: impl Into<String>) -> Self {
        Self { name: name.to_owned(), status: Status::Ok, found: found.into(), mend: None }
    }

    /// Runs work, but.
    pub(super) fn warn(name: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { status: Status::Warn, mend: Some(mend.into()), ..Self::ok(name, found) }
    }

    /// Runs do not work.
    pub(super) fn fail(name: &str, found: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { status: Status::Fail, mend: Some(mend.into()), ..Self::ok(name, found) }
    }

    /// Fails under `least`, warns under `enough`, both in bytes or pieces as `have` is.
    pub(super) fn amount(
        name: &str,
        have: u64,
        (least, enough): (u64, u64),
        found: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        match have {
            _ if have < least => Self::fail(name, found, mend),
            _ if have < enough => Self::warn(name, found, mend),
            _ => Self::ok(name, found),
        }
    }
}

/// The worst status; ok for no checks.
pub fn worst(checks: &[Check]) -> Status {
    checks.iter().map(|check| check.status).max().unwrap_or(Status::Ok)
}

/// The command that installs a Debian package.
pub(super) fn install(package: &str) -> String {
    format!("as root: apt-get update && apt-get install --no-install-recommends {package}")
}

/// A size in the largest unit of which it has one, with one digit after the point.
pub(super) fn in_words(bytes: u64) -> String {
    let tenths = |unit: u64| format!("{}.{}", bytes / unit, bytes % unit * 10 / unit);
    match bytes {
        0x4000_0000.. => format!("{} GiB", tenths(1 << 30)),
        0x10_0000.. => format!("{} MiB", tenths(1 << 20)),
        _ => format!("{} KiB", tenths(1 << 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_decides() {
        assert_eq!(worst(&[]), Status::Ok);
        let all = [Check::warn("a", "", ""), Check::fail("b", "", ""), Check::ok("c", "")];
        assert_eq!((worst(&all), worst(&all[..1]), worst(&all[2..])), (Status::Fail, Status::Warn, Status::Ok));
    }

    #[test]
    fn amounts_have_two_bounds() {
        let status = |have| Check::amount("x", have, (10, 20), "", "").status;
        assert_eq!([9, 10, 19, 20].map(status), [Status::Fail, Status::Warn, Status::Warn, Status::Ok]);
    }

    #[test]
    fn sizes_are_short() {
        assert_eq!(in_words(3 << 29), "1.5 GiB");
        assert_eq!(in_words((1 << 30) - 1), "1023.9 MiB");
        assert_eq!(in_words(512), "0.5 KiB");
        assert_eq!(in_words(u64::MAX), "17179869183.9 GiB");
    }

    #[test]
    fn the_json_form() {
        let check = Check::warn("load", "3", "wait");
        let json = serde_json::to_string(&check).unwrap_or_default();
        assert_eq!(json, r#"{"name":"load","status":"warn","found":"3","mend":"wait"}"#);
    }
}
