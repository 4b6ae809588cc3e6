//! The lock that a task waits for, and who holds it.
//! Lives here: what a lock is, and finding it by the waiter that a blocked task has on its own stack.
//! May not live here: whether waiting for it is a deadlock (`graph`).
//!
//! Sources: kernel/locking/rwsem.c, mutex.c and semaphore.c, 3.10 to 7.0: the waiter's `task` is the task itself, its `list` links
//! it to the others and, up to 6.19, to the lock; the lock's owner is a task's address with flags in its low bits.

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
        // –4.x rwsem_down_{read,write}_failed, then _slowpath; __mutex_lock_slowpath inlines differ by compiler.
        if function.starts_with("rwsem_down_") {
            Some(Self::Rwsem)
        } else if function.starts_with("__mutex_lock")
            || function.starts_with("mutex_lock")
            || function.starts_with("__ww_mutex_lock")
        {
            Some(Self::Mutex)
        } else if function.starts_with("__down") {
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
                _ if kind == LockKind::Rwsem && owner & READER_OWNED != 0 => Holder::Readers(known),
                Some(task) => Holder::Task(task),
                None if task == 0 => Holder::Nobody,
                None => Holder::Unknown,
            }
        }
    };
    let waiters = waiter::all(kernel, known, address, kind);
    let named = name::name(kernel, filesystems, known, address, kind);
    Lock { address, kind, holder, waiters, named }
}
