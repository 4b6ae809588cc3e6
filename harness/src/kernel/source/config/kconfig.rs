//! A light reader of a tree's Kconfig files.
//! Lives here: which options a tree has for x86, where, with which prompt and dependencies, what selects them.
//! May not live here: values (`report`); the language is that of Documentation/kbuild/kconfig-language.rst, and what of it
//! does not matter here (defaults, ranges, help) is passed over.

use super::expression::Expression;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Most files of a tree that are read; x86 has some 900.
const MAX_FILES: usize = 5_000;
/// Deepest nesting of `source`.
const MAX_DEPTH: usize = 32;

/// An option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbol {
    /// Its definitions; a symbol may have several.
    pub definitions: Vec<Definition>,
    /// What selects it, under which condition beside being on.
    pub selected_by: Vec<(String, Option<Expression>)>,
}

/// One definition of an option.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Definition {
    /// File below the tree, and line.
    pub place: (PathBuf, usize),
    /// Whether a person can set it (a prompt), and under which condition.
    pub prompt: bool,
    /// Everything it depends on: its own `depends on`, and that of the menus, choices and ifs around it.
    pub depends: Vec<Expression>,
    /// What its prompt depends on beside that (`bool "…" if X`).
    pub prompt_if: Option<Expression>,
    /// The choice it is part of.
    pub choice: Option<usize>,
}

/// The options of a tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Symbols {
    /// By name.
    pub symbols: BTreeMap<String, Symbol>,
    /// The members of each choice.
    pub choices: Vec<Vec<String>>,
}

impl Symbols {
    /// Reads the files of a tree from its `Kconfig` on, for x86-64. `read` gives a file's text by its path below the tree;
    /// what it does not have is passed over, as `osource` would.
    pub fn read(mut read: impl FnMut(&Path) -> Option<String>) -> Self {
        let mut reader = Reader { symbols: Self::default(), files: BTreeSet::new(), blocks: Vec::new(), item: None };
        reader.file(Path::new("Kconfig"), 0, &mut read);
        reader.end_item();
        reader.symbols
    }

    /// Whether the tree has the option.
    pub fn has(&self, name: &str) -> bool {
        self.symbols.get(name).is_some_and(|symbol| !symbol.definitions.is_empty())
    }

    /// The option whose name is nearest to one that the tree does not have.
    pub fn nearest(&self, name: &str) -> Option<&str> {
        let distance = |known: &str| strsim::damerau_levenshtein(known, name);
        let limit = (name.len() / 4).clamp(1, 3);
        let names = self.symbols.keys().filter(|known| known.len().abs_diff(name.len()) <= limit && self.has(known));
        let nearest = names.map(|known| (distance(known), known.as_str())).min();
        nearest.filter(|(distance, _)| *distance <= limit).map(|(_, known)| known)
    }
}

/// What is open around a line: its dependencies hold for all that is in it.
enum Block {
    If(Expression),
    Menu(Vec<Expression>),
    Choice { id: usize, depends: Vec<Expression> },
}

/// The entry that attributes belong to.
enum Item {
    Config {
        name: String,
        definition: Definition,
    },
    /// A menu or choice just opened: its `depends on` go to the block.
    Block,
    /// `comment` and `mainmenu`: its attributes matter to nobody.
    Other,
}

struct Reader {
    symbols: Symbols,
    files: BTreeSet<PathBuf>,
    blocks: Vec<Block>,
    item: Option<Item>,
}

