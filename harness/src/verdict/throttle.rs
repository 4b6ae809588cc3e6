//! How many tasks sat in the throttle of reclaimers, too_many_isolated(), and for how long.
//! Lives here: counting them over the pictures of a run.
//! May not live here: what that place looks like (`diagnose`). None of it decides anything.

use crate::diagnose::Kind;
use crate::event::Picture;
use crate::introspect::account::Between;
use serde::Serialize;

/// Tasks in the throttle, in all pictures of a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Throttled {
    /// The most at once.
    pub most: u32,
    /// Their time there in milliseconds of fair time, added up over tasks: of each picture's from the picture before.
    pub task_ms: u64,
}

/// The count so far.
#[derive(Debug, Default)]
pub(super) struct Throttle {
    /// By the stacks' numbers: whether it is one.
    stacks: Vec<bool>,
    between: Between,
    seen: Throttled,
}

impl Throttle {
    /// A picture was taken, at `now` of fair time.
    pub fn observe(&mut self, now: u64, picture: &Picture) {
        self.stacks.extend(picture.stacks.iter().map(|stack| stack.kind == Kind::Isolation.name()));
        let there = |stack: u32| self.stacks.get(stack as usize).copied().unwrap_or(false);
        let tasks = picture.seen.iter().filter(|(_, stack, _)| there(*stack)).count();
        let since = self.between.step(now);
        self.seen.most = self.seen.most.max(u32::try_from(tasks).unwrap_or(u32::MAX));
        self.seen.task_ms = self.seen.task_ms.saturating_add(since.saturating_mul(tasks as u64));
    }

    /// What all pictures have shown.
    pub fn seen(&self) -> Throttled {
        self.seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SampledStack;

    #[test]
    fn tasks_are_counted_and_their_time_is_added_up() {
        let stack = |kind: Kind| SampledStack { kind: kind.name().into(), folded: String::new() };
        let first = Picture {
            stacks: vec![stack(Kind::Allocator), stack(Kind::Isolation)],
            seen: vec![(7, 1, None), (8, 0, None)],
            ..Picture::default()
        };
        let later = |seen| Picture { seen, ..Picture::default() };
        let mut throttle = Throttle::default();
        throttle.observe(1_000, &first);
        throttle.observe(1_250, &later(vec![(7, 1, None), (8, 1, None), (9, 77, None)]));
        throttle.observe(1_500, &later(vec![(8, 0, None)]));
        throttle.observe(9_000, &later(vec![(8, 1, None)]));
        assert_eq!(throttle.seen(), Throttled { most: 2, task_ms: 500 });
    }
}
