//! Which pieces of a verdict's evidence are shown where there is no room for all.
//! Lives here: that choice.
//! May not live here: what is evidence, and what it weighs (`verdict`), or how it is drawn.

use crate::results::{EvidenceJson, RunJson};
use crate::verdict::Weight;

/// The `most` heaviest pieces, in the order of the run; of equal ones the last. The rest is how many are left out.
pub(super) fn weightiest(run: &RunJson, most: usize) -> (Vec<&EvidenceJson>, usize) {
    let weights: Vec<Weight> = run.evidence.iter().map(|piece| piece.weight).collect();
    let shown = heaviest(&weights, most);
    (shown.iter().map(|&at| &run.evidence[at]).collect(), weights.len() - shown.len())
}

/// Where the `most` heaviest are, in ascending order; of equal ones the last.
pub(super) fn heaviest(weights: &[Weight], most: usize) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&at| (weights[at], std::cmp::Reverse(at)));
    order.truncate(most);
    order.sort_unstable();
    order
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::read_events;
    use crate::verdict::{Weight, judge};
    use std::fs;
    use std::path::Path;

    #[test]
    fn what_decides_is_shown_however_much_follows() {
        let weights = [&[Weight::Kswapd, Weight::Decided, Weight::Why][..], &[Weight::Other; 20]].concat();
        let piece =
            |(seq, weight): (u64, &Weight)| EvidenceJson { seq, time_s: 1.0, weight: *weight, text: String::new() };
        let evidence = (0..).zip(&weights).map(piece).collect();
        let run = RunJson { evidence, ..crate::results::sample() };
        let shown = |most| {
            let (shown, more) = weightiest(&run, most);
            (shown.iter().map(|piece| piece.seq).collect::<Vec<u64>>(), more)
        };
        assert_eq!(shown(5), (vec![0, 1, 2, 21, 22], 18), "of those that weigh the same the last");
        assert_eq!(shown(1), (vec![1], 22));
        assert_eq!(shown(30).1, 0);
    }

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
            let has = |weight| shown.iter().any(|piece| piece.weight == weight);
            assert!(has(Weight::Decided), "{}: {shown:#?}", file.display());
            assert!(run.mechanism.is_none() || has(Weight::Why), "{}: {shown:#?}", file.display());
            assert_eq!(shown.len() + more, run.evidence.len());
            let of_kswapd = run.evidence.iter().any(|piece| piece.weight == Weight::Kswapd);
            assert_eq!(has(Weight::Kswapd), of_kswapd, "{}", file.display());
            blocked += usize::from(of_kswapd);
        }
        assert!(blocked > 0, "no recorded run tells of kswapd");
    }
}
