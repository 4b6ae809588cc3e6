//! What became of the options that were asked for.
//! Lives here: comparing them with the .config that came out, and why one is missing (pure).
//! May not live here: making the .config, or reading files.

use super::expression::Expression;
use super::fragment;
use super::kconfig::{Definition, Symbol, Symbols};
use super::merge::{Asked, Merged};
use super::renames;
use std::collections::BTreeMap;

/// Selecting options that are named at most.
const MAX_NAMED: usize = 4;

/// For people: one line an option that came out otherwise than it was asked for.
pub fn missing(merged: &Merged, symbols: &Symbols, of: &BTreeMap<String, String>) -> Vec<String> {
    let lines = merged.asked.iter().filter_map(|(name, asked)| {
        let (asked, by) = (&asked.value, &asked.by);
        if fulfilled(name, asked, of) {
            return None;
        }
        let got = of.get(name).map_or("n", String::as_str);
        let why = cause(name, asked, symbols, of);
        Some(format!("CONFIG_{name}: {by} asks for {asked}, the result has {got}{why}"))
    });
    lines.collect()
}

/// For people: the options that this tree does not have, in one line; a near name where one was probably meant. What our
/// own fragments want off is off in a tree that does not have it, and is not told.
pub fn unknown(options: &BTreeMap<String, Asked>, symbols: &Symbols) -> Vec<String> {
    let mut lines = Vec::new();
    let mut plain = Vec::new();
    for (name, asked) in options {
        if renames::same(name).any(|other| symbols.has(other)) || (asked.ours && asked.value == "n") {
            continue;
        }
        match symbols.nearest(name).filter(|_| !asked.ours) {
            Some(near) => {
                let by = &asked.by;
                lines.push(format!("{by}: this tree has no CONFIG_{name} (did you mean CONFIG_{near}?); skipped"));
            }
            None => plain.push(format!("CONFIG_{name}")),
        }
    }
    if !plain.is_empty() {
        lines.push(format!("this tree does not have these, so they are skipped: {}", plain.join(", ")));
    }
    lines
}

/// What is wrong with the required options; empty where all came out as asked.
///
/// # Errors
/// Where one is not an option with a value.
pub fn required(wanted: &[String], symbols: &Symbols, of: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let mut lines = Vec::new();
    for text in wanted {
        let setting = fragment::parse_one(text)?;
        let (name, value) = (setting.name, setting.value);
        let got = of.get(&name).map_or("n", String::as_str);
        if got == value {
            continue;
        }
        let why = match (symbols.has(&name), symbols.nearest(&name)) {
            (true, _) => cause(&name, &value, symbols, of),
            (false, Some(near)) => format!(": this tree has no such option (did you mean CONFIG_{near}?)"),
            (false, None) => ": this tree has no such option".into(),
        };
        lines.push(format!("CONFIG_{name}={value} is required, the result has {got}{why}"));
    }
    Ok(lines)
}

/// Whether an option came out as asked, or is off because another of the same meaning is on.
fn fulfilled(name: &str, asked: &str, of: &BTreeMap<String, String>) -> bool {
    let is_on = |name: &str| of.get(name).is_some_and(|value| value == "y");
    match of.get(name).map_or("n", String::as_str) {
        got if got == asked => true,
        // A module was asked for and the tree builds it in, or the other way round: it is there.
        "y" if asked == "m" => true,
        "n" if asked == "y" => renames::stand_ins(name).any(is_on),
        _ => false,
    }
}

fn cause(name: &str, asked: &str, symbols: &Symbols, of: &BTreeMap<String, String>) -> String {
    let Some(symbol) = symbols.symbols.get(name) else { return String::new() };
    let got = of.get(name).map_or("n", String::as_str);
    let place = symbol.definitions.first().map(|definition| {
        let (file, line) = &definition.place;
        format!(" ({}:{line})", file.display())
    });
    let place = place.unwrap_or_default();
    let why = match (asked, got) {
        ("n", _) => forced(symbol, of),
        (_, "n") => off(name, symbol, symbols, of),
        ("y", "m") => limited(symbol, of),
        _ => None,
    };
    why.map_or_else(|| place.clone(), |why| format!(": {why}{place}"))
}

/// Why an option is on that should be off.
fn forced(symbol: &Symbol, of: &BTreeMap<String, String>) -> Option<String> {
    let selecting = selecting(symbol, |name| of.get(name).is_some_and(|value| value != "n"));
    match selecting {
        Some(names) => Some(format!("it is selected by {names}")),
        None if !has_prompt(symbol, of) => Some("it cannot be set by hand here, and its default is on".into()),
        None => None,
    }
}

