//! Words that more than one part of the page uses.
//! Lives here: outcomes with their signs and classes, numbers, commands for a shell.
//! May not live here: markup.

use crate::results::RunJson;
use crate::scenario::Outcome;

/// What a run came to, as the page tells it apart: by word, sign and colour, each enough by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct End {
    /// The outcome, or `inconclusive`.
    pub name: &'static str,
    /// Its sign.
    pub sign: &'static str,
    /// Its class in the style sheet.
    pub class: &'static str,
}

/// All ends, worst first.
pub(super) const ENDS: [End; 5] = [
    End { name: "hung", sign: "■", class: "hung" },
    End { name: "panicked", sign: "▲", class: "panicked" },
    End { name: "oom-killed", sign: "◆", class: "oom-killed" },
    End { name: "recovered", sign: "●", class: "recovered" },
    End { name: "inconclusive", sign: "?", class: "inconclusive" },
];

/// The end of this name.
pub(super) fn end_called(name: &str) -> End {
    ENDS.into_iter().find(|end| end.name == name).unwrap_or(ENDS[4])
}

/// A run's end.
pub(super) fn end(run: &RunJson) -> End {
    end_called(run.outcome.map_or("inconclusive", Outcome::name))
}

/// `1 run`, `2 runs`.
pub(super) fn count(count: usize, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// Of a share from 0 to 1 the percent, without digits behind the point.
pub(super) fn percent(share: f64) -> String {
    format!("{:.0}", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_outcome_has_a_sign_of_its_own() {
        let all = [Outcome::Hung, Outcome::Panicked, Outcome::OomKilled, Outcome::Recovered];
        let ends = all.map(|outcome| end_called(outcome.name()));
        assert_eq!(ends.map(|end| end.name), all.map(Outcome::name));
        let signs: std::collections::BTreeSet<&str> = ENDS.iter().map(|end| end.sign).collect();
        assert_eq!(signs.len(), ENDS.len());
    }
}
