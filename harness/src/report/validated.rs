//! A validation as Markdown, fit for a patch mail.
//! Lives here: its wording.
//! May not live here: the answer (`campaign::compare`).

use super::sides::{sides, wrap};
use crate::campaign::compare::{Answer, Judged, Side, Validated};
use std::fmt::Write;

/// The whole: answer, kernels, a table for each scenario, what the answer rests on, the command line.
pub fn validated(done: &Validated) -> String {
    let mut text = format!("**{}**", done.answer.text());
    if done.answer == Answer::Undecided {
        let _ = write!(text, " at {} runs", runs(done));
    }
    text += if done.interrupted { " (interrupted)\n\n" } else { "\n\n" };
    for (what, side) in ["without", "with"].into_iter().zip(&done.kernels) {
        let _ = writeln!(text, "{}", wrap(&kernel(side), &format!("- {what}: "), "  "));
    }
    if done.same_image {
        text += "- both are the same image, byte for byte\n";
    }
    if let Some(host) = &done.host {
        let _ = writeln!(
            text,
            "{}",
            wrap(&format!("{}, {}; oomph {}", host.qemu, host.accelerator, host.oomph), "- ", "  ")
        );
    }
    for one in &done.scenarios {
        let _ = write!(text, "\n{}\n\n{}", head(one), sides(&one.sides, ["without", "with"]));
    }
    let _ = write!(text, "\n{}\n\n    {}\n", rules(done), done.command);
    text
}

fn runs(done: &Validated) -> u64 {
    done.scenarios.iter().map(|one| one.sides.runs.iter().sum::<u64>()).sum()
}

/// `name, release (origin), image 0123456789ab`.
pub(super) fn kernel(side: &Side) -> String {
    let Some(identity) = &side.identity else { return format!("{}, no runs", side.name) };
    let hash: String = identity.hash.chars().take(12).collect();
    let mut text = format!("{}, {} ({}), image {hash}", side.name, identity.release, identity.origin);
    if let Some(build) = identity.build.as_ref().filter(|build| !build.patches.is_empty()) {
        let patch = |patch: &crate::kernel::Patch| {
            format!("{} ({})", patch.name, patch.hash.chars().take(12).collect::<String>())
        };
        let _ = write!(text, "; patches {}", build.patches.iter().map(patch).collect::<Vec<_>>().join(", "));
    }
    text
}

fn head(one: &Judged) -> String {
    let runs: u64 = one.sides.runs.iter().sum();
    let what = if one.guard { "guard " } else { "" };
    let pairs = match (one.answer, one.pairs) {
        (Answer::Undecided, _) => format!("{runs} runs"),
        (_, pairs) => format!("after {pairs} pairs of runs"),
    };
    format!("### {what}{}: {}, {pairs}", one.scenario, one.answer.text())
}

/// What the answer rests on, with its error rates.
pub(super) fn rules(done: &Validated) -> String {
    let percent = |rate: f64| format!("{} %", (rate * 1000.0).round() / 10.0);
    let points = format!("{} points", (done.rules.difference * 1000.0).round() / 10.0);
    let shared = match done.scenarios.len() {
        0 | 1 => String::new(),
        tests => format!(" (shared by {tests} tests, {:.1} % each)", done.rules_of_each.alpha * 100.0),
    };
    let text = format!(
        "A run is bad where {}. One run on each kernel is a pair; which kernel begins alternates. A sequential test (e-values of 2×2 \
         tables, valid whenever one stops) ends the runs: a false *fixes* or *regresses* has a probability of at most {}{shared}, a false \
         *no difference shown* of at most {} where the rates of bad runs are {points} or more apart; at most {} runs a scenario and \
         kernel. Inconclusive runs count for neither. The p values are those of tests whose number of runs is fixed before: for the \
         eye, the answer does not rest on them.",
        done.bad_when,
        percent(done.rules.alpha),
        percent(done.rules.beta),
        done.max_runs
    );
    wrap(&text, "", "")
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::campaign::HUNG;
    use crate::campaign::compare::{Rules, Trial, Trials};
    use crate::event::Reason;
    use crate::results::{HostJson, KernelJson, RunJson, sample};
    use crate::scenario::Outcome;

    fn done() -> Validated {
        let identity = |hash: &str| KernelJson {
            release: "6.1.192".into(),
            hash: hash.repeat(16),
            origin: "linux-source-6.1 6.1.192-2, built here".into(),
            ..KernelJson::default()
        };
        let host = HostJson {
            qemu: "QEMU emulator version 7.2.22".into(),
            accelerator: "kvm".into(),
            oomph: "0.1.0".into(),
            ..HostJson::default()
        };
        let run = |side: usize, outcome: Option<Outcome>, max_stall_s: f64| RunJson {
            outcome,
            inconclusive: outcome.is_none().then_some(Reason::QemuDied),
            mechanism: None,
            max_stall_s,
            kernel_identity: identity(["1234", "abcd"][side]),
            host: host.clone(),
            result: Some(format!("results/s/{side}").into()),
            ..sample()
        };
        let hung = || (0..5).map(|n| run(0, Some(Outcome::Hung), 121.0 + f64::from(n))).collect::<Vec<_>>();
        let killed = |side| (0..6).map(|n| run(side, Some(Outcome::OomKilled), 1.5 + f64::from(n))).collect::<Vec<_>>();
        let mut fixed = killed(1);
        fixed[2] = run(1, None, 0.0);
        let trial = |scenario: &str, guard, runs| Trial { scenario: scenario.into(), guard, runs };
        let trials = Trials {
            trials: vec![
                trial("xfs-inode-mutex", false, [hung(), fixed]),
                trial("panic-on-oom", true, [killed(0), killed(1)]),
            ],
            rules: Rules::default(),
            max_runs: 20,
            bad_when: HUNG.parse().unwrap(),
        };
        let command = "oomph validate scenarios/xfs-inode-mutex.yaml --kernel k --patch fix.patch".into();
        Validated::of(&trials, ["k".into(), "k+fix".into()], Answer::Fixes, false, command)
    }

    #[test]
    fn a_validation_reads_well_and_fits_a_mail() {
        let text = validated(&done());
        insta::assert_snapshot!(text);
        let long = |line: &&str| line.chars().count() > super::super::sides::WIDTH && !line.starts_with("    ");
        assert_eq!(text.lines().find(long), None);
    }

    #[test]
    fn its_json_is_the_documented_one() {
        insta::assert_json_snapshot!(done());
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut some = done();
        (some.answer, some.interrupted, some.same_image) = (Answer::Undecided, true, true);
        some.kernels[1].identity = None;
        some.scenarios[0].answer = Answer::Undecided;
        let text = validated(&some);
        for part in
            ["**undecided** at 23 runs (interrupted)", "- with: k+fix, no runs", "same image", "undecided, 11 runs"]
        {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
