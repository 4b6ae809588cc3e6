//! From a file to a scenario, or to a list of kernels.
//! Lives here: opening it with bounds, and the order: overrides, decoding, checks.
//! May not live here: any rule about what a file says.

use super::check::{NamedImage, NamedSource};
use super::matrix::Matrix;
use super::model::Scenario;
use super::problem::{Problem, ScenarioError};
use super::raw::RawScenario;
use super::text::{Insert, Text};
use super::tree::Node;
use super::{check, decode, overrides};
use serde::de::DeserializeOwned;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Largest file, in bytes.
const MAX_FILE: u64 = 1 << 20;
/// Longest line, in bytes: every line may have to be drawn, and drawing takes a second for a line of 1 MiB.
const MAX_LINE: usize = 1 << 16;

/// What a scenario file is called in messages, and what it holds at least.
const SCENARIO: (&str, &str) =
    ("scenario", "a scenario has at least a name, a summary, a kernel, a guest and a workload");
/// The same of a matrix file.
const MATRIX: (&str, &str) = ("matrix", "a matrix has at least a name, a summary and scenarios");
/// The same of kernels.yaml.
const KERNELS: (&str, &str) = ("list of kernels", "a kernel is `NAME: {debian: RELEASE}`, or has `image` or `source`");

/// The same of images/NAME.yaml.
const IMAGE: (&str, &str) =
    ("image", "an image is `debian: RELEASE`, `disk: PATH` with `ssh: {…}`, or `initramfs: minimal`");

/// Loads a scenario file, with `KEY=VALUE` overrides put into it before anything is checked.
///
/// # Errors
/// Where the file cannot be read, is no scenario, or breaks a rule; with all rules that it breaks.
pub fn load(path: &Path, overrides: &[String]) -> Result<Scenario, ScenarioError> {
    match read(path, SCENARIO.0) {
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
    let mut text = match sound_text(text, overrides, SCENARIO) {
        Ok(text) => text,
        Err((text, problem)) => return fail(&text, vec![*problem]),
    };
    for (set, argument) in overrides.iter().enumerate() {
        if let Err(problem) = overrides::apply(&mut text, set, argument) {
            return fail(&with_whole_override(&text, set, argument), vec![*problem]);
        }
    }
    let raw: RawScenario = match decode::decode(text.as_str(), SCENARIO.0) {
        Ok(raw) => raw,
        Err(problem) => return fail(&text, vec![*problem]),
    };
    if !overrides.is_empty() && Node::read(text.as_str()).is_none() {
        return fail(
            &text,
            vec![Problem::of_file("`--set` finds no keys in this file", "expected one plain YAML map")],
        );
    }
    match absolute(file.parent().unwrap_or(Path::new(""))) {
        Ok(folder) => check::check(&raw, &text, &folder).or_else(|problems| fail(&text, problems)),
        Err(problem) => fail(&text, vec![*problem]),
    }
}

/// Loads kernels.yaml.
///
/// # Errors
/// As [`load`]; a file that a kernel names and that is not there is no error but the kernel's `problem`.
pub fn load_kernels(path: &Path) -> Result<Vec<NamedSource>, ScenarioError> {
    match read(path, KERNELS.0) {
        Ok(text) => parse_kernels(&text, path, path.parent().unwrap_or(Path::new(""))),
        Err(problem) => Err(ScenarioError::new(path, Text::new("", &[]), vec![*problem])),
    }
}

/// Reads a list of kernels from text. `file` is named in errors, and relative paths in the text start from `folder`.
///
/// # Errors
/// As [`load_kernels`].
pub fn parse_kernels(text: &str, file: &Path, folder: &Path) -> Result<Vec<NamedSource>, ScenarioError> {
    parse_by(text, KERNELS, file, folder, check::check_kernels)
}

/// Loads images/NAME.yaml.
///
/// # Errors
/// As [`load`]; a file that the image names and that is not there is no error but the image's `problem`.
pub fn load_image(path: &Path) -> Result<NamedImage, ScenarioError> {
    match read(path, IMAGE.0) {
        Ok(text) => parse_image(&text, path, path.parent().unwrap_or(Path::new(""))),
        Err(problem) => Err(ScenarioError::new(path, Text::new("", &[]), vec![*problem])),
    }
}

/// Reads an image from text. `file` is named in errors, and relative paths in the text start from `folder`.
///
/// # Errors
/// As [`load_image`].
pub fn parse_image(text: &str, file: &Path, folder: &Path) -> Result<NamedImage, ScenarioError> {
    parse_by(text, IMAGE, file, folder, check::check_image)
}

/// Reads a text of some kind without overrides, and has it checked.
fn parse_by<R: DeserializeOwned, T>(
    text: &str,
    kind: (&str, &str),
    file: &Path,
    folder: &Path,
    check: impl Fn(&R, &Text, &Path, &Path) -> Result<T, Vec<Problem>>,
) -> Result<T, ScenarioError> {
    let fail = |text: &Text, problems: Vec<Problem>| Err(ScenarioError::new(file, text.clone(), problems));
    let text = match sound_text(text, &[], kind) {
        Ok(text) => text,
        Err((text, problem)) => return fail(&text, vec![*problem]),
    };
    let raw: R = match decode::decode(text.as_str(), kind.0) {
        Ok(raw) => raw,
        Err(problem) => return fail(&text, vec![*problem]),
    };
    match absolute(folder) {
        Ok(folder) => check(&raw, &text, file, &folder).or_else(|problems| fail(&text, problems)),
        Err(problem) => fail(&text, vec![*problem]),
    }
}

/// Loads a matrix file; its scenarios are files of their own.
///
/// # Errors
/// As [`load`].
pub fn load_matrix(path: &Path) -> Result<Matrix, ScenarioError> {
    match read(path, MATRIX.0) {
        Ok(text) => parse_by(&text, MATRIX, path, path.parent().unwrap_or(Path::new("")), check::check_matrix),
        Err(problem) => Err(ScenarioError::new(path, Text::new("", &[]), vec![*problem])),
    }
}

/// A folder as an absolute path; the empty one is the current folder.
fn absolute(folder: &Path) -> Result<PathBuf, Box<Problem>> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    std::path::absolute(folder)
        .map_err(|error| Box::new(Problem::of_file(format!("its folder is unknown: {error}"), "")))
}

