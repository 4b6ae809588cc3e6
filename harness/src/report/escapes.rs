//! What was tried against a hang, in words.
//! Lives here: a line for each try, and one for what the user did not wait for.
//! May not live here: which are tried and when (`run`), or what each changed (`verdict`).

use crate::event::Phase;
use crate::results::{EscapeJson, RunJson};
use crate::scenario::Outcome;

/// All that is tried, in the order in which `run` tries it.
const ALL: [&str; 3] = ["sysrq-f", "release", "sysrq-i"];

/// The lines of a run, empty where it did not hang. Who ended it did not wait for the last try, and the others were not made: that nothing
/// helped is not known then.
pub(super) fn lines(run: &RunJson) -> Vec<String> {
    let cut_off = cut_off(run);
    let last = run.escapes.len().wrapping_sub(1);
    let line = |(index, escape): (usize, &EscapeJson)| line(escape, (cut_off && index == last).then_some(run.fair_s));
    let mut lines: Vec<String> = run.escapes.iter().enumerate().map(line).collect();
    if cut_off {
        let untried: Vec<&str> =
            ALL.into_iter().filter(|name| run.escapes.iter().all(|escape| escape.action != *name)).collect();
        let untried = match untried[..] {
            [] => String::new(),
            _ => format!("; not tried: {}", untried.join(", ")),
        };
        lines.push(format!("ended by the user at {:.1} s{untried}", run.fair_s));
    }
    lines
}

/// Whether the user ended it before something had helped or all had been tried.
fn cut_off(run: &RunJson) -> bool {
    let over = run.phases.iter().any(|phase| phase.phase == Phase::Collect);
    run.outcome == Some(Outcome::Hung) && run.is_cancelled() && run.ended_by.is_none() && !over
}

/// What was tried when, whether it helped, and what it changed. `cut_off_s` is when the user ended the run, if that was within its time.
fn line(escape: &EscapeJson, cut_off_s: Option<f64>) -> String {
    let helped = match (escape.answered_after_s, cut_off_s) {
        (Some(after), _) => format!("the guest answered after {after:.1} s"),
        (None, Some(ended)) => format!("did not help within the {:.1} s that it had", ended - escape.tried_at_s),
        (None, None) => "did not help".to_owned(),
    };
    let mut line = format!("{} at {:.1} s: {helped}", escape.action, escape.tried_at_s);
    let counted = [(escape.kills, "OOM kill", "OOM kills"), (escape.exits, "process ended", "processes ended")];
    for (count, one, many) in counted.into_iter().filter(|(count, ..)| *count > 0) {
        line += &format!(", {count} {}", if count == 1 { one } else { many });
    }
    if escape.freed_kib > 0 {
        line += &format!(", {:.1} MiB more free", escape.freed_kib as f64 / 1024.0);
    }
    let back: Vec<String> =
        escape.came_back.iter().map(|one| format!("{} after {:.1} s", one.probe, one.after_s)).collect();
    if !back.is_empty() {
        line += &format!("; {}", back.join(", "));
    }
    line
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::event::{Kind, Rules};
    use crate::run::sim::Sim;
    use jiff::Timestamp;

    /// A guest that hangs and that nothing wakes.
    fn hangs() -> Sim {
        let mut sim = Sim::new(Rules { frozen_for_ms: 60_000, ..Rules::default() }).boots();
        sim.until(Phase::Pressure).seconds(8);
        sim.mood.silent = vec!["fault", "spawn"];
        sim.mood.work = 0;
        sim
    }

    fn ended(sim: &mut Sim) -> RunJson {
        RunJson::of_verdict("s", &sim.finish(), Timestamp::UNIX_EPOCH)
    }

    #[test]
    fn what_nothing_helped_against_was_tried_in_every_way() {
        let run = ended(&mut hangs());
        assert_eq!(run.escapes.iter().map(|escape| escape.action.as_str()).collect::<Vec<_>>(), ALL);
        assert!(lines(&run).iter().all(|line| line.contains(": did not help")) && !run.is_cancelled());
    }

    #[test]
    fn what_the_user_did_not_wait_for_is_not_said_to_have_failed() {
        let mut sim = hangs();
        sim.until(Phase::Escapes).seconds(4);
        sim.emit(Kind::Cancelled);
        let run = ended(&mut sim);
        assert_eq!((run.outcome, run.cancelled, run.ended_by.as_deref()), (Some(Outcome::Hung), true, None));
        let [tried, rest] = &lines(&run)[..] else { panic!("{:?}", lines(&run)) };
        assert!(
            tried.starts_with("sysrq-f at ") && tried.contains("did not help within the 4.0 s that it had"),
            "{tried}"
        );
        assert!(rest.starts_with("ended by the user at ") && rest.ends_with("; not tried: release, sysrq-i"), "{rest}");
        assert!(run.evidence.iter().any(|piece| piece.text.starts_with("ended by the user")), "{:#?}", run.evidence);
        assert!(serde_json::to_string(&run).unwrap().contains(r#""cancelled":true"#));
    }

    #[test]
    fn all_was_tried_where_the_user_ended_it_later() {
        let mut sim = hangs();
        sim.mood.obeys = false;
        sim.until(Phase::Collect);
        sim.emit(Kind::Cancelled);
        let run = ended(&mut sim);
        assert!(run.cancelled && run.escapes.len() == ALL.len() && run.ended_by.is_none());
        assert!(lines(&run).iter().all(|line| !line.contains("user")), "{:?}", lines(&run));
    }
}
