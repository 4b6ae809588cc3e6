//! Scalars of kernels that are built from source.
//! Lives here: git references, hashes, options, variables of make.
//! May not live here: which of make's variables the harness keeps for itself (`check::source`).

use super::{FilePath, Flag, letter_or_digit, one_line, word};
use crate::scenario::value::{Scalar, Wrong};
use schemars::{Schema, json_schema};

text! {
    /// A branch, tag or commit, or what git makes one of (`HEAD~3`). It is handed to git as an argument, so it is no option.
    GitRef, "a branch, tag or commit", "^[!-,./0-~][!-~]*$", 250,
    |text| word(text, |c| c.is_ascii_graphic() && c != '-', |c| c.is_ascii_graphic()),
    "a branch, tag or commit in printable ASCII that does not begin with `-`"
}
text! {
    /// A SHA-256 in hex.
    Sha256, "a SHA-256", "^[0-9A-Fa-f]{64}$", 64, |text| text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit()),
    "64 hexadecimal digits, as sha256sum(1) prints them"
}
text! {
    /// An option with its value, as in a .config.
    OptionLine, "an option of a kernel's config", r#"^CONFIG_[A-Za-z0-9_]+=(y|m|n|-?[0-9]+|0x[0-9A-Fa-f]+|"[^"\u0000-\u001f\u007f-\u009f]*")$"#, 300,
    |text| text.strip_prefix("CONFIG_").and_then(|rest| rest.split_once('=')).is_some_and(|(name, value)| {
        !name.is_empty() && name.chars().all(|c| letter_or_digit(c) || c == '_') && option_value(value)
    }),
    "`CONFIG_NAME=` and `y`, `m`, a number or a text in quotes; `CONFIG_NAME=n` for one that must be off"
}
text! {
    /// The name of a variable of make.
    MakeName, "the name of a variable of make", "^[A-Z_][A-Z0-9_]*$", 100,
    |text| word(text, |c| c.is_ascii_uppercase() || c == '_', |c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_'),
    "a variable of the kernel's Makefile, in capitals, such as `CC` or `KCFLAGS`; how many jobs make runs is not its matter"
}

fn option_value(value: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let quoted = |text: &str| !text.contains('"') && one_line(text);
    matches!(value, "y" | "m" | "n")
        || digits(value.strip_prefix('-').unwrap_or(value))
        || value.strip_prefix("0x").is_some_and(hex)
        || value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).is_some_and(quoted)
}

/// The value of a variable of make: one line, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MakeValue(pub String);

impl Scalar for MakeValue {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        if !one_line(text) || text.chars().count() > 1000 {
            let message = "a variable of make cannot have this value";
            return Err(Wrong::new(message, "one line of at most 1000 characters, without control characters"));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }

    fn schema() -> Schema {
        json_schema!({"type": ["string", "integer", "boolean"], "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$", "maxLength": 1000})
    }
}

/// A kernel's modules: a path for an image, yes or no for a build. Which of them can stand is known later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Modules(pub String);

impl Modules {
    /// Whether modules are built.
    ///
    /// # Errors
    /// Where it is neither yes nor no.
    pub fn flag(&self) -> Result<Flag, Wrong> {
        Flag::read(&self.0)
    }
}

impl Scalar for Modules {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        FilePath::read(text).map(|path| Self(path.0))
    }

    fn text(&self) -> String {
        self.0.clone()
    }

    fn schema() -> Schema {
        json_schema!({"type": ["string", "boolean"], "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$", "minLength": 1, "maxLength": 4000})
    }
}
