//! Where a command's words go: results to stdout, everything else to stderr.
//! Lives here: colour, JSON or text, errors in one form.
//! May not live here: what is said.

use super::cli::{Color, Global};
use super::exit::Status;
use crate::report;
use crate::report::{Verbosity, inert_json, wrap};
use crate::results::RunJson;
use anstream::{AutoStream, ColorChoice};
use rustix::termios::tcgetwinsize;
use std::io::{IsTerminal, Write};

/// Columns of a verdict block's labels.
const LABELS: usize = 14;
/// A terminal that does not say how wide it is.
const ASSUMED: usize = 80;

/// How a command speaks.
#[derive(Debug)]
pub struct Output {
    json: bool,
    quiet: bool,
}

impl Output {
    /// As the global options want it.
    pub fn new(global: &Global) -> Self {
        match global.color {
            Color::Auto => {}
            Color::Always => ColorChoice::Always.write_global(),
            Color::Never => ColorChoice::Never.write_global(),
        }
        match (global.quiet, global.verbose) {
            (true, _) => Verbosity::Quiet.set(),
            (false, true) => Verbosity::Verbose.set(),
            (false, false) => {}
        }
        Self { json: global.json, quiet: global.quiet }
    }

    /// Whether nothing but results and errors is wanted.
    pub fn quiet(&self) -> bool {
        self.quiet
    }

    /// How wide stdout is, where it is a terminal.
    pub fn width(&self) -> Option<usize> {
        let stdout = std::io::stdout();
        stdout.is_terminal().then(|| match tcgetwinsize(&stdout) {
            Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
            _ => ASSUMED,
        })
    }

    /// Whether stdout carries JSON.
    pub fn json(&self) -> bool {
        self.json
    }

    /// One line, or several, on stdout. A reader that has gone away (`| head`) is no error.
    ///
    /// # Errors
    /// Where stdout cannot be written for another reason.
    pub fn line(&self, text: &str) -> anyhow::Result<Status> {
        // Colour is taken out before anything is written: done on the way, it makes a call of each line.
        let mut lines = AutoStream::new(Vec::new(), anstream::stdout().current_choice());
        writeln!(lines, "{}", text.trim_end())?;
        match std::io::stdout().lock().write_all(&lines.into_inner()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
            _ => Ok(Status::AsExpected),
        }
    }

    /// A run: its block, or its JSON on one line.
    ///
    /// # Errors
    /// Where stdout cannot be written.
    pub fn run(&self, run: &RunJson) -> anyhow::Result<Status> {
        if self.json {
            self.line(&inert_json(serde_json::to_string(run)?))?
        } else {
            let block = report::block(run);
            // Off a terminal a line of it is a line, for grep.
            self.line(&self.width().map_or(block.clone(), |width| wrap(&block, width, LABELS)))?
        };
        Ok(Status::of(run))
    }

    /// An error, with what caused it.
    pub fn error(&self, error: &anyhow::Error) {
        let mut text = String::new();
        for cause in error.chain().map(ToString::to_string) {
            // Some say what caused them themselves.
            if !text.contains(&cause) {
                text += if text.is_empty() { "" } else { ": " };
                text += &cause;
            }
        }
        // If stderr is gone there is nobody to tell.
        let _ = writeln!(anstream::stderr().lock(), "oomph: {}", text.trim_end());
    }
}
