//! `oomph man`: the manual pages, made of what the command line knows of itself.
//! Lives here: the pages, where they go.
//! May not live here: their text (that is the help of `cli`).

use super::cli::Cli;
use super::exit::Status;
use super::output::Output;
use anyhow::Context;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use std::path::Path;

/// Prints oomph.1, or writes the pages of all verbs into a folder.
///
/// # Errors
/// Where they cannot be written.
pub fn man(dir: Option<&Path>, output: &Output) -> anyhow::Result<Status> {
    let pages = pages()?;
    let Some(dir) = dir else {
        let (_, first) = pages.first().context("there is a page at least")?;
        return output.line(first);
    };
    std::fs::create_dir_all(dir).with_context(|| dir.display().to_string())?;
    for (name, text) in &pages {
        let path = dir.join(name);
        std::fs::write(&path, text).with_context(|| path.display().to_string())?;
    }
    Ok(Status::AsExpected)
}

/// All pages by file name, that of `oomph` first.
fn pages() -> anyhow::Result<Vec<(String, String)>> {
    let mut command = Cli::command().disable_help_subcommand(true);
    command.build();
    let mut pages = Vec::new();
    add(&command, &mut pages)?;
    Ok(pages)
}

fn add(command: &Command, pages: &mut Vec<(String, String)>) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name()).to_owned();
    let mut page = Vec::new();
    // Without a date: the same program makes the same page.
    Man::new(command.clone())
        .title(name.to_uppercase())
        .source(concat!("oomph ", env!("CARGO_PKG_VERSION")))
        .manual("oomph")
        .render(&mut page)?;
    pages.push((format!("{name}.1"), String::from_utf8(page)?));
    command.get_subcommands().filter(|verb| !verb.is_hide_set()).try_for_each(|verb| add(verb, pages))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_verb_has_a_page() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names[0], "oomph.1");
        for verb in ["oomph-run.1", "oomph-results-list.1", "oomph-kernel-build.1", "oomph-explain.1", "oomph-man.1"] {
            assert!(names.contains(&verb), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("help")), "{names:?}");
        assert!(pages.iter().all(|(_, page)| page.contains(".SH NAME") && page.contains(".SH SYNOPSIS")));
    }
}
