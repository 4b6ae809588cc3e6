//! Which runs are bad, for those who look for a change and not for what a scenario expects.
//! Lives here: the language of `--bad-when` and its value for a run (pure).
//! May not live here: what bad runs say of a kernel.

use crate::results::RunJson;
use crate::scenario::{Mechanism, Outcome, duration, nearest, one_of};
use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;

/// A condition on a run: comparisons, joined by `&&` and, less closely, by `||`.
#[derive(Clone, Debug)]
pub struct BadWhen {
    text: String,
    any: Vec<Vec<Comparison>>,
}

/// What is bad where nothing else is said.
pub const HUNG: &str = "outcome==hung";

#[derive(Clone, Debug)]
struct Comparison {
    field: &'static Field,
    operator: Operator,
    value: Value,
}

#[derive(Clone, Debug)]
enum Value {
    Word(String),
    Number(f64),
}

#[derive(Clone, Copy, Debug)]
struct Operator {
    text: &'static str,
    holds: fn(Ordering) -> bool,
}

/// Longer ones first, so that `<=` is not read as `<`.
const OPERATORS: [Operator; 6] = [
    Operator { text: "==", holds: Ordering::is_eq },
    Operator { text: "!=", holds: Ordering::is_ne },
    Operator { text: "<=", holds: Ordering::is_le },
    Operator { text: ">=", holds: Ordering::is_ge },
    Operator { text: "<", holds: Ordering::is_lt },
    Operator { text: ">", holds: Ordering::is_gt },
];

/// Something of a run that can be compared.
struct Field {
    name: &'static str,
    kind: Kind,
}

impl fmt::Debug for Field {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.name)
    }
}

enum Kind {
    /// A word of a few; `None` where the run has none, which equals no word.
    Word { known: fn() -> Vec<&'static str>, of: fn(&RunJson) -> Option<&'static str> },
    /// Seconds; `None` where there are none, which fulfils nothing.
    Time(fn(&RunJson) -> Option<f64>),
    /// A count.
    Count(fn(&RunJson) -> f64),
}

const OUTCOMES: [Outcome; 4] = [Outcome::Recovered, Outcome::OomKilled, Outcome::Hung, Outcome::Panicked];
const MECHANISMS: [Mechanism; 5] = [
    Mechanism::OomDeadlock,
    Mechanism::NoFsLivelock,
    Mechanism::IsolationThrottle,
    Mechanism::IoStall,
    Mechanism::Unknown,
];

static FIELDS: [Field; 6] = [
    Field {
        name: "outcome",
        kind: Kind::Word {
            known: || OUTCOMES.iter().map(|outcome| outcome.name()).collect(),
            of: |run| run.outcome.map(Outcome::name),
        },
    },
    Field {
        name: "mechanism",
        kind: Kind::Word {
            known: || MECHANISMS.iter().map(|mechanism| mechanism.name()).collect(),
            of: |run| run.mechanism.map(Mechanism::name),
        },
    },
    Field { name: "max_stall", kind: Kind::Time(|run| Some(run.stall_s())) },
    Field { name: "longest_frozen", kind: Kind::Time(|run| Some(run.longest_frozen_s)) },
    Field { name: "time_to_first_kill", kind: Kind::Time(|run| run.time_to_first_kill_s) },
    Field { name: "kills", kind: Kind::Count(|run| run.counted_kills() as f64) },
];

impl BadWhen {
    /// Whether a run is bad; `None` where it is inconclusive, and so says neither.
    pub fn judge(&self, run: &RunJson) -> Option<bool> {
        run.outcome?;
        Some(self.any.iter().any(|all| all.iter().all(|comparison| comparison.holds(run))))
    }
}

impl Comparison {
    fn holds(&self, run: &RunJson) -> bool {
        let order = match (&self.field.kind, &self.value) {
            (Kind::Word { of, .. }, Value::Word(word)) => Some(match of(run) == Some(word) {
                true => Ordering::Equal,
                // Words have no order; the parser takes only `==` and `!=` for them.
                false => Ordering::Less,
            }),
            (Kind::Time(of), Value::Number(number)) => of(run).and_then(|seconds| seconds.partial_cmp(number)),
            (Kind::Count(of), Value::Number(number)) => of(run).partial_cmp(number),
            _ => None,
        };
        order.is_some_and(self.operator.holds)
    }

