//! What make's output says (pure).
//! Lives here: steps, warnings, errors; the lines that tell why a make failed.
//! May not live here: running make.
//!
//! kbuild prints a step as `  CC [M]  fs/xfs/xfs_aops.o` (scripts/Kbuild.include, `quiet_cmd_…`), the same from 3.10 to
//! today. Compilers print `FILE:LINE:COLUMN: error: …` and, below it, indented lines of source. A make that fails prints
//! `make[2]: *** [MAKEFILE:LINE: TARGET] Error 1` once a level; the first names the file.

use std::collections::VecDeque;
use std::path::Path;

/// Most lines of errors that are kept: the first ones matter.
const MAX_ERROR_LINES: usize = 40;
/// Lines from before the end, for a failure that no known error explains.
const LAST_LINES: usize = 15;
/// Lines that lead to an error (`In file included from`) and are kept until it comes.
const LEAD_LINES: usize = 12;
/// Steps that compile a file.
const COMPILERS: [&str; 6] = ["CC", "AS", "CXX", "HOSTCC", "HOSTCXX", "RUSTC"];

/// What a make has said so far.
#[derive(Clone, Debug, Default)]
pub(super) struct Reader {
    /// Build directory and source, with slashes.
    places: Vec<String>,
    compiled: u64,
    warnings: u64,
    errors: u64,
    current: String,
    /// Lines of errors, in their order.
    lines: Vec<String>,
    /// Lines that may lead to an error.
    lead: Vec<String>,
    /// Whether indented lines belong to an error.
    within: bool,
    /// make's first line about what failed.
    failed: Option<String>,
    last: VecDeque<String>,
    disk_full: bool,
}

/// What a line is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Line<'a> {
    /// A command and its target.
    Step(&'a str, &'a str),
    /// make gives up on a target.
    Stop,
    /// Of make itself, without a meaning for us.
    Chatter,
    Error,
    Warning,
    /// Comes before a diagnostic.
    Lead,
    /// Comes after one.
    Indented,
    Other,
}

impl Reader {
    /// For a make in these directories: some targets are named with their whole path.
    pub fn new(places: [&Path; 2]) -> Self {
        Self { places: places.map(|place| format!("{}/", place.display())).into(), ..Self::default() }
    }

    /// Takes a line, without its end.
    pub fn line(&mut self, line: &str) {
        let line = line.trim_end();
        self.disk_full |= line.contains("No space left on device");
        let kind = kind(line);
        if !matches!(kind, Line::Step(..) | Line::Chatter | Line::Stop) {
            if self.last.len() == LAST_LINES {
                self.last.pop_front();
            }
            self.last.push_back(line.to_owned());
        }
        match kind {
            Line::Step(command, target) => {
                let compiles = COMPILERS.contains(&command);
                let target = self.places.iter().find_map(|place| target.strip_prefix(place)).unwrap_or(target);
                self.compiled += u64::from(compiles);
                self.current = if compiles { target.to_owned() } else { format!("{command} {target}") };
                self.forget();
            }
            Line::Stop => {
                self.failed.get_or_insert_with(|| line.to_owned());
                self.forget();
            }
            Line::Error => {
                self.errors += 1;
                let lead = std::mem::take(&mut self.lead);
                lead.into_iter().for_each(|line| self.keep(line));
                self.keep(line.to_owned());
                self.within = true;
            }
            Line::Warning => {
                self.warnings += 1;
                self.forget();
            }
            Line::Lead => {
                self.within = false;
                if self.lead.len() < LEAD_LINES {
                    self.lead.push(line.to_owned());
                }
            }
            Line::Indented if self.within => self.keep(line.to_owned()),
            Line::Indented | Line::Chatter => {}
            Line::Other => self.forget(),
        }
    }

    fn forget(&mut self) {
        self.lead.clear();
        self.within = false;
    }

    fn keep(&mut self, line: String) {
        if self.lines.len() < MAX_ERROR_LINES {
            self.lines.push(line);
        }
    }

