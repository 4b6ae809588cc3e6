//! The version in a kernel's Makefile (pure).
//! Lives here: reading it.
//! May not live here: finding the Makefile.

/// Lines from the top in which the version stands; it is in the first ten of every release.
const LINES: usize = 200;

/// A kernel's version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// `VERSION`, `PATCHLEVEL`, `SUBLEVEL`.
    pub number: (u32, u32, u32),
    /// `EXTRAVERSION`: `-rc3`, or empty.
    pub extra: String,
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (version, patchlevel, sublevel) = self.number;
        write!(f, "{version}.{patchlevel}.{sublevel}{}", self.extra)
    }
}

/// The version that a kernel's Makefile states; `None` for any other Makefile.
pub fn version(makefile: &[u8]) -> Option<Version> {
    let text = String::from_utf8_lossy(makefile);
    let value = |name: &str| {
        text.lines().take(LINES).find_map(|line| {
            let value = line.strip_prefix(name)?.trim_start().strip_prefix('=')?;
            Some(value.split('#').next().unwrap_or_default().trim().to_owned())
        })
    };
    let number = |name: &str| value(name)?.parse().ok();
    let number = (number("VERSION")?, number("PATCHLEVEL")?, number("SUBLEVEL").unwrap_or(0));
    Some(Version { number, extra: value("EXTRAVERSION").unwrap_or_default() })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_version_is_read_and_other_makefiles_have_none() {
        let text =
            b"# SPDX-License-Identifier: GPL-2.0\nVERSION = 6\nPATCHLEVEL = 2\nSUBLEVEL = 0\nEXTRAVERSION = -rc3\n";
        let found = version(text).unwrap();
        assert_eq!((found.number, found.to_string().as_str()), ((6, 2, 0), "6.2.0-rc3"));
        assert_eq!(
            version(b"VERSION = 3\nPATCHLEVEL = 10\nSUBLEVEL = 108\nEXTRAVERSION =\n").unwrap().number,
            (3, 10, 108)
        );
        for other in [
            "",
            "all:\n\tcc x.c\n",
            "VERSION = 1.2\nPATCHLEVEL = 3\n",
            "VERSION := 6\nPATCHLEVEL := 1\n",
            "VERSION = 6\n",
        ] {
            assert_eq!(version(other.as_bytes()), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in prop_oneof!["(VERSION|PATCHLEVEL|SUBLEVEL|EXTRAVERSION|=|\\n|[0-9]| |-|#){0,30}", any::<String>()]) {
            let _ = version(text.as_bytes());
        }
    }
}
