//! What the host does to the guest and sees of QEMU.
//! Lives here: keys, escapes, QEMU's words, the state that was taken.
//! May not live here: what the guest says, or what only time decides.

use super::Judge;
use crate::event::{NOT_PRESSED, Reason, Register, State, Stored};
use crate::scenario::Outcome;
use crate::verdict::{End, Weight};

impl Judge {
    pub(super) fn sysrq(&mut self, key: char) {
        self.guest.qemu_mute = false;
        match key {
            'f' => self.escape("sysrq-f"),
            'i' => self.escape("sysrq-i"),
            _ => {}
        }
    }

    /// Something that may end a hang. Before a hang it is no escape.
    pub(super) fn escape(&mut self, action: &str) {
        if self.end == Some(End::Outcome(Outcome::Hung)) {
            let now = self.clock.fair_ms();
            self.cause.close();
            self.escapes.tried(
                action,
                now,
                &self.probes.silent(now, self.rules.stall_after_ms),
                self.guest.beat.free_kb,
            );
            self.probes.mark(now, false);
        }
    }

    pub(super) fn qmp(&mut self, event: &str, data: &serde_json::Value) {
        self.guest.qemu_mute = event == NOT_PRESSED;
        let reason = data.get("reason").and_then(serde_json::Value::as_str);
        match event {
            "GUEST_PANICKED" => self.panicked("the guest's kernel reported a panic (pvpanic)".into()),
            "SHUTDOWN" if reason == Some("guest-reset") => self.panicked("the guest reset itself".into()),
            "BLOCK_IO_ERROR" if !self.asked_for(event, data) => {
                self.spoil(Reason::HostIoError, format!("QEMU could not read or write a disk: {data}"));
            }
            _ => {}
        }
    }

    /// The user ended the run. An outcome that stands goes on standing: it was judged before.
    pub(super) fn cancelled(&mut self) {
        self.cancelled = true;
        if self.end.is_some() {
            self.grave(Weight::Course, "ended by the user, with the outcome known already".into());
        } else {
            self.spoil(Reason::Cancelled, "ended by the user".into());
        }
    }

    pub(super) fn registers(&mut self, cpus: &[Register]) {
        let text = self.captured.registers(cpus);
        self.grave(Weight::Course, text);
    }

    pub(super) fn stored(&mut self, stored: Stored) {
        let text = self.captured.stored(stored);
        self.grave(Weight::Other, text);
    }

    pub(super) fn not_stored(&mut self, state: State, why: &str) {
        let text = self.captured.failed(state, why);
        self.grave(Weight::Course, text);
    }
}
