//! Scalars: what a name, a path, a number, a time may be.
//! Lives here: one type a kind, its own rule, its JSON Schema.
//! May not live here: rules about more than one value (`check`).

use super::model::VersionBound;
use super::value::{Scalar, Wrong};
use super::{units, version};
use schemars::{Schema, json_schema};

/// Defines a kind of text: what it is called, its pattern for JSON Schema, its longest length in characters, the same
/// rule as code, and what would be right.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $pattern:literal, $max:literal, $rule:expr, $right:literal) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub String);

        impl Scalar for $name {
            fn read(text: &str) -> Result<Self, Wrong> {
                let rule: fn(&str) -> bool = $rule;
                if text.is_empty() {
                    Err(Wrong::new("the value is empty", $right))
                } else if text.chars().count() > $max {
                    let length = text.chars().count();
                    Err(Wrong::new(format!("the value is too long: {length} characters"), concat!("at most ", $max, " characters")))
                } else if rule(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(Wrong::new(format!(concat!("{:?} cannot be ", $what), text), $right))
                }
            }

            fn text(&self) -> String {
                self.0.clone()
            }

            fn schema() -> Schema {
                json_schema!({"type": "string", "pattern": $pattern, "minLength": 1, "maxLength": $max})
            }
        }
    };
}

mod image;
mod source;

pub use image::{ImageName, Initramfs, PackageName, Password, ReleaseName, UserName};
pub use source::{GitRef, MakeName, MakeValue, Modules, OptionLine, Sha256};

/// Whether a text is a first character and any number of later ones.
fn word(text: &str, first: fn(char) -> bool, later: fn(char) -> bool) -> bool {
    text.starts_with(first) && text.chars().skip(1).all(later)
}

fn lower_or_digit(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit()
}

fn letter_or_digit(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

/// No control characters: C0, DEL, C1.
fn one_line(text: &str) -> bool {
    !text.chars().any(char::is_control)
}

text! {
    /// A scenario's name. It is also a folder's, so it has no slash and does not begin with a dot.
    Name, "a scenario's name", "^[a-z0-9][a-z0-9._-]*$", 64,
    |text| word(text, lower_or_digit, |c| lower_or_digit(c) || "._-".contains(c)),
    "a name has lower-case letters, digits, `.`, `_` and `-`, and begins with a letter or digit"
}
text! {
    /// A line for people.
    Line, "a line of text", r"^[^\u0000-\u001f\u007f-\u009f]*$", 500, one_line, "one line of text, without control characters"
}
text! {
    /// A kernel's name or tag, a Debian release or package.
    KernelName, "the name of a kernel, tag, release or package", "^[A-Za-z0-9][A-Za-z0-9._+-]*$", 100,
    |text| word(text, letter_or_digit, |c| letter_or_digit(c) || "._+-".contains(c)),
    "a name has letters, digits, `.`, `_`, `+` and `-`; a file is written `{image: PATH}`"
}
text! {
    /// A path on this machine; one that is relative starts at the scenario's folder.
    FilePath, "a path", r"^[^\u0000-\u001f\u007f-\u009f]*$", 4000, one_line, "a path, without control characters"
}
text! {
    /// A disk's name; the guest knows the disk by it, as its virtio serial of at most 20 bytes (VIRTIO_BLK_ID_BYTES).
    DiskName, "a disk's name", "^[a-z][a-z0-9-]*$", 20,
    |text| word(text, |c| c.is_ascii_lowercase(), |c| lower_or_digit(c) || c == '-'),
    "a disk's name has lower-case letters, digits and `-`, and begins with a letter"
}
text! {
    /// A mount point.
    MountPoint, "a mount point", "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$", 200,
    |text| text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| word(part, |c| letter_or_digit(c) || c == '_', |c| letter_or_digit(c) || "._-".contains(c)))
    }),
    "a mount point is an absolute path of plain names, such as `/data`"
}
text! {
    /// A place of a file in the guest.
    GuestPath, "a path in the guest", r"^(/([!-\-0-~][!-.0-~]*|\.[!-\-0-~][!-.0-~]*|\.\.[!-.0-~]+))+$", 400,
    |text| text.strip_prefix('/').is_some_and(|rest| {
        rest.split('/').all(|part| !part.is_empty() && part != "." && part != ".." && part.chars().all(|c| c.is_ascii_graphic()))
    }),
    "a path in the guest is absolute and plain: `/etc/my.conf`"
}
text! {
    /// A kernel setting's name.
    SettingName, "a kernel setting", r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)+$", 200,
    |text| text.contains('.') && text.split('.').all(|part| !part.is_empty() && word(part, |c| letter_or_digit(c) || "_-".contains(c), |c| letter_or_digit(c) || "_-".contains(c))),
    "a setting is written as sysctl(8) does, with dots: `vm.panic_on_oom`"
}
text! {
    /// A word of the kernel's command line.
    BootWord, "a word of the kernel's command line", "^[!-~]+$", 200, |text| text.chars().all(|c| c.is_ascii_graphic()),
    "one word of printable ASCII; each word is an item of its own"
}
text! {
    /// The name of a kernel module, with `-` or `_`, without `.ko`.
    ModuleName, "a module's name", "^[A-Za-z0-9][A-Za-z0-9_-]*$", 55,
    |text| word(text, letter_or_digit, |c| letter_or_digit(c) || matches!(c, '_' | '-')),
    "letters, digits, `_` and `-`, without `.ko`: `loop`"
}
text! {
    /// The name of an argument: `writers` for `--writers=…`.
    ArgName, "an argument's name", "^[A-Za-z0-9][A-Za-z0-9._-]*$", 100,
    |text| word(text, letter_or_digit, |c| letter_or_digit(c) || "._-".contains(c)),
    "the name of a long option without its dashes; other arguments are written as a list"
}
text! {
    /// A key of a scenario, with dots between names: `workload.args.hogs`.
    KeyPath, "a key of a scenario", r"^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$", 200,
    |text| text.split('.').all(|part| !part.is_empty() && part.chars().all(|c| letter_or_digit(c) || "_-".contains(c))),
    "a key is names with dots between, as `--set` takes it: `guest.memory`"
}
text! {
    /// The name of an environment variable.
    VariableName, "a variable's name", "^[A-Za-z_][A-Za-z0-9_]*$", 100,
    |text| word(text, |c| c.is_ascii_alphabetic() || c == '_', |c| letter_or_digit(c) || c == '_'),
    "a variable's name has letters, digits and `_`, and does not begin with a digit"
}
text! {
    /// A process's name as the kernel keeps it (TASK_COMM_LEN is 16 with the NUL).
    ProcessName, "a process's name", r"^[^\u0000-\u001f\u007f-\u009f]*$", 15, one_line,
    "a process's name as the kernel keeps it: at most 15 characters"
}

