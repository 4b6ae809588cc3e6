//! A reproducer's parameters as it was called with them, and its `--help`.
//! Lives here: reading the arguments, messages.
//! May not live here: which parameters there are (`oomph_catalog`), or what one means to a program.

use oomph_catalog::{Parameter, Program, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

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
            let wrong = || format!("--{name}: '{text}' is not {}", parameter.kind.wanted());
            let value = parameter.kind.read(text).ok_or_else(wrong)?;
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
        let (name, meaning, kind) = (parameter.name, parameter.meaning, parameter.kind);
        // Writing to a String does not fail.
        let _ = writeln!(text, "  {name:<10} {meaning} ({}, default {})", kind.range(), kind.default());
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
        assert_eq!(problem(&["--file=other"]), "--file: 'other' is not one of same, own");
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
