//! The lock that a task waits for, and who holds it.
//! Lives here: what a lock is, and finding it by the waiter that a blocked task has on its own stack.
//! May not live here: whether waiting for it is a deadlock (`graph`).
//!
//! Sources: kernel/locking/rwsem.c (rwsem-xadd.c up to 5.2, lib/rwsem.c in 3.10), mutex.c and semaphore.c, 3.10 to 7.0: the waiter's `task` is the
//! task itself, its `list` links it to the others and, up to 6.19, to the lock. The lock's owner is a task's address, with flags in its low bits:
//! a mutex's since 4.10; a semaphore's since 4.8, and it has none before 3.16 and with CONFIG_RWSEM_SPIN_ON_OWNER off up to 5.2.

mod name;
mod waiter;

pub use name::{Filesystems, Named};

use super::kernel::Kernel;
use super::layout::Field;
use super::stack::Stack;
use super::tasks::Task;
use std::collections::HashMap;

/// Kinds of locks that are found by their waiters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum LockKind {
    /// `struct rw_semaphore`.
    Rwsem,
    /// `struct mutex`.
    Mutex,
    /// `struct semaphore`, which has no owner.
    Semaphore,
}

impl LockKind {
    /// Its name in the kernel.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rwsem => "rw_semaphore",
            Self::Mutex => "mutex",
            Self::Semaphore => "semaphore",
        }
    }

    /// The kind of lock that a function waits for.
    fn of_function(function: &str) -> Option<Self> {
        // Which of a lock's functions are inlined differs by version and compiler.
        let name = function.trim_start_matches('_');
        // –5.2 [call_]rwsem_down_{read,write}_failed and __rwsem_down_…_failed_common, then rwsem_down_…_slowpath.
        if name.starts_with("rwsem_down_") || name.starts_with("call_rwsem_down_") {
            Some(Self::Rwsem)
        } else if name.starts_with("mutex_lock") || name.starts_with("ww_mutex_lock") {
            Some(Self::Mutex)
        // down_read and down_write are another lock's.
        } else if ["down", "down_common", "down_killable", "down_interruptible", "down_timeout"].contains(&name) {
            Some(Self::Semaphore)
        } else {
            None
        }
    }

    pub(super) fn fields(self) -> Fields {
        match self {
            Self::Rwsem => Fields {
                owner: Some(Field::RwsemOwner),
                waiters: Field::RwsemWaiters,
                list: Field::RwsemWaiterList,
                task: Field::RwsemWaiterTask,
            },
            Self::Mutex => Fields {
                owner: Some(Field::MutexOwner),
                waiters: Field::MutexWaiters,
                list: Field::MutexWaiterList,
                task: Field::MutexWaiterTask,
            },
            Self::Semaphore => Fields {
                owner: None,
                waiters: Field::SemaphoreWaiters,
                list: Field::SemaphoreWaiterList,
                task: Field::SemaphoreWaiterTask,
            },
        }
    }
}

/// The fields of one kind of lock and of its waiters.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fields {
    pub owner: Option<Field>,
    pub waiters: Field,
    pub list: Field,
    pub task: Field,
}

/// A lock that somebody waits for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Where it is.
    pub address: u64,
    /// What kind.
    pub kind: LockKind,
    /// Who holds it, as far as it says so.
    pub holder: Holder,
    /// Addresses of the tasks that wait, in their order.
    pub waiters: Vec<u64>,
    /// Whose lock it is.
    pub named: Option<Named>,
}

/// Who holds a lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The task at this address.
    Task(u64),
    /// Readers; the last one that took it, if it is still a task.
    Readers(Option<u64>),
    /// Nobody: it was given back just now, or is being handed over.
    Nobody,
    /// The lock does not say.
    Unknown,
}

impl Holder {
    /// The task that is known to hold it alone.
    pub fn task(self) -> Option<u64> {
        match self {
            Self::Task(address) => Some(address),
            Self::Readers(_) | Self::Nobody | Self::Unknown => None,
        }
    }
}

