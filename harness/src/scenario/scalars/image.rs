//! Scalars of what a guest boots into.
//! Lives here: names of images, releases, packages and users; passwords.
//! May not live here: which of them are there.

use super::{letter_or_digit, lower_or_digit, one_line, word};
use crate::scenario::image::MINIMAL;
use crate::scenario::value::{Scalar, Wrong};
use schemars::{Schema, json_schema};

text! {
    /// An image's name: that of its file in `images/`, without `.yaml`.
    ImageName, "an image's name", "^[a-z0-9][a-z0-9._-]*$", 64,
    |text| word(text, lower_or_digit, |c| lower_or_digit(c) || "._-".contains(c)),
    "a name has lower-case letters, digits, `.`, `_` and `-`; a file is written `{disk: PATH, ssh: {…}}`"
}
text! {
    /// A release of Debian.
    ReleaseName, "a Debian release", "^[a-z][a-z0-9-]*$", 40,
    |text| word(text, |c| c.is_ascii_lowercase(), |c| lower_or_digit(c) || c == '-'),
    "a release's name in lower-case letters: `bookworm`, `trixie`, `sid`"
}
text! {
    /// A package of Debian (Debian Policy, 5.6.1).
    PackageName, "a package's name", "^[a-z0-9][a-z0-9+.-]+$", 100,
    |text| text.len() > 1 && word(text, lower_or_digit, |c| lower_or_digit(c) || "+.-".contains(c)),
    "a package's name has lower-case letters, digits, `+`, `-` and `.`, two at least"
}
text! {
    /// A user's name.
    UserName, "a user's name", "^[A-Za-z_][A-Za-z0-9._-]*$", 32,
    |text| word(text, |c| c.is_ascii_alphabetic() || c == '_', |c| letter_or_digit(c) || "._-".contains(c)),
    "a user's name has letters, digits, `.`, `_` and `-`, and begins with a letter"
}
text! {
    /// A password.
    Password, "a password", r"^[^\u0000-\u001f\u007f-\u009f]*$", 200, one_line, "one line of text, without control characters"
}

/// The one initramfs that there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Initramfs;

impl Scalar for Initramfs {
    fn read(text: &str) -> Result<Self, Wrong> {
        if text == MINIMAL {
            return Ok(Self);
        }
        Err(Wrong::new(format!("`{text}` is not an initramfs of oomph's"), format!("`{MINIMAL}`")))
    }

    fn text(&self) -> String {
        MINIMAL.to_owned()
    }

    fn schema() -> Schema {
        json_schema!({"enum": [MINIMAL]})
    }
}
