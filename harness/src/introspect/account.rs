//! How much time each task spent where, over all pictures of a run.
//! Lives here: the time that a picture speaks for; adding up; folded stacks, of which flame graphs are made.
//! May not live here: pictures themselves, or how the account is shown.

use crate::event::{Picture, SampledStack};
use std::collections::BTreeMap;

/// Between two pictures that are further apart than this nobody looked: the time in between is nobody's, in milliseconds.
const GAP_MS: u64 = 3_000;

/// The time from picture to picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Between {
    last_ms: Option<u64>,
}

impl Between {
    /// A picture was taken at `at_ms`: for how long it speaks, back to the one before. None where nobody looked in between.
    pub fn step(&mut self, at_ms: u64) -> u64 {
        let since = self.last_ms.replace(at_ms).map_or(0, |last| at_ms.saturating_sub(last));
        if since > GAP_MS { 0 } else { since }
    }
}

/// The account of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Account {
    stacks: Vec<SampledStack>,
    names: BTreeMap<u32, String>,
    between: Between,
    times: BTreeMap<(u32, Spent), Time>,
    folded: BTreeMap<(u32, u32), u64>,
    pictures: u64,
}

/// On what time is spent: a kind of place, and the lock where it is one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spent {
    /// The kind; see [`crate::diagnose::Kind`].
    pub kind: String,
    /// The lock in words.
    pub lock: Option<String>,
}

/// Time, as far as pictures show it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Time {
    /// Fair time in milliseconds: from each picture that shows it back to the one before.
    pub ms: u64,
    /// Pictures that show it.
    pub pictures: u64,
}

/// A line of the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row<'a> {
    /// Thread id.
    pub pid: u32,
    /// Its last name.
    pub comm: &'a str,
    /// On what.
    pub spent: &'a Spent,
    /// How much.
    pub time: Time,
}

impl Account {
    /// Takes a picture in that was taken at `at_ms` of fair time.
    pub fn observe(&mut self, at_ms: u64, picture: &Picture) {
        self.stacks.extend(picture.stacks.iter().cloned());
        self.names.extend(picture.names.iter().cloned());
        let since = self.between.step(at_ms);
        self.pictures += 1;
        for &(pid, stack, lock) in &picture.seen {
            let kind = self.stacks.get(stack as usize).map_or_else(String::new, |stack| stack.kind.clone());
            let lock = lock.and_then(|lock| picture.locks.get(lock as usize)).map(|lock| lock.name.clone());
            let time = self.times.entry((pid, Spent { kind, lock })).or_default();
            time.ms += since;
            time.pictures += 1;
            *self.folded.entry((pid, stack)).or_default() += 1;
        }
    }

    /// Pictures taken in.
    pub fn pictures(&self) -> u64 {
        self.pictures
    }

    /// The account's lines, the longest time first.
    pub fn rows(&self) -> Vec<Row<'_>> {
        let mut rows: Vec<Row<'_>> = self
            .times
            .iter()
            .map(|((pid, spent), time)| Row { pid: *pid, comm: self.name(*pid), spent, time: *time })
            .collect();
        rows.sort_by_key(|row| (std::cmp::Reverse((row.time.ms, row.time.pictures)), row.pid));
        rows
    }

    /// A task's last name.
    pub fn name(&self, pid: u32) -> &str {
        self.names.get(&pid).map_or("?", String::as_str)
    }

    /// A stack by its number.
    pub fn stack(&self, number: u32) -> Option<&SampledStack> {
        self.stacks.get(number as usize)
    }

    /// Folded stacks, a line each: the task's name and its functions, outermost first, and how many pictures show it.
    pub fn folded(&self) -> String {
        let mut lines: BTreeMap<String, u64> = BTreeMap::new();
        for (&(pid, stack), count) in &self.folded {
            let functions = self.stacks.get(stack as usize).map_or("", |stack| stack.folded.as_str());
            // A name may have what separates here.
            let name: String =
                self.name(pid).chars().map(|c| if c == ';' || c.is_whitespace() { '_' } else { c }).collect();
            let functions = if functions.is_empty() { "?" } else { functions };
            *lines.entry(format!("{name};{functions}")).or_default() += count;
        }
        lines.iter().map(|(stack, count)| format!("{stack} {count}\n")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SeenLock;

    fn picture(seen: Vec<(u32, u32, Option<u32>)>) -> Picture {
        let locks = vec![SeenLock { name: "i_rwsem of vdb:/f0".into(), ..SeenLock::default() }];
        Picture { seen, locks, ..Picture::default() }
    }

    #[test]
    fn time_is_added_up_by_task_and_place() {
        let mut account = Account::default();
        let stack = |kind: &str, folded: &str| SampledStack { kind: kind.into(), folded: folded.into() };
        let first = Picture {
            stacks: vec![stack("lock", "write;down_write"), stack("allocator", "write;__alloc_pages")],
            names: vec![(7, "a b".into()), (8, "hog".into())],
            ..picture(vec![(7, 0, Some(0)), (8, 1, None)])
        };
        account.observe(1_000, &first);
        account.observe(1_250, &picture(vec![(7, 0, Some(0)), (8, 1, None)]));
        account.observe(1_500, &picture(vec![(8, 1, None)]));
        account.observe(9_000, &picture(vec![(8, 1, None)]));
        let told: Vec<_> = account
            .rows()
            .iter()
            .map(|row| (row.pid, row.spent.kind.clone(), row.spent.lock.clone(), row.time.ms, row.time.pictures))
            .collect();
        let lock = Some("i_rwsem of vdb:/f0".to_owned());
        assert_eq!(told, [(8, "allocator".into(), None, 500, 4), (7, "lock".into(), lock, 250, 2)]);
        assert_eq!(account.folded(), "a_b;write;down_write 2\nhog;write;__alloc_pages 4\n");
    }
}
