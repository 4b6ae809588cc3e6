//! Escapes from a hang: what was tried, in which order, and what each changed how fast.
//! Lives here: the list, and to which escape a change is put down: the last that was tried.
//! May not live here: which are tried and when (`run`), or when a guest hangs.

use serde::Serialize;

/// One attempt to end a hang. Times are fair time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Escape {
    /// `sysrq-f`, `release` or `sysrq-i`.
    pub action: String,
    /// When it was tried, in milliseconds since the start of the run.
    pub at_ms: u64,
    /// OOM kills that the log shows after it, before the next.
    pub kills: u64,
    /// Processes of the workload that ended after it, before the next, as far as the agent reaps them.
    pub exits: u64,
    /// How much more memory was free at most, until the next, than when it was tried, in kB.
    pub freed_kb: u64,
    /// Required probes that were silent when it was tried and then answered, in the order of their answers.
    pub came_back: Vec<CameBack>,
    /// Until every required probe had answered again; for SysRq-i, which kills the probes as well, until the agent had
    /// reported their deaths. `None`: not within the time it was given.
    pub answered_after_ms: Option<u64>,
}

impl Escape {
    /// Whether it ended the hang.
    pub fn helped(&self) -> bool {
        self.answered_after_ms.is_some()
    }

    /// Whether it kills the probes too, so that their deaths are an answer.
    fn kills_probes(&self) -> bool {
        self.action == "sysrq-i"
    }
}

/// A probe that answered again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CameBack {
    /// Which.
    pub probe: String,
    /// How long after the escape, in milliseconds.
    pub after_ms: u64,
}

#[derive(Debug, Default)]
pub(super) struct Escapes {
    list: Vec<Escape>,
    /// Of the last: probes that are silent still, and MemFree when it was tried.
    silent: Vec<String>,
    free_kb: u64,
}

impl Escapes {
    /// Something is tried against a hang in which these probes are silent.
    pub fn tried(&mut self, action: &str, now_ms: u64, silent: &[&str], free_kb: u64) {
        self.silent = silent.iter().map(|&probe| probe.to_owned()).collect();
        self.free_kb = free_kb;
        self.list.push(Escape { action: action.to_owned(), at_ms: now_ms, ..Escape::default() });
    }

    /// The OOM killer killed.
    pub fn kill(&mut self) {
        if let Some(last) = self.list.last_mut() {
            last.kills += 1;
        }
    }

    /// A process of the workload was reaped.
    pub fn exit(&mut self) {
        if let Some(last) = self.list.last_mut() {
            last.exits += 1;
        }
    }

    /// A beat told how much memory is free.
    pub fn free(&mut self, free_kb: u64) {
        if let Some(last) = self.list.last_mut() {
            last.freed_kb = last.freed_kb.max(free_kb.saturating_sub(self.free_kb));
        }
    }

    /// A probe succeeded.
    pub fn answer(&mut self, probe: &str, now_ms: u64) {
        if let Some(last) = self.list.last_mut()
            && let Some(at) = self.silent.iter().position(|silent| silent == probe)
        {
            last.came_back.push(CameBack { probe: self.silent.remove(at), after_ms: now_ms - last.at_ms });
        }
    }

    /// Time passed: whether the last has brought the guest back just now, in words. `answered`: every required probe has
    /// succeeded since it; `or_died`: has succeeded or is dead.
    pub fn judge(&mut self, now_ms: u64, answered: bool, or_died: bool) -> Option<String> {
        let last = self.list.last_mut().filter(|last| !last.helped())?;
        let back = answered || (last.kills_probes() && or_died);
        if !back {
            return None;
        }
        let after_ms = now_ms - last.at_ms;
        last.answered_after_ms = Some(after_ms);
        Some(format!("{} brought the guest back within {} s", last.action, after_ms / 1000))
    }

    /// Whether the last has brought the guest back.
    pub fn helped(&self) -> bool {
        self.list.last().is_some_and(Escape::helped)
    }

    /// All, in their order.
    pub fn into_list(self) -> Vec<Escape> {
        self.list
    }
}
