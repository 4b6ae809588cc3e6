//! The OOM killer's victims, and what the kernel said of each since.
//! Lives here: which victims the kernel still waits for, as far as its log tells.
//! May not live here: whether a victim is alive, which only a dump of tasks shows.

use crate::kmsg::{Message, Task};

/// Victims kept; of more the newest.
const MAX_VICTIMS: usize = 256;

/// A task that the OOM killer chose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Its id.
    pub pid: u32,
    /// Its name.
    pub comm: String,
    /// When, in milliseconds of fair time.
    pub at_ms: u64,
    /// The event that tells of it.
    pub seq: u64,
    /// Its memory was freed, or the kernel gave it up: from then on it keeps nobody from choosing another.
    pub settled: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Victims {
    list: Vec<Victim>,
}

impl Victims {
    pub fn list(&self) -> &[Victim] {
        &self.list
    }

    pub fn message(&mut self, seq: u64, at_ms: u64, message: &Message) {
        match message {
            Message::Kill(kill) => self.add(seq, at_ms, kill.pid, &kill.comm),
            Message::AlreadyExiting(Task { comm, pid }) => self.add(seq, at_ms, *pid, comm),
            Message::Reaped { task, .. } | Message::ReapFailed(task) | Message::MmPinned { victim: task, .. } => {
                self.list.iter_mut().filter(|victim| victim.pid == task.pid).for_each(|victim| victim.settled = true);
            }
            _ => {}
        }
    }

    fn add(&mut self, seq: u64, at_ms: u64, pid: u32, comm: &str) {
        if self.list.len() == MAX_VICTIMS {
            self.list.remove(0);
        }
        self.list.push(Victim { pid, comm: comm.to_owned(), at_ms, seq, settled: false });
    }
}
