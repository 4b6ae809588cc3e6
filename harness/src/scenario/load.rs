//! From a file to a scenario.
//! Lives here: opening it with bounds, and the order: overrides, decoding, checks.
//! May not live here: any rule about what a scenario says.

use super::model::Scenario;
use super::problem::{Problem, ScenarioError};
use super::text::{Insert, Text};
use super::tree::Node;
use super::{check, decode, overrides};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest scenario file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Longest line, in bytes: every line may have to be drawn, and drawing takes a second for a line of 1 MiB.
const MAX_LINE: usize = 1 << 16;

/// Loads a scenario file, with `KEY=VALUE` overrides put into it before anything is checked.
///
/// # Errors
/// Where the file cannot be read, is no scenario, or breaks a rule; with all rules that it breaks.
pub fn load(path: &Path, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    match read(path) {
        Ok(text) => parse(&text, path, overrides),
        Err(problem) => Err(ScenarioError::new(path, Text::new("", &[]), vec![*problem])),
    }
}

/// Reads a scenario from text. `file` is named in errors, and relative paths in the text start from its folder.
///
/// # Errors
/// As [`load`].
pub fn parse(text: &str, file: &Path, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    let fail = |text: &Text, problems: Vec<Problem>| Err(ScenarioError::new(file, text.clone(), problems));
    // Editors on other systems begin a file with a byte order mark.
    let mut text = Text::new(text.strip_prefix('\u{feff}').unwrap_or(text), overrides);
    if text.as_str().lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return fail(
            &text,
            vec![Problem::of_file(
                "the file is empty",
                "a scenario has at least a name, a summary, a kernel, a guest and a workload",
            )],
        );
    }
    let mut lines = text.as_str().split('\n').zip(1..);
    if let Some((line, number)) = lines.find(|(line, _)| line.len() > MAX_LINE) {
        let message = format!("line {number} is too long: {} bytes", line.len());
        return fail(&text, vec![Problem::of_file(message, "a line has at most 64 KiB")]);
    }
    for (set, argument) in overrides.iter().enumerate() {
        if let Err(problem) = overrides::apply(&mut text, set, argument) {
            return fail(&with_whole_override(&text, set, argument), vec![*problem]);
        }
    }
    let raw = match decode::decode(text.as_str()) {
        Ok(raw) => raw,
        Err(problem) => return fail(&text, vec![*problem]),
    };
    if !overrides.is_empty() && Node::read(text.as_str()).is_none() {
        return fail(
            &text,
            vec![Problem::of_file("`--set` finds no keys in this file", "expected one plain YAML map")],
        );
    }
    let folder = file.parent().unwrap_or(Path::new(""));
    let folder = match std::path::absolute(if folder.as_os_str().is_empty() { Path::new(".") } else { folder }) {
        Ok(folder) => folder,
        Err(error) => {
            return fail(&text, vec![Problem::of_file(format!("its folder is unknown: {error}"), "")]);
        }
    };
    check::check(&raw, &text, &folder).or_else(|problems| fail(&text, problems))
}

/// A text that is an override and nothing else, so that a place in the override can be shown.
fn with_whole_override(text: &Text, set: usize, argument: &str) -> Text {
    let mut text = text.clone();
    text.splice(0..text.as_str().len(), set, &[Insert { text: argument.to_owned(), from: 0..argument.len() }]);
    text
}

/// A scenario file's text, read with a bound; never waits, as only regular files are opened.
fn read(path: &Path) -> Result<String, Box<Problem>> {
    let wrong = |message: String, right: &str| Box::new(Problem::of_file(message, right));
    let unreadable =
        |error: std::io::Error| wrong(format!("the file cannot be read: {error}"), "expected a scenario file (YAML)");
    let kind = path.metadata().map_err(unreadable)?;
    if !kind.is_file() {
        let what = if kind.is_dir() { "a folder" } else { "no regular file" };
        return Err(wrong(format!("this is {what}"), "expected a scenario file (YAML)"));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(wrong(format!("the file is too large: {} bytes", kind.len()), "a scenario has at most 1 MiB"));
    }
    let text = String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        wrong(format!("the file is no UTF-8 text: byte {at} belongs to no character"), "expected YAML in UTF-8")
    })?;
    match text.find('\0') {
        Some(at) => Err(wrong(format!("the file is no text: byte {at} is NUL"), "expected YAML in UTF-8")),
        None => Ok(text),
    }
}