    /// Files compiled.
    pub fn compiled(&self) -> u64 {
        self.compiled
    }

    /// Warnings.
    pub fn warnings(&self) -> u64 {
        self.warnings
    }

    /// Whether a disk was full.
    pub fn is_disk_full(&self) -> bool {
        self.disk_full
    }

    /// How far it is, in a line.
    pub fn progress(&self, expected: Option<u64>) -> String {
        let files = match expected {
            Some(expected) if expected >= self.compiled => format!("{} of {expected} files", self.compiled),
            _ => format!("{} files", self.compiled),
        };
        let count = |number: u64, what: &str| match number {
            0 => String::new(),
            1 => format!(", 1 {what}"),
            _ => format!(", {number} {what}s"),
        };
        let current = if self.current.is_empty() { "starting" } else { &self.current };
        format!("compiled {files}{}{}: {current}", count(self.warnings, "warning"), count(self.errors, "error"))
    }

    /// Why it failed: the errors' own lines and make's word about the target; where there is no known error, the last lines.
    pub fn failure(self) -> Vec<String> {
        let lines = if self.lines.is_empty() { Vec::from(self.last) } else { self.lines };
        lines.into_iter().chain(self.failed).collect()
    }
}

fn kind(line: &str) -> Line<'_> {
    if let Some((command, target)) = step(line) {
        return Line::Step(command, target);
    }
    if line.starts_with("make") && line.contains(": ") && !line.contains("*** ") {
        return Line::Chatter;
    }
    if line.starts_with("make") && line.contains("*** ") {
        return if line.contains("Waiting for unfinished jobs") { Line::Chatter } else { Line::Stop };
    }
    if is_error(line) {
        return Line::Error;
    }
    if line.contains(": warning: ") || line.starts_with("WARNING: ") || line.starts_with("warning: ") {
        return Line::Warning;
    }
    if line.starts_with("In file included from ") || line.contains(": In function ") || line.contains(": in function ")
    {
        return Line::Lead;
    }
    // The second line of `In file included from` is indented too: it stays with what it follows.
    if line.starts_with("                 from ") {
        return Line::Lead;
    }
    if line.starts_with([' ', '\t']) || line.contains(": note: ") {
        return Line::Indented;
    }
    Line::Other
}

/// `  CC [M]  fs/xfs/xfs_aops.o`: two spaces, a word in capitals, perhaps a mark, the target.
fn step(line: &str) -> Option<(&str, &str)> {
    let rest = line.strip_prefix("  ")?;
    let (command, rest) = rest.split_once(' ')?;
    let word = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || "_-+".contains(c);
    if !command.starts_with(|c: char| c.is_ascii_uppercase()) || !command.chars().all(word) {
        return None;
    }
    let rest = rest.trim_start();
    // `[M]` for modules, `[U]` for programs.
    let target = match rest.strip_prefix('[') {
        Some(marked) => marked.split_once(']')?.1.trim_start(),
        None => rest,
    };
    (!target.is_empty()).then_some((command, target))
}

/// Errors of compilers, assembler, linker, modpost, shell, and of kbuild itself.
fn is_error(line: &str) -> bool {
    let anywhere = [
        ": error: ",
        ": fatal error: ",
        ": Error: ",
        ": undefined reference to ",
        ": multiple definition of ",
        ": command not found",
        ": No such file or directory",
        "No space left on device",
    ];
    let start = ["error: ", "Error: ", "ERROR: ", "FAILED: ", "*** "];
    let shell = line.contains("sh: ") && line.ends_with(": not found");
    let linker = (line.starts_with("ld: ") || line.contains("-ld: ")) && !line.contains(": warning: ");
    let function = line.contains(": in function ") || line.contains(": In function ");
    !function
        && (shell
            || linker
            || anywhere.iter().any(|text| line.contains(text))
            || start.iter().any(|text| line.starts_with(text)))
}

#[cfg(test)]
mod tests;
