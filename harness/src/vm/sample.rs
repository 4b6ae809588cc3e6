//! How the host treats QEMU: stopped, kept waiting, stolen from.
//! Lives here: snapshots of /proc, and what passed between two of them.
//! May not live here: what lost time means (`verdict` subtracts it).

use crate::event::Tick;
use std::collections::BTreeMap;
use std::time::Duration;

/// One look at QEMU and the host's processors. All times are nanoseconds since some start.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// QEMU is stopped: state `T` or `t` in /proc/PID/stat.
    pub stopped: bool,
    /// QEMU's threads by their ids.
    pub threads: BTreeMap<u32, Thread>,
    /// The host's processors.
    pub host: Processors,
}

/// Time of all processors of the host, as the `cpu` line in /proc/stat has it, in its own unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Processors {
    /// How many there are.
    pub count: u64,
    /// Time that somebody else had while there was work: field 8.
    pub steal: u64,
    /// Time with nothing to do, or waiting for I/O: fields 4 and 5.
    pub idle: u64,
    /// All time: fields 1 to 8 (guest time is within user time).
    pub total: u64,
}

/// A thread of QEMU.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    /// On a processor or waiting for one: state `R` in /proc/PID/task/TID/stat.
    pub runnable: bool,
    /// In an uninterruptible wait, for a disk or for memory that the host has to fetch: state `D`.
    pub blocked: bool,
    /// Time on a processor: first field of /proc/PID/task/TID/schedstat.
    pub run_ns: u64,
    /// Time waited for a processor: the second. A wait is added when it ends.
    pub wait_ns: u64,
}

impl Thread {
    /// From the texts of a thread's `stat` and `schedstat`; `None` where they are not what proc(5) says.
    pub fn parse(stat: &str, schedstat: &str) -> Option<Self> {
        let mut fields = schedstat.split_ascii_whitespace().map(str::parse);
        let (run_ns, wait_ns, state) = (fields.next()?.ok()?, fields.next()?.ok()?, state(stat)?);
        Some(Self { runnable: state == 'R', blocked: state == 'D', run_ns, wait_ns })
    }
}

/// The state letter in a `stat`: the first word after the name, which is in parentheses and may itself contain some.
fn state(stat: &str) -> Option<char> {
    stat.rsplit_once(')')?.1.trim_start().chars().next()
}

impl Processors {
    /// From the text of /proc/stat.
    fn parse(stat: &str) -> Option<Self> {
        let mut lines = stat.lines();
        let fields = lines.next()?.strip_prefix("cpu ")?.split_ascii_whitespace();
        let numbers: Vec<u64> = fields.take(8).map(str::parse).collect::<Result<_, _>>().ok()?;
        let count = lines.take_while(|line| line.starts_with("cpu")).count() as u64;
        Some(Self {
            count,
            steal: *numbers.get(7)?,
            idle: numbers.get(3)? + numbers.get(4)?,
            total: numbers.iter().sum(),
        })
    }

    /// What a thread may have lost to steal in `elapsed`: its share of what the processors did not idle away, and no more than all of them
    /// lost together.
    fn stolen(self, before: Self, elapsed: u64) -> u64 {
        let grown = |of: fn(Self) -> u64| u128::from(of(self).saturating_sub(of(before)));
        let (steal, total) = (grown(|all| all.steal), grown(|all| all.total));
        let wanted = total.saturating_sub(grown(|all| all.idle));
        let share = (steal * u128::from(elapsed)).checked_div(wanted).unwrap_or(0);
        let all = (steal * u128::from(elapsed) * u128::from(self.count)).checked_div(total).unwrap_or(0);
        u64::try_from(share.min(all)).unwrap_or(u64::MAX).min(elapsed)
    }
}

