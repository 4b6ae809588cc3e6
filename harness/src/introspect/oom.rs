//! What the OOM killer waits for.
//! Lives here: its victims, and whether their memory still counts as theirs.
//! May not live here: why they do not exit.
//!
//! Sources: mm/oom_kill.c (oom_evaluate_task: no other victim while one is pending whose mm is not `MMF_OOM_SKIP`),
//! include/linux/sched/coredump.h, later mm_types.h (bit 21 is `MMF_OOM_REAPED` in 4.6 to 4.8 and `MMF_OOM_SKIP` since),
//! arch/x86/include/asm/thread_info.h (`TIF_MEMDIE`).

use super::kernel::Kernel;
use super::layout::Field;
use super::tasks::Task;

/// Bit of an address space's flags: the OOM killer takes no more notice of it.
const SKIP: u64 = 1 << 21;
/// Bit of a task's flags: it may use the reserves, because it is a victim.
const MEMDIE: u64 = 1 << 20;

/// A victim that has not gone: one process, or several that share their memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Its address space; 0 where the kernel does not keep it (before 4.10).
    pub mm: u64,
    /// Its process id.
    pub tgid: u32,
    /// Its name.
    pub comm: String,
    /// Its threads that are left, and those of others with its memory, as places in the list of tasks.
    pub tasks: Vec<usize>,
    /// Whether its memory was taken from it, or given up: another may be chosen.
    pub skip: bool,
}

/// Victims among `tasks`, in the order of their first thread.
pub fn victims(kernel: &Kernel<'_>, tasks: &[Task]) -> Vec<Victim> {
    let mut found: Vec<Victim> = Vec::new();
    for task in tasks.iter().filter(|task| task.signal != 0) {
        let mm = kernel.pointer(task.signal, Field::SignalOomMm).unwrap_or(0);
        let marked = mm == 0 && thread_flags(kernel, task).is_some_and(|flags| flags & MEMDIE != 0);
        if mm == 0 && !marked {
            continue;
        }
        let known = |victim: &Victim| if mm == 0 { victim.tgid == task.tgid } else { victim.mm == mm };
        if !found.iter().any(known) {
            let skip = mm != 0 && kernel.field(mm, Field::MmFlags).is_some_and(|flags| flags & SKIP != 0);
            found.push(Victim { mm, tgid: task.tgid, comm: task.comm.clone(), tasks: Vec::new(), skip });
        }
    }
    for victim in &mut found {
        // A thread that has let go of its memory keeps nobody waiting, but for the ones that have not.
        let of_it = |task: &Task| {
            task.state != 'Z' && if victim.mm == 0 { task.tgid == victim.tgid } else { task.mm == victim.mm }
        };
        victim.tasks = tasks.iter().enumerate().filter(|(_, task)| of_it(task)).map(|(index, _)| index).collect();
    }
    found.retain(|victim| !victim.tasks.is_empty());
    found
}

/// `TIF_` flags: in the task since 4.9, before at the bottom of its stack.
fn thread_flags(kernel: &Kernel<'_>, task: &Task) -> Option<u64> {
    kernel
        .field(task.address, Field::TaskThreadFlags)
        .or_else(|| (task.stack != 0).then(|| kernel.field(task.stack, Field::ThreadFlags)).flatten())
}
