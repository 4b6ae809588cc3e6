//! From a blocked task to its lock.
//! Lives here: the waiter on the task's stack, the list that it is on, and the lock at the end of that.
//! May not live here: who holds the lock.

use super::{Known, LockKind};
use crate::introspect::kernel::{KERNEL_HALF, Kernel};
use crate::introspect::stack::Stack;

/// Most waiters of one lock that are followed.
const MOST_WAITERS: usize = 4096;

/// The lock of the waiter on a stack. Each word that is the task's own address may be a waiter's `task`; it is one where its
/// neighbours point back at it.
pub(super) fn find(kernel: &Kernel<'_>, known: &Known<'_>, task: u64, stack: &Stack, kind: LockKind) -> Option<u64> {
    let fields = kind.fields();
    let to_task = kernel.layout.offset(fields.task)?;
    let to_list = kernel.layout.offset(fields.list)?;
    let own = stack.addressed().filter(|&(_, word)| word == task);
    own.map(|(at, _)| at.wrapping_sub(to_task)).find_map(|waiter| {
        let link = waiter.wrapping_add(to_list);
        linked(kernel, link).then(|| owner_of_list(kernel, known, stack, link, to_list, to_task, kind)).flatten()
    })
}

/// Whether the neighbours of a link point back at it.
fn linked(kernel: &Kernel<'_>, link: u64) -> bool {
    let neighbour = |at: u64| kernel.space.word(at).filter(|&address| address >= KERNEL_HALF);
    let (Some(next), Some(previous)) = (neighbour(link), neighbour(link.wrapping_add(8))) else { return false };
    kernel.space.word(next.wrapping_add(8)) == Some(link) && kernel.space.word(previous) == Some(link)
}

/// Whether a link is in a waiter: on the stack of the task that it names.
fn is_waiter(kernel: &Kernel<'_>, known: &Known<'_>, link: u64, to_list: u64, to_task: u64) -> Option<u64> {
    let waiter = link.wrapping_sub(to_list);
    let task = kernel.space.word(waiter.wrapping_add(to_task))?;
    known.get(&task).is_some_and(|(_, stack)| stack.holds(waiter)).then_some(task)
}

/// The lock whose waiters are linked with `link`.
fn owner_of_list(
    kernel: &Kernel<'_>,
    known: &Known<'_>,
    stack: &Stack,
    link: u64,
    to_list: u64,
    to_task: u64,
    kind: LockKind,
) -> Option<u64> {
    let to_waiters = kernel.layout.offset(kind.fields().waiters)?;
    let mut ring = vec![link];
    let mut at = kernel.space.word(link)?;
    while at != link && ring.len() < MOST_WAITERS {
        if is_waiter(kernel, known, at, to_list, to_task).is_none() {
            // No waiter: the list's head, which is in the lock.
            return Some(at.wrapping_sub(to_waiters));
        }
        ring.push(at);
        at = kernel.space.word(at)?;
    }
    // A ring without a head (7.0 and later): a lock points at one of its waiters, and the waiting function has the lock's address.
    let points_here = |lock: u64| {
        let first = kernel.space.word(lock.wrapping_add(to_waiters)).map(|waiter| waiter.wrapping_add(to_list));
        first.is_some_and(|first| ring.contains(&first))
    };
    stack
        .words
        .iter()
        .copied()
        .filter(|&word| word >= KERNEL_HALF && !stack.holds(word))
        .find(|&word| points_here(word))
}

/// The tasks that wait for a lock, in their order.
pub(super) fn all(kernel: &Kernel<'_>, known: &Known<'_>, lock: u64, kind: LockKind) -> Vec<u64> {
    let fields = kind.fields();
    let (Some(to_waiters), Some(to_list), Some(to_task)) =
        (kernel.layout.offset(fields.waiters), kernel.layout.offset(fields.list), kernel.layout.offset(fields.task))
    else {
        return Vec::new();
    };
    let head = lock.wrapping_add(to_waiters);
    let mut found = Vec::new();
    // With a head the first link is a waiter's `list`; without one it is the waiter.
    let ring = kernel.layout.place(fields.waiters).is_some_and(|place| place.size == 8);
    let mut at = kernel.space.word(head).map(|first| if ring { first.wrapping_add(to_list) } else { first });
    let first = at;
    while let Some(link) = at.filter(|&link| link != head) {
        let Some(task) = is_waiter(kernel, known, link, to_list, to_task) else { break };
        found.push(task);
        at = kernel.space.word(link);
        if found.len() == MOST_WAITERS || at == first {
            break;
        }
    }
    found
}
