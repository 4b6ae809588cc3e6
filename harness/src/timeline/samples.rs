//! The guest once a second: memory, work, and the share of time that was lost to waiting.
//! Lives here: how a heartbeat and the counters around it become a sample; thinning.
//! May not live here: when anything happened in fair time (`fold` says so).

use super::{MAX_SAMPLES, Sample};
use crate::event::{Beat, Counters};

/// The samples so far: never more than twice [`MAX_SAMPLES`].
#[derive(Debug, Default)]
pub(super) struct Samples {
    kept: Vec<Sample>,
    /// The sample that is being put together of `every` ones.
    open: Option<Sample>,
    together: u32,
    every: u32,
    /// What the counters said last, and what they had said before the last sample.
    last: Option<Waited>,
    before: Option<Waited>,
}

/// Totals of the time that tasks have waited, in microseconds.
#[derive(Clone, Debug)]
struct Waited {
    guest_ns: Option<u64>,
    fair_ms: u64,
    mem_some: Option<u64>,
    mem_full: Option<u64>,
    io_full: Option<u64>,
}

impl Waited {
    /// Time since an earlier look in microseconds: by the guest's own clock, in which the totals are, where both have it.
    fn since_us(&self, before: &Self) -> u64 {
        match (self.guest_ns, before.guest_ns) {
            (Some(now), Some(then)) => now.saturating_sub(then) / 1000,
            _ => self.fair_ms.saturating_sub(before.fair_ms) * 1000,
        }
    }
}

impl Samples {
    /// The kernel's counters.
    pub fn counters(&mut self, counters: &Counters, guest_ns: Option<u64>, fair_ms: u64) {
        let waited = Waited {
            guest_ns,
            fair_ms,
            mem_some: counters.mem_some_us,
            mem_full: counters.mem_full_us,
            io_full: counters.io_full_us,
        };
        self.before.get_or_insert_with(|| waited.clone());
        self.last = Some(waited);
    }

    /// A heartbeat.
    pub fn beat(&mut self, beat: &Beat, at_s: f64) {
        let mut sample = Sample {
            at_s,
            free_kib: beat.free_kb,
            file_kib: beat.file_kb,
            anon_kib: beat.anon_kb,
            swap_free_kib: beat.swapfree_kb,
            work: beat.work,
            ..Sample::default()
        };
        if let (Some(last), Some(before)) = (&self.last, &self.before)
            && let us @ 1.. = last.since_us(before)
        {
            let share = |total: fn(&Waited) -> Option<u64>| {
                let waited = total(last)?.saturating_sub(total(before)?);
                Some((waited as f64 / us as f64).min(1.0))
            };
            sample.mem_some = share(|waited| waited.mem_some);
            sample.mem_full = share(|waited| waited.mem_full);
            sample.io_full = share(|waited| waited.io_full);
            self.before.clone_from(&self.last);
        }
        self.add(sample);
    }

    fn add(&mut self, sample: Sample) {
        self.open = Some(match self.open.take() {
            Some(open) => both(&open, sample, self.together),
            None => sample,
        });
        self.together += 1;
        if self.together >= self.every {
            self.close();
        }
        if self.kept.len() >= 2 * MAX_SAMPLES {
            self.halve();
        }
    }

    fn close(&mut self) {
        self.kept.extend(self.open.take());
        self.together = 0;
    }

    /// Two become one; from now on one more halving stands for one sample.
    fn halve(&mut self) {
        let halved =
            self.kept.chunks(2).filter_map(|pair| pair.iter().cloned().reduce(|first, second| both(&first, second, 1)));
        self.kept = halved.collect();
        self.every = self.every.max(1).saturating_mul(2);
    }

    /// All samples, at most [`MAX_SAMPLES`].
    pub fn finish(mut self) -> Vec<Sample> {
        self.close();
        while self.kept.len() > MAX_SAMPLES {
            self.halve();
        }
        self.kept
    }
}

/// One sample in place of two, of which the first stands for `weight`: the later one as it is, but with the mean of what is a share of
/// the time before.
fn both(first: &Sample, second: Sample, weight: u32) -> Sample {
    let mean = |a: Option<f64>, b: Option<f64>| match (a, b) {
        (Some(a), Some(b)) => Some((a * f64::from(weight) + b) / f64::from(weight + 1)),
        (a, b) => a.or(b),
    };
    Sample {
        mem_some: mean(first.mem_some, second.mem_some),
        mem_full: mean(first.mem_full, second.mem_full),
        io_full: mean(first.io_full, second.io_full),
        ..second
    }
}