/// A text that can be decoded and drawn.
fn sound_text(text: &str, overrides: &[String], (_, least): (&str, &str)) -> Result<Text, (Text, Box<Problem>)> {
    // Editors on other systems begin a file with a byte order mark.
    let text = Text::new(text.strip_prefix('\u{feff}').unwrap_or(text), overrides);
    if text.as_str().lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err((text, Box::new(Problem::of_file("the file is empty", least))));
    }
    let mut lines = text.as_str().split('\n').zip(1..);
    if let Some((line, number)) = lines.find(|(line, _)| line.len() > MAX_LINE) {
        let message = format!("line {number} is too long: {} bytes", line.len());
        return Err((text, Box::new(Problem::of_file(message, "a line has at most 64 KiB"))));
    }
    Ok(text)
}

/// A text that is an override and nothing else, so that a place in the override can be shown.
fn with_whole_override(text: &Text, set: usize, argument: &str) -> Text {
    let mut text = text.clone();
    text.splice(0..text.as_str().len(), set, &[Insert { text: argument.to_owned(), from: 0..argument.len() }]);
    text
}

/// The text of a file that holds a `what`, read with a bound; never waits, as only regular files are opened.
fn read(path: &Path, what: &str) -> Result<String, Box<Problem>> {
    let wanted = format!("expected a {what} (YAML)");
    let wrong = |message: String, right: &str| Box::new(Problem::of_file(message, right));
    let unreadable = |error: std::io::Error| wrong(format!("the file cannot be read: {error}"), &wanted);
    let kind = path.metadata().map_err(unreadable)?;
    if !kind.is_file() {
        let found = if kind.is_dir() { "a folder" } else { "no regular file" };
        return Err(wrong(format!("this is {found}"), &wanted));
    }
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(wrong(
            format!("the file is too large: {} bytes", kind.len()),
            &format!("a {what} has at most 1 MiB"),
        ));
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
