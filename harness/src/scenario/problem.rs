//! What is wrong with a scenario, shown with the line it is on.
//! Lives here: one problem, the error that holds all of them, how they are drawn.
//! May not live here: finding problems.

use super::places::Written;
use super::text::{Origin, Text};
use super::value::Wrong;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Most problems drawn; of more, the first.
const MAX_DRAWN: usize = 20;
/// Lines shown before and after the one that is wrong.
const CONTEXT_LINES: usize = 2;

/// One problem; its places are bytes of the text that was decoded.
#[derive(Clone, Debug)]
pub struct Problem {
    /// What is wrong.
    pub message: String,
    /// Where; `None` for what is wrong with the file as a whole.
    pub at: Option<Range<usize>>,
    /// What would be right.
    pub right: String,
    /// Another place that has to do with it, and what is there.
    pub other: Option<(Range<usize>, String)>,
    /// What was probably meant, or why the rule is there.
    pub help: Option<String>,
}

impl Problem {
    /// A problem at a place.
    pub fn new(at: &Range<usize>, message: impl Into<String>, right: impl Into<String>) -> Self {
        Self { message: message.into(), at: Some(at.clone()), right: right.into(), other: None, help: None }
    }

    /// A problem of the whole file.
    pub fn of_file(message: impl Into<String>, right: impl Into<String>) -> Self {
        Self { message: message.into(), at: None, right: right.into(), other: None, help: None }
    }

    /// A scalar that is wrong.
    pub fn of(wrong: Wrong, at: &Range<usize>) -> Self {
        Self { help: wrong.help, ..Self::new(at, wrong.message, wrong.right) }
    }

    /// With what was meant, or why.
    #[must_use]
    pub fn help(self, help: impl Into<String>) -> Self {
        Self { help: Some(help.into()), ..self }
    }

    /// With another place.
    #[must_use]
    pub fn other(self, at: &Range<usize>, label: impl Into<String>) -> Self {
        Self { other: Some((at.clone(), label.into())), ..self }
    }
}

/// Where a problem is, for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as it was named, a matrix that gives it values, or `--set`.
    pub source: String,
    /// Line, from 1; of `--set`, in its argument.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
}

/// A scenario, or a list of kernels, that cannot be used, with all that was found wrong with it.
#[derive(Clone, Debug)]
pub struct ScenarioError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    file: PathBuf,
    text: Text,
    problems: Vec<Problem>,
    /// What would help against all of them.
    help: Option<String>,
    /// Where overrides stand that were not given on the command line.
    written: Option<Matrix>,
}

/// A matrix with the overrides that it gives a scenario, by their number.
#[derive(Clone, Debug)]
struct Matrix {
    file: PathBuf,
    text: String,
    overrides: Vec<Option<Written>>,
}

/// Where a problem is, for people.
struct Source<'a> {
    name: String,
    text: &'a str,
    at: Range<usize>,
}

impl Source<'_> {
    fn is_of(&self, other: &Self) -> bool {
        self.name == other.name && self.text == other.text
    }
}

