//! Conditions of Kconfig.
//! Lives here: reading them, their value under a .config, which part of one does not hold (pure).
//! May not live here: where they come from (`kconfig`).

use std::collections::BTreeMap;
use std::fmt;

/// Deepest nesting of parentheses and negations that is read; a deeper one is opaque.
const MAX_DEPTH: usize = 64;

/// A condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expression {
    /// An option, or `y`, `m`, `n`.
    Symbol(String),
    /// `!A`.
    Not(Box<Self>),
    /// `A && B`.
    And(Vec<Self>),
    /// `A || B`.
    Or(Vec<Self>),
    /// `A = B`, `A < 5`, or a macro such as `$(cc-option,-x)`: shown, never computed.
    Opaque(String),
}

/// The value of a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// `n`.
    No,
    /// `m`.
    Module,
    /// `y`.
    Yes,
}

impl Expression {
    /// Reads one; what is not understood is opaque.
    pub fn parse(text: &str) -> Self {
        let opaque = || Self::Opaque(text.trim().to_owned());
        let Some(tokens) = tokens(text) else { return opaque() };
        let mut parser = Parser { tokens: &tokens, at: 0 };
        match parser.or(0) {
            Some(expression) if parser.at == tokens.len() => expression,
            _ => opaque(),
        }
    }

    /// Its value, or `None` where that cannot be told. `of` gives the value of an option.
    pub fn value(&self, of: &BTreeMap<String, String>) -> Option<Value> {
        match self {
            Self::Symbol(name) => Some(symbol(name, of)),
            Self::Not(inner) => inner.value(of).map(|value| match value {
                Value::No => Value::Yes,
                Value::Module => Value::Module,
                Value::Yes => Value::No,
            }),
            Self::And(parts) => {
                let values: Vec<_> = parts.iter().map(|part| part.value(of)).collect();
                // One that is n decides, whatever the others are.
                if values.contains(&Some(Value::No)) { Some(Value::No) } else { least(values) }
            }
            Self::Or(parts) => {
                let values: Vec<_> = parts.iter().map(|part| part.value(of)).collect();
                if values.contains(&Some(Value::Yes)) { Some(Value::Yes) } else { most(values) }
            }
            Self::Opaque(_) => None,
        }
    }

    /// The parts of it that do not hold: of `A && B` those that are n, else the whole.
    pub fn failing<'a>(&'a self, of: &BTreeMap<String, String>) -> Vec<&'a Self> {
        match self {
            Self::And(parts) => parts.iter().flat_map(|part| part.failing(of)).collect(),
            part if part.value(of) == Some(Value::No) => vec![part],
            _ => Vec::new(),
        }
    }

    /// The options in it.
    pub fn symbols(&self) -> Vec<&str> {
        match self {
            Self::Symbol(name) if !matches!(name.as_str(), "y" | "m" | "n") => vec![name],
            Self::Symbol(_) | Self::Opaque(_) => Vec::new(),
            Self::Not(inner) => inner.symbols(),
            Self::And(parts) | Self::Or(parts) => parts.iter().flat_map(Self::symbols).collect(),
        }
    }
}

fn symbol(name: &str, of: &BTreeMap<String, String>) -> Value {
    match (name, of.get(name).map(String::as_str)) {
        ("y", _) | (_, Some("y")) => Value::Yes,
        ("m", _) | (_, Some("m")) => Value::Module,
        _ => Value::No,
    }
}

fn least(values: Vec<Option<Value>>) -> Option<Value> {
    values.into_iter().collect::<Option<Vec<_>>>()?.into_iter().min()
}

fn most(values: Vec<Option<Value>>) -> Option<Value> {
    values.into_iter().collect::<Option<Vec<_>>>()?.into_iter().max()
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let join = |f: &mut fmt::Formatter<'_>, parts: &[Self], word: &str| {
            for (index, part) in parts.iter().enumerate() {
                let open = matches!(part, Self::And(_) | Self::Or(_));
                let (left, right) = if open { ("(", ")") } else { ("", "") };
                let word = if index == 0 { "" } else { word };
                write!(f, "{word}{left}{part}{right}")?;
            }
            Ok(())
        };
        match self {
            Self::Symbol(name) | Self::Opaque(name) => f.write_str(name),
            Self::Not(inner) if matches!(**inner, Self::And(_) | Self::Or(_)) => write!(f, "!({inner})"),
            Self::Not(inner) => write!(f, "!{inner}"),
            Self::And(parts) => join(f, parts, " && "),
            Self::Or(parts) => join(f, parts, " || "),
        }
    }
}

#[derive(Debug, PartialEq, Eq)]
enum Token {
    And,
    Or,
    Not,
    Open,
    Close,
    /// `=`, `!=`, `<`, `<=`, `>`, `>=`.
    Compare(String),
    /// A name, number or string.
    Word(String),
    /// `$(…)`.
    Macro(String),
}