impl Reader {
    fn file(&mut self, path: &Path, depth: usize, read: &mut impl FnMut(&Path) -> Option<String>) {
        // A file may be sourced twice (from both arms of an `if`); once tells all.
        if depth > MAX_DEPTH || self.files.len() >= MAX_FILES || !self.files.insert(path.to_owned()) {
            return;
        }
        let Some(text) = read(path) else { return };
        let mut help: Option<Option<usize>> = None;
        for (number, line) in logical_lines(&text) {
            if let Some(indent) = help {
                let own = indentation(&line);
                match (line.trim().is_empty(), indent) {
                    (true, _) => continue,
                    (false, None) if own > 0 => {
                        help = Some(Some(own));
                        continue;
                    }
                    (false, Some(indent)) if own >= indent => continue,
                    _ => help = None,
                }
            }
            let line = without_comment(line.trim());
            let (keyword, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
            let rest = rest.trim();
            match keyword {
                "help" | "---help---" => help = Some(None),
                "source" | "osource" | "rsource" | "orsource" => {
                    self.end_item();
                    if let Some(target) = source(keyword, rest, path) {
                        self.file(&target, depth + 1, read);
                    }
                }
                _ => self.line(keyword, rest, path, number),
            }
        }
        self.end_item();
    }

    fn line(&mut self, keyword: &str, rest: &str, path: &Path, number: usize) {
        match keyword {
            "config" | "menuconfig" => self.config(rest, path, number),
            "if" => self.open(Block::If(Expression::parse(rest)), Item::Other),
            "menu" => self.open(Block::Menu(Vec::new()), Item::Block),
            "choice" => {
                let id = self.symbols.choices.len();
                self.symbols.choices.push(Vec::new());
                self.open(Block::Choice { id, depends: Vec::new() }, Item::Block);
            }
            "endif" | "endmenu" | "endchoice" => {
                self.end_item();
                self.blocks.pop();
            }
            "comment" | "mainmenu" => {
                self.end_item();
                self.item = Some(Item::Other);
            }
            "depends" => self.depends(rest.strip_prefix("on").unwrap_or(rest).trim()),
            "bool" | "tristate" | "string" | "int" | "hex" | "prompt" if rest.starts_with(['"', '\'']) => {
                self.prompt(rest);
            }
            "select" => self.select(rest),
            _ => {}
        }
    }

    fn config(&mut self, name: &str, path: &Path, number: usize) {
        self.end_item();
        let choice = self.blocks.iter().rev().find_map(|block| match block {
            Block::Choice { id, .. } => Some(*id),
            _ => None,
        });
        if let Some(members) = choice.and_then(|id| self.symbols.choices.get_mut(id)) {
            members.push(name.to_owned());
        }
        let definition = Definition { place: (path.to_owned(), number), choice, ..Definition::default() };
        self.item = Some(Item::Config { name: name.to_owned(), definition });
    }

    fn open(&mut self, block: Block, item: Item) {
        self.end_item();
        self.blocks.push(block);
        self.item = Some(item);
    }

    fn end_item(&mut self) {
        if let Some(Item::Config { name, mut definition }) = self.item.take() {
            for block in &self.blocks {
                match block {
                    Block::If(condition) => definition.depends.push(condition.clone()),
                    Block::Menu(depends) | Block::Choice { depends, .. } => {
                        definition.depends.extend(depends.iter().cloned());
                    }
                }
            }
            self.symbols.symbols.entry(name).or_default().definitions.push(definition);
        }
    }

    fn depends(&mut self, text: &str) {
        let expression = Expression::parse(text);
        match (&mut self.item, self.blocks.last_mut()) {
            (Some(Item::Config { definition, .. }), _) => definition.depends.push(expression),
            (Some(Item::Block), Some(Block::Menu(depends) | Block::Choice { depends, .. })) => depends.push(expression),
            _ => {}
        }
    }

    fn prompt(&mut self, text: &str) {
        if let Some(Item::Config { definition, .. }) = &mut self.item {
            definition.prompt = true;
            definition.prompt_if = condition(after_string(text)).map(Expression::parse);
        }
    }

    fn select(&mut self, text: &str) {
        if let Some(Item::Config { name: selecting, .. }) = &self.item {
            let (name, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            let entry = (selecting.clone(), condition(rest).map(Expression::parse));
            self.symbols.symbols.entry(name.to_owned()).or_default().selected_by.push(entry);
        }
    }
}

/// The condition in `if CONDITION`, where there is one.
fn condition(text: &str) -> Option<&str> {
    let rest = text.trim().strip_prefix("if")?;
    rest.starts_with([' ', '\t', '(', '!', '$']).then(|| rest.trim())
}

/// What comes after a string in quotes.
fn after_string(text: &str) -> &str {
    let mut chars = text.char_indices();
    let Some((_, quote)) = chars.next() else { return "" };
    let mut escaped = false;
    for (at, c) in chars {
        match c {
            '\\' if !escaped => escaped = true,
            c if c == quote && !escaped => return text.get(at + 1..).unwrap_or_default(),
            _ => escaped = false,
        }
    }
    ""
}

/// The file that is sourced, below the tree.
fn source(keyword: &str, rest: &str, from: &Path) -> Option<PathBuf> {
    let name = rest.trim_matches(['"', '\'']);
    let name = name.replace("$(SRCARCH)", "x86").replace("$SRCARCH", "x86").replace("$ARCH", "x86");
    let path = if keyword.ends_with("rsource") { from.parent()?.join(name) } else { PathBuf::from(name) };
    // Nothing outside of the tree is a Kconfig file of it.
    path.components().all(|part| matches!(part, std::path::Component::Normal(_))).then_some(path)
}

/// Lines with those that end in a backslash joined, each with the number of its first.
fn logical_lines(text: &str) -> Vec<(usize, String)> {
    let mut lines: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in text.lines().enumerate() {
        let (line, continues) = line.strip_suffix('\\').map_or((line, false), |line| (line, true));
        match lines.last_mut().filter(|_| open) {
            Some((_, last)) => {
                last.push(' ');
                last.push_str(line.trim_start());
            }
            None => lines.push((index + 1, line.to_owned())),
        }
        open = continues;
    }
    lines
}

/// Columns before the first word; a tab leads to the next multiple of 8, as in Kconfig's own lexer.
fn indentation(line: &str) -> usize {
    let blanks = line.chars().take_while(|c| c.is_whitespace());
    blanks.fold(0, |column, c| if c == '\t' { column / 8 * 8 + 8 } else { column + 1 })
}

fn without_comment(line: &str) -> &str {
    let mut quote = None;
    for (at, c) in line.char_indices() {
        match (quote, c) {
            (None, '#') => return line.get(..at).unwrap_or_default().trim_end(),
            (None, '"' | '\'') => quote = Some(c),
            (Some(open), c) if c == open => quote = None,
            _ => {}
        }
    }
    line
}

#[cfg(test)]
mod tests;
