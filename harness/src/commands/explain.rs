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
    use crate::commands::Cli;
    use crate::report::explanations;
    use clap::Parser;

    #[test]
    fn what_is_advised_can_be_typed() {
        for entry in explanations() {
            for next in entry.next.iter().filter(|next| !next.command.is_empty()) {
                let words = next.command.replace('\'', "").replace(" MiB", "MiB");
                let parsed = Cli::try_parse_from(words.split_whitespace());
                assert!(parsed.is_ok(), "{}: {}: {parsed:?}", entry.word, next.command);
            }
        }
    }
}
