//! Which lines can have to do with OOM kills or a panic at all, told from their bytes, fast.
//! Lives here: the words that every such line has one of.
//! May not live here: what a line says (`parser`).

use memchr::memmem::Finder;
use std::sync::LazyLock;

/// Every text by which a [`Parser`](super::Parser) learns of a kill, of its scope or of who asked for it has one of these:
/// `Kill process`, `Killed process`, `oom-killer`, `oom-kill:`, ` killed as a result` (`ill`), `OOM victim`, `OOM request ignored`,
/// `Manual OOM execution` (`OOM`), `moom_callback` (`moom`), a prefix without its action (`SysRq`), `Kernel panic` (`panic`).
const WORDS: [&str; 5] = ["ill", "OOM", "moom", "SysRq", "panic"];

static FINDERS: LazyLock<[Finder<'static>; WORDS.len()]> = LazyLock::new(|| WORDS.map(Finder::new));

/// Whether a console line may bear on OOM kills or tell of a panic. A parser that is fed these lines alone tells the same kills as
/// one that is fed all; the line may stand in JSON, which escapes none of these letters. `true` says nothing for certain.
pub fn may_tell_of_kills(line: &[u8]) -> bool {
    FINDERS.iter().any(|word| word.find(line).is_some())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::{Message, Parser, Stamped};
    use super::*;
    use std::path::Path;

    /// Kills and panics of all logs that the parser is tested on.
    fn told(text: &str, sifted: bool) -> Vec<Stamped> {
        let mut parser = Parser::default();
        let lines = text.lines().filter(|line| !sifted || may_tell_of_kills(line.as_bytes()));
        let mut told: Vec<Stamped> = lines.flat_map(|line| parser.feed(line)).collect();
        told.append(&mut parser.finish());
        told.retain(|said| matches!(said.message, Message::Kill(_) | Message::Panic { .. }));
        told
    }

    #[test]
    fn the_same_kills_are_told_from_the_lines_that_are_left() {
        let mut kills = 0;
        for folder in ["tests/kmsg", "tests/corpus"] {
            let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)];
            while let Some(folder) = folders.pop() {
                for entry in std::fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                        continue;
                    }
                    let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
                    let all = told(&text, false);
                    kills += all.len();
                    assert_eq!(told(&text, true), all, "{}", path.display());
                }
            }
        }
        assert!(kills > 20, "{kills}");
    }
}
