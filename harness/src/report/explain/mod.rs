//! What the words of a verdict mean: each outcome, mechanism, reason, phase and probe; and what each reproducer can be told (`oomph explain`).
//! Lives here: an entry's form, the list of all, finding one; the texts are beside it, one file a kind.
//! May not live here: a number of a rule (those are taken from where the rule is), or printing to anywhere.
//!
//! Each kind's texts stand in one `entries!`, which makes the list and a `match` of the same lines: a variant without a text does not
//! compile, and one with a text cannot be missing from the list.

mod mechanisms;
mod outcomes;
mod phases;
mod probes;
mod reasons;
mod reproducers;
mod terms;

pub use mechanisms::ALL as MECHANISMS;
pub use outcomes::ALL as OUTCOMES;

use super::wrap::wrap;
use crate::scenario::nearest;
use anstyle::Style;
use serde::Serialize;

/// What a word means.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// The word, as in run.json.
    pub word: &'static str,
    /// What it is one of: `outcome`, `mechanism`, `reason`, `phase`, `probe`, `term`, `reproducer`.
    pub kind: &'static str,
    /// What it says of a run.
    pub meaning: String,
    /// By which rule it is decided; empty for a reproducer.
    pub decided: String,
    /// On which kernels it is to be expected.
    pub kernels: String,
    /// Of a reproducer: what it can be told.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parameters: Vec<Told>,
    /// What to do about it.
    pub next: Vec<Next>,
}

/// Something that a reproducer can be told: `workload.args.NAME` of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Told {
    /// Its name.
    pub name: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// What its values are: `1 to 9`, `same or own`.
    pub values: String,
    /// What it is where nothing is said.
    pub default: String,
}

/// Something to do.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Next {
    /// A command, with RESULT, SCENARIO and KERNEL for what the reader has; empty where there is none.
    pub command: &'static str,
    /// What for.
    pub why: String,
}

/// The texts of an entry, in their order.
struct Text {
    meaning: String,
    decided: String,
    kernels: String,
    next: Vec<Next>,
}

/// Makes `ALL` and `text` of the same list.
macro_rules! entries {
    ($of:ty, $count:literal: $($variant:ident => $text:expr),+ $(,)?) => {
        /// All of them, in the order in which they are explained.
        pub const ALL: [$of; $count] = [$(<$of>::$variant),+];

        fn text(of: $of) -> super::Text {
            match of { $(<$of>::$variant => $text),+ }
        }
    };
}
use entries;

fn next(command: &'static str, why: impl Into<String>) -> Next {
    Next { command, why: why.into() }
}

fn entry(word: &'static str, kind: &'static str, text: Text) -> Entry {
    let Text { meaning, decided, kernels, next } = text;
    Entry { word, kind, meaning, decided, kernels, parameters: Vec::new(), next }
}

/// Milliseconds as the texts have them: `10 s`, `5 min`.
fn time(ms: u64) -> String {
    match ms / 1000 {
        seconds if seconds >= 300 && seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        seconds if ms.is_multiple_of(1000) => format!("{seconds} s"),
        _ => format!("{:.1} s", ms as f64 / 1000.0),
    }
}

/// Everything that can be explained, kind by kind.
pub fn explanations() -> Vec<Entry> {
    let mut all = outcomes::entries();
    all.extend(mechanisms::entries());
    all.extend(reasons::entries());
    all.extend(phases::entries());
    all.extend(probes::entries());
    all.extend(terms::entries());
    all.extend(reproducers::entries());
    all
}

/// What a word means: more than one entry where it stands for several things, as `unknown` could. `file:data` is `file`. Where no entry
/// has this word, the one that was probably meant, if there is any.
///
/// # Errors
/// The word that is near, or `None`.
pub fn explanation(word: &str) -> Result<Vec<Entry>, Option<&'static str>> {
    let wanted = word.trim().to_lowercase().replace(['_', ' '], "-");
    let wanted = wanted.split(':').next().unwrap_or_default();
    let all = explanations();
    let words: Vec<&'static str> = all.iter().map(|entry| entry.word).collect();
    let found: Vec<Entry> = all.into_iter().filter(|entry| entry.word == wanted).collect();
    if found.is_empty() { Err(nearest(wanted, &words)) } else { Ok(found) }
}

