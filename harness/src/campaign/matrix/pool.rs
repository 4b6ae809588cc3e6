//! How many guests run at once.
//! Lives here: the bounds, and whether one more fits.
//! May not live here: looking at the host.

/// What a guest takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Need {
    /// Virtual processors. One that spins takes a whole core.
    pub cpus: u32,
    /// Memory in bytes, QEMU's own included.
    pub memory: u64,
}

/// The host's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Guests at once, where the user says so.
    pub jobs: Option<u32>,
    /// Processors.
    pub cores: u32,
    /// Bytes of memory that guests may take.
    pub memory: u64,
}

/// What QEMU takes beside its guest's memory, in bytes; seen: 60 to 110 MiB under TCG with 2 virtual processors.
const QEMU: u64 = 160 << 20;

impl Need {
    /// Of a guest with so many processors and bytes of memory.
    pub fn of(cpus: u32, memory: u64) -> Self {
        Self { cpus, memory: memory + QEMU }
    }
}

impl Pool {
    /// Whether `next` may run beside those that do. A first one always may: it would never get more room.
    pub fn fits(&self, running: &[Need], next: Need) -> bool {
        if running.is_empty() {
            return true;
        }
        let cpus = running.iter().map(|need| need.cpus).sum::<u32>() + next.cpus;
        let memory = running.iter().map(|need| need.memory).sum::<u64>() + next.memory;
        let few = match self.jobs {
            Some(jobs) => running.len() < jobs as usize,
            None => cpus <= self.cores,
        };
        few && memory <= self.memory
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn a_core_for_each_processor_or_as_the_user_says() {
        let pool = Pool { jobs: None, cores: 4, memory: 4096 * MIB };
        let two = Need::of(2, 256 * MIB);
        assert!(pool.fits(&[], Need::of(64, 64 << 30)), "one always runs");
        assert!(pool.fits(&[two], two) && !pool.fits(&[two, two], two));
        let pool = Pool { jobs: Some(3), ..pool };
        assert!(pool.fits(&[two, two], two) && !pool.fits(&[two, two, two], two));
        assert!(!pool.fits(&[two], Need::of(1, 4000 * MIB)), "memory bounds all the same");
    }
}