/// Any text that can be an argument or a variable's value: no NUL, and short of what execve(2) takes (MAX_ARG_STRLEN is
/// 128 KiB) by far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgText(pub String);

impl Scalar for ArgText {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        if text.contains('\0') || text.chars().count() > 4000 {
            return Err(Wrong::new(
                "the text has a NUL in it or is too long",
                "at most 4000 characters, none of them NUL",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    fn text(&self) -> String {
        self.0.clone()
    }

    fn schema() -> Schema {
        json_schema!({"type": ["string", "number", "boolean"], "pattern": r"^[^\u0000]*$", "maxLength": 4000})
    }
}

/// A kernel setting's value: one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting(pub String);

impl Scalar for Setting {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        Line::read(text).map(|line| Self(line.0))
    }

    fn text(&self) -> String {
        self.0.clone()
    }

    fn schema() -> Schema {
        json_schema!({"type": ["string", "integer", "boolean"], "pattern": r"^[^\u0000-\u001f\u007f-\u009f]*$", "minLength": 1, "maxLength": 500})
    }
}

/// A time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Duration(pub u64);

impl Scalar for Duration {
    fn read(text: &str) -> Result<Self, Wrong> {
        units::duration(text).map(Self)
    }

    fn text(&self) -> String {
        units::format_duration(self.0)
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": units::DURATION_PATTERN, "examples": ["250ms", "5s", "1m30s"]})
    }
}

/// The end of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// When host faults are lifted, at the end of pressure.
    Lift,
    /// So many milliseconds after pressure began.
    Time(u64),
}

impl Scalar for Until {
    fn read(text: &str) -> Result<Self, Wrong> {
        if text == "lift" {
            return Ok(Self::Lift);
        }
        units::duration(text).map(Self::Time).map_err(|wrong| Wrong {
            right: format!("`lift`, or a time since pressure began: {}", wrong.right),
            ..wrong
        })
    }

    fn text(&self) -> String {
        match self {
            Self::Lift => "lift".into(),
            Self::Time(ms) => units::format_duration(*ms),
        }
    }

    fn schema() -> Schema {
        let pattern = format!("^lift$|{}", units::DURATION_PATTERN);
        json_schema!({"type": "string", "pattern": pattern, "examples": ["lift", "30s"]})
    }
}

/// An amount of memory or disk, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Size(pub u64);

impl Scalar for Size {
    fn read(text: &str) -> Result<Self, Wrong> {
        units::size(text).map(Self)
    }

    fn text(&self) -> String {
        units::format_size(self.0)
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": units::SIZE_PATTERN, "examples": ["256 MiB", "1 GiB"]})
    }
}

/// A probability, over one half and under 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl Scalar for Share {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        match text.parse::<f64>() {
            Ok(share) if share > 0.5 && share < 1.0 => Ok(Self(share)),
            _ => Err(Wrong::new(format!("{text:?} is no such probability"), "a number over 0.5 and under 1: `0.95`")),
        }
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({"type": "number", "exclusiveMinimum": 0.5, "exclusiveMaximum": 1})
    }
}