/// The words, kind by kind, each with the first sentence of what it means.
pub fn index_of_words(width: usize) -> String {
    let (bold, all) = (Style::new().bold(), explanations());
    let longest = all.iter().map(|entry| entry.word.len()).max().unwrap_or(0);
    let mut text = String::new();
    let mut kind = "";
    for entry in &all {
        if entry.kind != kind {
            text += &format!("{}{bold}{}{bold:#}\n", if kind.is_empty() { "" } else { "\n" }, plural(entry.kind));
            kind = entry.kind;
        }
        let first = entry.meaning.split_once(". ").map_or(entry.meaning.as_str(), |(first, _)| first);
        let line = format!("  {:<longest$}  {}", entry.word, first.trim_end_matches('.'));
        text += &wrap(&line, width, longest + 4);
    }
    text + "\n"
        + &wrap(
            "`oomph explain WORD` says how each is decided, on which kernels to expect it, and what to do next.",
            width,
            0,
        )
}

fn plural(kind: &str) -> String {
    match kind {
        "outcome" => "outcomes: what became of a guest".into(),
        "mechanism" => "mechanisms: why a guest hung".into(),
        "reason" => "reasons: why a run is inconclusive".into(),
        "phase" => "phases of a run, in their order".into(),
        "probe" => "probes: what the guest does over and over to show that it lives".into(),
        "reproducer" => "reproducers: programs that press on memory".into(),
        _ => "terms that these are explained by".into(),
    }
}

impl Entry {
    /// The entry as a page of this many columns.
    pub fn page(&self, width: usize) -> String {
        let bold = Style::new().bold();
        let Self { word, kind, meaning, decided, kernels, .. } = self;
        let mut text = format!("{bold}{word}{bold:#} ({kind})\n");
        for (head, body) in [("", meaning), ("How it is decided", decided), ("Kernels", kernels)] {
            if body.is_empty() {
                continue;
            }
            text.push('\n');
            if !head.is_empty() {
                text += &format!("{bold}{head}{bold:#}\n");
            }
            for paragraph in body.lines() {
                text += &wrap(&format!("  {paragraph}"), width, 2);
            }
        }
        if !self.parameters.is_empty() {
            text += &format!("\n{bold}What it can be told (workload.args){bold:#}\n");
        }
        let longest = self.parameters.iter().map(|one| one.name.len()).max().unwrap_or(0);
        for Told { name, meaning, values, default } in &self.parameters {
            let line = format!("  {name:<longest$}  {meaning} ({values}, default {default})");
            text += &wrap(&line, width, longest + 4);
        }
        if !self.next.is_empty() {
            text += &format!("\n{bold}What to do next{bold:#}\n");
        }
        for Next { command, why } in &self.next {
            if command.is_empty() {
                text += &wrap(&format!("  {why}"), width, 2);
            } else {
                text += &format!("  {command}\n");
                text += &wrap(&format!("      {why}"), width, 6);
            }
        }
        text
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn each_word_is_explained_in_full_and_once() {
        let all = explanations();
        let mut words = BTreeSet::new();
        for entry in &all {
            assert!(words.insert(entry.word), "{} twice", entry.word);
            for text in [&entry.meaning, &entry.decided] {
                let said = text.len() > 40 || (entry.kind == "reproducer" && text.is_empty());
                assert!(said && (text.is_empty() || text.ends_with('.')), "{}: {text:?}", entry.word);
            }
            assert!(entry.kernels.is_empty() || entry.kernels.ends_with('.'), "{}", entry.word);
            assert!(entry.kind == "term" || !entry.next.is_empty(), "{}: nothing to do", entry.word);
        }
    }

    #[test]
    fn pages_read_well() {
        let page = |word: &str| {
            let page: String = explanation(word).unwrap().iter().map(|entry| entry.page(100)).collect();
            anstream::adapter::strip_str(&page).to_string()
        };
        insta::assert_snapshot!(
            ["hung", "oom-deadlock", "host-starved", "lift", "file:data", "movement", "kswapd-block"]
                .map(page)
                .join("\n----\n\n")
        );
    }

    #[test]
    fn the_list_has_all_words_and_fits() {
        let list = anstream::adapter::strip_str(&index_of_words(80)).to_string();
        assert!(explanations().iter().all(|entry| list.contains(&format!("\n  {} ", entry.word))), "{list}");
        assert!(list.lines().all(|line| line.chars().count() <= 80), "{list}");
    }

    #[test]
    fn a_near_miss_is_suggested() {
        assert_eq!(explanation("oom_deadlock").unwrap()[0].word, "oom-deadlock");
        assert_eq!(explanation("oom-deadlok"), Err(Some("oom-deadlock")));
        assert_eq!(explanation("wombat"), Err(None));
        assert_eq!(explanation("file:data").unwrap()[0].kind, "probe");
    }

    #[test]
    fn times_are_those_of_people() {
        assert_eq!([time(10_000), time(120_000), time(300_000), time(2_500)], ["10 s", "120 s", "5 min", "2.5 s"]);
    }
}
