//! What the OOM killer waits for.
//! Lives here: its victims, whether their memory still counts as theirs, and the queue of the OOM reaper.
//! May not live here: why they do not exit.
//!
//! Sources: mm/oom_kill.c (oom_evaluate_task: no other victim while one is pending whose mm is not `MMF_OOM_SKIP`; queue_oom_reaper,
//! wake_oom_reaper: `oom_reaper_list` is the first task of a list without a head, 4.6 to 7.0, which a victim joins two seconds after
//! its kill by a timer, since 5.18 and in later releases of 5.10 and 5.15),
//! include/linux/sched/coredump.h, later mm_types.h (bit 21 is `MMF_OOM_REAPED` in 4.7 and 4.8, `MMF_OOM_SKIP` since, and nothing before),
//! arch/x86/include/asm/thread_info.h (`TIF_MEMDIE` is bit 20 up to 4.8, the last version in which it is read).
//!
//! A victim is a process whose `signal->oom_mm` is set (4.9, 26db62f179d1). Before, it is a thread that is marked, and no other is chosen
//! while there is one that has not exited (oom_scan_process_thread; 4.7 counts a process's marked threads in `signal->oom_victims`). Others of
//! its process may hold up its memory, but not the OOM killer. The reaper of 4.6 to 4.8 takes the mark away when it is done with a thread.

use super::kernel::Kernel;
use super::layout::Field;
use super::tasks::{self, Task};
use std::collections::HashSet;

/// Bit of an address space's flags: the OOM killer takes no more notice of it.
const SKIP: u64 = 1 << 21;
/// Bit of a thread's flags: it may use the reserves, because it is a victim.
const MEMDIE: u64 = 1 << 20;

/// A victim that has not gone: one process, or several that share their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Its address space; 0 of one that has let go of it and is a victim still (up to 4.8).
    pub mm: u64,
    /// Its process id.
    pub tgid: u32,
    /// Its name.
    pub comm: String,
    /// Its threads that are left, and those of others with its memory, as places in the list of tasks; up to 4.8 only those that are marked.
    pub tasks: Vec<usize>,
    /// Whether its memory was taken from it, or given up: another may be chosen.
    pub skip: bool,
}

/// Most tasks of the OOM reaper's queue that are looked at.
const MOST_QUEUED: usize = 1024;

/// What the OOM reaper has before it. What it is at is no longer in its queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reaper {
    /// Tasks whose memory it is to take, the next one first.
    pub queue: Vec<Queued>,
    /// Tasks that will be put into the queue when their timer has run off.
    pub later: Vec<Queued>,
}

/// A task whose memory the OOM reaper is to take. It may be gone from the list of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Queued {
    /// Thread id.
    pub pid: u32,
    /// Name.
    pub comm: String,
}

impl Queued {
    fn of(task: &Task) -> Self {
        Self { pid: task.pid, comm: task.comm.clone() }
    }
}

/// What the OOM reaper has before it; `None` of a kernel that has no queue, or whose symbols do not name it.
pub fn reaper(kernel: &Kernel<'_>, tasks: &[Task]) -> Option<Reaper> {
    kernel.layout.place(Field::TaskReaperNext)?;
    let mut next = kernel.variable("oom_reaper_list")?;
    let mut seen = HashSet::new();
    let mut queue = Vec::new();
    while next != 0 && queue.len() < MOST_QUEUED && seen.insert(next) {
        // One that cannot be read ends what is known of the list.
        let Some(task) = tasks::task(kernel, next) else { break };
        queue.push(Queued::of(&task));
        next = kernel.pointer(next, Field::TaskReaperNext).unwrap_or(0);
    }
    let is_linked = |task: &&Task| kernel.pointer(task.address, Field::TaskReaperTimer).is_some();
    let later = tasks.iter().filter(is_linked).map(Queued::of).collect();
    Some(Reaper { queue, later })
}

/// Victims among `tasks`, in the order of their first thread.
pub fn victims(kernel: &Kernel<'_>, tasks: &[Task]) -> Vec<Victim> {
    let by_mark = kernel.layout.place(Field::SignalOomMm).is_none();
    let victim_of = |task: &Task| {
        if by_mark {
            is_marked(kernel, task).then_some(task.mm)
        } else {
            kernel.pointer(task.signal, Field::SignalOomMm)
        }
    };
    let mut found: Vec<Victim> = Vec::new();
    for task in tasks.iter().filter(|task| task.signal != 0) {
        let Some(mm) = victim_of(task) else { continue };
        if !found.iter().any(|victim| victim.mm == mm && (mm != 0 || victim.tgid == task.tgid)) {
            let skip = mm != 0 && kernel.field(mm, Field::MmFlags).is_some_and(|flags| flags & SKIP != 0);
            found.push(Victim { mm, tgid: task.tgid, comm: task.comm.clone(), tasks: Vec::new(), skip });
        }
    }
    for victim in &mut found {
        // A thread that has let go of its memory keeps nobody waiting, but for the ones that have not.
        let of_it = |task: &Task| {
            task.state != 'Z'
                && task.mm == victim.mm
                && (task.mm != 0 || task.tgid == victim.tgid)
                && (!by_mark || is_marked(kernel, task))
        };
        victim.tasks = tasks.iter().enumerate().filter(|(_, task)| of_it(task)).map(|(index, _)| index).collect();
    }
    found.retain(|victim| !victim.tasks.is_empty());
    found
}

/// Whether a thread is marked as a victim, up to 4.8. One that has exited is none, whatever its mark.
fn is_marked(kernel: &Kernel<'_>, task: &Task) -> bool {
    task.state != 'Z'
        && task.stack != 0
        && kernel.field(task.stack, Field::ThreadFlags).is_some_and(|flags| flags & MEMDIE != 0)
}