/// Why an option is off that should be on.
fn off(name: &str, symbol: &Symbol, symbols: &Symbols, of: &BTreeMap<String, String>) -> Option<String> {
    let needs = nearest_to_on(symbol, of);
    if !needs.is_empty() {
        return Some(format!("it depends on {}", list(&needs, of)));
    }
    let chosen = symbol.definitions.iter().filter_map(|definition| definition.choice).find_map(|choice| {
        let mut members = symbols.choices.get(choice)?.iter();
        members.find(|other| *other != name && of.get(*other).is_some_and(|value| value == "y"))
    });
    if let Some(chosen) = chosen {
        return Some(format!("it is one of a choice, and CONFIG_{chosen} was chosen"));
    }
    if has_prompt(symbol, of) {
        return None;
    }
    match selecting(symbol, |_| true) {
        Some(names) => Some(format!("it cannot be set by hand; it is on where it is selected by {names}")),
        None => Some("it cannot be set by hand".into()),
    }
}

/// Why an option is a module that should be built in: what it depends on is a module.
fn limited(symbol: &Symbol, of: &BTreeMap<String, String>) -> Option<String> {
    let all = symbol.definitions.iter().flat_map(|definition| &definition.depends);
    let mut names: Vec<&str> = all.flat_map(Expression::symbols).collect();
    names.retain(|name| of.get(*name).is_some_and(|value| value == "m"));
    names.dedup();
    (!names.is_empty()).then(|| format!("it depends on {}, which is m", configs(&names)))
}

/// Of the definition of which the fewest conditions fail, those.
fn nearest_to_on<'a>(symbol: &'a Symbol, of: &BTreeMap<String, String>) -> Vec<&'a Expression> {
    let failing = |definition: &'a Definition| -> Vec<&'a Expression> {
        let all = definition.depends.iter().chain(&definition.prompt_if);
        let mut failing: Vec<&Expression> = Vec::new();
        for expression in all.flat_map(|expression| expression.failing(of)) {
            if !failing.contains(&expression) {
                failing.push(expression);
            }
        }
        failing
    };
    symbol.definitions.iter().map(failing).min_by_key(Vec::len).unwrap_or_default()
}

fn list(needs: &[&Expression], of: &BTreeMap<String, String>) -> String {
    let need = |expression: &&Expression| {
        let mut names = expression.symbols();
        names.dedup();
        let value = |name: &str| format!("{name} is {}", of.get(name).map_or("n", String::as_str));
        let values: Vec<String> = names.into_iter().take(MAX_NAMED).map(value).collect();
        format!("{expression} ({})", values.join(", "))
    };
    needs.iter().map(need).collect::<Vec<_>>().join(" and on ")
}

fn has_prompt(symbol: &Symbol, of: &BTreeMap<String, String>) -> bool {
    let holds = |definition: &Definition| {
        definition.prompt && definition.prompt_if.as_ref().is_none_or(|when| when.failing(of).is_empty())
    };
    symbol.definitions.iter().any(holds)
}

fn selecting(symbol: &Symbol, wanted: impl Fn(&str) -> bool) -> Option<String> {
    let mut names: Vec<&str> = symbol.selected_by.iter().map(|(name, _)| name.as_str()).collect();
    names.retain(|name| wanted(name));
    names.sort_unstable();
    names.dedup();
    (!names.is_empty()).then(|| configs(&names))
}

fn configs(names: &[&str]) -> String {
    let more = names.len().saturating_sub(MAX_NAMED);
    let text: Vec<String> = names.iter().take(MAX_NAMED).map(|name| format!("CONFIG_{name}")).collect();
    let text = text.join(", ");
    if more > 0 { format!("{text} and {more} more") } else { text }
}

