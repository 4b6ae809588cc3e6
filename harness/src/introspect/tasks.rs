//! A kernel's tasks.
//! Lives here: finding all of them, and what is told by a task's own fields.
//! May not live here: stacks and what a task waits for.
//!
//! Sources: include/linux/sched.h (states and flags), fs/proc/array.c (letters).

use super::kernel::Kernel;
use super::layout::Field;
use std::collections::HashSet;

/// Most tasks that are looked at.
pub const MOST_TASKS: usize = 32 * 1024;
/// Bytes of a name (`TASK_COMM_LEN`).
const NAME_BYTES: usize = 16;

/// `PF_` flags that mean the same in all kernels (include/linux/sched.h).
pub(super) mod flag {
    /// It exits.
    pub const EXITING: u64 = 0x4;
    /// A kernel thread.
    pub const KTHREAD: u64 = 0x20_0000;
}

/// Bit of SIGKILL in a set of signals.
const SIGKILL: u64 = 1 << 8;

/// A task, as it was when it was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Task {
    /// Where its structure is.
    pub address: u64,
    /// Thread id.
    pub pid: u32,
    /// Process id.
    pub tgid: u32,
    /// Name.
    pub comm: String,
    /// Its state as in /proc/PID/stat: R, S, D, T, t, I, Z, X, or `?`.
    pub state: char,
    /// Whether it is on a processor.
    pub on_cpu: bool,
    /// `PF_` flags.
    pub flags: u64,
    /// Lowest address of its kernel stack.
    pub stack: u64,
    /// Its stack pointer where it is not running.
    pub sp: u64,
    /// Its address space; 0 where it has none.
    pub mm: u64,
    /// What it shares with its process's other threads.
    pub signal: u64,
    /// Whether SIGKILL waits for it.
    pub killed: bool,
    /// How often it has been switched away from; where that stays the same, it has not run.
    pub switches: u64,
    /// When the scheduler last accounted time to it, in nanoseconds of the scheduler's clock.
    pub ran_ns: u64,
}

impl Task {
    /// Whether it is a kernel thread.
    pub fn is_kernel_thread(&self) -> bool {
        self.flags & flag::KTHREAD != 0
    }

    /// Whether it exits.
    pub fn is_exiting(&self) -> bool {
        self.flags & flag::EXITING != 0
    }
}

/// Tasks that were found.
#[derive(Clone, Debug, Default)]
pub struct Tasks {
    /// All, in the kernel's order: processes by age, each with its threads.
    pub all: Vec<Task>,
    /// Whether the list came round: no task is missing.
    pub whole: bool,
}

/// Finds all tasks but the idle ones.
pub fn tasks(kernel: &Kernel<'_>) -> Tasks {
    let Some(init) = kernel.symbols.address("init_task") else { return Tasks::default() };
    let Some(head) = kernel.address(init, Field::TaskTasks) else { return Tasks::default() };
    let (leaders, mut whole) = kernel.list(head, Field::TaskTasks, MOST_TASKS);
    let mut seen = HashSet::new();
    let mut all = Vec::new();
    for leader in leaders {
        // A list that does not come back to its head may still go round.
        if !seen.insert(leader) {
            whole = false;
            break;
        }
        let (threads, came_round) = threads(kernel, leader);
        whole &= came_round;
        all.extend(task(kernel, leader));
        for thread in threads.into_iter().filter(|&thread| thread != leader) {
            if all.len() == MOST_TASKS {
                return Tasks { all, whole: false };
            }
            if seen.insert(thread) {
                all.extend(task(kernel, thread));
            }
        }
    }
    Tasks { all, whole }
}

/// Most threads of a process that are looked at.
const MOST_THREADS: usize = 4096;

fn threads(kernel: &Kernel<'_>, leader: u64) -> (Vec<u64>, bool) {
    let list =
        kernel.pointer(leader, Field::TaskSignal).and_then(|signal| kernel.address(signal, Field::SignalThreads));
    match (list, kernel.address(leader, Field::TaskThreadGroup)) {
        (Some(head), _) => kernel.list(head, Field::TaskThreadNode, MOST_THREADS),
        (None, Some(ring)) => kernel.list(ring, Field::TaskThreadGroup, MOST_THREADS),
        (None, None) => (Vec::new(), false),
    }
}

