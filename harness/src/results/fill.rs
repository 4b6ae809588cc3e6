//! From a verdict to run.json, and run.json against what was expected of the run.
//! Lives here: which field comes from where.
//! May not live here: choosing the expectation (it is stored with the run), or judging.

use super::run_json::{
    CameBackJson, ChainJson, CyclesJson, EscapeJson, EvidenceJson, HostJson, KernelJson, KillJson, LoginJson,
    PhaseJson, ProofJson, RunJson, SCHEMA, StallJson, StoredJson, ThrottledJson, WaitJson, WaitingTaskJson,
};
use crate::diagnose::{Wait, WaitingTask};
use crate::event::Stored;
use crate::scenario::{Expectation, Observed, check};
use crate::verdict::{Cycles, End, Escape, LoginTried, Proof, Standing, Throttled, Verdict};
use jiff::Timestamp;

/// Tasks listed by place, and places; the rest is counted.
const LISTED: usize = 64;

/// Milliseconds as seconds.
fn s(ms: u64) -> f64 {
    // Run times are far below 2^52 ms, where f64 is exact.
    ms as f64 / 1000.0
}

fn wait(wait: &Wait) -> WaitJson {
    let task = |task: &WaitingTask| WaitingTaskJson {
        pid: task.pid,
        comm: task.comm.clone(),
        state: task.state,
        first_s: s(task.first_ms),
        last_s: s(task.last_ms),
        seen: task.seen,
        of: task.of,
    };
    WaitJson {
        kind: wait.place.kind,
        function: wait.place.function.clone(),
        caller: wait.place.caller.clone(),
        in_allocator: wait.place.in_allocator,
        exiting: wait.place.exiting,
        count: wait.tasks.len() as u64,
        tasks: wait.tasks.iter().take(LISTED).map(task).collect(),
    }
}

fn cycles(seen: Cycles) -> Option<CyclesJson> {
    let Cycles { pictures, closed, longest_ms } = seen;
    (pictures > 0).then(|| CyclesJson { pictures, closed, longest_s: s(longest_ms) })
}

fn throttled(seen: Throttled) -> Option<ThrottledJson> {
    (seen.most > 0).then(|| ThrottledJson { most: seen.most, task_s: s(seen.task_ms) })
}

fn proof(proof: &Proof) -> ProofJson {
    ProofJson {
        since_s: s(proof.since_ms),
        until_s: s(proof.last_ms),
        pictures: proof.pictures,
        steps: proof.steps.clone(),
    }
}

fn chain(chain: &Standing) -> ChainJson {
    ChainJson {
        since_s: s(chain.since_ms),
        until_s: s(chain.last_ms),
        pictures: chain.pictures,
        of: chain.of,
        closed: chain.closed,
        steps: chain.steps.clone(),
    }
}

fn escape(escape: &Escape) -> EscapeJson {
    let came_back = escape.came_back.iter();
    EscapeJson {
        action: escape.action.clone(),
        tried_at_s: s(escape.at_ms),
        helped: escape.helped(),
        kills: escape.kills,
        exits: escape.exits,
        freed_kib: escape.freed_kb,
        came_back: came_back.map(|one| CameBackJson { probe: one.probe.clone(), after_s: s(one.after_ms) }).collect(),
        answered_after_s: escape.answered_after_ms.map(s),
    }
}

fn login(login: &LoginTried) -> LoginJson {
    LoginJson {
        n: login.n,
        phase: login.phase,
        began_s: s(login.began_ms),
        took_s: s(login.took_ms),
        passed: login.passed,
        ok: login.answer.map(|_| login.is_ok()),
        failed: login.failed.as_ref().map(|(stage, why)| format!("{}: {why}", stage.name())),
    }
}

fn stored(of: &Stored) -> StoredJson {
    StoredJson { state: of.state, bytes: of.bytes, stored: of.stored, wall_s: s(of.ms) }
}

