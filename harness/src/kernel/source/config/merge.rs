//! Fragments onto a base.
//! Lives here: which setting wins, what was overridden, the text that goes to make (pure).
//! May not live here: reading files, or what make does with it.

use super::fragment::{self, Setting};
use super::renames;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A fragment with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named {
    /// `base`, or a path as it was given.
    pub name: String,
    /// What it asks for.
    pub settings: Vec<Setting>,
    /// Whether it is one of ours: those name options of all versions, and have no typing mistakes.
    pub ours: bool,
}

/// Where an option was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its value.
    pub value: String,
    /// `base:17`.
    pub by: String,
    /// Whether that is one of our own fragments.
    pub ours: bool,
}

/// What all fragments together ask for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merged {
    /// By name.
    pub asked: BTreeMap<String, Asked>,
    /// Where a later fragment asks for something else than an earlier one.
    pub overridden: Vec<String>,
}

/// Merges in order: a later setting wins.
pub fn merge(fragments: &[Named]) -> Merged {
    let mut merged = Merged::default();
    for fragment in fragments {
        for setting in &fragment.settings {
            let by = format!("{}:{}", fragment.name, setting.line);
            let asked = Asked { value: setting.value.clone(), by, ours: fragment.ours };
            match merged.asked.get(&setting.name) {
                Some(before) if before.value != asked.value => merged.overridden.push(format!(
                    "CONFIG_{}: {} asks for {} and overrides {} of {}",
                    setting.name, asked.by, asked.value, before.value, before.by
                )),
                _ => {}
            }
            merged.asked.insert(setting.name.clone(), asked);
        }
    }
    merged
}

impl Merged {
    /// Leaves out what this tree does not know and returns that. An option that the tree knows by another name is
    /// asked for by that one, unless it was asked for already.
    pub fn keep_known(&mut self, known: impl Fn(&str) -> bool) -> BTreeMap<String, Asked> {
        let mut unknown = BTreeMap::new();
        for (name, asked) in std::mem::take(&mut self.asked) {
            if known(&name) {
                self.asked.insert(name, asked);
            } else {
                for other in renames::same(&name).filter(|other| known(other)) {
                    self.asked.entry(other.to_owned()).or_insert_with(|| asked.clone());
                }
                unknown.insert(name, asked);
            }
        }
        unknown
    }

    /// The base's text with the asked options in place of its own.
    pub fn onto(&self, base: &str) -> String {
        let mut text = String::new();
        for line in base.lines() {
            let own = fragment::parse_one(line).is_ok_and(|setting| self.asked.contains_key(&setting.name));
            if !own {
                text.push_str(line);
                text.push('\n');
            }
        }
        for (name, asked) in &self.asked {
            writeln!(text, "{}", fragment::line(name, &asked.value)).unwrap_or_default();
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn named(name: &str, text: &str) -> Named {
        Named { name: name.into(), settings: fragment::parse(text, name).unwrap(), ours: true }
    }

    #[test]
    fn a_later_setting_wins_and_says_so() {
        let base = named("base", "CONFIG_SWAP=y\nCONFIG_PSI=y\n");
        let merged = merge(&[base, named("no-swap", "# CONFIG_SWAP is not set\nCONFIG_PSI=y\n")]);
        assert_eq!(merged.overridden, ["CONFIG_SWAP: no-swap:1 asks for n and overrides y of base:1"]);
        assert_eq!(
            merged.onto("CONFIG_SWAP=y\n# CONFIG_PSI is not set\n#\nCONFIG_HZ=250\n"),
            "#\nCONFIG_HZ=250\nCONFIG_PSI=y\n# CONFIG_SWAP is not set\n"
        );
    }

    #[test]
    fn what_a_tree_calls_otherwise_is_asked_for_by_that_name() {
        let mut merged = merge(&[named("base", "CONFIG_UNWINDER_ORC=y\nCONFIG_NEW=y\nCONFIG_PSI=y\n")]);
        let unknown = merged.keep_known(|name| ["ORC_UNWINDER", "PSI"].contains(&name));
        assert_eq!(unknown.into_keys().collect::<Vec<_>>(), ["NEW", "UNWINDER_ORC"]);
        assert_eq!(merged.asked.keys().collect::<Vec<_>>(), ["ORC_UNWINDER", "PSI"]);
        let mut own = merge(&[named("base", "CONFIG_UNWINDER_ORC=y\n# CONFIG_ORC_UNWINDER is not set\n")]);
        own.keep_known(|name| name == "ORC_UNWINDER");
        assert_eq!(own.asked["ORC_UNWINDER"].value, "n", "what was asked for by the tree's own name stays");
    }
}
