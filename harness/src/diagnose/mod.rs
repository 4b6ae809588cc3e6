//! Where the guest's tasks are stuck, and what kind of hang that is.
//! Lives here: re-exports; dumps of the kernel's log → tasks with stacks → places → who waited where for how long →
//! the mechanism. Pure: text and numbers in, values out.
//! May not live here: I/O, clocks, how a log line is dressed (`kmsg::line`), or whether a guest is hung (`verdict`).

mod dump;
mod frame;
mod header;
mod history;
mod mechanism;
mod memory;
mod names;
mod place;
mod table;
mod victims;
mod waits;

pub use dump::{Item, Reader};
pub use frame::Frame;
pub(crate) use frame::plain;
pub use header::Header;
pub use history::{Dump, DumpKind, History, Sighting, Source};
pub use mechanism::{Circumstances, Finding, Piece};
pub(crate) use mechanism::{REAPER_MS, RECLAIM_PER_S};
pub use memory::Memory;
pub(crate) use memory::{kb, kb_of};
pub(crate) use names::{charges_cgroup, flushes, holds_isolated, is_allocator, waits_for_clean};
pub(crate) use place::classify;
pub use place::{Kind, Place};
pub use victims::Victim;
pub use waits::{Wait, WaitingTask};

use crate::kmsg::Message;

/// Everything that a run's console tells of its tasks. Fed line by line; bounded, whatever is fed.
#[derive(Clone, Debug, Default)]
pub struct Diagnosis {
    reader: Reader,
    history: History,
    victims: victims::Victims,
    memory: Vec<(u64, Memory)>,
}

/// Readings of memory that are kept: the first, and the newest.
const MEMORY_KEPT: usize = 16;

impl Diagnosis {
    /// A diagnosis of a console on which timestamps are required (ours always are) or absent.
    pub fn new(timestamps: crate::kmsg::Timestamps) -> Self {
        Self { reader: Reader::new(timestamps), ..Self::default() }
    }

    /// The guest's kernel, as `uname -r` names it: what the bits of a task's flags mean depends on it.
    pub fn release(&mut self, release: &str) {
        self.reader.release(release);
    }

    /// Takes in what the kernel-log parser found, before the line in which it found it.
    pub fn message(&mut self, seq: u64, at_ms: u64, message: &Message) {
        match message {
            Message::Sysrq { what } => {
                self.finish();
                self.history.sysrq(at_ms, what);
            }
            other => self.victims.message(seq, at_ms, other),
        }
    }

    /// Takes in a console line: event `seq`, at `at_ms` of fair time.
    pub fn line(&mut self, seq: u64, at_ms: u64, line: &str) {
        for item in self.reader.feed(seq, at_ms, line) {
            self.item(item);
        }
    }

    /// A stall begins: the account of who was seen where begins anew.
    pub fn stalled(&mut self) {
        self.finish();
        self.history.restart();
    }

    /// Ends what is open; more lines may follow.
    pub fn finish(&mut self) {
        for item in self.reader.finish() {
            self.item(item);
        }
    }

    fn item(&mut self, item: Item) {
        match item {
            Item::Task(sighting) => self.history.see(*sighting),
            Item::EndOfTasks => self.history.end_of_tasks(),
            Item::Memory { at_ms, memory } => {
                if self.memory.len() == MEMORY_KEPT {
                    self.memory.remove(1);
                }
                self.memory.push((at_ms, memory));
            }
        }
    }

    /// Tasks, dumps and what they say.
    pub fn history(&self) -> &History {
        &self.history
    }

    /// The OOM killer's victims, in their order.
    pub fn victims(&self) -> &[Victim] {
        self.victims.list()
    }

    /// What the kernel said of its memory, oldest first, with the fair time in milliseconds.
    pub fn memory(&self) -> &[(u64, Memory)] {
        &self.memory
    }

    /// Why a guest that is hung is hung.
    pub fn mechanism(&self, circumstances: &Circumstances) -> Finding {
        mechanism::find(self, circumstances)
    }
}

#[cfg(test)]
mod tests;