/// `None` where a character is not understood.
fn tokens(text: &str) -> Option<Vec<Token>> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let (token, length) = match first {
            '&' if rest.starts_with("&&") => (Token::And, 2),
            '|' if rest.starts_with("||") => (Token::Or, 2),
            '!' if rest.starts_with("!=") => (Token::Compare("!=".into()), 2),
            '!' => (Token::Not, 1),
            '(' => (Token::Open, 1),
            ')' => (Token::Close, 1),
            '<' | '>' | '=' => {
                let length = if rest.get(1..2) == Some("=") { 2 } else { 1 };
                (Token::Compare(rest.get(..length)?.to_owned()), length)
            }
            '$' => {
                let length = closing(rest)?;
                (Token::Macro(rest.get(..length)?.to_owned()), length)
            }
            '"' | '\'' => {
                let length = rest.get(1..)?.find(first)? + 2;
                (Token::Word(rest.get(..length)?.to_owned()), length)
            }
            c if c.is_ascii_alphanumeric() || c == '_' || c == '-' => {
                let word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
                let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
                (Token::Word(rest.get(..length)?.to_owned()), length)
            }
            _ => return None,
        };
        tokens.push(token);
        rest = rest.get(length..)?.trim_start();
    }
    Some(tokens)
}

/// The length of `$(…)` with the parentheses in it.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return Some(at + 1),
            ')' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
}

impl Parser<'_> {
    fn or(&mut self, depth: usize) -> Option<Expression> {
        let mut parts = vec![self.and(depth)?];
        while self.take(&Token::Or) {
            parts.push(self.and(depth)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::Or(parts) })
    }

    fn and(&mut self, depth: usize) -> Option<Expression> {
        let mut parts = vec![self.not(depth)?];
        while self.take(&Token::And) {
            parts.push(self.not(depth)?);
        }
        Some(if parts.len() == 1 { parts.remove(0) } else { Expression::And(parts) })
    }

    fn not(&mut self, depth: usize) -> Option<Expression> {
        if depth > MAX_DEPTH {
            return None;
        }
        if self.take(&Token::Not) {
            return Some(Expression::Not(Box::new(self.not(depth + 1)?)));
        }
        if self.take(&Token::Open) {
            let inner = self.or(depth + 1)?;
            return self.take(&Token::Close).then_some(inner);
        }
        let left = self.word()?;
        match self.tokens.get(self.at) {
            Some(Token::Compare(sign)) => {
                self.at += 1;
                let right = self.word()?;
                Some(Expression::Opaque(format!("{left} {sign} {right}")))
            }
            _ if left.starts_with(['$', '"', '\'']) => Some(Expression::Opaque(left)),
            _ => Some(Expression::Symbol(left)),
        }
    }

    fn word(&mut self) -> Option<String> {
        let word = match self.tokens.get(self.at)? {
            Token::Word(word) | Token::Macro(word) => word.clone(),
            _ => return None,
        };
        self.at += 1;
        Some(word)
    }

    fn take(&mut self, token: &Token) -> bool {
        let found = self.tokens.get(self.at) == Some(token);
        self.at += usize::from(found);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn config(on: &[&str]) -> BTreeMap<String, String> {
        on.iter().map(|name| ((*name).to_owned(), "y".to_owned())).collect()
    }

    #[test]
    fn precedence_values_and_text() {
        let expression = Expression::parse("A && !B || (C && D=2)");
        assert_eq!(expression.to_string(), "(A && !B) || (C && D = 2)");
        assert_eq!(expression.value(&config(&["A"])), Some(Value::Yes));
        assert_eq!(expression.value(&config(&["B"])), Some(Value::No));
        assert_eq!(expression.value(&config(&["B", "C"])), None, "a comparison is not computed");
        assert_eq!(expression.symbols(), ["A", "B", "C"]);
        let module = BTreeMap::from([("A".to_owned(), "m".to_owned())]);
        assert_eq!(expression.value(&module), Some(Value::Module));
    }

    #[test]
    fn the_parts_that_fail() {
        let failing = |text: &str, on: &[&str]| {
            let expression = Expression::parse(text);
            expression.failing(&config(on)).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(failing("A && B && (C || D)", &["A"]), ["B", "C || D"]);
        assert_eq!(failing("A && !B", &["A", "B"]), ["!B"]);
        assert_eq!(failing("$(cc-option,-mx(y)) && A", &[]), ["A"]);
        assert!(failing("A || $(success,x)", &[]).is_empty(), "what cannot be told is not blamed");
    }

    #[test]
    fn what_is_not_understood_is_shown_as_it_is() {
        for text in ["A &", "(A", "A B", "$(x", "", "@"] {
            assert_eq!(Expression::parse(text), Expression::Opaque(text.to_owned()));
        }
        let deep = format!("{}A", "!".repeat(10_000));
        assert_eq!(Expression::parse(&deep), Expression::Opaque(deep.clone()));
    }

    proptest! {
        #[test]
        fn any_text_is_read_and_text_is_stable(text in "[A-C()!&|= $]{0,40}") {
            let once = Expression::parse(&text);
            prop_assert_eq!(Expression::parse(&once.to_string()).to_string(), once.to_string());
        }
    }
}
