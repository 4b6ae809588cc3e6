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
    use super::*;

    #[test]
    fn what_has_none_of_the_words_is_passed_over() {
        for told in
            ["Killed process 7 (x)", "OOM victim 7", "Workqueue: events moom_callback", "SysRq : ", "Kernel panic - x"]
        {
            assert!(may_tell_of_kills(told.as_bytes()), "{told}");
        }
        for other in ["oom_reaper: reaped process 7 (x)", "sysrq: Show State", "Call Trace:", ""] {
            assert!(!may_tell_of_kills(other.as_bytes()), "{other}");
        }
    }
}
