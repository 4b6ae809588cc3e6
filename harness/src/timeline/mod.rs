//! What a run looked like over its time, for pictures of it.
//! Lives here: memory, work and pressure of the guest sampled over fair time, with what happened when; pure.
//! May not live here: drawing (`report`), judging, or I/O. No verdict rests on it.

mod fold;
mod samples;
mod silence;
#[cfg(test)]
mod tests;

pub use fold::Fold;

use crate::event::{Event, Phase};

/// A run over its time. All times are seconds of fair time since the start of the run, as in run.json.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Timeline {
    /// The length of the run.
    pub length_s: f64,
    /// Samples, one for each heartbeat, in their order; of a long run every second, fourth, … so that there are at most
    /// [`MAX_SAMPLES`]. A sample's shares are then the means over those that it stands for.
    pub samples: Vec<Sample>,
    /// The phases, each with when it began, in their order.
    pub phases: Vec<(Phase, f64)>,
    /// What took a while: stalls of each probe, host faults; by when they began.
    pub spans: Vec<Span>,
    /// What happened at a moment: OOM kills, SysRq keys, the end of the workload.
    pub marks: Vec<Mark>,
}

/// Most samples that are kept.
pub const MAX_SAMPLES: usize = 240;
/// Most phases, spans and marks that are kept of each; the first ones.
pub const MAX_KEPT: usize = 10_000;

impl Timeline {
    /// Folds a whole stream.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut fold = Fold::default();
        for event in events {
            fold.observe(event);
        }
        fold.finish()
    }
}

/// The guest at a heartbeat.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sample {
    /// When.
    pub at_s: f64,
    /// MemFree in KiB.
    pub free_kib: u64,
    /// Active(file) + Inactive(file) in KiB.
    pub file_kib: u64,
    /// AnonPages in KiB.
    pub anon_kib: u64,
    /// SwapFree in KiB.
    pub swap_free_kib: u64,
    /// The workload's count of work done.
    pub work: u64,
    /// Share of the time since the sample before in which some task waited for memory, 0 to 1; `None` where the kernel
    /// has no PSI or said nothing meanwhile.
    pub mem_some: Option<f64>,
    /// The same for all tasks at once.
    pub mem_full: Option<f64>,
    /// The same for I/O, all tasks at once.
    pub io_full: Option<f64>,
}

/// Something that took a while.
#[derive(Clone, Debug, PartialEq)]
pub struct Span {
    /// What it was.
    pub what: Spanned,
    /// The probe's name, or the fault as the scenario writes it.
    pub name: String,
    /// From when.
    pub from_s: f64,
    /// Until when; the run's end where it did not end.
    pub to_s: f64,
}

/// What a [`Span`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spanned {
    /// A required probe was silent for as long as makes a stall, at some time between pressure and collect. The span is the silence
    /// itself, from the probe's last line on.
    Stall,
    /// The host did something to the guest.
    Fault,
}

/// Something that happened at a moment.
#[derive(Clone, Debug, PartialEq)]
pub struct Mark {
    /// What it was.
    pub what: Marked,
    /// In a few words.
    pub name: String,
    /// When.
    pub at_s: f64,
}

/// What a [`Mark`] is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marked {
    /// The OOM killer killed. The name is that of the victim with its pid, and says where a kill does not count.
    Kill,
    /// The host pressed a SysRq key.
    Sysrq,
    /// The workload was released, or its main process ended.
    Workload,
    /// The guest's kernel panicked.
    Panic,
}