/// Bits of an owner that are no address: RWSEM_READER_OWNED is the first; the rest are of optimistic spinning and handing over.
const OWNER_FLAGS: u64 = 7;
const READER_OWNED: u64 = 1;
/// A writer that is not told (RWSEM_OWNER_UNKNOWN of 4.19; that of 5.3 does not have the readers' bit).
const ANONYMOUS: u64 = u64::MAX;
/// Bits of a semaphore's count in which holders are counted, up to 5.2 (RWSEM_ACTIVE_MASK).
const ACTIVE: u64 = 0xffff_ffff;

/// Tasks by their addresses, with their stacks.
pub type Known<'a> = HashMap<u64, (&'a Task, &'a Stack)>;

/// The lock that a task waits for, where its innermost functions say that it waits for one. `functions` are those of its stack.
pub fn waited_for(kernel: &Kernel<'_>, known: &Known<'_>, task: u64, functions: &[&str]) -> Option<(u64, LockKind)> {
    let kind = functions.iter().take(INNERMOST).find_map(|function| LockKind::of_function(function))?;
    let (_, stack) = known.get(&task)?;
    let lock = waiter::find(kernel, known, task, stack, kind)?;
    Some((lock, kind))
}

/// How far in a stack the function that waits for a lock is: schedule, __schedule and a helper or two may be before it.
const INNERMOST: usize = 6;

/// Reads a lock.
pub fn lock(kernel: &Kernel<'_>, known: &Known<'_>, filesystems: &Filesystems, address: u64, kind: LockKind) -> Lock {
    let fields = kind.fields();
    let holder = match fields.owner.and_then(|owner| kernel.field(address, owner)) {
        None => Holder::Unknown,
        Some(owner) => {
            let task = owner & !OWNER_FLAGS;
            let known = known.contains_key(&task).then_some(task);
            match known {
                _ if kind == LockKind::Rwsem && owner & READER_OWNED != 0 && owner != ANONYMOUS => {
                    Holder::Readers(known)
                }
                Some(task) => Holder::Task(task),
                None if task == 0 && kind == LockKind::Rwsem && held_by_silent_readers(kernel, address) => {
                    Holder::Readers(None)
                }
                None if task == 0 => Holder::Nobody,
                None => Holder::Unknown,
            }
        }
    };
    let waiters = waiter::all(kernel, known, address, kind);
    let named = name::name(kernel, filesystems, known, address, kind);
    Lock { address, kind, holder, waiters, named }
}

/// Whether somebody holds a semaphore without an owner: readers, which leave no mark up to 4.7.
fn held_by_silent_readers(kernel: &Kernel<'_>, lock: u64) -> bool {
    kernel.layout.place(Field::RwsemAtomicCount).is_none()
        && kernel.field(lock, Field::RwsemCount).is_some_and(|count| count & ACTIVE != 0)
}

#[cfg(test)]
mod tests {
    use super::LockKind;

    #[test]
    fn functions_of_all_ages_tell_their_lock() {
        let kind = LockKind::of_function;
        for name in [
            "rwsem_down_failed_common",
            "rwsem_down_write_failed",
            "__rwsem_down_write_failed_common",
            "call_rwsem_down_read_failed",
            "rwsem_down_read_slowpath",
        ] {
            assert_eq!(kind(name), Some(LockKind::Rwsem), "{name}");
        }
        for name in [
            "__mutex_lock_slowpath",
            "__mutex_lock_common.isra.1",
            "__mutex_lock.constprop.0",
            "mutex_lock_killable",
            "__ww_mutex_lock_interruptible_slowpath",
        ] {
            assert_eq!(kind(name), Some(LockKind::Mutex), "{name}");
        }
        for name in ["__down", "down", "__down_common", "___down_common", "__down_killable", "__down_timeout"] {
            assert_eq!(kind(name), Some(LockKind::Semaphore), "{name}");
        }
        for name in ["__down_write", "down_read", "schedule", "mutex_unlock", "down_trylock"] {
            assert_eq!(kind(name), None, "{name}");
        }
    }
}