    fn read(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if let Some(wrong) = text.chars().find(|c| "()!".contains(*c) && !text.contains("!=")) {
            return Err(format!(
                "there is no `{wrong}` here; `&&` binds closer than `||`, and every field has `!=`, `<` …"
            ));
        }
        let (at, operator) = (0..text.len())
            .filter(|at| text.is_char_boundary(*at))
            .find_map(|at| OPERATORS.iter().find(|one| text[at..].starts_with(one.text)).map(|one| (at, *one)))
            .ok_or_else(|| format!("`{text}` compares nothing; it would be `outcome==hung` or `max_stall>20s`"))?;
        let (name, value) = (text[..at].trim(), text[at + operator.text.len()..].trim());
        let names: Vec<&str> = FIELDS.iter().map(|field| field.name).collect();
        let field = FIELDS.iter().find(|field| field.name == name).ok_or_else(|| unknown(name, "a field", &names))?;
        let value = match &field.kind {
            Kind::Word { known, .. } if !["==", "!="].contains(&operator.text) => {
                let known = known();
                return Err(format!("`{name}` is {}: it has `==` and `!=`, not `{}`", one_of(&known), operator.text));
            }
            Kind::Word { known, .. } => {
                let known = known();
                let word = known.iter().find(|word| **word == value);
                Value::Word((*word.ok_or_else(|| unknown(value, &format!("a value of `{name}`"), &known))?).to_owned())
            }
            Kind::Time(_) => match duration(value) {
                Ok(ms) => Value::Number(ms as f64 / 1000.0),
                Err(wrong) => return Err(format!("{}; {}", wrong.message, wrong.right)),
            },
            Kind::Count(_) => match value.parse::<u32>() {
                Ok(count) => Value::Number(count.into()),
                Err(_) => return Err(format!("`{value}` is no count; `{name}` is compared with a whole number")),
            },
        };
        Ok(Self { field, operator, value })
    }
}

fn unknown(word: &str, what: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(near) => format!("`{word}` is not {what}; did you mean `{near}`?"),
        None => format!("`{word}` is not {what}; it would be {}", one_of(known)),
    }
}

impl FromStr for BadWhen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let all = |part: &str| part.split("&&").map(Comparison::read).collect();
        Ok(Self { text: text.trim().to_owned(), any: text.split("||").map(all).collect::<Result<_, _>>()? })
    }
}

impl fmt::Display for BadWhen {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::Reason;
    use crate::results::sample;

    fn hung() -> RunJson {
        RunJson {
            outcome: Some(Outcome::Hung),
            mechanism: Some(Mechanism::OomDeadlock),
            max_stall_s: 70.5,
            time_to_first_kill_s: None,
            kills: vec![],
            ..sample()
        }
    }

    fn bad(text: &str, run: &RunJson) -> Option<bool> {
        text.parse::<BadWhen>().unwrap().judge(run)
    }

    #[test]
    fn conditions_have_the_value_that_they_say() {
        let run = hung();
        for (text, value) in [
            (HUNG, true),
            ("outcome!=hung", false),
            ("outcome==hung && mechanism==oom-deadlock", true),
            ("outcome == hung && mechanism == io-stall", false),
            // It was known to hang after 70.5 s; its stall has no end.
            ("max_stall>1m10s", true),
            ("max_stall>=24h", true),
            ("max_stall<20s || kills==0", true),
            ("kills>0 || mechanism!=io-stall && max_stall<=71s", false),
            // There was no kill, so its time is neither under nor over anything.
            ("time_to_first_kill<10s || time_to_first_kill>=10s", false),
        ] {
            assert_eq!(bad(text, &run), Some(value), "{text}");
        }
    }

    #[test]
    fn a_stall_that_ended_has_its_length() {
        let killed = RunJson { outcome: Some(Outcome::OomKilled), mechanism: None, ..hung() };
        assert_eq!((bad("max_stall>1m10s", &killed), bad("max_stall>=1m11s", &killed)), (Some(true), Some(false)));
    }

    #[test]
    fn an_inconclusive_run_is_neither() {
        let run = RunJson { outcome: None, mechanism: None, inconclusive: Some(Reason::NoPressure), ..hung() };
        assert_eq!(bad(HUNG, &run), None);
        assert_eq!(bad("outcome!=hung", &run), None);
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, part) in [
            ("", "compares nothing"),
            ("hung", "compares nothing"),
            ("outcome==hang", "did you mean `hung`?"),
            ("outcom==hung", "did you mean `outcome`?"),
            ("outcome>hung", "it has `==` and `!=`, not `>`"),
            ("max_stall>20", "seconds are written `20s`"),
            ("kills>many", "whole number"),
            ("(outcome==hung)", "there is no `(` here"),
            ("outcome==hung &&", "compares nothing"),
            ("wombat==1", "it would be one of `outcome`"),
        ] {
            let error = text.parse::<BadWhen>().unwrap_err();
            assert!(error.contains(part), "{text}: {error}");
        }
    }
}