impl Snapshot {
    /// From the texts of /proc/PID/stat, of each thread's `stat` and `schedstat`, and of /proc/stat.
    pub fn parse<'a>(
        process: &str,
        threads: impl IntoIterator<Item = (u32, &'a str, &'a str)>,
        host: &str,
    ) -> Option<Self> {
        let threads = threads.into_iter().filter_map(|(id, stat, sched)| Some((id, Thread::parse(stat, sched)?)));
        let stopped = matches!(state(process)?, 'T' | 't');
        Some(Self { stopped, threads: threads.collect(), host: Processors::parse(host).unwrap_or_default() })
    }

    /// Reads /proc; `None` where the process is gone. Nothing here waits for a disk or for the process.
    pub fn read(pid: u32) -> Option<Self> {
        let process = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).ok()?;
        let texts: Vec<(u32, String, String)> = tasks
            .filter_map(|task| {
                let path = task.ok()?.path();
                let text = |name| std::fs::read_to_string(path.join(name)).ok();
                Some((path.file_name()?.to_str()?.parse().ok()?, text("stat")?, text("schedstat")?))
            })
            .collect();
        let host = std::fs::read_to_string("/proc/stat").unwrap_or_default();
        Self::parse(&process, texts.iter().map(|(id, stat, sched)| (*id, stat.as_str(), sched.as_str())), &host)
    }
}

/// Turns snapshots into ticks.
#[derive(Clone, Debug, Default)]
pub struct Sampler {
    before: Option<Snapshot>,
    /// Waits that have been counted although the kernel has not added them yet, by thread.
    advanced: BTreeMap<u32, u64>,
}

impl Sampler {
    /// What passed since the step before, which is `elapsed` ago. The first step, and one without a snapshot, lost
    /// nothing. No loss exceeds `elapsed`.
    pub fn step(&mut self, now: Option<Snapshot>, elapsed: Duration) -> Tick {
        let elapsed = u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX);
        let tick = match (&self.before, &now) {
            (Some(before), Some(now)) => between(before, now, elapsed, &mut self.advanced),
            _ => Tick::default(),
        };
        self.before = now;
        tick
    }
}

