//! A reproducer's parameters: declared once, read strictly.
//! Lives here: kinds, ranges, defaults, and how they are said.
//! May not live here: which parameters a program has.

use std::fmt;

/// One parameter, given as `--NAME=VALUE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it can be, and is by default.
    pub kind: Kind,
    /// What it means, with the unit.
    pub meaning: &'static str,
}

/// What a parameter can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A whole number from `min` to `max`.
    Number {
        /// Where it is not given.
        default: u64,
        /// The least.
        min: u64,
        /// The most.
        max: u64,
    },
    /// One of some words; the first is the default.
    Choice(&'static [&'static str]),
}

/// What a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value {
    /// A number.
    Number(u64),
    /// A word.
    Word(&'static str),
}

impl Parameter {
    /// A whole number.
    pub const fn number(name: &'static str, default: u64, min: u64, max: u64, meaning: &'static str) -> Self {
        Self { name, kind: Kind::Number { default, min, max }, meaning }
    }

    /// One of some words; the first is the default.
    pub const fn choice(name: &'static str, words: &'static [&'static str], meaning: &'static str) -> Self {
        Self { name, kind: Kind::Choice(words), meaning }
    }
}

impl Kind {
    /// What it is where nothing is given.
    pub fn default(&self) -> Value {
        match *self {
            Self::Number { default, .. } => Value::Number(default),
            Self::Choice(words) => Value::Word(words.first().copied().unwrap_or("")),
        }
    }

    /// Reads a value; `None` where it is none of this kind, and [`Kind::wanted`] says what would be one.
    pub fn read(&self, text: &str) -> Option<Value> {
        match *self {
            Self::Number { min, max, .. } => {
                text.parse().ok().filter(|number| (min..=max).contains(number)).map(Value::Number)
            }
            Self::Choice(words) => words.iter().find(|word| **word == text).map(|word| Value::Word(word)),
        }
    }

    /// What its values are: `a whole number from 1 to 9`, `one of same, own`.
    pub fn wanted(&self) -> String {
        match *self {
            Self::Number { min, max: u64::MAX, .. } => format!("a whole number from {min} on"),
            Self::Number { min, max, .. } => format!("a whole number from {min} to {max}"),
            Self::Choice(words) => format!("one of {}", words.join(", ")),
        }
    }

    /// What its values are, in short: `1 to 9`, `same or own`.
    pub fn range(&self) -> String {
        match *self {
            Self::Number { min, max: u64::MAX, .. } => format!("{min} or more"),
            Self::Number { min, max, .. } => format!("{min} to {max}"),
            Self::Choice(words) => words.join(" or "),
        }
    }

    /// Whether its default is one of its values.
    #[cfg(test)]
    pub(crate) fn reads_its_default(&self) -> bool {
        self.read(&self.default().to_string()) == Some(self.default())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Word(word) => f.write_str(word),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_strictly() {
        let number = Kind::Number { default: 10, min: 1, max: 1000 };
        assert_eq!(["1", "1000"].map(|text| number.read(text)), [Some(Value::Number(1)), Some(Value::Number(1000))]);
        assert!(["0", "1001", "", "-1", "ten", "1 "].iter().all(|text| number.read(text).is_none()));
        let choice = Kind::Choice(&["same", "own"]);
        assert_eq!((choice.read("own"), choice.read("Own")), (Some(Value::Word("own")), None));
        assert_eq!([number.wanted(), choice.wanted()], ["a whole number from 1 to 1000", "one of same, own"]);
        assert_eq!([number.range(), choice.range()], ["1 to 1000", "same or own"]);
        let any = Kind::Number { default: 1, min: 0, max: u64::MAX };
        assert_eq!([any.wanted(), any.range()], ["a whole number from 0 on", "0 or more"]);
    }
}
