//! `oomph explain`: what a word of a verdict means, and what a reproducer can be told.
//! Lives here: the word looked up, its page or its JSON printed.
//! May not live here: the texts (`report::explain`).

use super::exit::Status;
use super::output::Output;
use crate::report::{self, Entry};
use anyhow::bail;

/// A page is no wider than this: lines of text that are longer are hard to read.
const WIDEST: usize = 100;

/// Explains a word, or lists all.
///
/// # Errors
/// Where the word is none of these.
pub fn explain(word: Option<&str>, output: &Output) -> anyhow::Result<Status> {
    let width = output.width().unwrap_or(WIDEST).min(WIDEST);
    let entries = match word.map(report::explanation) {
        None if output.json() => report::explanations(),
        None => return output.line(&report::index_of_words(width)),
        Some(Ok(entries)) => entries,
        Some(Err(Some(near))) => {
            bail!("`{}` is no word of a verdict and no reproducer; did you mean `{near}`?", word.unwrap_or_default())
        }
        Some(Err(None)) => {
            bail!(
                "`{}` is no word of a verdict and no reproducer; `oomph explain` lists those that are",
                word.unwrap_or_default()
            )
        }
    };
    if output.json() {
        for entry in &entries {
            output.line(&serde_json::to_string(entry)?)?;
        }
        return Ok(Status::AsExpected);
    }
    output.line(&entries.iter().map(|entry: &Entry| entry.page(width)).collect::<Vec<_>>().join("\n"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::commands::Cli;
    use crate::report::explanations;
    use crate::scenario::load;
    use clap::Parser;
    use std::path::Path;

    #[test]
    fn what_is_advised_can_be_typed() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        for entry in explanations() {
            for next in entry.next.iter().filter(|next| !next.command.is_empty()) {
                let words = shlex::split(next.command).unwrap();
                let parsed = Cli::try_parse_from(&words);
                assert!(parsed.is_ok(), "{}: {}: {parsed:?}", entry.word, next.command);
                let set = words.windows(2).filter(|pair| pair[0] == "--set" && !pair[1].ends_with("NAME=VALUE"));
                let set: Vec<String> = set.map(|pair| pair[1].clone()).collect();
                if !set.is_empty() {
                    let scenario = words[2].replace("SCENARIO", "scenarios/xfs-inode-mutex.yaml");
                    let loaded = load(&root.join(scenario), &set);
                    assert!(loaded.is_ok(), "{}: {}: {}", entry.word, next.command, loaded.unwrap_err());
                }
            }
        }
    }
}
