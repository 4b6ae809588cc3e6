//! A reproducer's parameters: declared once, read strictly, listed by `--help`.
//! Lives here: kinds, ranges, defaults, messages.
//! May not live here: what a parameter means to a program.

use crate::Program;
use std::collections::BTreeMap;
use std::fmt::Write;

/// One parameter, given as `--NAME=VALUE`.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it can be, and is by default.
    pub kind: Kind,
    /// What it means, with the unit.
    pub meaning: &'static str,
}

/// What a parameter can be.
#[derive(Clone, Copy, Debug)]
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
    fn default(&self) -> Value {
        match *self {
            Self::Number { default, .. } => Value::Number(default),
            Self::Choice(words) => Value::Word(words.first().copied().unwrap_or("")),
        }
    }

    fn read(&self, text: &str) -> Result<Value, String> {
        match *self {
            Self::Number { min, max, .. } => match text.parse() {
                Ok(number) if (min..=max).contains(&number) => Ok(Value::Number(number)),
                _ => Err(format!("'{text}' is not a whole number from {min} to {max}")),
            },
            Self::Choice(words) => match words.iter().find(|word| **word == text) {
                Some(word) => Ok(Value::Word(word)),
                None => Err(format!("'{text}' is none of {}", words.join(", "))),
            },
        }
    }

    fn describe(&self) -> String {
        match *self {
            Self::Number { default, min, max } => format!("{min} to {max}, default {default}"),
            Self::Choice(words) => {
                format!("{}, default {}", words.join(" or "), words.first().copied().unwrap_or(""))
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Value {
    Number(u64),
    Word(&'static str),
}

/// The parameters of a call, defaults filled in.
#[derive(Clone, Debug)]
pub struct Values(BTreeMap<&'static str, Value>);

impl Values {
    /// Reads arguments strictly: no unknown name, none twice, every value of its kind. The error says what would be right.
    pub fn read(parameters: &'static [Parameter], args: &[String]) -> Result<Self, String> {
        let mut given = BTreeMap::new();
        for arg in args {
            let (name, text) = arg
                .strip_prefix("--")
                .and_then(|rest| rest.split_once('='))
                .ok_or_else(|| format!("'{arg}' is not of the form --NAME=VALUE"))?;
            let parameter = parameters.iter().find(|parameter| parameter.name == name).ok_or_else(|| {
                let names: Vec<_> = parameters.iter().map(|parameter| parameter.name).collect();
                format!("there is no parameter '{name}'; there are: {}", names.join(", "))
            })?;
            let value = parameter.kind.read(text).map_err(|problem| format!("--{name}: {problem}"))?;
            if given.insert(parameter.name, value).is_some() {
                return Err(format!("--{name} is given twice"));
            }
        }
        let value = |p: &Parameter| given.get(p.name).copied().unwrap_or_else(|| p.kind.default());
        Ok(Self(parameters.iter().map(|parameter| (parameter.name, value(parameter))).collect()))
    }

    /// The value of a parameter declared as a number.
    ///
    /// # Panics
    /// Where the program has not declared it as such.
    pub fn number(&self, name: &str) -> u64 {
        match self.0.get(name) {
            Some(Value::Number(number)) => *number,
            other => panic!("parameter {name} is {other:?}, not a number"),
        }
    }

    /// The value of a parameter declared as a choice.
    ///
    /// # Panics
    /// Where the program has not declared it as such.
    pub fn word(&self, name: &str) -> &'static str {
        match self.0.get(name) {
            Some(Value::Word(word)) => word,
            other => panic!("parameter {name} is {other:?}, not a choice"),
        }
    }
}

/// The text of `--help`.
pub fn help(program: &Program) -> String {
    let mut text = format!("{}: {}\n\nParameters, each as --NAME=VALUE:\n", program.name, program.summary);
    for parameter in program.parameters {
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {:<10} {} ({})", parameter.name, parameter.meaning, parameter.kind.describe());
    }
    text.push_str("\n--explain says which dependency it provokes, and why.\n");
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const PARAMETERS: &[Parameter] = &[
        Parameter::number("writers", 10, 1, 1000, "processes that append"),
        Parameter::choice("file", &["same", "own"], "which file"),
    ];

    fn read(args: &[&str]) -> Result<Values, String> {
        Values::read(PARAMETERS, &args.iter().map(|&arg| arg.to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_not_given_has_its_default() {
        let values = read(&["--file=own"]).unwrap();
        assert_eq!((values.number("writers"), values.word("file")), (10, "own"));
    }

    #[test]
    fn each_mistake_says_what_would_be_right() {
        let problem = |args: &[&str]| read(args).unwrap_err();
        assert_eq!(problem(&["--writer=3"]), "there is no parameter 'writer'; there are: writers, file");
        assert_eq!(problem(&["--writers"]), "'--writers' is not of the form --NAME=VALUE");
        assert_eq!(problem(&["--writers=0"]), "--writers: '0' is not a whole number from 1 to 1000");
        assert_eq!(problem(&["--writers="]), "--writers: '' is not a whole number from 1 to 1000");
        assert_eq!(problem(&["--file=other"]), "--file: 'other' is none of same, own");
        assert_eq!(problem(&["--file=own", "--file=own"]), "--file is given twice");
    }

    #[test]
    fn help_lists_every_parameter() {
        let program = Program { name: "x", summary: "Does x.", parameters: PARAMETERS, explanation: "" };
        let help = help(&program);
        assert!(help.contains("writers    processes that append (1 to 1000, default 10)"), "{help}");
        assert!(help.contains("(same or own, default same)"), "{help}");
    }
}