/// A whole number from `MIN` to `MAX`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whole<const MIN: u64, const MAX: u64>(pub u64);

impl<const MIN: u64, const MAX: u64> Scalar for Whole<MIN, MAX> {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        let right = format!("a whole number from {MIN} to {MAX}");
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        match text.parse() {
            Ok(number) if digits && (MIN..=MAX).contains(&number) => Ok(Self(number)),
            _ if digits => Err(Wrong::new(format!("{text} is out of range"), right)),
            _ => Err(Wrong::new(format!("`{text}` is not a whole number"), right)),
        }
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX})
    }
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flag(pub bool);

impl Scalar for Flag {
    const BARE: bool = true;

    fn read(text: &str) -> Result<Self, Wrong> {
        text.parse().map(Self).map_err(|_| Wrong::new(format!("`{text}` is neither yes nor no"), "`true` or `false`"))
    }

    fn text(&self) -> String {
        self.0.to_string()
    }

    fn schema() -> Schema {
        json_schema!({"type": "boolean"})
    }
}

impl Scalar for Vec<VersionBound> {
    fn read(text: &str) -> Result<Self, Wrong> {
        version::read(text)
    }

    fn text(&self) -> String {
        version::write(self)
    }

    fn schema() -> Schema {
        json_schema!({"type": "string", "pattern": version::PATTERN, "examples": ["<4.6", ">=4.6 <5.10"]})
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Whether a text is of a kind, as the parser and as an editor sees it.
    fn both<T: Scalar>(text: &str) -> (bool, bool) {
        let schema = jsonschema::validator_for(T::schema().as_value()).unwrap();
        (T::read(text).is_ok(), schema.is_valid(&text.into()))
    }

    fn agree<T: Scalar>(text: &str) -> Result<(), TestCaseError> {
        let (parser, editor) = both::<T>(text);
        prop_assert_eq!(parser, editor, "{:?}", text);
        Ok(())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]

        #[test]
        fn parser_and_schema_agree_on_texts(text in prop_oneof!["[a-zA-Z0-9/._=+ -]{0,24}", "/?[a-z.]{0,3}(/[a-z._]{0,3}){0,3}", "\\PC{0,70}", any::<String>()]) {
            agree::<Name>(&text)?;
            agree::<Line>(&text)?;
            agree::<KernelName>(&text)?;
            agree::<DiskName>(&text)?;
            agree::<MountPoint>(&text)?;
            agree::<GuestPath>(&text)?;
            agree::<SettingName>(&text)?;
            agree::<BootWord>(&text)?;
            agree::<ModuleName>(&text)?;
            agree::<ArgName>(&text)?;
            agree::<VariableName>(&text)?;
            agree::<ProcessName>(&text)?;
            agree::<ArgText>(&text)?;
            agree::<Setting>(&text)?;
            agree::<GitRef>(&text)?;
            agree::<MakeName>(&text)?;
            agree::<MakeValue>(&text)?;
            agree::<Modules>(&text)?;
        }

        #[test]
        fn parser_and_schema_agree_on_options_and_hashes(
            option in "(CONFIG_)?[A-Z0-9_x ]{0,5}(=|==|)(y|m|n|-?[0-9x]{0,3}|0x[0-9a-fg]{0,3}|\"[a\" \\t]{0,3}\"?|\\PC{0,3})",
            hash in "[0-9a-fA-Fg]{62,65}",
        ) {
            agree::<OptionLine>(&option)?;
            agree::<Sha256>(&hash)?;
        }

        #[test]
        fn parser_and_schema_agree_on_units(text in "[0-9]{0,3} {0,2}(B|KiB|MiB|GiB|MB|M)?( |x)?") {
            agree::<Size>(&text)?;
        }

        #[test]
        fn the_schema_takes_every_time_and_range_that_the_parser_takes(
            time in "([0-9]{1,2}(h|m|s|ms|x)){0,3}|lift",
            range in "( ?(<|<=|>=|=|==) ?[0-9]{1,2}(\\.[0-9]{1,2}){0,3} ?){0,3}",
        ) {
            let (parser, editor) = both::<Duration>(&time);
            prop_assert!(editor || !parser, "{time:?}");
            let (parser, editor) = both::<Until>(&time);
            prop_assert!(editor || !parser, "{time:?}");
            let (parser, editor) = both::<Vec<VersionBound>>(&range);
            prop_assert!(editor || !parser, "{range:?}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        for text in ["", ".", "..", "../x", "a/b", "/a", ".x", "-x", "A", "a b", "a\0", "é"] {
            assert!(Name::read(text).is_err(), "{text:?}");
        }
        for text in ["a", "0", "xfs-inode-mutex", "a..b", "a_b.c"] {
            assert!(Name::read(text).is_ok(), "{text:?}");
        }
    }
}
