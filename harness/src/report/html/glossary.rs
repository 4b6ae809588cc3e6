//! The words of the page, for somebody who reads one for the first time.
//! Lives here: outcomes, mechanisms and terms, a line each.
//! May not live here: how they are decided (`verdict`, `diagnose`).

use super::words::{ENDS, End};
use maud::{Markup, html};

/// What outcomes mean, beside their signs and colours.
fn meaning(end: End) -> &'static str {
    match end.name {
        "hung" => {
            "probes are silent and nothing moves for minutes of the guest’s own time, with the workload still in place"
        }
        "panicked" => "the kernel crashed under pressure",
        "oom-killed" => "every probe answers, and the OOM killer had to kill",
        "recovered" => "there was pressure, every probe answers, nothing was killed",
        _ => "the run says nothing about the kernel; the reason stands beside it",
    }
}

/// Mechanisms of a hang and other terms.
const TERMS: [(&str, &str); 9] = [
    ("oom-deadlock", "a victim of the OOM killer does not die, and tasks loop in the allocator meanwhile"),
    ("no-fs-livelock", "tasks loop in the allocator, and none of them may call the OOM killer"),
    ("isolation-throttle", "those who reclaim memory wait for fewer isolated pages"),
    ("io-stall", "nobody allocates; everyone waits for I/O"),
    ("unknown", "none of these"),
    ("stall", "the longest time that a probe was without an answer"),
    ("kill", "an OOM kill under pressure that the harness did not cause"),
    ("fair time", "the time that the host really gave to the guest; all times are of it"),
    ("95 %", "Wilson’s interval for the share of runs, of those that have an outcome"),
];

/// The section.
pub(super) fn glossary() -> Markup {
    html! {
        section.glossary aria-labelledby="words" {
            h2 id="words" { "How to read this" }
            dl {
                @for end in ENDS {
                    dt { span class={ "end " (end.class) } { span.sign aria-hidden="true" { (end.sign) } " " (end.name) } }
                    dd { (meaning(end)) }
                }
                @for (term, meaning) in TERMS { dt { (term) } dd { (meaning) } }
            }
            p.note { "A colour is never alone: each outcome has a sign and its word. " code { "oomph replay RESULT" }
                " gives a verdict again from the events alone." }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Mechanism;

    #[test]
    fn every_mechanism_is_explained() {
        use Mechanism::{IoStall, IsolationThrottle, NoFsLivelock, OomDeadlock, Unknown};
        for mechanism in [OomDeadlock, NoFsLivelock, IsolationThrottle, IoStall, Unknown] {
            assert!(TERMS.iter().any(|(term, _)| *term == mechanism.name()), "{mechanism:?}");
        }
        let meanings: std::collections::BTreeSet<&str> = ENDS.into_iter().map(meaning).collect();
        assert_eq!(meanings.len(), ENDS.len());
    }
}
