//! Which pieces of a verdict's evidence are shown where there is no room for all.
//! Lives here: how much a piece weighs, by what the verdict says in it.
//! May not live here: what is evidence (`verdict`), or how it is drawn.

use crate::results::{EvidenceJson, RunJson};
use crate::scenario::Outcome;

/// How much a piece weighs, the heaviest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    /// It decided the run.
    Decided,
    /// It proves the hang, or says why the guest hangs.
    Why,
    /// What kswapd did: where it is blocked, memory comes free by direct reclaim alone.
    Kswapd,
    /// How the run went: stalls, faults, what helped, what must not be missed.
    Course,
    /// One of many.
    Other,
}

/// How pieces begin that say how the run went. The words are `verdict`'s.
const COURSE: [&str; 10] = [
    "stalled: ",
    "the stall ended",
    "host fault",
    "ended by the user",
    "the OOM killer found nobody",
    "the OOM reaper gave up",
    "init ",
    "the workload ended",
    "no pictures",
    "held for its state",
];
/// What such pieces have in them.
const COURSE_WITHIN: [&str; 5] =
    ["brought the guest back", "has shut down", "has gone read-only", "cannot be reaped", "could not be saved"];
/// How the pieces begin that decide a run with an outcome.
const DECIDED: [(Outcome, &[&str]); 4] = [
    (Outcome::Hung, &["hung: ", "hung, by proof: "]),
    (Outcome::OomKilled, &["every required probe succeeded"]),
    (Outcome::Recovered, &["every required probe succeeded"]),
    (Outcome::Panicked, &["Kernel panic", "the guest's kernel reported a panic", "the guest reset itself"]),
];

/// The `most` heaviest pieces, in the order of the run; of equal ones the last. The rest is how many are left out.
pub(super) fn weightiest(run: &RunJson, most: usize) -> (Vec<&EvidenceJson>, usize) {
    let mut order: Vec<usize> = (0..run.evidence.len()).collect();
    order.sort_by_key(|&at| (weight(run, &run.evidence[at].text), std::cmp::Reverse(at)));
    order.truncate(most);
    order.sort_unstable();
    (order.iter().map(|&at| &run.evidence[at]).collect(), run.evidence.len() - order.len())
}

fn weight(run: &RunJson, text: &str) -> Weight {
    let begins = |name: &str| text.strip_prefix(name).is_some_and(|rest| rest.starts_with(": "));
    let decides = |words: &[&str]| words.iter().any(|word| text.starts_with(word));
    let decided = match run.outcome {
        Some(outcome) => DECIDED.iter().any(|(of, words)| *of == outcome && decides(words)),
        None => run.inconclusive.is_some_and(|reason| begins(reason.name())),
    };
    if decided {
        Weight::Decided
    } else if begins("proof of a hang")
        || run.mechanism.is_some_and(|mechanism| begins(mechanism.name()) || loops(text))
    {
        Weight::Why
    } else if text.starts_with("kswapd ") {
        Weight::Kswapd
    } else if decides(&COURSE) || COURSE_WITHIN.iter().any(|words| text.contains(words)) {
        Weight::Course
    } else {
        Weight::Other
    }
}

/// Whether a piece says how it is known that tasks loop in the allocator, which three of the mechanisms rest on.
fn loops(text: &str) -> bool {
    ["task loops in the allocator: ", "tasks loop in the allocator: "].iter().any(|words| text.contains(words))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::read_events;
    use crate::scenario::Mechanism;
    use crate::verdict::judge;
    use std::fs;
    use std::path::Path;

    fn pieces(texts: &[&str]) -> RunJson {
        let piece = |(seq, text): (u64, &&str)| EvidenceJson { seq, time_s: 1.0, text: (*text).to_owned() };
        RunJson { evidence: (0..).zip(texts).map(piece).collect(), ..crate::results::sample() }
    }

    #[test]
    fn what_decides_is_shown_however_much_follows() {
        let many = ["movement: 1 page"; 20];
        let hung = ["kswapd has been blocked for 10.0 s", "hung: fault silent", "oom-deadlock: x has not died"];
        let run = RunJson { mechanism: Some(Mechanism::OomDeadlock), ..pieces(&[&hung[..], &many[..]].concat()) };
        let (shown, more) = weightiest(&run, 5);
        let texts: Vec<&str> = shown.iter().map(|piece| piece.text.as_str()).collect();
        assert_eq!((texts, more), ([&hung[..], &many[..2]].concat(), 18));
        assert_eq!(shown.last().unwrap().seq, 22, "of those that weigh the same the last");
        assert_eq!(weightiest(&pieces(&hung), 8).1, 0);
    }

    /// The words are the verdict's own: where they change, these do.
    #[test]
    fn of_every_recorded_run_it_is_known_what_decided_it() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus");
        let mut blocked = 0;
        for file in fs::read_dir(corpus).unwrap() {
            let file = file.unwrap().path();
            let text = fs::read_to_string(&file).unwrap();
            let events = read_events(text.split_once('\n').unwrap().1.as_bytes()).unwrap();
            let run = RunJson::of_verdict("s", &judge(&events), jiff::Timestamp::UNIX_EPOCH);
            let (shown, more) = weightiest(&run, 8);
            let has = |weight| shown.iter().any(|piece| super::weight(&run, &piece.text) == weight);
            assert!(has(Weight::Decided), "{}: {shown:#?}", file.display());
            assert!(run.mechanism.is_none() || has(Weight::Why), "{}: {shown:#?}", file.display());
            assert_eq!(shown.len() + more, run.evidence.len());
            let of_kswapd = |pieces: &[EvidenceJson]| pieces.iter().any(|piece| piece.text.starts_with("kswapd "));
            assert_eq!(has(Weight::Kswapd), of_kswapd(&run.evidence), "{}", file.display());
            blocked += usize::from(of_kswapd(&run.evidence));
        }
        assert!(blocked > 0, "no recorded run tells of kswapd");
    }
}
