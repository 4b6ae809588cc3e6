//! OOM kills: who was killed, when, and whether it counts.
//! Lives here: the list, roles, the rule of what counts.
//! May not live here: how a kill reads in a log (`kmsg`).

use crate::event::{Event, Kind, Phase};
use crate::kmsg::{self, Scope};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// One OOM kill.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Kill {
    /// Fair time in milliseconds since the start of the run.
    pub at_ms: u64,
    /// Fair time in milliseconds since pressure began; `None` before it.
    pub pressure_ms: Option<u64>,
    /// The phase it fell into.
    pub phase: Phase,
    /// Whose limit was hit.
    pub scope: Scope,
    /// The victim's process id.
    pub pid: u64,
    /// The victim's name.
    pub victim: String,
    /// What the victim was to us.
    pub role: Role,
    /// Whether it makes a run *oom-killed*: its scope is one that the scenario asks about, it fell between the start of
    /// pressure and release, and neither we nor SysRq-f caused it.
    pub counts: bool,
}

/// What a victim was to us. In our own image there is nothing besides the probes and what the workload started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Role {
    /// The workload or what it started.
    Workload,
    /// A probe, or the agent itself.
    Probe,
}

/// The kills of a run so far, and what it takes to tell which of them count.
#[derive(Debug, Default)]
pub(crate) struct Kills {
    list: Vec<Kill>,
    ours: BTreeSet<u64>,
    pressure_from_ms: Option<u64>,
    pressed: u64,
    released: bool,
}

/// More kills than this are counted but not listed: no list without a bound.
const LISTED: usize = 10_000;

impl Kills {
    /// Takes in what decides which kills count: our own processes, the start of pressure, and that from release on we kill
    /// ourselves. `now_ms` is fair time.
    pub fn observe(&mut self, event: &Event, now_ms: u64) {
        match &event.kind {
            Kind::Probe { pid, .. } => {
                self.ours.insert(*pid);
            }
            Kind::Phase { phase: Phase::Pressure } => {
                self.pressure_from_ms.get_or_insert(now_ms);
            }
            Kind::Released { .. } => self.released = true,
            Kind::Command { command, attempt: 1 } if command == oomph_wire::words::command::RELEASE => {
                self.released = true;
            }
            _ => {}
        }
    }

    /// Takes a kill in; gives it back as it was entered.
    pub fn add(&mut self, said: &kmsg::Kill, phase: Phase, now_ms: u64, memcg: bool) -> Kill {
        let in_scope = memcg || said.scope != Scope::Memcg;
        let agent = said.pid == 1 || self.ours.contains(&u64::from(said.pid));
        let kill = Kill {
            at_ms: now_ms,
            pressure_ms: self.pressure_from_ms.map(|from| now_ms - from),
            phase,
            scope: said.scope,
            pid: u64::from(said.pid),
            victim: said.comm.clone(),
            role: if agent { Role::Probe } else { Role::Workload },
            counts: in_scope && self.pressure_from_ms.is_some() && !self.released && !said.manual,
        };
        self.pressed += u64::from(kill.pressure_ms.is_some());
        if self.list.len() < LISTED {
            self.list.push(kill.clone());
        }
        kill
    }

    /// Whether pressure has begun.
    pub fn under_pressure(&self) -> bool {
        self.pressure_from_ms.is_some()
    }

    /// Kills of whatever scope since then, listed or not.
    pub fn since_pressure(&self) -> u64 {
        self.pressed
    }

    /// All kills, in their order.
    pub fn list(&self) -> &[Kill] {
        &self.list
    }

    /// The kills that count.
    pub fn counting(&self) -> impl Iterator<Item = &Kill> {
        self.list.iter().filter(|kill| kill.counts)
    }
}