impl RunJson {
    /// What a verdict alone can tell; the rest is empty.
    pub fn of_verdict(scenario: &str, verdict: &Verdict, started: Timestamp) -> Self {
        let (inconclusive, detail) = match &verdict.end {
            End::Inconclusive { reason, detail } => (Some(*reason), Some(detail.clone())),
            End::Outcome(_) => (None, None),
        };
        Self {
            schema: SCHEMA,
            scenario: scenario.to_owned(),
            kernel: String::new(),
            outcome: verdict.outcome(),
            mechanism: verdict.mechanism,
            inconclusive,
            detail,
            expectation: None,
            expected: verdict.outcome().is_some(),
            differences: Vec::new(),
            kills: verdict
                .kills
                .iter()
                .map(|kill| KillJson {
                    time_s: kill.pressure_ms.map(s),
                    phase: kill.phase,
                    scope: kill.scope,
                    victim: kill.victim.clone(),
                    pid: kill.pid,
                    role: kill.role,
                    counts: kill.counts,
                })
                .collect(),
            max_stall_s: s(verdict.max_stall_ms),
            longest_frozen_s: s(verdict.longest_frozen_ms),
            time_to_first_kill_s: verdict.first_kill_ms.map(s),
            stalls: verdict
                .stalls
                .iter()
                .map(|stall| StallJson {
                    since_s: s(stall.since_ms),
                    length_s: stall.ended_ms.map(|ended| s(ended - stall.since_ms)),
                    probes: stall.probes.clone(),
                    movements: stall.movements,
                    longest_frozen_s: s(stall.longest_frozen_ms),
                })
                .collect(),
            phases: verdict
                .phases
                .iter()
                .map(|time| PhaseJson { phase: time.phase, fair_s: s(time.fair_ms), wall_s: s(time.wall_ms) })
                .collect(),
            ended_by: verdict.ended_by().map(str::to_owned),
            escapes: verdict.escapes.iter().map(escape).collect(),
            cancelled: verdict.cancelled,
            waits: verdict.waits.iter().take(LISTED).map(wait).collect(),
            proof: verdict.proof.as_ref().map(proof),
            cycles: cycles(verdict.cycles),
            throttled: throttled(verdict.throttled),
            chain: verdict.chain.as_ref().map(chain),
            registers: verdict.captured.registers.clone(),
            stored: verdict.captured.stored.iter().map(stored).collect(),
            logins: verdict.logins.iter().map(login).collect(),
            evidence: verdict
                .evidence
                .iter()
                .map(|piece| EvidenceJson {
                    seq: piece.seq,
                    time_s: s(piece.at_ms),
                    weight: piece.weight,
                    text: piece.text.clone(),
                })
                .collect(),
            work: verdict.work,
            duration_s: s(verdict.wall_ms),
            fair_s: s(verdict.fair_ms),
            started,
            kernel_identity: KernelJson::default(),
            image: None,
            host: HostJson::default(),
            result: None,
        }
    }

    /// Holds the run against what is expected of it.
    pub fn expect(&mut self, expectation: Option<Expectation>) {
        self.expectation = expectation;
        self.assess();
    }

    /// Sets `expected` and `differences` from the outcome and the stored expectation.
    pub fn assess(&mut self) {
        let Some(expectation) = &self.expectation else {
            self.differences.clear();
            self.expected = self.outcome.is_some();
            return;
        };
        let counted = self.kills.iter().filter(|kill| kill.counts);
        let logins = self.logins.iter().filter(|login| login.counts());
        let seen = Observed {
            outcome: self.outcome,
            mechanism: self.mechanism,
            // Written as milliseconds, read back as the same.
            max_stall_ms: (self.max_stall_s * 1000.0).round() as u64,
            victims: counted.map(|kill| kill.victim.clone()).collect(),
            login_max_ms: logins.clone().map(|login| (login.took_s * 1000.0).round() as u64).max(),
            login_failed: logins.clone().find_map(|login| login.failed.clone()),
        };
        self.differences = check(expectation, &seen).iter().map(ToString::to_string).collect();
        self.expected = self.differences.is_empty();
    }

    /// Takes from a stored run what its events do not say: what ran where, and what was expected.
    pub fn adopt(&mut self, stored: Self) {
        self.kernel = stored.kernel;
        self.kernel_identity = stored.kernel_identity;
        self.image = stored.image;
        self.host = stored.host;
        self.started = stored.started;
        self.expectation = stored.expectation;
        self.result = stored.result;
    }
}
