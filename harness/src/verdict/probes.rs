//! The required probes: who has answered, and since when each is silent.
//! Lives here: ages and answers, in fair time.
//! May not live here: what silence means.
//!
//! A probe's age is the time since its last line, begin or end: between rounds it owes a begin within a second, within a
//! round an end. So a probe that is blocked, one that cannot print and one whose line was lost are treated alike, and a lost
//! line costs at most one round.

use crate::event::Answer;
use std::collections::BTreeMap;

/// From this age of a required probe on there is the first sign of a stall, in milliseconds. A sound guest at rest answers within
/// milliseconds, one under pressure within a second or two.
pub(crate) const SIGN_MS: u64 = 2_000;

#[derive(Debug, Default)]
pub(super) struct Probes {
    by_name: BTreeMap<String, Probe>,
}

#[derive(Debug, Default)]
struct Probe {
    heard_ms: u64,
    /// Newest round seen, by its begin or its end.
    round: u64,
    /// `round` at the last mark: only later rounds are fresh.
    marked: u64,
    /// Fresh rounds that ended, and those of them that succeeded.
    ended: u32,
    fresh: u32,
    failing: Option<Answer>,
    longest_ms: u64,
    died: bool,
}

impl Probes {
    /// The probes that must answer.
    pub fn new(required: &[String]) -> Self {
        Self { by_name: required.iter().map(|name| (name.clone(), Probe::default())).collect() }
    }

    /// Whether this probe is a required one.
    pub fn requires(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// From now on only rounds that begin later are fresh; ages count from now at most.
    pub fn mark(&mut self, now_ms: u64, fresh_start: bool) {
        for probe in self.by_name.values_mut() {
            probe.marked = probe.round;
            (probe.ended, probe.fresh) = (0, 0);
            if fresh_start {
                probe.heard_ms = now_ms;
                probe.longest_ms = 0;
            }
        }
    }

    /// A round began.
    pub fn begin(&mut self, name: &str, n: u64, now_ms: u64) {
        if let Some(probe) = self.by_name.get_mut(name) {
            probe.hear(now_ms);
            probe.round = probe.round.max(n);
        }
    }

    /// A round ended.
    pub fn end(&mut self, name: &str, n: u64, answer: Answer, now_ms: u64) {
        let Some(probe) = self.by_name.get_mut(name) else { return };
        probe.hear(now_ms);
        probe.round = probe.round.max(n);
        probe.failing = (answer != Answer::Ok).then_some(answer);
        if n > probe.marked {
            probe.ended += 1;
            probe.fresh += u32::from(answer == Answer::Ok);
        }
    }

    /// The probe's process is gone.
    pub fn died(&mut self, name: &str) {
        if let Some(probe) = self.by_name.get_mut(name) {
            probe.died = true;
        }
    }

    /// Time passed: keeps the longest age of each.
    pub fn tick(&mut self, now_ms: u64) {
        for probe in self.by_name.values_mut() {
            probe.longest_ms = probe.longest_ms.max(now_ms.saturating_sub(probe.heard_ms));
        }
    }

    /// Whether every required probe has succeeded in at least `times` rounds that began after the last mark.
    pub fn answered(&self, times: u32) -> bool {
        self.by_name.values().all(|probe| probe.fresh >= times)
    }

    /// Whether no required probe shows so much as the first sign of a stall.
    pub fn awake(&self, now_ms: u64) -> bool {
        self.silent(now_ms, SIGN_MS).is_empty()
    }

    /// Whether every required probe has ended a round that began after the last mark, with whatever answer, and all are awake.
    pub fn answer(&self, now_ms: u64) -> bool {
        self.by_name.values().all(|probe| probe.ended >= 1) && self.awake(now_ms)
    }

    /// Whether every required probe has answered since the last mark or is known to be dead, and one of them is dead.
    pub fn answered_or_died(&self) -> bool {
        self.by_name.values().all(|probe| probe.fresh >= 1 || probe.died)
            && self.by_name.values().any(|probe| probe.died)
    }

    /// The probe that has been silent for longest, with its age.
    pub fn oldest(&self, now_ms: u64) -> Option<(&str, u64)> {
        let age = |probe: &Probe| now_ms.saturating_sub(probe.heard_ms);
        self.by_name.iter().map(|(name, probe)| (name.as_str(), age(probe))).max_by_key(|(_, age)| *age)
    }

    /// Probes silent for at least `bound_ms`.
    pub fn silent(&self, now_ms: u64, bound_ms: u64) -> Vec<&str> {
        let late = |probe: &Probe| now_ms.saturating_sub(probe.heard_ms) >= bound_ms;
        self.by_name.iter().filter(|(_, probe)| late(probe)).map(|(name, _)| name.as_str()).collect()
    }

    /// Probes that have not succeeded in `times` fresh rounds, with their last error.
    pub fn wanting(&self, times: u32) -> Vec<(&str, Option<Answer>)> {
        let wanting = self.by_name.iter().filter(|(_, probe)| probe.fresh < times);
        wanting.map(|(name, probe)| (name.as_str(), probe.failing)).collect()
    }

    /// The longest age of any required probe since the last fresh start, in milliseconds.
    pub fn longest_ms(&self) -> u64 {
        self.by_name.values().map(|probe| probe.longest_ms).max().unwrap_or(0)
    }
}

impl Probe {
    fn hear(&mut self, now_ms: u64) {
        self.longest_ms = self.longest_ms.max(now_ms.saturating_sub(self.heard_ms));
        self.heard_ms = now_ms;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rounds_that_began_after_the_mark_are_fresh() {
        let mut probes = Probes::new(&["fault".into()]);
        probes.begin("fault", 1, 0);
        probes.mark(5, false);
        probes.end("fault", 1, Answer::Ok, 10);
        assert!(!probes.answered(1), "round 1 began before the mark");
        probes.begin("fault", 2, 11);
        probes.end("fault", 2, Answer::Errno(12), 12);
        assert_eq!(probes.wanting(1), vec![("fault", Some(Answer::Errno(12)))]);
        probes.end("fault", 3, Answer::Ok, 13);
        assert!(probes.answered(1), "its begin was lost, its number is enough");
    }

    #[test]
    fn an_answer_of_a_moment_ago_is_none_of_who_is_silent_now() {
        let mut probes = Probes::new(&["fault".into(), "file:data".into()]);
        probes.mark(0, false);
        for n in 1..=2 {
            probes.end("fault", n, Answer::Ok, 500 * n);
        }
        probes.end("file:data", 1, Answer::Errno(28), 2_500);
        assert!(probes.answer(2_500) && !probes.answered(1), "an error is an answer, and no success");
        assert!(!probes.answer(3_000), "the other has been silent for 2 s by now");
        probes.begin("fault", 3, 3_100);
        assert!(probes.answer(3_100));
        probes.mark(3_200, false);
        assert!(!probes.answer(3_200), "rounds of another phase");
    }

    #[test]
    fn an_age_counts_from_the_last_line() {
        let mut probes = Probes::new(&["beat".into(), "spawn".into()]);
        probes.end("spawn", 1, Answer::Ok, 1_000);
        probes.begin("beat", 1, 4_000);
        assert_eq!(probes.oldest(9_000), Some(("spawn", 8_000)));
        assert_eq!(probes.silent(11_000, 10_000), vec!["spawn"]);
        probes.tick(11_000);
        probes.end("spawn", 2, Answer::Ok, 12_500);
        assert_eq!(probes.longest_ms(), 11_500);
    }
}
