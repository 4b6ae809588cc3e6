//! The rules that time decides: stalls, hangs, escapes, deadlines, the conclusion.
//! Lives here: what a tick can end a run with.
//! May not live here: what events mean when they arrive (that is the parent).

use super::{Judge, SETTLE_GRACE_MS, Stall};
use crate::diagnose::Circumstances;
use crate::event::{Phase, ProofUse, Reason, sentence};
use crate::scenario::Outcome;
use crate::verdict::{End, Proof, View, Weight};

impl Judge {
    pub(super) fn time_passes(&mut self) {
        let now = self.clock.fair_ms();
        if self.faults.any() {
            // What stands under a fault may go on with its end.
            self.watch.moved();
        }
        if self.under_judgement() {
            self.probes.tick(now);
            self.max_stall_ms = self.max_stall_ms.max(self.probes.longest_ms());
            self.judge_stall(now);
        }
        self.judge_escape(now);
        self.judge_deadlines();
    }

    fn judge_stall(&mut self, now: u64) {
        let silent: Vec<&str> = self.probes.silent(now, self.rules.stall_after_ms);
        let Some(stall) = self.stalls.last_mut().filter(|stall| stall.ended_ms.is_none()) else {
            if let Some((_, age)) = self.probes.oldest(now).filter(|_| !silent.is_empty()) {
                let stall = Stall::declare(&silent, age, now);
                let names = stall.probes.join(", ");
                self.stalls.push(stall);
                self.movement.restart();
                self.chains.restart();
                self.cause.stalled();
                self.note(Weight::Course, format!("stalled: no answer from {names} for {} s", age / 1000));
            }
            return;
        };
        if silent.is_empty() {
            stall.ended_ms = Some(now);
            let (length, movements) = (now - stall.since_ms, stall.movements);
            self.note(
                Weight::Course,
                format!("the stall ended by itself after {} s and {movements} movements", length / 1000),
            );
            return;
        }
        if self.faults.any() {
            stall.hold(now);
            self.cause.moved();
        }
        stall.tick(now);
        let (frozen, lasted, since) = (stall.frozen_ms(now), now - stall.declared_ms, stall.since_ms);
        let names = silent.join(", ");
        let proof = self.watch.proof(now).cloned();
        if let Some(proof) = proof.filter(|_| self.proof.is_none()) {
            self.proven(now, since, proof);
        } else if frozen >= self.rules.frozen_for_ms {
            let age = self.probes.oldest(now).map_or(0, |(_, age)| age);
            let (frozen, age) = (frozen / 1000, age / 1000);
            let text = format!("hung: {names} silent, for {age} s by now, and nothing has moved for {frozen} s");
            self.hung(now, since, text);
        } else if lasted >= self.rules.stall_max_ms {
            let detail = format!("{names} silent, but the guest still moves after {} s of stall", lasted / 1000);
            self.spoil(Reason::StillThrashing, detail);
        }
    }

    /// The waiting goes round and stands.
    fn proven(&mut self, now: u64, stall_ms: u64, proof: Proof) {
        let stood = (proof.last_ms - proof.since_ms) / 1000;
        let text = format!("the same cycle for {stood} s, in {} pictures: {}", proof.pictures, sentence(&proof.steps));
        self.proof = Some(proof);
        if self.rules.proof == ProofUse::Decides {
            self.hung(now, stall_ms, format!("hung, by proof: {text}"));
        } else {
            self.note(Weight::Why, format!("proof of a hang: {text}"));
        }
    }

    /// It hangs, unless it is QEMU that does.
    fn hung(&mut self, now: u64, stall_ms: u64, text: String) {
        if self.guest.qemu_mute {
            self.spoil(Reason::QemuMute, "QEMU did not press the last SysRq key, and has said nothing since".into());
            return;
        }
        self.chain = self.chains.most().filter(|_| self.proof.is_none());
        let silent = self.probes.silent(now, self.rules.stall_after_ms);
        self.cause.hung(Circumstances {
            seq: self.seq,
            now_ms: now,
            stall_ms,
            beat_silent: silent.contains(&oomph_wire::words::source::BEAT),
            reclaims: None,
            free_kb: self.guest.beat.free_kb,
            min_kb: self.pressure.min_kb,
        });
        self.decide(End::Outcome(Outcome::Hung), text);
    }

