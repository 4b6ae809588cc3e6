//! Pages: what they need besides records.
//! Lives here: the time, and what is read of a result's folder for its part of a page.
//! May not live here: a page (`report`), or how a folder is read (`results`).

use crate::report::{self, Beside, Form, Html, TIMELINE_DARK, TIMELINE_LIGHT};
use crate::results::{self, Around, RunJson};
use crate::scenario::Outcome;
use jiff::Timestamp;
use std::collections::BTreeSet;

/// With more runs than this on a page there is no room for stacks.
const FLAMES: usize = 100;

/// A page that is made now.
pub fn html() -> Html {
    Html { made: Timestamp::now(), look: Box::new(beside), style: style() }
}

/// The style of timelines; paper is light.
fn style() -> String {
    format!("{TIMELINE_LIGHT}@media screen and (prefers-color-scheme: dark){{{TIMELINE_DARK}}}")
}

/// What lies beside a run's record. Of a run that is as it should be, among many, only the lines of its evidence.
fn beside(run: &RunJson, runs: usize) -> Beside {
    let Some(folder) = run.result.as_deref() else { return Beside::default() };
    let good = run.expected && run.outcome != Some(Outcome::Hung);
    let around = match (good, runs) {
        (false, 0..=100) => Around { before: 2, after: 14, most: 300 },
        (false, _) => Around { before: 1, after: 8, most: 80 },
        (true, 0..=40) => Around { before: 1, after: 2, most: 100 },
        (true, _) => Around { before: 0, after: 0, most: 12 },
    };
    let wanted: BTreeSet<u64> = run.evidence.iter().map(|piece| piece.seq).collect();
    let title = format!("{} on {}, {}", run.scenario, run.kernel, run.outcome_name());
    let timeline = results::timeline(folder).map(|timeline| report::timeline_svg(&timeline, &title, Form::Inline));
    let flame = (run.outcome == Some(Outcome::Hung) && runs <= FLAMES).then(|| results::folded(folder)).flatten();
    let flame = flame.and_then(|folded| report::flame(&folded));
    Beside { timeline, console: results::excerpt(folder, &wanted, around), flame }
}
