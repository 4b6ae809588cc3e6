//! Counts of many runs, as text.
//! Lives here: the lines of a row.
//! May not live here: counting (`campaign`).

use crate::campaign::Row;

/// Two lines: what was run, and what it came to.
pub fn row(row: &Row) -> String {
    let runs = if row.runs == 1 { "run" } else { "runs" };
    let conclusive: u64 = row.outcomes.values().map(|share| share.runs).sum();
    let outcomes = row.outcomes.iter().map(|(name, share)| {
        let percent = |share: f64| (share * 100.0).round();
        let (low, high) = (percent(share.interval.low), percent(share.interval.high));
        format!("{name} {} of {conclusive} ({low}–{high} %)", share.runs)
    });
    let inconclusive = row.inconclusive.iter().map(|(reason, runs)| format!("inconclusive ({reason}) {runs}"));
    let ends: Vec<String> = outcomes.chain(inconclusive).collect();
    format!(
        "{} on {} ({}): {} {runs}, {} as expected\n  {}; {}–{} kills, longest stalls {:.1}–{:.1} s",
        row.scenario,
        row.kernel,
        row.origin,
        row.runs,
        row.expected,
        ends.join(", "),
        row.kills.0,
        row.kills.1,
        row.max_stall_s.0,
        row.max_stall_s.1,
    )
}

#[cfg(test)]
mod tests {
    use crate::campaign::summarise;
    use crate::event::Reason;
    use crate::results::{RunJson, sample};

    #[test]
    fn a_row_reads_well() {
        let mut run = sample();
        run.kernel_identity.origin = "linux-image 6.1.1".into();
        let run = RunJson { scenario: "s".into(), kernel: "k".into(), max_stall_s: 61.5, expected: true, ..run };
        let lost = RunJson { outcome: None, inconclusive: Some(Reason::QemuDied), expected: false, ..run.clone() };
        let rows = summarise([&run, &run, &lost]);
        assert_eq!(
            super::row(&rows[0]),
            "s on k (linux-image 6.1.1): 3 runs, 2 as expected\n  \
             hung 2 of 2 (34–100 %), inconclusive (qemu-died) 1; 1–1 kills, longest stalls 61.5–61.5 s"
        );
    }
}