/// Reads a task; `None` where there is none at that address.
pub fn task(kernel: &Kernel<'_>, address: u64) -> Option<Task> {
    let field = |field| kernel.field(address, field);
    let number = |of| field(of).and_then(|value| u32::try_from(value).ok());
    let comm = kernel.text(address, Field::TaskComm, NAME_BYTES)?;
    let signal = kernel.pointer(address, Field::TaskSignal).unwrap_or(0);
    let pending =
        [field(Field::TaskPending), (signal != 0).then(|| kernel.field(signal, Field::SignalPending)).flatten()];
    Some(Task {
        address,
        pid: number(Field::TaskPid)?,
        tgid: number(Field::TaskTgid)?,
        comm,
        state: letter(field(Field::TaskState)?, field(Field::TaskExitState)?),
        on_cpu: field(Field::TaskOnCpu).is_some_and(|on| on != 0),
        flags: field(Field::TaskFlags)?,
        stack: kernel.pointer(address, Field::TaskStack).unwrap_or(0),
        sp: kernel.pointer(address, Field::TaskSp).unwrap_or(0),
        mm: kernel.pointer(address, Field::TaskMm).unwrap_or(0),
        signal,
        killed: pending.into_iter().flatten().any(|set| set & SIGKILL != 0),
        switches: [Field::TaskVoluntary, Field::TaskInvoluntary]
            .into_iter()
            .filter_map(field)
            .fold(0, u64::wrapping_add),
        ran_ns: field(Field::TaskExecStart).unwrap_or(0),
    })
}

/// The letter of a state. The two exit states have changed places (3.14), so both say `Z` while the task is still on the list.
fn letter(state: u64, exit: u64) -> char {
    const INTERRUPTIBLE: u64 = 0x1;
    const UNINTERRUPTIBLE: u64 = 0x2;
    const STOPPED: u64 = 0x4;
    const TRACED: u64 = 0x8;
    const EXITED: u64 = 0x30;
    // 4.2 and later; no other has used the bit.
    const NOLOAD: u64 = 0x400;
    match state {
        _ if exit & EXITED != 0 => 'Z',
        0 => 'R',
        state if state & UNINTERRUPTIBLE != 0 => {
            if state & NOLOAD != 0 {
                'I'
            } else {
                'D'
            }
        }
        state if state & INTERRUPTIBLE != 0 => 'S',
        state if state & STOPPED != 0 => 'T',
        state if state & TRACED != 0 => 't',
        _ => '?',
    }
}

#[cfg(test)]
mod tests {
    use super::letter;

    #[test]
    fn states_have_the_letters_of_proc() {
        let told: String =
            [(0, 0), (1, 0), (2, 0), (0x402, 0), (4, 0), (8, 0), (0x102, 0), (0, 16), (0, 32), (0x8000, 0)]
                .map(|(state, exit)| letter(state, exit))
                .iter()
                .collect();
        assert_eq!(told, "RSDITtDZZ?");
    }

    #[test]
    fn states_of_all_ages_have_their_letters() {
        // TASK_KILLABLE up to 4.13 and since; TASK_IDLE since 4.2; TASK_STOPPED and TASK_TRACED with the old TASK_WAKEKILL; TASK_DEAD and
        // TASK_PARKED, which change places in 4.14, say nothing without an exit state.
        let told: String =
            [0x82, 0x102, 0x402, 0x84, 0x88, 0x40, 0x80, 0x200].map(|state| letter(state, 0)).iter().collect();
        assert_eq!(told, "DDITt???");
        // TASK_DEAD of one that has exited, and EXIT_ZOMBIE of both orders.
        assert_eq!([(0x40, 16), (0x80, 32), (0, 16), (0, 32)].map(|(state, exit)| letter(state, exit)), ['Z'; 4]);
    }
}
