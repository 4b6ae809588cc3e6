//! What a stored console says last.
//! Lives here: the lines of console.log that tell of kills, stalls and crashes, and its very last lines, with their numbers.
//! May not live here: what they mean (`kmsg`).

use super::store::file;
use crate::kmsg::{Message, Parser};
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

/// Of a console so much is read, in bytes: twice what one may have.
const MAX_CONSOLE: u64 = 32 << 20;
/// Of a line so much is kept, in bytes.
const MAX_LINE: usize = 1024;

/// A line of a console.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsoleLine {
    /// Its number in console.log, from 1.
    pub number: u64,
    /// Its text, without line ending; at most 1 KiB. It is the guest's: to be made inert where it is shown.
    pub text: String,
}

/// The end of a console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LastWords {
    /// The last lines by which the kernel tells of kills, stalls and crashes; not of keys that the host pressed.
    pub matter: Vec<ConsoleLine>,
    /// How many such lines there are in all.
    pub mattering: u64,
    /// The very last lines that are not empty.
    pub last: Vec<ConsoleLine>,
}

/// The end of the console of a result folder, `most` lines of each kind; `None` where it has none that can be read.
pub fn last_words(folder: &Path, most: usize) -> Option<LastWords> {
    read(BufReader::new(File::open(folder.join(file::CONSOLE)).ok()?), most)
}

fn read(console: impl BufRead, most: usize) -> Option<LastWords> {
    let mut console = console.take(MAX_CONSOLE);
    let (mut parser, mut bytes) = (Parser::default(), Vec::new());
    let (mut matter, mut last, mut mattering) = (VecDeque::new(), VecDeque::new(), 0);
    for number in 1_u64.. {
        bytes.clear();
        if console.read_until(b'\n', &mut bytes).ok()? == 0 {
            break;
        }
        bytes.truncate(MAX_LINE);
        let text = String::from_utf8_lossy(&bytes);
        let text = text.trim_end_matches(['\r', '\n']);
        if text.trim().is_empty() {
            continue;
        }
        let line = ConsoleLine { number, text: text.to_owned() };
        if parser.feed(text).iter().any(|said| matters(&said.message)) {
            mattering += 1;
            push(&mut matter, line.clone(), most);
        }
        push(&mut last, line, most);
    }
    Some(LastWords { matter: matter.into(), mattering, last: last.into() })
}

/// What is only part of another message, or of our own doing, is left out.
fn matters(message: &Message) -> bool {
    !matches!(message, Message::Sysrq { .. } | Message::OomConstraint { .. } | Message::Lost { .. })
}

fn push(lines: &mut VecDeque<ConsoleLine>, line: ConsoleLine, most: usize) {
    if lines.len() >= most {
        lines.pop_front();
    }
    lines.push_back(line);
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_matters_is_found_with_its_number() {
        let log = "[    0.000000] Linux\r\n\r\n[    7.000000] Out of memory: Killed process 7 (hog) total-vm:1kB, anon-rss:1kB, \
                   file-rss:0kB\r\n[    8.000000] sysrq: Show State\r\n[    9.000000] x\r\n\
                   [   10.000000] Kernel panic - not syncing: y\r\nlast \u{ff}";
        let words = read(log.as_bytes(), 10).unwrap();
        assert_eq!(words.matter.iter().map(|line| line.number).collect::<Vec<_>>(), [3, 6]);
        assert_eq!(words.last.iter().map(|line| line.number).collect::<Vec<_>>(), [1, 3, 4, 5, 6, 7]);
        let words = read(log.as_bytes(), 1).unwrap();
        assert_eq!((words.matter.len(), words.mattering, words.matter[0].number), (1, 2, 6));
        assert_eq!(words.last, [ConsoleLine { number: 7, text: "last \u{ff}".into() }]);
    }

    #[test]
    fn bytes_that_are_no_text_and_endless_lines_do_no_harm() {
        let bytes = [&b"\xff\xfe\n"[..], &vec![b'x'; 3 << 20]].concat();
        let words = read(&bytes[..], 5).unwrap();
        assert_eq!(words.last.len(), 2);
        assert_eq!(words.last[1].text.len(), MAX_LINE);
    }
}