    fn judge_escape(&mut self, now: u64) {
        if let Some(text) = self.escapes.judge(now, self.probes.answered(1), self.probes.answered_or_died()) {
            self.note(Weight::Course, text);
        }
    }

    fn judge_deadlines(&mut self) {
        if self.end.is_some() {
            return;
        }
        let View { phase_ms, calm_ms, stalled, fair_ms, wall_ms, answered_twice, .. } = self.view();
        let calm = !stalled && self.in_phase(&[Phase::Lift, Phase::Verify]);
        if wall_ms >= self.rules.wall_ms {
            let (fair, wall) = (fair_ms / 1000, wall_ms / 1000);
            self.spoil(Reason::HostStarved, format!("after {wall} s the guest has had {fair} s, too few to be judged"));
        } else if self.in_phase(&[Phase::Boot]) && phase_ms >= self.rules.boot_ms {
            let line = std::mem::take(&mut self.guest.last_line);
            let remark = Some(&self.guest.last_remark).filter(|text| !text.is_empty());
            let remark = remark.map(|text| format!("{text}; ")).unwrap_or_default();
            let detail = format!("not ready after {} s; {remark}last on the console: {line:?}", phase_ms / 1000);
            self.spoil(Reason::NoBoot, detail);
        } else if self.in_phase(&[Phase::Settle]) && phase_ms >= self.rules.settle_ms + SETTLE_GRACE_MS {
            let detail = format!("at rest, within {} s, {}", phase_ms / 1000, self.describe_wanting());
            self.spoil(Reason::NotSettled, detail);
        } else if calm && calm_ms >= self.rules.stall_max_ms {
            let detail = format!("no stall for {} s, but one of the probes is always late", calm_ms / 1000);
            self.spoil(Reason::StillThrashing, detail);
        } else if calm && self.in_phase(&[Phase::Verify]) && self.probes.awake(fair_ms) {
            // Two answers of a moment ago are none of a probe that is silent now.
            if answered_twice {
                self.conclude();
            } else if calm_ms >= self.rules.verify_ms {
                let detail = self.describe_wanting();
                self.spoil(Reason::ProbeFailing, detail);
            }
        }
    }

    fn describe_wanting(&self) -> String {
        let wanting = self.probes.wanting(2).into_iter().map(|(name, error)| match error {
            Some(error) => format!("{name} answers with errors ({error:?})"),
            None => format!("{name} has not succeeded twice"),
        });
        wanting.collect::<Vec<_>>().join(", ")
    }

    /// The guest answers again, or has never ceased to.
    fn conclude(&mut self) {
        let kills = self.kills.counting().count();
        if kills > 0 {
            self.decide(
                End::Outcome(Outcome::OomKilled),
                format!("every required probe succeeded twice after release; {kills} kills that count"),
            );
        } else if let Some(failure) = self.guest.workload_failed.take() {
            self.spoil(Reason::WorkloadFailed, failure);
        } else if !self.pressure.started && self.guest.beat.work == 0 {
            self.spoil(Reason::WorkloadFailed, "the agent has not told of its start, nor of any work done".into());
        } else if let Some(untold) = self.pressure.untold(self.kills.since_pressure()) {
            self.spoil(Reason::KillsLost, untold);
        } else if let Some(pressure) = self.pressure.seen().map(str::to_owned) {
            self.decide(
                End::Outcome(Outcome::Recovered),
                format!("every required probe succeeded twice after release; no kill; there was pressure: {pressure}"),
            );
        } else {
            let detail = "no direct reclaim, no kill, and free memory never under twice the min watermark";
            self.spoil(Reason::NoPressure, detail.into());
        }
    }
}