impl ScenarioError {
    /// An error of at least one problem.
    pub(super) fn new(file: &Path, text: Text, mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.at.as_ref().map_or(0, |at| at.start));
        Self(Box::new(Details { file: file.to_owned(), text, problems, help: None, written: None }))
    }

    /// The same, with overrides that stand in a matrix and not on the command line, by their number.
    pub(super) fn written_in(mut self, file: &Path, text: &str, overrides: Vec<Option<Written>>) -> Self {
        self.0.written = Some(Matrix { file: file.to_owned(), text: text.to_owned(), overrides });
        self
    }

    /// The same, with what would help against all that is wrong.
    #[must_use]
    pub fn with_help(mut self, help: &str) -> Self {
        self.0.help = Some(help.to_owned());
        self
    }

    /// The file.
    pub fn file(&self) -> &Path {
        &self.0.file
    }

    /// Where each problem is; line and column are 0 for one of the whole file.
    pub fn places(&self) -> Vec<Place> {
        let place = |problem: &Problem| {
            let message = problem.message.clone();
            let Some(at) = &problem.at else {
                return Place { source: self.0.file.display().to_string(), line: 0, column: 0, message };
            };
            let source = self.source(at);
            let (line, column) = line_and_column(source.text, source.at.start);
            Place { source: source.name, line, column, message }
        };
        self.0.problems.iter().map(place).collect()
    }

    /// All problems as text for people, drawn with their lines; in colour where `colour` says so.
    pub fn render(&self, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let drawn = self.0.problems.iter().take(MAX_DRAWN).map(|problem| self.draw(&renderer, problem));
        let more = self.0.problems.len().saturating_sub(MAX_DRAWN);
        let more = (more > 0).then(|| format!("and {more} more"));
        let help = self.0.help.as_ref().map(|help| Group::with_title(Level::HELP.primary_title(clean(help))));
        let help = help.map(|help| renderer.render(&[help]));
        drawn.chain(more).chain(help).collect::<Vec<String>>().join("\n\n")
    }

    /// Where some bytes of the text that was decoded came from.
    fn source(&self, at: &Range<usize>) -> Source<'_> {
        let (origin, at) = self.0.text.origin(at);
        let written = self.0.written.as_ref();
        match origin {
            Origin::File => Source { name: self.0.file.display().to_string(), text: self.0.text.source(origin), at },
            Origin::Set(number) => {
                match written.and_then(|matrix| Some((matrix, matrix.overrides.get(number)?.as_ref()?))) {
                    Some((matrix, written)) => Source {
                        name: matrix.file.display().to_string(),
                        text: &matrix.text,
                        at: written.place(&matrix.text, &at),
                    },
                    None => Source { name: "--set".into(), text: self.0.text.source(origin), at },
                }
            }
        }
    }

    fn draw(&self, renderer: &Renderer, problem: &Problem) -> String {
        let Some(at) = &problem.at else {
            let title = format!("{}: {}", self.0.file.display(), problem.message);
            let group = Group::with_title(Level::ERROR.primary_title(clean(&title)));
            let right = (!problem.right.is_empty()).then(|| Level::HELP.message(clean(&problem.right)));
            let help = problem.help.as_ref().map(|help| Level::HELP.message(clean(help)));
            return renderer.render(&[group.elements(right).elements(help)]);
        };
        let source = self.source(at);
        let other = problem.other.as_ref().map(|(at, label)| (self.source(at), label));
        // A second place in the same text is drawn together with the first where the lines between are few.
        let near = |other: &Source<'_>| other.is_of(&source) && other.at.start.abs_diff(source.at.start) < 2000;
        let (together, apart) = match other {
            Some((other, label)) if near(&other) => (Some((other.at, label)), None),
            other => (None, other),
        };
        let window = Window::new(source.text, &source.at, together.as_ref().map(|(place, _)| place));
        let at = window.shift(&source.at);
        let mut snippet = Snippet::source(window.text.clone()).line_start(window.line).path(source.name);
        snippet = snippet.annotation(AnnotationKind::Primary.span(at).label(clean(&problem.right)));
        if let Some((place, label)) = &together {
            snippet = snippet.annotation(AnnotationKind::Context.span(window.shift(place)).label(clean(label)));
        }
        let mut group = Group::with_title(Level::ERROR.primary_title(clean(&problem.message))).element(snippet);
        if let Some((other, label)) = apart {
            let window = Window::new(other.text, &other.at, None);
            let snippet = Snippet::source(window.text.clone()).line_start(window.line).path(other.name);
            let label = AnnotationKind::Context.span(window.shift(&other.at)).label(clean(label));
            group = group.element(snippet.annotation(label));
        }
        let help = problem.help.as_ref().map(|help| Level::HELP.message(clean(help)));
        renderer.render(&[group.elements(help)])
    }
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for ScenarioError {}

/// Without control characters: what a file says never steers a terminal.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// Line and column, in characters, from 1.
fn line_and_column(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    (before.matches('\n').count() + 1, before[start..].chars().count() + 1)
}

/// The lines around a place.
struct Window {
    text: String,
    start: usize,
    line: usize,
}

impl Window {
    fn new(text: &str, at: &Range<usize>, other: Option<&Range<usize>>) -> Self {
        let first = other.map_or(at.start, |other| other.start.min(at.start)).min(text.len());
        let last = other.map_or(at.start, |other| other.start.max(at.start)).min(text.len());
        let mut start = first;
        for _ in 0..=CONTEXT_LINES {
            start = text[..start].rfind('\n').unwrap_or(0);
        }
        start = if start == 0 { 0 } else { start + 1 };
        let mut end = last;
        for _ in 0..=CONTEXT_LINES {
            end = text[end..].find('\n').map_or(text.len(), |line| end + line + 1);
        }
        let line = text[..start].matches('\n').count() + 1;
        Self { text: clean_lines(&text[start..end.max(start)]), start, line }
    }

    /// A place in the window's text; ends at the end of its line.
    fn shift(&self, at: &Range<usize>) -> Range<usize> {
        let start = at.start.saturating_sub(self.start).min(self.text.len());
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |line| start + line);
        start..at.end.saturating_sub(self.start).clamp(start, line_end)
    }
}

/// Control characters other than line ends and tabs made into spaces, as many bytes as before.
fn clean_lines(text: &str) -> String {
    let clean = |c: char| {
        if c.is_control() && c != '\n' && c != '\t' { " ".repeat(c.len_utf8()) } else { c.to_string() }
    };
    text.chars().map(clean).collect()
}