/// A stop is seen at its ends only, so a stretch with a stop at either end counts whole.
fn between(before: &Snapshot, now: &Snapshot, elapsed: u64, advanced: &mut BTreeMap<u32, u64>) -> Tick {
    let mut tick = Tick {
        stopped_ns: if before.stopped || now.stopped { elapsed } else { 0 },
        steal_ns: now.host.stolen(before.host, elapsed),
        ..Tick::default()
    };
    advanced.retain(|id, _| now.threads.contains_key(id));
    for (id, now) in &now.threads {
        let then = before.threads.get(id);
        let run = now.run_ns.saturating_sub(then.map_or(0, |then| then.run_ns));
        let grown = now.wait_ns.saturating_sub(then.map_or(0, |then| then.wait_ns));
        let still = |state: fn(&Thread) -> bool| then.is_some_and(state) && state(now) && run == 0;
        let wait = if still(|thread| thread.blocked) {
            // The kernel adds such a wait nowhere.
            elapsed
        } else if still(|thread| thread.runnable) && grown == 0 {
            *advanced.entry(*id).or_default() += elapsed;
            elapsed
        } else {
            // What a wait adds when it ends has been counted in part.
            grown.saturating_sub(advanced.remove(id).unwrap_or(0)).min(elapsed)
        };
        tick.wait_ns = tick.wait_ns.max(wait);
        tick.cpu_ns = tick.cpu_ns.saturating_add(run);
    }
    tick
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used)]
    use super::*;

    const QUARTER: Duration = Duration::from_millis(250);
    const MS: u64 = 1_000_000;

    fn snapshot(state: char, threads: &[(u32, char, u64, u64)], steal: u64) -> Snapshot {
        let texts: Vec<_> = threads
            .iter()
            .map(|(id, state, run, wait)| {
                (*id, format!("{id} (CPU (0)/TCG) {state} 1 2"), format!("{} {} 9\n", run * MS, wait * MS))
            })
            .collect();
        let host = format!("cpu  10 0 5 {} 0 0 0 {steal} 3 0\ncpu0 1 2 3\ncpu1 1 2 3\nintr 7\n", 100 - steal);
        let threads = texts.iter().map(|(id, stat, sched)| (*id, stat.as_str(), sched.as_str()));
        Snapshot::parse(&format!("7 (qemu) x) {state} 1 7"), threads, &host).unwrap()
    }

    fn ticks(snapshots: impl IntoIterator<Item = Snapshot>) -> Vec<Tick> {
        let mut sampler = Sampler::default();
        snapshots.into_iter().map(|now| sampler.step(Some(now), QUARTER)).collect()
    }

    #[test]
    fn the_longest_wait_of_all_threads_counts() {
        let ticks = ticks([
            snapshot('S', &[(7, 'S', 10, 1), (8, 'R', 100, 5)], 0),
            snapshot('S', &[(7, 'S', 20, 4), (8, 'R', 200, 65), (9, 'S', 1, 30)], 0),
        ]);
        assert_eq!(ticks[0], Tick::default());
        assert_eq!(ticks[1], Tick { wait_ns: 60 * MS, cpu_ns: 111 * MS, ..Tick::default() });
    }

    #[test]
    fn a_wait_that_has_not_ended_counts_and_counts_once() {
        let waiting = snapshot('R', &[(8, 'R', 100, 0)], 0);
        let ended = snapshot('R', &[(8, 'R', 110, 600)], 0);
        let ticks = ticks([waiting.clone(), waiting.clone(), waiting, ended.clone(), ended]);
        let waits: Vec<u64> = ticks.iter().map(|tick| tick.wait_ns / MS).collect();
        assert_eq!(waits, [0, 250, 250, 100, 250], "the last stretch begins another wait");
    }

    #[test]
    fn a_thread_that_waits_for_the_hosts_disk_waits_for_the_host() {
        let blocked = snapshot('S', &[(8, 'D', 100, 0)], 0);
        let ran = snapshot('S', &[(8, 'D', 101, 0)], 0);
        let ticks = ticks([blocked.clone(), blocked, ran.clone(), snapshot('S', &[(8, 'S', 101, 0)], 0), ran]);
        let waits: Vec<u64> = ticks.iter().map(|tick| tick.wait_ns / MS).collect();
        assert_eq!(waits, [0, 250, 0, 0, 0], "one that ran meanwhile, or was free at an end, has got on");
    }

    #[test]
    fn a_sleeping_thread_waits_for_nothing() {
        let idle = snapshot('S', &[(8, 'S', 100, 7)], 0);
        assert_eq!(ticks([idle.clone(), idle])[1], Tick::default());
    }

    #[test]
    fn no_loss_exceeds_the_time_that_passed() {
        let ticks = ticks([snapshot('S', &[(8, 'S', 0, 0)], 0), snapshot('S', &[(8, 'S', 0, 90_000)], 0)]);
        assert_eq!(ticks[1].wait_ns, 250 * MS);
    }

    #[test]
    fn stops_and_steal() {
        let stopped = snapshot('T', &[(8, 'T', 0, 0)], 30);
        let ticks = ticks([snapshot('S', &[(8, 'S', 0, 0)], 0), stopped.clone(), stopped, snapshot('t', &[], 30)]);
        assert_eq!(ticks[1].stopped_ns, 250 * MS);
        assert_eq!(ticks[1].steal_ns, 0, "the total in these texts stands still, so there is no share");
    }

    #[test]
    fn steal_is_a_share_of_what_was_wanted() {
        let before = Processors { count: 8, ..Processors::default() };
        let quarter = 250 * MS;
        // Units of 10 ms: 25 for each processor.
        let stolen = |steal, idle| Processors { count: 8, steal, idle, total: 200 }.stolen(before, quarter) / MS;
        assert_eq!(stolen(20, 0), 25, "all are wanted: a tenth of each");
        assert_eq!(stolen(18, 176), 180, "one is wanted, and has 6 of its 24");
        assert_eq!(stolen(1, 198), 10, "one that wants little has lost no more than was stolen");
        assert_eq!(Processors::default().stolen(before, quarter), 0, "nothing passed");
    }

    #[test]
    fn a_process_that_is_gone_loses_nothing() {
        let mut sampler = Sampler::default();
        sampler.step(Some(snapshot('S', &[], 0)), QUARTER);
        assert_eq!(sampler.step(None, QUARTER), Tick::default());
        assert_eq!(sampler.step(Some(snapshot('T', &[], 0)), QUARTER), Tick::default());
    }

    #[test]
    fn reads_this_very_process() {
        let snapshot = Snapshot::read(std::process::id()).unwrap();
        assert!(!snapshot.stopped && snapshot.host.total > 0 && snapshot.host.count > 0);
        assert!(snapshot.threads.values().any(|thread| thread.run_ns > 0), "{snapshot:?}");
        assert_eq!(Snapshot::read(0), None);
    }
}