/// The values that are asked for, as a fragment would write them; for checks before a build.
pub fn asked_for<'a>(merged: &'a Merged, name: &str) -> Option<&'a str> {
    merged.asked.get(name).map(|Asked { value, .. }| value.as_str())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::merge::{Named, merge};
    use super::*;

    const KCONFIG: &str = "config SMP\n\tbool \"s\"\nconfig MMU\n\tdef_bool y\n\
        config XFS_FS\n\ttristate \"x\"\n\tdepends on BLOCK && (A || B)\n\
        config HIDDEN\n\tbool\n\
        config X86\n\tdef_bool y\n\tselect SELECTED\n\tselect HIDDEN if SMP\n\
        config SELECTED\n\tbool \"s\"\n\
        config DEFAULT_ON\n\tbool\n\tdefault y\n\
        config LOOSE\n\ttristate \"l\"\n\tdepends on BLOCK\n\
        choice\nconfig ONE\n\tbool \"1\"\nconfig TWO\n\tbool \"2\"\nendchoice\n\
        config ORC_UNWINDER\n\tbool \"o\"\nconfig FRAME_POINTER\n\tbool\n";

    fn symbols() -> Symbols {
        Symbols::read(|path| (path.to_str() == Some("Kconfig")).then(|| KCONFIG.to_owned()))
    }

    fn report(asked: &str, result: &str) -> Vec<String> {
        let merged = merge(&[Named { name: "f".into(), settings: fragment::parse(asked, "f").unwrap(), ours: false }]);
        missing(&merged, &symbols(), &fragment::values(result))
    }

    #[test]
    fn nothing_is_said_about_what_came_out() {
        let asked = "CONFIG_SMP=y\n# CONFIG_XFS_FS is not set\nCONFIG_LOOSE=m\n";
        assert!(report(asked, "CONFIG_SMP=y\nCONFIG_LOOSE=y\n").is_empty());
        assert!(report("CONFIG_FRAME_POINTER=y\n", "CONFIG_ORC_UNWINDER=y\n").is_empty(), "something else unwinds");
    }

    #[test]
    fn each_cause_is_told() {
        let one = |asked: &str, result: &str| report(asked, result).join("\n");
        assert_eq!(
            one("CONFIG_XFS_FS=y\n", "CONFIG_BLOCK=y\n"),
            "CONFIG_XFS_FS: f:1 asks for y, the result has n: it depends on A || B (A is n, B is n) (Kconfig:5)"
        );
        assert_eq!(
            one("CONFIG_HIDDEN=y\n", ""),
            "CONFIG_HIDDEN: f:1 asks for y, the result has n: it cannot be set by hand; it is on where it is selected by \
             CONFIG_X86 (Kconfig:8)"
        );
        let chosen = "it is one of a choice, and CONFIG_TWO was chosen";
        assert!(one("CONFIG_ONE=y\n", "CONFIG_TWO=y\n").contains(chosen));
        assert!(
            one("# CONFIG_SELECTED is not set\n", "CONFIG_SELECTED=y\nCONFIG_X86=y\n")
                .contains("selected by CONFIG_X86")
        );
        assert!(one("CONFIG_DEFAULT_ON=n\n", "CONFIG_DEFAULT_ON=y\n").contains("its default is on"));
        assert!(
            one("CONFIG_LOOSE=y\n", "CONFIG_LOOSE=m\nCONFIG_BLOCK=m\n")
                .contains("it depends on CONFIG_BLOCK, which is m")
        );
        assert_eq!(
            one("CONFIG_NR_CPUS=64\n", "CONFIG_NR_CPUS=8\n"),
            "CONFIG_NR_CPUS: f:1 asks for 64, the result has 8"
        );
    }

    #[test]
    fn unknown_options_and_typing_mistakes() {
        let asked = |value: &str, ours| Asked { value: value.into(), by: "f:1".into(), ours };
        let options = [
            ("XSF_FS", asked("y", false)),
            ("RESOURCE_COUNTERS", asked("y", true)),
            ("UNWINDER_ORC", asked("y", true)),
            ("ONEE", asked("y", true)),
            ("MEMCG_SWAP", asked("n", false)),
            ("SLUB_TINY", asked("n", true)),
        ];
        assert_eq!(
            unknown(&options.into_iter().map(|(name, asked)| (name.to_owned(), asked)).collect(), &symbols()),
            [
                "f:1: this tree has no CONFIG_XSF_FS (did you mean CONFIG_XFS_FS?); skipped",
                "this tree does not have these, so they are skipped: CONFIG_MEMCG_SWAP, CONFIG_ONEE, \
                 CONFIG_RESOURCE_COUNTERS",
            ]
        );
    }

    #[test]
    fn required_options_are_errors_with_a_cause() {
        let of = fragment::values("CONFIG_SMP=y\n");
        let required = |text: &str| required(&[text.to_owned()], &symbols(), &of);
        assert_eq!(required("CONFIG_SMP=y"), Ok(vec![]));
        assert_eq!(required("CONFIG_SWAP=n"), Ok(vec![]), "what a tree does not have is off");
        let lines = required("CONFIG_XFS_FS=y").unwrap();
        assert!(
            lines[0].starts_with("CONFIG_XFS_FS=y is required, the result has n: it depends on BLOCK (BLOCK is n)")
        );
        assert!(required("CONFIG_XFS_F=y").unwrap()[0].contains("did you mean CONFIG_XFS_FS?"));
        assert!(required("XFS_FS").unwrap_err().contains("write CONFIG_XFS_FS=y"));
    }
}
